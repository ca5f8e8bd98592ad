"""Phases of the published schedules, and what no schedule may be."""

import itertools

import keras
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
    # 100 images in 3 epochs of ceil(100 / 48) = 3 batches are 144; the next phase begins after them.
    assert (phases[0].epochs, phases[0].steps_per_epoch, phases[0].shown) == (3, 3, 144)
    for phase, following in itertools.pairwise(phases):
        assert following.first == phase.first + phase.shown
        assert phase.images <= phase.shown < phase.images + phase.epochs * phase.batch_size
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


def test_no_fade_is_a_jump():
    schedule = GrowthSchedule(8, stable_images=10, fade_images=0, batch_size=5)
    assert [(phase.side, phase.fading) for phase in schedule.phases] == [(4, False), (8, False)]
    assert [schedule.at(images) for images in (10, 11)] == [(4, 1.0), (8, 1.0)]


def test_round_trip():
    schedule = GrowthSchedule(
        32, start=8, batch_size={8: 16, 32: 4}, learning_rate=1e-3, images_per_epoch=500
    )
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
        ({"stable_images": 0}, "stable_images must be an integer of at least 1, got 0"),
        ({"fade_images": -1}, "fade_images must be an integer of at least 0, got -1"),
        ({"images_per_epoch": 0.5}, "images_per_epoch must be an integer of at least 1, got 0.5"),
        ({"batch_size": 0}, "batch_size must be an integer of at least 1 at 4x4, got 0"),
        ({"batch_size": {8: 4}}, "batch_size must be an integer of at least 1 at 4x4, got None"),
        ({"batch_size": {9: 4}}, "a side must be a power of two from 4 to 1024, got 9"),
        ({"learning_rate": -1.0}, "learning_rate must be greater than 0 at 4x4, got -1.0"),
        (
            {"stable_images": 100, "fade_images": 100, "total_images": 600},
            "total_images must be more than 600 to reach 32x32, got 600",
        ),
    ],
)
def test_bad_schedules(arguments, message):
    with pytest.raises(UsageError, match=message):
        GrowthSchedule(**{"resolution": 32, **arguments})
