"""The converter, run in a process of its own under TensorFlow: `convert FOLDER` or `run MODEL FOLDER`.

`convert_network FOLDER` does for any network what `convert` does for a generator, as ONNX alone.
`convert` reads `network.keras` and `spec.json` in the folder and writes `generator.onnx`, `saved_model/`,
`outputs_i.npz` and `result.json` beside them, and converts the parts that the spec names, in folders of
their own. `run` runs a SavedModel on the reference inputs `inputs_i.npz` of a folder and writes
`outputs_i.npz`.
"""

import importlib
import importlib.util
import json
import pathlib
import sys

import numpy as np

FLOAT_SIGNATURE = "images_float"
WEIGHT = "kgan_weight_"
# What gives a graph a life of its own: the same inputs must give the same images everywhere.
_RANDOM = "Random"
# tf2onnx needs over thirty times the memory of a constant; larger weights take another way.
_LARGE = 2**18


def convert(folder):
    """Converts the network of a work folder into the formats that its `spec.json` asks for."""
    import keras
    import tensorflow as tf

    spec, network = _load(folder)
    floats = _float_function(tf, network, spec)
    _refuse_randomness(floats, "the generator draws random numbers when it samples")
    result = {"versions": {"tensorflow": tf.__version__, "keras": keras.__version__}}
    if "saved_model" in spec["formats"]:
        _write_saved_model(tf, network, floats, spec, folder / "saved_model")
        run(folder / "saved_model", folder)
    if "onnx" in spec["formats"]:
        result.update(_write_onnx(tf, network, spec, folder / "generator.onnx", result["versions"]))
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
    commands = {"convert": convert, "convert_network": convert_network}
    for name, command in spec.get("parts", ()):  # here, as TensorFlow takes seconds to start
        commands[command](folder / name)


def convert_network(folder):
    """Converts the network of a work folder into `network.onnx`, with the outputs that its spec names."""
    import tensorflow as tf

    from kgan.export import graph

    spec, network = _load(folder)
    _refuse_randomness(_float_function(tf, network, spec), "the network draws random numbers in inference")
    converted, weights = _converted(tf, network, spec)
    outputs = [(item["name"], item["shape"]) for item in spec["outputs"]]
    _write(graph.finish_network(converted, outputs, weights), folder / "network.onnx")


def _load(folder):
    import keras

    spec = json.loads((folder / "spec.json").read_text(encoding="utf-8"))
    with keras.saving.custom_object_scope(_custom_objects(spec["custom"])):
        return spec, keras.saving.load_model(folder / "network.keras", compile=False)


def _custom_objects(entries):
    """The user's classes and functions by the name that the saved network calls them."""
    found = {}
    for entry in entries:
        module = _module(entry["module"], entry["file"])
        if entry["attribute"] is not None:  # registered ones register themselves on import
            found[entry["name"]] = getattr(module, entry["attribute"])
    return found


def _module(name, file):
    if name in sys.modules:
        return sys.modules[name]
    if importlib.util.find_spec(name.partition(".")[0]) is not None:
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _float_function(tf, network, spec, weights=()):
    """The network in inference mode as a function of its named inputs, and of `weights` after them."""
    from keras import StatelessScope

    inputs, outputs = spec["inputs"], [item["name"] for item in spec.get("outputs", ())]
    signature = [tf.TensorSpec((None, *item["shape"]), item["dtype"], item["name"]) for item in inputs]
    signature += [tf.TensorSpec(w.shape, w.dtype, f"{WEIGHT}{place}") for place, w in enumerate(weights)]

    @tf.function(input_signature=signature)
    def floats(*tensors):
        named = {item["name"]: tensor for item, tensor in zip(inputs, tensors)}
        x = named if len(named) > 1 else tensors[0]
        if not weights:
            return cast(network(x, training=False))
        with StatelessScope(list(zip(weights, tensors[len(inputs) :]))):
            return cast(network(x, training=False))

    def cast(made):
        if outputs:
            return tuple(tf.cast(made[name], tf.float32) for name in outputs)
        return tf.cast(made, tf.float32)

    return floats


def _refuse_randomness(floats, complaint):
    graph = floats.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    drawn = sorted({node.op for node in nodes if _RANDOM in node.op})
    if drawn:
        raise ValueError(f"{complaint} ({', '.join(drawn)}): take the noise as one of the inputs instead")


def _write_saved_model(tf, network, floats, spec, path):
    low, high = spec["data_range"]
    scale = 255.0 / (high - low)
    signature = list(floats.input_signature)

    def images(*tensors):
        x = floats(*tensors)
        return tf.cast(tf.clip_by_value(x * scale + (0.5 - low * scale), 0.0, 255.0), tf.uint8)

    @tf.function(input_signature=signature)
    def serving(*tensors):
        if spec["float_output"]:
            return {"images": images(*tensors), FLOAT_SIGNATURE: floats(*tensors)}
        return {"images": images(*tensors)}

    @tf.function(input_signature=signature)
    def floating(*tensors):
        return {FLOAT_SIGNATURE: floats(*tensors)}

    module = tf.Module()
    module.weights = [variable.value for variable in network.variables]
    signatures = {"serving_default": serving, FLOAT_SIGNATURE: floating}
    tf.saved_model.save(module, str(path), signatures=signatures)


def _write_onnx(tf, network, spec, path, versions):
    import onnx
    import tf2onnx

    from kgan.export import graph

    converted, weights = _converted(tf, network, spec)
    model, layout = graph.finish(
        converted,
        data_range=spec["data_range"],
        image_shape=spec["image_shape"],
        float_output=spec["float_output"],
        weights=weights,
    )
    _write(model, path)
    versions.update(onnx=onnx.__version__, tf2onnx=tf2onnx.__version__)
    return {"onnx": {"opset": graph.OPSET, "nodes": len(model.graph.node), "float_layout": layout}}


def _converted(tf, network, spec):
    """What tf2onnx makes of the network, and the large weights, which are inputs of it, by name."""
    import onnx
    import tf2onnx

    from kgan.export import graph

    large = [w for w in network.weights if len(w.shape) > 1 and np.prod(w.shape) >= _LARGE]
    floats = _float_function(tf, network, spec, large)
    converted, _ = tf2onnx.convert.from_function(
        floats, input_signature=floats.input_signature, opset=graph.OPSET
    )
    unknown = sorted({n.op_type for n in converted.graph.node if not onnx.defs.has(n.op_type, n.domain)})
    if unknown:
        raise ValueError(
            f"tf2onnx cannot convert the operation {', '.join(unknown)}: "
            "use another one, or export formats=('saved_model',)"
        )
    return converted, {f"{WEIGHT}{place}": weight.numpy() for place, weight in enumerate(large)}


def _write(model, path):
    import onnx

    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def run(model, folder):
    """Runs both signatures of a SavedModel on each batch of the reference inputs in a folder."""
    import tensorflow as tf

    from kgan.export.verification import batches

    loaded = tf.saved_model.load(str(model))
    for path in sorted(folder.glob("inputs_*.npz")):
        with np.load(path, allow_pickle=False) as file:
            values = {name: file[name] for name in file.files}
        made: dict[str, list] = {"images": [], FLOAT_SIGNATURE: []}
        for batch in batches(values):
            tensors = {name: tf.constant(value) for name, value in batch.items()}
            for signature, output in (("serving_default", "images"), (FLOAT_SIGNATURE, FLOAT_SIGNATURE)):
                made[output].append(loaded.signatures[signature](**tensors)[output].numpy())
        images, floats = (np.concatenate(parts) for parts in made.values())
        np.savez(folder / path.name.replace("inputs", "outputs"), images=images, images_float=floats)


def main(arguments):
    """Runs one of the commands; what fails ends the process with a traceback for the parent to read."""
    command, *paths = arguments
    commands = {"convert": convert, "convert_network": convert_network, "run": run}
    commands[command](*(pathlib.Path(path) for path in paths))


if __name__ == "__main__":
    main(sys.argv[1:])
