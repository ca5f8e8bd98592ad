"""Pictures of a run: sheets of samples and loss curves, written whole or not at all."""

import csv
import math
import pathlib

import numpy as np
from PIL import Image

from kgan.errors import UsageError
from kgan.files import replacing


def sheet(images, columns=None, pad=2, scale=1):
    """Puts images side by side on one white sheet, row by row; points and numbers go into one plot instead.

    Images of 1x1 with two channels are points in the square of the data's range, drawn as dots; those with
    one channel are numbers, drawn as a histogram from the lowest to the highest value. Nothing would be
    seen of them side by side. Their plots have one size, whatever `columns`, `pad` and `scale` say.

    Args:
        images: uint8 `[n, height, width, channels]` with 1 or 3 channels, or `[n, 1, 1, 2]`, n >= 1.
        columns: images in a row, >= 1; default the nearest square, `ceil(sqrt(n))`.
        pad: white pixels around each image, >= 0, before scaling.
        scale: each pixel becomes a square of `scale` x `scale` pixels, an integer >= 1.

    Returns:
        A `PIL.Image.Image` in mode `L` or `RGB`.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> import numpy as np
    >>> sheet(np.zeros((5, 8, 8, 3), "uint8"), columns=3, pad=1).size
    (28, 19)
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or not drawable(images.shape[1:]) or 0 in images.shape:
        raise UsageError(
            "images must be uint8 of shape [n >= 1, height, width, 1 or 3], "
            f"got {images.dtype} of shape {list(images.shape)}"
        )
    n, height, width, channels = images.shape
    columns = min(n, math.ceil(math.sqrt(n))) if columns is None else columns
    for name, value, low in (("columns", columns, 1), ("pad", pad, 0), ("scale", scale, 1)):
        if value < low:
            raise UsageError(f"{name} must be at least {low}, got {value}")
    if (height, width) == (1, 1) and channels < 3:
        return _dots(images.reshape(n, 2)) if channels == 2 else _histogram(images.ravel())
    rows = math.ceil(n / columns)
    canvas = np.full((rows * (height + pad) + pad, columns * (width + pad) + pad, channels), 255, np.uint8)
    for index, image in enumerate(images):
        top = pad + index // columns * (height + pad)
        left = pad + index % columns * (width + pad)
        canvas[top : top + height, left : left + width] = image
    canvas = canvas.repeat(scale, axis=0).repeat(scale, axis=1)
    return Image.fromarray(canvas[..., 0] if channels == 1 else canvas)


def drawable(image_shape):
    """Whether `sheet` can show images of some shape.

    Args:
        image_shape: a tuple, without the batch axis.

    Example:

    >>> drawable((28, 28, 1)), drawable((1, 1, 2)), drawable((28, 28, 2)), drawable((10,))
    (True, True, False, False)
    """
    return len(image_shape) == 3 and (image_shape[2] in (1, 3) or tuple(image_shape) == (1, 1, 2))


def _dots(points):
    """Points as squares of 3x3 pixels; y goes up. Two pixels are one of the 256 levels of x and y."""
    canvas = np.full((2 * 256 + 2, 2 * 256 + 2), 255, np.uint8)
    left, top = 2 * points[:, 0].astype(int), 2 * (255 - points[:, 1].astype(int))
    for down in range(3):
        for across in range(3):
            canvas[top + down, left + across] = 40
    return _framed(canvas)


def _histogram(numbers):
    """Two pixels across for each of the 256 levels; the most frequent one is as tall as the picture."""
    counts = np.bincount(numbers, minlength=256)
    tall = np.rint(counts / counts.max() * 256).astype(int).repeat(2)
    return _framed(np.where(np.arange(256, 0, -1)[:, None] <= tall, 40, 255).astype(np.uint8))


def _framed(canvas):
    return Image.fromarray(np.pad(np.pad(canvas, 3, constant_values=255), 1, constant_values=128))


def save_sheet(path, images, columns=None, pad=2, scale=1):
    """Writes a sheet of images to a file that appears whole or not at all.

    Args:
        path: the picture's file; its suffix chooses the format, such as `.png`. Folders are created.
        images: uint8 `[n, height, width, channels]` with 1 or 3 channels, n >= 1.
        columns: as in `sheet`.
        pad: as in `sheet`.
        scale: as in `sheet`.

    Raises:
        UsageError: an argument breaks its rule, or no picture format has this suffix.

    Example:

    >>> import numpy as np, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "sheet.png"
    >>> save_sheet(path, np.zeros((4, 8, 8, 1), "uint8"))
    >>> path.exists()
    True
    """
    path = pathlib.Path(path)
    check_suffix(path)
    picture = sheet(images, columns, pad, scale)
    with replacing(path) as temporary:
        picture.save(temporary)


def check_suffix(path):
    """Raises unless a picture can be written under this file name.

    Args:
        path: the picture's file.

    Raises:
        UsageError: no picture format has this suffix.

    Example:

    >>> check_suffix("sheet.png")
    """
    suffix = pathlib.Path(path).suffix.lower()
    Image.init()
    if Image.EXTENSION.get(suffix) not in Image.SAVE:
        raise UsageError(f"a picture's file must end in .png, .jpg or the like, got {str(path)!r}")


def read_history(history_csv):
    """Reads the numbers of a `history.csv`.

    Args:
        history_csv: a file with one header line and one line per epoch.

    Returns:
        A dict of column name to float64 array `[epochs]`; an empty or unreadable cell is NaN.

    Example:

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "history.csv"
    >>> _ = path.write_text("epoch,generator_loss\\n1,0.5\\n2,\\n")
    >>> read_history(path)["generator_loss"]
    array([0.5, nan])
    """
    with open(history_csv, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([_number(row[name]) for row in rows]) for name in (rows[0] if rows else ())}


def _number(cell):
    try:
        return float(cell)
    except (TypeError, ValueError):
        return math.nan


def loss_curve(history_csv, png):
    """Draws every loss of a `history.csv` over the epochs.

    Args:
        history_csv: a file as `kgan.callbacks.HistoryCSV` writes it: `epoch`, then one column per loss.
        png: the picture's file; it appears whole or not at all.

    Example:

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "history.csv").write_text("epoch,generator_loss\\n1,0.9\\n2,0.5\\n")
    >>> loss_curve(folder / "history.csv", folder / "loss.png")
    >>> (folder / "loss.png").exists()
    True
    """
    # Matplotlib is slow to import, and pyplot would choose a window system: this is Agg without pyplot.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    columns = read_history(history_csv)
    epochs = columns.pop("epoch", np.array([]))
    columns = {name: values for name, values in columns.items() if "[" not in name}  # scores have their own
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for name, values in columns.items():
        # A single epoch is a point: without a marker nothing would be seen.
        axes.plot(epochs, values, label=name.replace("_", " "), marker="." if len(epochs) < 30 else None)
    axes.set(xlabel="epoch", ylabel="loss")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    if columns:
        axes.legend(frameon=False)
    with replacing(png) as temporary:
        FigureCanvasAgg(figure).print_png(str(temporary))
