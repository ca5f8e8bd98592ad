"""CycleGAN from Google's to Twitter's emoji, trained on half of each so that no pair is ever seen; for a CPU.

Data: data=FOLDER data_b=FOLDER (or hub ids), two data sets whose row i shows the same thing, such as
emoji_google and emoji_twitter: the npm packages emoji-datasource-google (Noto, Apache-2.0) and
emoji-datasource-twitter (Twemoji, CC-BY 4.0) as `datasets` folders of 64x64. A learns from the rows whose
column `half` is "a", B from those with "b", or from the first and the second half of the rows; rows with a
skin tone, near-copies of others, take no part. All are trimmed to the same white margin: a discriminator that
tells the makers apart by their margins teaches nothing else. `translation.json` scores the test split against
its true pairs, `translation.png` shows some: input, output, what comes back, truth.
Command: kgan run cyclegan_emoji data=FOLDER data_b=FOLDER extractor=FILE.onnx --out RUN, then
kgan export RUN -o BUNDLE --direction ab and kgan translate BUNDLE in.png out.png --size 64 --trim 4
Seen: TensorFlow, one busy CPU core, 27 minutes: L1 to the truth 0.118 and 0.117 (untouched 0.120, shuffled
0.23 and 0.22), feature distance 0.341 and 0.337 (untouched 0.349, shuffled 0.67), thanks to the flags.
"""

import dataclasses
import functools

import numpy as np

import kgan
from kgan import checks
from kgan.data.sources import open_source
from kgan.engine.schedules import LinearDecay
from kgan.errors import UsageError
from kgan.metrics import open_network
from kgan.models.cyclegan import optimizers
from kgan.models.cyclegan_networks import networks
from kgan.recipes import FASHION_MNIST_MINI

DATA = {
    "data": "emoji of Google (Noto) and Twitter (Twemoji), npm emoji-datasource-google and -twitter",
    "licence": "Apache-2.0 (Noto) and CC-BY 4.0 (Twemoji, Twitter and contributors)",
}


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings."""

    epochs: int = 12
    batch_size: int = 1
    seed: int = 0
    data: str = "emoji_google"  # hub id or local folder of A
    data_b: str = "emoji_twitter"  # of B
    split: str = "train"
    test_split: str = "test"  # held-out true pairs
    extractor: str | None = None  # of feature distances: an ONNX file, or a network that ships with kgan
    extractor_size: int | None = 128  # side of its images; none: that of its file
    image_size: int = 64
    channels: int = 3
    width: int = 16
    blocks: int = 3
    residual: bool = True  # the generators learn what to add to an image
    discriminator_width: int = 32
    stages: int = 2  # halvings of the discriminators: patches of 34 pixels
    cycle_weight: float | tuple[float, float] = 10.0  # or that of A and that of B, such as 10,0
    identity_weight: float = 0.5
    pool_size: int = 50
    learning_rate: float = 2e-4
    constant: float = 0.5  # share of the epochs before the rate falls in a line
    mirror: bool = True  # whether images are mirrored at random
    upscale: bool = False  # whether smaller pictures are enlarged, instead of refused
    trim: int | None = 4  # white pixels left around what a picture shows; none: its own margins
    sample_epochs: int = 2

    def __post_init__(self):
        checks.share("constant", self.constant)


@functools.lru_cache(4)
def _columns(source, split):
    """Number of rows of a split, and the columns that say more of them, where it has them."""
    rows = open_source(source, split).rows
    known = [name for name in ("half", "skin_tone", "category", "id") if name in rows.features]
    columns = {name: np.array(rows.select_columns([name])[:][name]) for name in known}
    if "category" in columns:
        names = getattr(rows.features["category"], "names", None)
        columns["flag"] = columns["category"] == (names.index("Flags") if names and "Flags" in names else -1)
    return len(rows), columns


def _kept(source, split):
    count, columns = _columns(source, split)
    return ~columns["skin_tone"].astype(bool) if "skin_tone" in columns else np.ones(count, bool)


def _half(source, split, letter):
    """The rows of one half that take part."""
    count, columns = _columns(source, split)
    first = columns["half"] == "a" if "half" in columns else np.arange(count) < count // 2
    return np.flatnonzero((first if letter == "a" else ~first) & _kept(source, split))


def _sizes(cfg):
    return {"image_size": cfg.image_size, "channels": cfg.channels, "upscale": cfg.upscale, "trim": cfg.trim}


@functools.lru_cache(2)
def data(cfg):
    return kgan.data.load_unpaired(
        cfg.data,
        cfg.data_b,
        cfg.split,
        rows_a=_half(cfg.data, cfg.split, "a"),
        rows_b=_half(cfg.data_b, cfg.split, "b"),
        batch_size=cfg.batch_size,
        mirror=cfg.mirror,
        seed=cfg.seed,
        **_sizes(cfg),
    )


@functools.lru_cache(2)
def _pairs(cfg):
    """Held-out images of A and of B, row i of both a true pair, and the places of groups of pairs."""
    (count_a, columns_a), (count_b, columns_b) = (
        _columns(source, cfg.test_split) for source in (cfg.data, cfg.data_b)
    )
    known = "id" in columns_a and "id" in columns_b
    if count_a != count_b or (known and not np.array_equal(columns_a["id"], columns_b["id"])):
        raise UsageError(f"{cfg.test_split} must hold the same things in {cfg.data} and {cfg.data_b}")
    rows = np.flatnonzero(_kept(cfg.data, cfg.test_split))
    if len(rows) < 2:
        raise UsageError(f"test_split must hold at least 2 pairs, {cfg.test_split} has {len(rows)}")
    images = [
        kgan.data.load_images(source, cfg.test_split, batch_size=1, shuffle=False, **_sizes(cfg)).uint8(rows)
        for source in (cfg.data, cfg.data_b)
    ]
    groups = {"all": np.arange(len(rows))}
    if "flag" in columns_a:
        plain = np.flatnonzero(~columns_a["flag"][rows])
        groups |= {"without flags": plain} if len(plain) > 1 else {}
    return images, groups


def model(cfg):
    made = networks(
        image_size=cfg.image_size,
        channels=cfg.channels,
        width=cfg.width,
        discriminator_width=cfg.discriminator_width,
        stages=cfg.stages,
        blocks=cfg.blocks,
        residual=cfg.residual,
    )
    gan = kgan.models.CycleGAN(
        **made,
        cycle_weight=cfg.cycle_weight,
        identity_weight=cfg.identity_weight,
        pool_size=cfg.pool_size,
        seed=cfg.seed,
    )
    images, groups = _pairs(cfg)
    shown = list(groups.values())[-1]
    shown = shown[np.linspace(0, len(shown) - 1, min(10, len(shown))).astype(int)]
    floats = [part[shown].astype("float32") / 127.5 - 1.0 for part in images]
    gan.set_banks(dict(zip(("image", "image_b"), floats)))
    gan.compile(optimizer=_optimizers(cfg))
    return gan


def _optimizers(cfg):
    constant = round(cfg.constant * cfg.epochs)
    decay = max(1, cfg.epochs - constant)
    steps = data(cfg).num_batches
    return optimizers(LinearDecay(cfg.learning_rate, constant, decay, steps))


def callbacks(cfg):
    (images_a, images_b), groups = _pairs(cfg)
    network = open_network(cfg.extractor, cfg.extractor_size) if cfg.extractor else None
    return [kgan.callbacks.TranslationReport(images_a, images_b, network, groups=groups)]


SMOKE = {
    "epochs": 1,
    "batch_size": 2,
    "data": str(FASHION_MNIST_MINI),
    "data_b": str(FASHION_MNIST_MINI),
    "split": "train[:8]",
    "test_split": "test[:4]",
    "extractor": "fashion_mnist",
    "extractor_size": None,
    "image_size": 16,
    "channels": 1,
    "width": 2,
    "discriminator_width": 2,
    "blocks": 1,
    "stages": 1,
}
