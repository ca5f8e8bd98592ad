"""Two sets of images of different lengths, each in an order of its own."""

import keras
import numpy as np
import PIL.Image
import pytest

from kgan.data import UnpairedImages, load_unpaired
from kgan.errors import DataError, UsageError
from kgan.models import CycleGAN
from kgan.models.cyclegan_networks import networks
from kgan.run import Rest


@pytest.fixture
def folders(flat_images):
    """A has the grey levels 0 to 6, B those from 100 to 119."""
    return flat_images("a", range(7), (16, 16), "RGB"), flat_images("b", range(100, 120), (16, 16), "RGB")


def levels(batch):
    return np.rint((np.asarray(batch)[:, 0, 0, 0] + 1) * 127.5).astype(int).tolist()


def served(data):
    batches = [data[i] for i in range(len(data))]
    return [[level for batch in batches for level in levels(batch[side])] for side in (0, 1)]


@pytest.mark.once
def test_an_epoch_is_the_larger_set_and_the_smaller_is_repeated(folders):
    data = load_unpaired(*folders, batch_size=3)
    assert (len(data), data.num_examples, data.batch_size) == (6, 20, 3)
    a, b = served(data)
    assert len(set(b)) == len(b) == 18
    assert set(b) <= set(range(100, 120))
    # Each repetition holds every image of A once.
    assert sorted(a[:7]) == sorted(a[7:14]) == list(range(7))
    assert a[:7] != a[7:14]


@pytest.mark.once
def test_the_larger_set_may_be_the_first(folders):
    data = load_unpaired(*reversed(folders), batch_size=5)
    a, b = served(data)
    assert len(data) == 4
    assert sorted(a) == list(range(100, 120))
    assert set(b) == set(range(7))


@pytest.mark.once
def test_pairings_change_from_epoch_to_epoch(folders):
    data = load_unpaired(*folders, batch_size=4)
    pairings = []
    for epoch in range(4):
        data.set_epoch(epoch)
        pairings.append(tuple(zip(*served(data))))
    assert len(set(pairings)) == 4


@pytest.mark.once
def test_a_batch_is_a_function_of_seed_epoch_and_index(folders):
    options = {"batch_size": 4, "mirror": True, "crop": 12}
    first, second = (load_unpaired(*folders, **options, seed=5) for _ in range(2))
    first.set_epoch(2)
    whole = [first[i] for i in range(len(first))]
    second.set_epoch(7)
    second[3]
    second.set_epoch(2)
    for index in (4, 0, 2):
        for mine, other in zip(whole[index], second[index]):
            np.testing.assert_array_equal(mine, other)
    assert served(load_unpaired(*folders, **options, seed=6)) != served(load_unpaired(*folders, **options))


@pytest.mark.once
def test_without_shuffle_the_orders_are_those_of_the_sources(folders):
    a, b = served(load_unpaired(*folders, batch_size=2, shuffle=False))
    assert b == list(range(100, 120))
    assert a == [i % 7 for i in range(20)]


@pytest.mark.once
def test_both_sets_are_trimmed(tmp_path):
    sources = []
    for name, box in (("a", (0, 0, 16, 16)), ("b", (5, 6, 9, 10))):
        image = PIL.Image.new("RGB", (16, 16), "white")
        image.paste((40, 50, 60), box)
        (tmp_path / name).mkdir()
        image.save(tmp_path / name / "0.png")
        sources.append(tmp_path / name)
    data = load_unpaired(*sources, trim=3)
    np.testing.assert_array_equal(*data[0])
    assert data[0][0].max() == 1.0
    assert data.fingerprint != load_unpaired(*sources).fingerprint


def test_rows_take_part_alone(folders):
    data = load_unpaired(*folders, rows_a=[1, 3, 5, 6], rows_b=np.array([0, 19]), batch_size=2)
    a, b = served(data)
    assert sorted(a) == [1, 3, 5, 6]
    assert sorted(b) == [100, 100, 119, 119]


@pytest.mark.once
def test_crops_and_mirror_images_come_from_the_image(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
    columns = np.tile(np.arange(16, dtype=np.uint8) * 10, (16, 1))
    for name in "ab":
        for number in range(8):
            PIL.Image.fromarray(columns).save(tmp_path / name / f"{number}.png")
    data = load_unpaired(tmp_path / "a", tmp_path / "b", batch_size=8, crop=12, mirror=True)
    assert data.image_shape == data.image_shape_b == (12, 12, 1)
    steps = set()
    for epoch in range(3):
        data.set_epoch(epoch)
        for images in data[0]:
            assert images.shape == (8, 12, 12, 1)
            differences = np.diff((images[:, 0, :, 0] + 1) * 127.5, axis=1)
            steps |= set(np.rint(differences).astype(int).ravel().tolist())
    assert steps == {10, -10}


@pytest.mark.once
def test_fingerprints_depend_on_what_is_served(folders):
    same = [load_unpaired(*folders).fingerprint for _ in range(2)]
    others = [
        load_unpaired(*folders, seed=1),
        load_unpaired(*folders, rows_a=[0, 1]),
        load_unpaired(*folders, mirror=True),
        load_unpaired(*reversed(folders)),
    ]
    assert same[0] == same[1]
    assert len({same[0], *(data.fingerprint for data in others)}) == 5


@pytest.mark.once
def test_a_run_in_two_parts_is_that_in_one(folders):
    from kgan.contract import difference

    def fresh():
        keras.utils.set_random_seed(3)
        model = CycleGAN(**networks(image_size=16, width=2, stages=1, blocks=1), pool_size=3)
        model.compile()
        return model, load_unpaired(*folders, batch_size=5, seed=1)

    whole, data = fresh()
    whole.fit(data, epochs=2, verbose=0)
    parts, data = fresh()
    parts.fit(data, epochs=1, verbose=0)
    data = load_unpaired(*folders, batch_size=5, seed=1)
    data.set_epoch(1)
    parts.fit(Rest(data, 0), initial_epoch=1, epochs=2, verbose=0)
    assert difference(whole, parts) == 0.0


@pytest.mark.once
def test_an_empty_set_is_refused(folders, tmp_path):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(DataError, match=r"nothing holds no images: neither \.png .* nor a data set"):
        load_unpaired(folders[0], tmp_path / "nothing")
    with pytest.raises(UsageError, match="rows_b must be at least one place from 0 to 19, got none"):
        load_unpaired(*folders, rows_b=[])


@pytest.mark.once
def test_different_channels_are_refused_or_converted(folders, flat_images):
    grey = flat_images("grey", range(7), (16, 16), "L")
    with pytest.raises(DataError, match=r"same channels, A has 3 and B has 1: pass channels=1 or channels=3"):
        load_unpaired(folders[0], grey)
    assert load_unpaired(folders[0], grey, channels=1).image_shape == (16, 16, 1)


@pytest.mark.once
def test_transparent_and_animated_images_are_converted(tmp_path, folders):
    folder = tmp_path / "odd"
    folder.mkdir()
    PIL.Image.new("RGBA", (16, 16), (255, 0, 0, 0)).save(folder / "0.png")
    frames = [PIL.Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    frames[0].save(folder / "1.gif", save_all=True, append_images=frames[1:])
    images, _ = load_unpaired(folder, folder, batch_size=2, shuffle=False, channels=3)[0]
    assert images[0].min() == 1.0  # on white
    np.testing.assert_allclose(images[1, 0, 0], [1, -1, -1])  # the first frame


@pytest.mark.once
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 21}, "batch_size must be from 1 to 20, the images of the larger set, got 21"),
        ({"batch_size": 0}, "batch_size must be an integer >= 1, got 0"),
        ({"seed": -1}, "seed must be an integer >= 0, got -1"),
        ({"crop": 17}, "crop must be from 1 to 16, the smallest side, got 17"),
        ({"crop": 3.5}, r"crop must be an integer >= 1, got 3\.5"),
        ({"rows_a": [True, False]}, "rows_a must be integers, the places of images, got bool"),
        ({"rows_a": [[0, 1], [2, 3]]}, r"rows_a must be a list of places, got an array of shape \[2, 2\]"),
        ({"rows_a": [7]}, "rows_a must be at least one place from 0 to 6, got 7"),
    ],
)
def test_wrong_arguments(folders, options, message):
    with pytest.raises(UsageError, match=message):
        load_unpaired(*folders, **options)


@pytest.mark.once
def test_images_of_another_size_than_the_model_are_refused(folders):
    model = CycleGAN(**networks(image_size=24, width=2, stages=1, blocks=1))
    model.compile()
    with pytest.raises(UsageError, match="images must be 24x24x3 for this model, got 16x16x3"):
        model.fit(load_unpaired(*folders))
    data = load_unpaired(*folders, image_size=24, upscale=True)
    small = UnpairedImages(data.images[0], load_unpaired(*folders).images[1])
    with pytest.raises(UsageError, match="images of B must be 24x24x3 for this model, got 16x16x3"):
        model.fit(small)
