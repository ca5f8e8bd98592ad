"""The layers that take a condition, against numpy."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan import layers
from kgan.errors import UsageError
from kgan.testing import check_layer

RNG = np.random.default_rng(0)
LABELS = np.array([2, 0, 1, 2], "int32")


def normal(*shape):
    return RNG.standard_normal(shape).astype("float32")


def run(layer, *inputs, **more):
    tensors = [ops.convert_to_tensor(x) for x in inputs]
    return ops.convert_to_numpy(layer(tensors if len(tensors) > 1 else tensors[0], **more))


@pytest.mark.parametrize(
    ("build", "inputs"),
    [
        (lambda: layers.OneHot(3), LABELS),
        (layers.ConcatCondition, [(4, 5), (4, 2)]),
        (layers.ConcatCondition, [(4, 6, 5, 3), (4, 2)]),
        (layers.ConcatCondition, [(4, 6, 5, 3), (4, 6, 5, 1)]),
        (lambda: layers.Projection(num_classes=3), [(4, 5), LABELS]),
        (lambda: layers.Projection(spectral=True, seed=3), [(4, 5), (4, 2)]),
        (lambda: layers.ConditionalBatchNormalization(num_classes=3, momentum=0.5), [(4, 6, 5, 3), LABELS]),
        (lambda: layers.ConditionalBatchNormalization(epsilon=0.1), [(4, 5), (4, 2)]),
        (layers.Complete, [(4, 6, 5, 3), (4, 6, 5, 3), (4, 6, 5, 1)]),
    ],
)
def test_contract(build, inputs):
    check_layer(build, inputs)


def test_one_hot_is_float():
    found = run(layers.OneHot(3), LABELS)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.eye(3)[LABELS])
    with pytest.raises(UsageError, match="num_classes must be at least 1, got 0"):
        layers.OneHot(0)


def test_a_vector_becomes_constant_maps():
    x, y = normal(4, 6, 5, 3), normal(4, 2)
    expected = np.concatenate([x, np.broadcast_to(y[:, None, None], (4, 6, 5, 2))], axis=-1)
    np.testing.assert_array_equal(run(layers.ConcatCondition(), x, y), expected)


def test_a_map_of_another_size_is_refused():
    with pytest.raises(UsageError, match=r"got \[3, 3, 1\] beside \[6, 5, 3\]"):
        run(layers.ConcatCondition(), normal(2, 6, 5, 3), normal(2, 3, 3, 1))


def test_projection_is_an_affine_score_plus_an_inner_product():
    h, layer = normal(4, 5), layers.Projection(num_classes=3)
    found = run(layer, h, LABELS)
    kernel, bias, embedding = layer.get_weights()
    expected = h @ kernel + bias + np.sum(h * embedding[LABELS], axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_projection_of_a_vector_and_its_spectral_norm():
    h, y = normal(4, 5), normal(4, 2)
    plain, spectral = layers.Projection(), layers.Projection(spectral=True)
    run(plain, h, y)
    for _ in range(60):  # power iterations
        run(spectral, h, y, training=True)
    kernel, embedding = (w for w in spectral.get_weights() if w.ndim == 2)
    scaled = [w / np.linalg.norm(w, 2) for w in (kernel, embedding)]
    plain.set_weights([scaled[0], np.zeros(1), scaled[1]])
    np.testing.assert_allclose(run(spectral, h, y), run(plain, h, y), rtol=1e-4, atol=1e-5)


def test_projection_takes_vectors_of_features():
    with pytest.raises(UsageError, match="features must be vectors"):
        run(layers.Projection(num_classes=3), normal(4, 2, 2, 1), LABELS)


@pytest.mark.parametrize("shape", [(4, 5), (4, 6, 3, 5)])
def test_conditional_norm_is_batch_norm_with_gain_and_shift_of_the_class(shape):
    x = normal(*shape)
    layer = layers.ConditionalBatchNormalization(num_classes=3, epsilon=1e-3)
    layer.build([shape, (4,)])
    gain, shift = normal(3, 5), normal(3, 5)
    by_name = {w.path.split("/")[-2]: w for w in layer.trainable_weights}
    by_name["gain"].assign(gain)
    by_name["shift"].assign(shift)
    axes = tuple(range(x.ndim - 1))
    normed = (x - x.mean(axes)) / np.sqrt(x.var(axes) + 1e-3)
    rows = (4, *[1] * (x.ndim - 2), 5)
    expected = normed * (1 + gain[LABELS].reshape(rows)) + shift[LABELS].reshape(rows)
    np.testing.assert_allclose(run(layer, x, LABELS, training=True), expected, rtol=1e-4, atol=1e-4)
    # Later at the moving statistics: 0.9 of the start, 0.1 of this batch.
    mean, variance = 0.1 * x.mean(axes), 0.9 + 0.1 * x.var(axes)
    normed = (x - mean) / np.sqrt(variance + 1e-3)
    expected = normed * (1 + gain[LABELS].reshape(rows)) + shift[LABELS].reshape(rows)
    np.testing.assert_allclose(run(layer, x, LABELS), expected, rtol=1e-4, atol=1e-4)


def test_gain_and_shift_start_apart():
    layer = layers.ConditionalBatchNormalization(num_classes=3)
    layer.build([(4, 5), (4,)])
    gain, shift = (ops.convert_to_numpy(w.value) for w in layer.trainable_weights)
    assert not np.array_equal(gain, shift)


def test_derivatives(check_derivatives):
    keras.utils.set_random_seed(1)
    y = ops.convert_to_tensor(normal(4, 2))
    layer = layers.Projection(spectral=True)
    layer.build([(4, 5), (4, 2)])
    check_derivatives(lambda x: layer([x, y]), (4, 5), layer.trainable_variables)
    maps = layers.ConcatCondition()
    check_derivatives(lambda x: maps([x, y]), (4, 3, 2, 1))


def test_complete_keeps_what_is_seen():
    made, seen = normal(2, 3, 3, 2), normal(2, 3, 3, 2)
    mask = (normal(2, 3, 3, 1) > 0).astype("float32")
    found = run(layers.Complete(), made, seen, mask)
    np.testing.assert_array_equal(found, np.where(mask > 0, seen, made))


def masks(kind, n=300, side=12):
    seed = keras.random.SeedGenerator(3)
    found = ops.convert_to_numpy(layers.random_masks((n, side, side, 3), seed, (kind,)))
    assert found.shape == (n, side, side, 1)
    assert set(np.unique(found)) == {0.0, 1.0}
    return found[..., 0]


def test_half_masks_hide_one_of_four_halves():
    found = masks("half")
    np.testing.assert_array_equal(found.mean(axis=(1, 2)), 0.5)
    kinds, counts = np.unique(found.reshape(300, -1), axis=0, return_counts=True)
    assert len(kinds) == 4
    assert counts.min() > 40


def test_boxes_hide_a_box():
    found = masks("box")
    for hidden in 1.0 - found:
        rows, columns = hidden.any(axis=1), hidden.any(axis=0)
        np.testing.assert_array_equal(hidden, np.outer(rows, columns))  # a box
        assert 2 <= rows.sum() <= 10
        assert 2 <= columns.sum() <= 10
    assert len(np.unique(found.reshape(300, -1), axis=0)) > 150


def test_pixel_masks_have_shares_of_their_own():
    shares = masks("pixels", side=24).mean(axis=(1, 2))
    assert shares.min() < 0.12
    assert shares.max() > 0.42
    assert shares.mean() == pytest.approx(0.275, abs=0.03)


def test_kinds_are_mixed_evenly_and_checked():
    seed = keras.random.SeedGenerator(1)
    found = ops.convert_to_numpy(layers.random_masks((400, 12, 12, 1), seed))[..., 0]
    halves = np.isin(found.reshape(400, -1) @ np.arange(144), masks("half").reshape(300, -1) @ np.arange(144))
    assert 90 < halves.sum() < 180
    same = [ops.convert_to_numpy(layers.random_masks((5, 4, 4, 1), 7)) for _ in range(2)]
    np.testing.assert_array_equal(*same)
    for kinds in ((), ("circle",)):
        with pytest.raises(UsageError, match="kinds of masks must be some of half, box, pixels, got"):
            layers.random_masks((1, 4, 4, 1), 0, kinds)
