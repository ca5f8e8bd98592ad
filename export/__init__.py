"""Export of trained generators as verified bundles of ONNX and SavedModel, and their use without Keras.

Importing this package imports no framework: `kgan.export.runtime` needs numpy and onnxruntime only.
"""

__all__ = ["export", "export_network", "verify"]


def export(
    model_or_path,
    folder,
    formats=("onnx", "saved_model"),
    *,
    float_output=False,
    overwrite=False,
    recipe=None,
    labels=None,
    extractor=None,
    direction=None,
):
    """Writes a bundle: the generator as ONNX and SavedModel, verified against Keras, with its manifest.

    Whichever backend trained the model, the generator is rebuilt under TensorFlow in a process of its own and
    converted there, so the graph is always the same. Noise, labels and the like are inputs of the graph;
    nothing in it is random. It computes in float32, also of a model in mixed precision, whose own samples
    differ by their rounding. Of a style-based generator, such as a StyleGAN, the ONNX side also holds both
    halves, `mapping.onnx` and `synthesis.onnx`; `kgan.export.style_runtime.StyleGenerator` runs them.

    Args:
        model_or_path: a kgan model, a `.keras` file of one, or a run folder with `model.keras`.
        folder: the bundle's folder, which must not exist yet.
        formats: some of `"onnx"` and `"saved_model"`.
        float_output: whether the graphs also return `images_float`, before rounding to 8 bits.
        overwrite: whether `folder` may be an earlier bundle, which is replaced once the new one is verified.
        recipe: dict that describes the training, for the manifest and the model card; default the run
            folder's `config.json`. Its keys `recipe`, `data` and `licence` appear on the card.
        labels: names of the classes in the order of their numbers; `None` for those that the model knows
            from its data.
        extractor: ONNX file of the feature network that an instance-conditioned model was trained with. The
            bundle then carries it, and `sample(instance="photo.png")` works with onnxruntime alone.
        direction: for a model that translates images, such as a CycleGAN: `"ab"` or `"ba"`, default the first
            of its `directions`. The bundle takes and gives uint8 images, of any size where the network
            allows it; `kgan.export.runtime.Translator` runs it.

    Returns:
        The folder, a `pathlib.Path`.

    Raises:
        UsageError: an argument breaks its rule, the folder exists, or the generator cannot be rebuilt in
            another process; the message says what to do.
        BundleError: the conversion failed, or its images differ from the Keras generator's by more than
            1e-4 or one level of 255; by 1e-4 of the largest value where that is beyond the range of images.
            Nothing is written then.
        MissingExtraError: a package of the extra `export` is not installed.

    Example: `export(model, "bundle")`, then `kgan.export.runtime.Generator("bundle").sample(64)`.
    """
    from kgan.export.bundle import export_bundle

    return export_bundle(
        model_or_path,
        folder,
        formats,
        float_output=float_output,
        overwrite=overwrite,
        recipe=recipe,
        labels=labels,
        extractor=extractor,
        direction=direction,
    )


def export_network(network, path, *, inputs=None, outputs=None, reference=None, overwrite=False):
    """Writes any Keras network, such as a classifier, feature extractor or encoder, as one ONNX file.

    The file has named inputs and outputs, a dynamic batch, NHWC images and float32 outputs, and is verified
    against Keras at batches of 1 and 7 before it appears. The converter is that of `export`.

    Args:
        network: a built Keras model or layer.
        path: the file, which ends in `.onnx` and must not exist yet.
        inputs: sequence of `kgan.types.Input`; default the network's own inputs, with their names.
        outputs: names of the outputs; default the keys of the network's dict of outputs, or the names of its
            last layers.
        reference: dict of input name to array `[8, ...]` to compare with Keras on; default what
            `kgan.latents.draw` gives: N(0, 1), and zeros for whole numbers, unless `inputs` says otherwise.
        overwrite: whether `path` may be an earlier file, which is replaced once the new one is verified.

    Returns:
        The path, a `pathlib.Path`.

    Raises:
        UsageError: an argument breaks its rule, or the network cannot be rebuilt in another process.
        BundleError: the conversion failed, or an output differs from that of Keras by more than 1e-4 of its
            largest value, or 1e-4 if that is below 1. Nothing is written then.
        MissingExtraError: a package of the extra `export` is not installed.

    Example: `export_network(classifier, "classifier.onnx", outputs=["features", "logits"])`.
    """
    from kgan.export.network import write_network

    return write_network(
        network, path, inputs=inputs, outputs=outputs, reference=reference, overwrite=overwrite
    )


def verify(folder):
    """Checks a bundle: every file's SHA-256, and both formats against the stored reference images.

    Args:
        folder: a bundle, as `export` writes it. Its SavedModel is run where TensorFlow is installed; like any
            program it should come from someone you trust.

    Returns:
        A `kgan.export.verification.Report`; its text says what was checked and what was not.

    Raises:
        UsageError: the folder is no bundle.
        BundleError: a file is missing, unknown, changed or outside the folder, or an output differs.
        MissingExtraError: onnxruntime is not installed.
    """
    from kgan.export.verification import verify_bundle

    return verify_bundle(folder)
