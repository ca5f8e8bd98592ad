"""The model card of a bundle, its README.md."""

from kgan.export.manifest import CONDITIONS

_LAWS = {
    "normal": "independent N(0, 1)",
    "uniform": "independent, uniform in [-1, 1]",
    "uniform01": "independent, uniform in [0, 1]",
    "uniform_sqrt3": "independent, uniform in [-1.732051, 1.732051]",
    "sphere": "N(0, I), each sample scaled to length 1",
    "zeros": "0",
    "ones": "1",
    "label": "class number",
    "given": "a condition of the caller's",
}

_TEMPLATE = """# {title}

A generator of {height} x {width} images with {channels}, trained as {system} with Keras on {backend} and
exported by kgan {version}. It has {parameters:,} parameters.

{samples}## Use

```python
{example}
```

{formats}
The graph draws no random numbers: the caller draws the inputs, so equal inputs give equal images.

| input | type | shape | distribution | |
|---|---|---|---|---|
{inputs}

The batch size is free. Output `images`: uint8, `[batch, {height}, {width}, {channel_count}]`, rows from
the top, channels last, 0 to 255.{float_output}{labels}

{styles}## Verification

Compared with the Keras generator at batch sizes {batch_sizes}:
{errors}.
Allowed are {tolerance_float:g}, of images scaled into that range where they exceed it, and
{tolerance_uint8} level of 255. `kgan verify` repeats this from the stored references and checks the SHA-256
of every file that `kgan.json` lists.

## Data and licence

{data}

## Limits

The generator repeats what its training images show, including their gaps and biases; an image that it
makes may resemble one of them, and nothing here measures how often. It makes images of one size only, and
inputs drawn from another distribution than the table's give images of unknown quality.
"""

_STYLES = """## Styles

The generator is there in two halves as well. `mapping.onnx` takes z to `w`, `[batch, {style_dim}]`;
`synthesis.onnx` takes `w`, `[batch, {layers}, {style_dim}]`, one for each layer, and the noise above to
`images`. `styles.npz` holds the mean of w, and noise images that never change. The combined graph pulls w
towards the mean by `truncation_psi` in the first {truncation_cutoff} layers: 1 is no truncation, 0 the mean.

```python
import numpy as np
from kgan.export.style_runtime import StyleGenerator

generator = StyleGenerator(".")
w = generator.mapping(np.random.default_rng(0).standard_normal((2, {latent_dim})){label})
mixed = generator.mix(w[:1], w[1:], layers=(0, 1))
images = generator.synthesize(generator.truncate(mixed, psi=0.7))
```

`kgan interpolate BUNDLE walk.gif` writes a walk from image to image.

"""

_EXAMPLE = """import numpy as np
{imported}

{opened}
rng = np.random.default_rng(0)
{rows}inputs = {{
{draws}
}}
images = {run}
print(images.shape, images.dtype)"""

_RUNS = {
    "onnx": {
        "imported": "import onnxruntime",
        "opened": 'session = onnxruntime.InferenceSession("generator.onnx")',
        "run": 'session.run(["images"], inputs)[0]',
    },
    "saved_model": {
        "imported": "import tensorflow as tf",
        # The signature alone would not keep the variables.
        "opened": 'model = tf.saved_model.load("saved_model")\n'
        'generate = model.signatures["serving_default"]',
        "run": 'generate(**{name: tf.constant(value) for name, value in inputs.items()})["images"].numpy()',
    },
}

_DRAWS = {
    "normal": "rng.standard_normal({shape}).astype(np.{dtype})",
    "uniform": "rng.uniform(-1, 1, {shape}).astype(np.{dtype})",
    "uniform01": "rng.uniform(0, 1, {shape}).astype(np.{dtype})",
    "uniform_sqrt3": "rng.uniform(-(3**0.5), 3**0.5, {shape}).astype(np.{dtype})",
    "zeros": "np.zeros({shape}, np.{dtype})",
    "ones": "np.ones({shape}, np.{dtype})",
    "given": "rng.standard_normal({shape}).astype(np.{dtype})",
    "label": "rng.integers(0, {classes}, {shape}).astype(np.{dtype})",
    "sphere": "(lambda x: x / np.linalg.norm(x, axis=1, keepdims=True))(rng.standard_normal({shape}))"
    ".astype(np.{dtype})",
}


def model_card(content):
    """The text of a bundle's README.md.

    Args:
        content: the manifest, without its hashes.
    """
    height, width, channels = content["image_shape"]
    recipe = content["recipe"] or {}
    verification = content["verification"]
    errors = [
        _difference(name, error, content["data_range"])
        for name, error in verification["largest_error"].items()
    ]
    return _TEMPLATE.format(
        title=recipe.get("recipe") or content["preset"] or content["system"],
        height=height,
        width=width,
        channels="1 channel (grey)" if channels == 1 else f"{channels} channels",
        channel_count=channels,
        system=content["system"],
        backend=content["backend"],
        version=content["versions"]["kgan"],
        parameters=content["parameters"],
        samples="![samples](samples.png)\n\n" if content.get("samples", channels in (1, 3)) else "",
        example=_example(content),
        formats=formats_text(content),
        inputs="\n".join(_row(spec) for spec in content["inputs"]),
        float_output=_float_output(content),
        labels=_labels(content["labels"]),
        styles=_styles(content),
        batch_sizes=" and ".join(map(str, verification["batch_sizes"])),
        errors=";\n".join(errors),
        tolerance_float=verification["tolerance"]["float"],
        tolerance_uint8=verification["tolerance"]["uint8"],
        data=origin_text(recipe),
    )


def _difference(name, error, data_range):
    if "uint8" not in error:
        return f"{name} differs by {error['float']:.1e} of the largest value"
    low, high = data_range
    return f"{name} differs by {error['float']:.1e} in [{low:g}, {high:g}] and {error['uint8']} of 255 levels"


def _styles(content):
    style = content.get("style")
    if not style:
        return ""
    shapes = {spec["name"]: spec["shape"] for spec in content["inputs"]}
    label = ", label=0" if "label" in style["inputs"] else ""
    return _STYLES.format(**style, latent_dim=shapes["z"][0], label=label)


def example_parts(content):
    """What the example of a card imports, how it opens the network, and runs it on its dict `inputs`.

    Args:
        content: the manifest, without its hashes.
    """
    return _RUNS["onnx" if "onnx" in content["formats"] else "saved_model"]


def _example(content):
    inputs, banks = content["inputs"], content.get("conditions") or {}
    # The examples of all conditions belong together row by row.
    rows = f"rows = rng.integers(0, {max(banks.values())}, 16)\n" if banks else ""
    draws = "\n".join(f'    "{spec["name"]}": {_draw(spec, banks)},' for spec in inputs)
    return _EXAMPLE.format(rows=rows, draws=draws, **example_parts(content))


def _draw(spec, banks):
    if spec["name"] in banks:
        return f'np.load("{CONDITIONS}")["{spec["name"]}"][rows]'
    shape = "(16" + "".join(f", {n}" for n in spec["shape"]) + ("," if not spec["shape"] else "") + ")"
    # Pictures of floats lie in [-1, 1]; other conditions have no law.
    picture = spec["name"] == "image" and spec["dtype"] == "float32"
    law = "uniform" if picture else spec["distribution"]
    return _DRAWS[law].format(shape=shape, dtype=spec["dtype"], classes=spec["num_classes"])


def _row(spec):
    shape = ", ".join(map(str, ["batch", *spec["shape"]]))
    law = _LAWS[spec["distribution"]]
    if spec["distribution"] == "label":
        law += f" from 0 to {spec['num_classes'] - 1}"
    return f"| `{spec['name']}` | {spec['dtype']} | `[{shape}]` | {law} | {spec['description']} |"


def formats_text(content):
    """What a bundle's formats run in, one sentence each.

    Args:
        content: the manifest, without its hashes.
    """
    lines = []
    if content["onnx"]:
        opset = content["onnx"]["opset"]
        lines.append(f"`generator.onnx` (opset {opset}) runs in any language that onnxruntime serves.")
    if "saved_model" in content["formats"]:
        lines.append("`saved_model/` runs in TensorFlow; its default signature has the names below.")
    return "\n".join(lines)


def _float_output(content):
    if len(content["outputs"]) < 2:
        return ""
    low, high = content["data_range"]
    return f" Output `images_float`: the same images before rounding, float32 in [{low:g}, {high:g}]."


def _labels(labels):
    if not labels:
        return ""
    return "\n\nClasses: " + ", ".join(f"{number} {name}" for number, name in enumerate(labels)) + "."


def origin_text(recipe):
    """What is known of the training data, the settings and the licence.

    Args:
        recipe: dict that describes the training.
    """
    settings = recipe.get("settings") or {}
    default = f"the default of the recipe {recipe['recipe']}" if recipe.get("recipe") else None
    data = recipe.get("data") or settings.get("data") or default
    if not recipe.get("data") and settings.get("data_b"):
        data = f"{data} (A) and {settings['data_b']} (B)"
    licence = recipe.get("licence") or "not recorded; the data's licence may bind the generator too"
    lines = [f"Training data: {data or 'not recorded; state here what the generator was trained on'}."]
    if settings:
        shown = ", ".join(f"{key}={value}" for key, value in settings.items())
        lines.append(f"Training settings: {shown}.")
    return "\n\n".join([*lines, f"Licence: {licence}."])
