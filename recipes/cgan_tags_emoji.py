"""ConditionalGAN that tags emoji: given an image's features it draws word vectors (Mirza, Osindero, 2014).

Data: drawn, unless data=FOLDER (or a hub id) names the Google emoji of the npm package
emoji-datasource-google as a `datasets` folder with the columns tags and skin_tone (images: Noto, Apache-2.0);
then extractor=FILE.onnx, such as efficientnet_lite0.onnx, and words=FILE.npz, an array of words and one of
their vectors, such as GloVe's. Rows with a skin tone, near-copies of others, take no part.
`tags.csv` has the true and the predicted tags of the test split, `tags.json` their precision and recall, the
same with shuffled conditions and for the most frequent tags, and the spread over z.
Command: kgan run cgan_tags_emoji data=FOLDER extractor=FILE.onnx words=FILE.npz
Unlike the paper: Adam, R1, no dropout in D, and real words beside a wrong image count as fake (Reed et al.,
2016). Seen: jax, part of a core, 7 CPU minutes: precision of 10 tags 0.033, with shuffled conditions 0.003;
the most frequent tags have 0.060; variance over z 0.7 % of all. It names kinds, seldom the very tags.
"""

import collections
import dataclasses
import functools

import keras
import numpy as np

import kgan
from kgan import losses
from kgan.data.tags import TagPairs, WordVectors, load_tags, synthetic_tags
from kgan.errors import UsageError
from kgan.metrics import open_network
from kgan.models.conditional_gan import tags_networks


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings."""

    data: str | None = None  # local folder or hub id; none: synthetic features and tags
    extractor: str | None = None  # an ONNX file
    words: str | None = None  # an .npz file
    epochs: int = 20
    batch_size: int = 100
    seed: int = 0
    extractor_size: int = 128
    rate: float = 3e-4  # Adam; the paper's SGD has 0.1 for vectors of another scale
    wrong_pairs: float = 1.0  # weight of real words with a wrong image
    r1: float = 0.1  # weight of the gradient penalty
    discriminator_dropout: float = 0.0  # 0.5 in the paper
    column: str = "tags"
    train_split: str = "train"
    test_split: str = "test"


@functools.lru_cache(2)
def _part(data, split, column, extractor, size):
    """Features, tags, and the rows that take part."""
    images = kgan.data.load_images(data, split, channels=3, batch_size=1, shuffle=False)
    network = open_network(extractor, size)
    steps = range(0, images.num_examples, 64)
    parts = [network(images.uint8(np.arange(i, min(i + 64, images.num_examples))))["features"] for i in steps]
    return np.concatenate(parts), load_tags(data, split, column), _without_copies(data, split)


def _without_copies(data, split):
    from kgan.data.sources import open_source

    rows = open_source(data, split).rows
    if "skin_tone" not in rows.features:
        return np.arange(len(rows))
    return np.flatnonzero(~np.array(rows.select_columns(["skin_tone"])[:]["skin_tone"], bool))


def _loaded(cfg):
    """Both splits, their features standardised by the training images, and the words' vectors."""
    if cfg.data is None:
        parts = [synthetic_tags(count, seed=seed) for seed, count in enumerate((400, 100))]
        return [(x, tags, np.arange(len(x))) for x, tags, _ in parts], parts[0][2]
    if not (cfg.extractor and cfg.words):
        raise UsageError("data=FOLDER needs extractor=FILE.onnx and words=FILE.npz")
    settings = (cfg.column, cfg.extractor, cfg.extractor_size)
    train, test = (_part(cfg.data, split, *settings) for split in (cfg.train_split, cfg.test_split))
    mean, std = train[0][train[2]].mean(axis=0), train[0][train[2]].std(axis=0) + 1e-3
    parts = [((features - mean) / std, tags, rows) for features, tags, rows in (train, test)]
    return parts, WordVectors.load(cfg.words)


def data(cfg):
    ((features, tags, rows), _), vectors = _loaded(cfg)
    return TagPairs(features, tags, vectors, rows=rows, batch_size=cfg.batch_size, seed=cfg.seed)


def model(cfg):
    pairs = data(cfg)
    words, features = pairs[0]
    networks = tags_networks(
        features.shape[1], words.shape[1], discriminator_dropout=cfg.discriminator_dropout
    )
    gan = kgan.models.ConditionalGAN(**networks, wrong_pairs=cfg.wrong_pairs, seed=cfg.seed)
    gan.set_banks({"features": features[:16]})
    adam = {
        player: keras.optimizers.Adam(cfg.rate, beta_1=0.5, beta_2=0.999, epsilon=1e-8)
        for player in ("generator", "discriminator")
    }
    penalties = [losses.R1(cfg.r1)] if cfg.r1 else []
    gan.compile(adam, losses.NonSaturating(), penalties=penalties)
    return gan


def callbacks(cfg):
    ((_, tags, rows), (features, true, kept)), vectors = _loaded(cfg)
    counts = collections.Counter(tag for row in rows for tag in tags[row])
    vocabulary = vectors.table(counts)
    frequent = [tag for tag, _ in counts.most_common()]
    nearest = min(20, len(vocabulary.words))
    return [
        kgan.callbacks.TagTable(
            features[kept], [true[row] for row in kept], vocabulary, frequent, nearest=nearest
        )
    ]


SMOKE = {"epochs": 1, "batch_size": 200}
