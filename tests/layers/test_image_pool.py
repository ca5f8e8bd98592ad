"""The pool of earlier fakes: filling, exchange, state, and use in a compiled step."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan.errors import UsageError
from kgan.layers import ImagePool


def numbered(first, count):
    return ops.reshape(ops.arange(first, first + count, dtype="float32"), (count, 1, 1, 1))


def numbers(images):
    return ops.convert_to_numpy(images).reshape(-1).astype(int).tolist()


def built(capacity, seed=0):
    pool = ImagePool(capacity, seed=seed)
    pool.build((None, 1, 1, 1))
    return pool


def test_images_come_back_while_the_pool_fills():
    pool = built(50)
    for first in range(0, 50, 5):
        assert numbers(pool.query(numbered(first, 5))) == list(range(first, first + 5))
    assert numbers(pool.images) == list(range(50))
    assert int(pool.stored) == 50


def test_a_full_pool_exchanges_half_of_the_images():
    pool = built(10)
    seen = 10
    numbers(pool.query(numbered(0, 10)))
    old = total = 0
    for _ in range(60):
        before = numbers(pool.images)
        back = numbers(pool.query(numbered(seen, 4)))
        new = list(range(seen, seen + 4))
        after = numbers(pool.images)
        # Nothing is lost and nothing is doubled: what was inside or new is inside or was given back.
        assert sorted(before + new) == sorted(after + back)
        old += sum(number not in new for number in back)
        total += 4
        seen += 4
    assert 0.35 < old / total < 0.6


def test_a_batch_is_queried_one_image_after_the_other():
    pool = built(3)
    back = numbers(pool.query(numbered(0, 8)))
    assert back[:3] == [0, 1, 2]
    assert sorted(back + numbers(pool.images)) == sorted([*range(8), *range(3)])


def test_the_stored_images_do_not_follow_the_generator():
    from kgan._backend import input_gradient

    pool = built(2)
    _, slope = input_gradient(lambda x: ops.sum(pool.query(x) + 0.0 * x, axis=(1, 2, 3)), numbered(0, 2))
    assert not np.any(ops.convert_to_numpy(slope))


def test_the_same_seed_and_state_give_the_same_exchange():
    one, two = built(4, seed=3), built(4, seed=3)
    for first in range(0, 32, 4):
        assert numbers(one.query(numbered(first, 4))) == numbers(two.query(numbered(first, 4)))


@pytest.mark.once
def test_no_capacity_returns_every_image():
    pool = built(0)
    assert numbers(pool.query(numbered(5, 3))) == [5, 6, 7]
    assert not pool.weights
    with pytest.raises(UsageError, match="capacity must be an integer of at least 0, got -1"):
        ImagePool(-1)


@pytest.mark.once
def test_configuration_round_trips():
    pool = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(ImagePool(7, seed=2)))
    assert (pool.capacity, pool.seed) == (7, 2)
