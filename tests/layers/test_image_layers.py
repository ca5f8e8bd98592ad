"""Instance normalisation and reflection padding."""

import numpy as np
import pytest
from keras import ops

from kgan.errors import UsageError
from kgan.layers import InstanceNormalization, ReflectionPadding2D
from kgan.testing import check_layer


def test_instance_norm_gives_each_channel_mean_0_and_variance_1():
    images = np.random.default_rng(0).normal(3.0, 5.0, (2, 16, 12, 3)).astype("f4")
    found = ops.convert_to_numpy(InstanceNormalization()(ops.convert_to_tensor(images))).astype("f8")
    assert np.abs(found.mean(axis=(1, 2))).max() < 1e-5
    assert np.abs(found.var(axis=(1, 2)) - 1.0).max() < 1e-4
    centred = images - images.mean(axis=(1, 2), keepdims=True)
    expected = centred / np.sqrt(images.var(axis=(1, 2), keepdims=True) + 1e-5)
    assert np.abs(found - expected).max() < 1e-4


@pytest.mark.parametrize("affine", [False, True])
def test_instance_norm_contract(affine):
    check_layer(InstanceNormalization(1e-3, affine, seed=3), (2, 6, 5, 3))


def test_instance_norm_derivatives(check_derivatives):
    layer = InstanceNormalization(1e-2, affine=True)
    layer.build((None, 3, 4, 2))
    check_derivatives(layer, (2, 3, 4, 2), [layer.scale, layer.shift])


def test_reflection_does_not_repeat_the_border():
    image = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "f4")[None, :, :, None]
    found = ops.convert_to_numpy(ReflectionPadding2D(1)(ops.convert_to_tensor(image)))[0, :, :, 0]
    assert found.tolist() == np.pad(image[0, :, :, 0], 1, mode="reflect").tolist()
    assert found[1].tolist() == [2, 1, 2, 3, 2]


def test_reflection_contract(check_derivatives):
    check_layer(ReflectionPadding2D(2), (2, 4, 5, 3))
    check_derivatives(ReflectionPadding2D(2), (2, 4, 5, 1))


@pytest.mark.once
def test_arguments_out_of_range_are_refused():
    with pytest.raises(UsageError, match="padding must be an integer of at least 0, got -1"):
        ReflectionPadding2D(-1)
    with pytest.raises(UsageError, match="more than 3 pixels a side, got 3"):
        ReflectionPadding2D(3).build((None, 3, 8, 1))
    with pytest.raises(UsageError, match="epsilon must be greater than 0, got 0"):
        InstanceNormalization(0)
