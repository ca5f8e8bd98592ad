"""Phases of the published schedules, and what no schedule may be."""

import itertools
import json
import math

import keras
import numpy as np
import pytest

from kgan.engine import GrowthSchedule
from kgan.errors import UsageError

pytestmark = pytest.mark.once


# pggan.md 8: the table of the published code, 600 + 600 kimg from 4 to 1024.
@pytest.mark.parametrize(
    ("kimg", "level", "side"),
    [
        (0, 8, 4),
        (599, 8, 4),
        (900, 7.5, 8),
        (1200, 7, 8),
        (1799, 7, 8),
        (2100, 6.5, 16),
        (9000, 1, 512),
        (9300, 0.5, 1024),
        (9600, 0, 1024),
        (50_000, 0, 1024),
    ],
)
def test_published_table(kimg, level, side):
    schedule = GrowthSchedule(1024, total_images=12_000_000)
    assert schedule.level_of_detail(kimg * 1000) == pytest.approx(level)
    assert schedule.at(kimg * 1000)[0] == side


def test_schedule_of_the_paper_reaches_1024_between_12000_and_12800_kimg():
    schedule = GrowthSchedule(1024, stable_images=800_000, fade_images=800_000, batch_size=16)
    assert [schedule.at(kimg * 1000) for kimg in (11_999, 12_400, 12_800)] == [
        (512, 1.0),
        (1024, 0.5),
        (1024, 1.0),
    ]


def test_phases_count_whole_batches_and_epochs():
    schedule = GrowthSchedule(
        16,
        stable_images=100,
        fade_images=50,
        images_per_epoch=30,
        batch_size={4: 16, 16: 8},
        total_images=700,
    )
    phases = schedule.phases
    assert [(p.side, p.fading, p.images, p.batch_size) for p in phases] == [
        (4, False, 100, 16),
        (8, True, 50, 16),
        (8, False, 100, 16),
        (16, True, 50, 8),
        (16, False, 400, 8),
    ]
    # 100 images are 7 batches of 16, in 3 epochs of 2, 2 and 3; the next phase begins after them.
    assert (phases[0].epochs, phases[0].steps, phases[0].shown) == (3, 7, 112)
    assert [schedule.steps_of(epoch) for epoch in range(3)] == [2, 2, 3]
    assert [phases[0].epoch_of(step) for step in range(8)] == [0, 0, 1, 1, 2, 2, 2, 3]
    for phase, following in itertools.pairwise(phases):
        assert following.first == phase.first + phase.shown
        # The last step of a fade begins with alpha below 1.
        assert phase.shown - phase.batch_size < phase.images <= phase.shown
    steps = [schedule.steps_of(epoch) for epoch in range(schedule.epochs)]
    assert sum(steps) == sum(phase.steps for phase in phases)
    # Epochs after the schedule are as long as those of its last phase.
    assert [schedule.steps_of(schedule.epochs + extra) for extra in range(13)] == steps[-13:]
    assert schedule.epochs == sum(phase.epochs for phase in phases)
    assert [schedule.phase_of(epoch) for epoch in (0, 2, 3, 99)] == [
        phases[0],
        phases[0],
        phases[1],
        phases[-1],
    ]
    levels = [schedule.level_of_detail(images) for images in range(0, schedule.phases[-1].first + 50, 7)]
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] == 0


def test_learning_rates_hold_from_the_side_that_names_them():
    schedule = GrowthSchedule(64, learning_rate={4: 1e-3, 32: 2e-3})
    rates = {phase.side: phase.learning_rate for phase in schedule.phases}
    assert rates == {4: 1e-3, 8: 1e-3, 16: 1e-3, 32: 2e-3, 64: 2e-3}


@pytest.mark.parametrize(("images", "batch", "epoch"), [(100, 16, 33), (7, 3, 2), (1, 8, 5), (1000, 7, 64)])
def test_epochs_of_a_phase_meet_without_gaps(images, batch, epoch):
    schedule = GrowthSchedule(
        8, stable_images=images, fade_images=images, batch_size=batch, images_per_epoch=epoch
    )
    for phase in schedule.phases:
        lengths = [phase.begin_of(n + 1) - phase.begin_of(n) for n in range(phase.epochs)]
        assert sum(lengths) == phase.steps
        assert 1 <= min(lengths) <= max(lengths) <= min(lengths) + 1
        places = [phase.epoch_of(step) for step in range(phase.steps)]
        assert [places.count(n) for n in range(phase.epochs)] == lengths


def test_the_last_part_may_be_longer_or_shorter():
    settings = {"start": 16, "stable_images": 100, "fade_images": 50, "batch_size": 10}
    for last in (30, 400):
        schedule = GrowthSchedule(32, last_images=last, **settings)
        assert [phase.images for phase in schedule.phases] == [100, 50, last]
        assert GrowthSchedule(32, total_images=150 + last, **settings).phases == schedule.phases


def test_no_fade_is_a_jump():
    schedule = GrowthSchedule(8, stable_images=10, fade_images=0, batch_size=5)
    assert [(phase.side, phase.fading) for phase in schedule.phases] == [(4, False), (8, False)]
    assert [schedule.at(images) for images in (10, 11)] == [(4, 1.0), (8, 1.0)]


def test_round_trip():
    # Also of NumPy's numbers, which JSON does not know.
    schedule = GrowthSchedule(
        np.int64(32),
        start=8,
        batch_size={np.int64(8): np.int64(16), 32: 4},
        learning_rate=np.float32(1e-3),
        images_per_epoch=np.int32(500),
    )
    assert json.loads(json.dumps(schedule.get_config()))["batch_size"] == {"8": 16, "32": 4}
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert again.phases == schedule.phases
    assert again.get_config() == schedule.get_config()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"resolution": 48}, "resolution must be a power of two from 4 to 1024, got 48"),
        ({"resolution": 2048}, "resolution must be a power of two from 4 to 1024, got 2048"),
        ({"resolution": 2}, "resolution must be a power of two from 4 to 1024, got 2"),
        ({"start": 6}, "start must be a power of two from 4 to 1024, got 6"),
        ({"start": 64}, "start must be at most the resolution 32, got 64"),
        ({"stable_images": 0}, "stable_images must be an integer >= 1, got 0"),
        ({"fade_images": -1}, "fade_images must be an integer >= 0, got -1"),
        ({"images_per_epoch": 0.5}, "images_per_epoch must be an integer >= 1, got 0.5"),
        ({"images_per_epoch": 0}, "images_per_epoch must be an integer >= 1, got 0"),
        ({"stable_images": math.nan}, "stable_images must be an integer >= 1, got nan"),
        ({"fade_images": math.inf}, "fade_images must be an integer >= 0, got inf"),
        ({"fade_images": None}, "fade_images must be an integer >= 0, got None"),
        ({"last_images": 0}, "last_images must be an integer >= 1, got 0"),
        ({"last_images": 10, "total_images": 600}, "last_images must be None with total_images, got 10"),
        ({"total_images": 7e6 + 0.5}, "total_images must be an integer >= 1, got 7000000.5"),
        ({"batch_size": 0}, "batch_size must be an integer >= 1, got 0"),
        ({"batch_size": "x"}, "batch_size must be an integer >= 1, got 'x'"),
        ({"batch_size": {8: 4}}, "batch_size must be given for 4x4, got None"),
        ({"batch_size": {4: 4, 8: 2.5}}, "batch_size at 8x8 must be an integer >= 1, got 2.5"),
        ({"batch_size": {8.5: 4}}, "a side must be a power of two from 4 to 1024, got 8.5"),
        ({"batch_size": {"big": 4}}, "a side must be a power of two from 4 to 1024, got 'big'"),
        ({"batch_size": {9: 4}}, "a side must be a power of two from 4 to 1024, got 9"),
        ({"learning_rate": -1.0}, "learning_rate must be a finite number > 0, got -1.0"),
        ({"learning_rate": math.inf}, "learning_rate must be a finite number > 0, got inf"),
        *(
            ({"resolution": side}, f"resolution must be a power of two from 4 to 1024, got {side!r}")
            for side in (32.0, math.nan, math.inf, None, "32", True)
        ),
        (
            {"stable_images": 100, "fade_images": 100, "total_images": 600},
            "total_images must be more than 600 to reach 32x32, got 600",
        ),
    ],
)
def test_bad_schedules(arguments, message):
    with pytest.raises(UsageError, match=message):
        GrowthSchedule(**{"resolution": 32, **arguments})
