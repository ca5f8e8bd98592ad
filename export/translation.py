"""Networks from images to images as bundles: 8-bit pictures in, 8-bit pictures out, of any size."""

import json

import keras
import numpy as np

from kgan.errors import UsageError
from kgan.export.card import example_parts, formats_text, origin_text
from kgan.export.precision import in_float32
from kgan.export.source import Subject
from kgan.export.verification import BATCH_SIZES
from kgan.types import Input, to_uint8

_SHOWN = 16
# A network without a size of its own is compared at this one, and its neighbours.
_USUAL_SIDE = 64
# Tensors as large as the largest one that inference holds at a time: inputs, padded copies, outputs, what is
# kept for later layers.
_HELD = 8

_MEANINGS = {"ab": " (from A to B)", "ba": " (from B to A)"}

_TEMPLATE = """# {title}

Translates images, direction {direction}{meaning}: {channels} in, trained as {system} with Keras on {backend}
and exported by kgan {version}. It has {parameters:,} parameters.

{samples}## Use

```python
import numpy as np
{imported}
from PIL import Image

{opened}
picture = Image.new("{mode}", {example_size}, {colour})  # or Image.open("photo.png").convert("{mode}")
image = np.asarray(picture, np.uint8).reshape(1, picture.height, picture.width, {channel_count})
inputs = {{"image": image}}
made = {run}
print(made.shape, made.dtype)
```

{tools}{formats}
Input `image` and output `images` are uint8, `[batch, {height}, {width}, channels]`, rows from the top,
channels last, 0 to 255.{sides}{float_output}
Nothing in the graph is random, and an image's translation does not depend on the rest of its batch.

## Verification

Compared with the Keras network at batch sizes {batch_sizes} and images of {sizes} (height x width):
{errors}.
Allowed are {tolerance_float:g} and {tolerance_uint8} level of 255. `kgan verify` repeats this from the
stored references and checks the SHA-256 of every file that `kgan.json` lists.

## Data and licence

{data}

## Limits

The network was trained on images of {trained}: much larger or smaller ones, or ones unlike those of the
training set, give results of unknown quality. A network that normalises each image by its own statistics
translates parts of a picture differently from the whole, and of a picture of one colour alone, whose maps
have no variance, it makes what rounding errors decide: that may differ from machine to machine.
"""

_TOOLS = """`kgan translate BUNDLE in.png out.png{options}` does the same, also with a folder;
`kgan.export.runtime.Translator` needs numpy and onnxruntime only. `kgan translate` lays transparent pictures
on white, takes the first frame of an animation, makes grey colour or colour grey as the network needs, and
continues sides that do not fit by their mirror image, which it cuts off again.{trimmed}

"""


def translator_subject(model, direction, labels):
    """One direction of a model that translates images, to be exported.

    Args:
        model: a kgan model with `directions` and `translator`.
        direction: one of its `directions`, or `None` for the first.
        labels: must be `None`.

    Raises:
        UsageError: another direction, labels, or a network of several inputs.
    """
    if direction not in (None, *model.directions):
        names = " or ".join(f'"{name}"' for name in model.directions)
        raise UsageError(f"direction must be {names}, got {direction!r}")
    if labels is not None:
        raise UsageError(f"labels must be absent, as the model takes no class, got {len(labels)}")
    direction = direction or model.directions[0]
    network, sides = model.translator(direction)
    shape = tuple(network.input_shape[1:])
    trained = _trained(model, direction, sides)
    inputs = (Input("image", shape, "uint8", "given", "picture to translate, 0 to 255"),)
    sizes = [trained]
    if sides is not None:
        step = sides.multiple
        smaller = max(sides.least, trained[0] // 2 // step * step)
        sizes.append((smaller, smaller + step))
    rng = np.random.default_rng(0)
    references = tuple(
        {"image": rng.integers(0, 256, (sum(BATCH_SIZES), *size, shape[-1]), dtype=np.uint8)}
        for size in sizes
    )
    about = {
        "direction": direction,
        "trained_size": list(trained),
        "multiple": sides.multiple if sides else None,
        "least": sides.least if sides else None,
        "bytes_per_pixel": _bytes_per_pixel(network, (1, *trained, shape[-1])),
    }
    return Subject(
        _from_uint8(in_float32(network), shape),
        inputs,
        (*shape[:2], network.output_shape[-1]),
        references,
        banks={},
        translation=about,
        samples=_samples(model, direction),
    )


def _trained(model, direction, sides):
    """(height, width) of the images that a direction was trained on."""
    shape = model.image_shape if direction == model.directions[0] else model.image_shape_b
    if None not in shape:
        return tuple(shape[:2])
    return (-(-_USUAL_SIDE // sides.multiple) * sides.multiple,) * 2


def _from_uint8(network, shape):
    """The network with the change from 0..255 to [-1, 1] before it."""
    images = keras.Input(shape, dtype="uint8", name="image")
    floats = keras.layers.Rescaling(1.0 / 127.5, -1.0, dtype="float32")(images)
    return keras.Model(images, network(floats))


def _bytes_per_pixel(network, shape):
    """About how much memory a pixel of an image needs in inference, from the widest tensor."""
    widest = int(np.prod(shape[1:]))
    x = keras.Input(shape[1:], batch_size=1)

    def note(layer):
        def run(*args, **kwargs):
            made = layer.compute_output_spec(*args, **kwargs)
            nonlocal widest
            sizes = [np.prod(t.shape) for t in keras.tree.flatten(made)]
            widest = max(widest, *(int(size) for size in sizes))
            return made

        return run

    # A Sequential network has no graph of its own.
    keras.Model(network.inputs, network.outputs)._run_through_graph(x, operation_fn=note)
    return int(np.ceil(4 * _HELD * widest / (shape[1] * shape[2])))


def _samples(model, direction):
    """Pairs of a held-out image and its translation, where the model has some."""
    name = "image" if direction == model.directions[0] else "image_b"
    images = model.banks().get(name)
    if images is None or images.shape[-1] not in (1, 3):
        return None
    images = to_uint8(images[:_SHOWN], model.data_range)
    made = model.translate(images, direction)
    if made.shape != images.shape:
        return made
    return np.stack([images, made], axis=1).reshape(-1, *images.shape[1:])


def translation_card(content):
    """The text of a translating bundle's README.md.

    Args:
        content: the manifest, without its hashes.
    """
    about, recipe, verification = content["translation"], content["recipe"] or {}, content["verification"]
    settings = recipe.get("settings") or {}
    trim = settings.get("trim")
    height, width, channels = content["inputs"][0]["shape"]
    errors = [
        f"{name} differs by {error['float']:.1e} in {json.dumps(content['data_range'])} and "
        f"{error['uint8']} of 255 levels"
        for name, error in verification["largest_error"].items()
    ]
    trained = about["trained_size"]
    sides = ""
    if about["multiple"]:
        sides = f" Sides are free: multiples of {about['multiple']} from {about['least']} on."
    low, high = content["data_range"]
    floats = f" `images_float` is the same before rounding, in [{low:g}, {high:g}]."
    return _TEMPLATE.format(
        title=recipe.get("recipe") or content["preset"] or content["system"],
        direction=about["direction"],
        meaning=_MEANINGS.get(about["direction"], ""),
        tools=_tools(trained, trim) if "onnx" in content["formats"] else "",
        **example_parts(content),
        channels="1 channel (grey)" if channels == 1 else f"{channels} channels",
        channel_count=channels,
        system=content["system"],
        backend=content["backend"],
        version=content["versions"]["kgan"],
        parameters=content["parameters"],
        samples="![images and their translations](samples.png)\n\n" if content.get("samples") else "",
        mode="L" if channels == 1 else "RGB",
        colour="128" if channels == 1 else '"orange"',
        example_size=(trained[1], trained[0]),
        height=height or "height",
        width=width or "width",
        formats=formats_text(content),
        sides=sides,
        float_output=floats if len(content["outputs"]) > 1 else "",
        batch_sizes=" and ".join(map(str, verification["batch_sizes"])),
        sizes=" and ".join("x".join(map(str, size)) for size in verification["image_sizes"]),
        errors=";\n".join(errors),
        tolerance_float=verification["tolerance"]["float"],
        tolerance_uint8=verification["tolerance"]["uint8"],
        data=origin_text(recipe),
        trained="x".join(map(str, trained)),
    )


def _tools(trained, trim):
    options = "" if trim is None else f" --size {trained[1]} --trim {trim}"
    trimmed = f" The training images were trimmed to a white margin of {trim} pixels."
    return _TOOLS.format(options=options, trimmed="" if trim is None else trimmed)
