import types

import keras
import numpy as np
import pytest

from kgan import latents
from kgan.engine import AdversarialModel
from kgan.errors import UsageError
from kgan.figures import draw_interpolation
from kgan.types import Input

Z = Input("z", (4,))


def bundle(*others):
    """Stands in for the runtime of a bundle: two pixels per coordinate, and the label as the last row."""

    def sample(n, z, label=None):
        images = np.clip(127.5 + 40.0 * z, 0, 255).astype("uint8").repeat(2, axis=1).reshape(n, 2, 4, 1)
        if label is not None:
            images[:, 1] = np.asarray(label, "uint8").reshape(n, 1, 1)
        return images

    return types.SimpleNamespace(inputs=(Z, *others), sample=sample)


class Tiny(AdversarialModel):
    def __init__(self):
        super().__init__()
        kernel = keras.initializers.RandomNormal(seed=0)
        layers = [keras.Input((4,)), keras.layers.Dense(18, "tanh", kernel_initializer=kernel)]
        self.generator = keras.Sequential([*layers, keras.layers.Reshape((3, 6, 1))])
        self.image_shape = (3, 6, 1)

    def sampling_inputs(self):
        return (Z,)


@pytest.mark.once
@pytest.mark.parametrize("kind", ["lerp", "slerp"])
def test_rows_begin_and_end_exactly_at_the_two_latents(tmp_path, kind):
    source, ends = bundle(), latents.draw((Z,), 10, 3)["z"].reshape(2, 5, 4)
    walk = draw_interpolation(tmp_path / "walk.png", source, ends, steps=6, kind=kind)
    assert walk.images.shape == (5, 6, 2, 4, 1)
    for column, end in ((0, ends[0]), (-1, ends[1])):
        np.testing.assert_array_equal(walk.latents[:, column], end)
        np.testing.assert_array_equal(walk.images[:, column], source.sample(5, z=end))
    np.testing.assert_array_equal(walk.latents[:, 2], getattr(latents, kind)(*ends, 0.4))
    assert (tmp_path / "walk.png").stat().st_size < 300_000


def test_a_model_decodes_the_ends_as_it_samples_them(tmp_path):
    model = Tiny()
    walk = draw_interpolation(tmp_path / "walk.png", model, pairs=2, steps=3, seed=5)
    z = walk.latents.reshape(6, 4)
    np.testing.assert_array_equal(z[[0, 2, 3, 5]], latents.draw((Z,), 4, 5)["z"])
    np.testing.assert_array_equal(walk.images.reshape(6, 3, 6, 1), model.sample(6, z=z))


@pytest.mark.once
def test_a_label_stays_the_same_along_a_row(tmp_path):
    label = Input("label", (), "int32", "label", num_classes=200)
    walk = draw_interpolation(tmp_path / "walk.png", bundle(label), pairs=3, steps=4)
    labels = walk.images[:, :, 1, 0, 0]
    assert (labels == labels[:, :1]).all()
    assert len(np.unique(labels)) == 3


@pytest.mark.once
def test_a_jump_is_measured(tmp_path):
    source = types.SimpleNamespace(
        inputs=(Input("z", (1,)),), sample=lambda n, z: np.uint8(z > 0.5).reshape(n, 1, 1, 1) * 100
    )
    ends = np.array([[0.0], [0.0]]), np.array([[1.0], [0.4]])
    walk = draw_interpolation(tmp_path / "walk.png", source, ends, steps=2)
    assert walk.largest_steps.tolist() == [100.0, 0.0]


@pytest.mark.once
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"pairs": 0}, "pairs must be at least 1, got 0"),
        ({"steps": 1}, "steps must be an integer >= 2, got 1"),
        ({"kind": "cubic"}, "kind must be lerp or slerp, got 'cubic'"),
        ({"ends": (np.zeros((2, 4)), np.zeros((2, 3)))}, r"ends must be latents of shape \[n >= 1, 4\]"),
        ({"ends": (np.zeros((2, 4)), np.zeros((1, 4)))}, "ends must be as many as beginnings, got 2 and 1"),
    ],
)
def test_wrong_arguments(tmp_path, wrong, message):
    with pytest.raises(UsageError, match=message):
        draw_interpolation(tmp_path / "walk.png", bundle(), **wrong)
    assert not list(tmp_path.iterdir())
