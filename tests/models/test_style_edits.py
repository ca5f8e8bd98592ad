"""Walks, mixtures, edits, path length and projection of StyleGAN's latents."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan import latents
from kgan.errors import DataError, UsageError
from kgan.metrics import KerasFeatures
from kgan.models import StyleGAN
from kgan.styles import noise_range


@pytest.fixture(scope="module")
def tiny():
    return StyleGAN.tiny()


@pytest.fixture(scope="module")
def conditional():
    return StyleGAN.tiny(num_classes=3)


@pytest.fixture(scope="module")
def z():
    return np.random.default_rng(1).normal(size=(3, 3)).astype("float32")


@pytest.mark.once
def test_interpolation_ends_at_the_two_latents(tiny, z):
    ends = tiny.images_of(tiny.map(z[:2]))
    for space in ("z", "w"):
        walk = tiny.interpolate(z[0], z[1], 5, space)
        assert walk.shape == (5, 8, 8, 1)
        np.testing.assert_array_equal(walk[[0, -1]], ends)
    middle = tiny.images_of(tiny.map(z[:2]).mean(axis=0, keepdims=True))
    np.testing.assert_array_equal(tiny.interpolate(z[0], z[1], 3, "w")[1], middle[0])
    middle = tiny.images_of(tiny.map(latents.slerp(z[0], z[1], 0.5)[None]))
    np.testing.assert_array_equal(tiny.interpolate(z[0], z[1], 3, "z")[1], middle[0])


def test_truncation_sweep(tiny, z):
    sweep = tiny.truncation_sweep(z, (1.0, 0.0, -1.0))
    assert sweep.shape == (3, 3, 8, 8, 1)
    np.testing.assert_array_equal(sweep[0], tiny.images_of(tiny.map(z)))
    np.testing.assert_array_equal(
        sweep[1], np.broadcast_to(tiny.images_of(tiny.mean_style[None]), (3, 8, 8, 1))
    )
    opposite = tiny.images_of(2 * tiny.mean_style - tiny.map(z))
    assert np.abs(sweep[2].astype(int) - opposite).max() <= 1  # rounding of one grey level


def test_mixing_takes_the_layers_of_the_source(tiny, z):
    w = tiny.map(z)
    mixed = tiny.mix(w[:1], w, (1, 2))
    np.testing.assert_array_equal(mixed[:, [0, 3]], np.repeat(w[:, None], 2, axis=1))
    np.testing.assert_array_equal(mixed[:, 1:3], np.broadcast_to(w[0], (3, 2, 3)))
    np.testing.assert_array_equal(tiny.mix(w, w[::-1], (0, 3)), np.repeat(w[:, None], 4, axis=1))


def test_edit_moves_along_the_direction(tiny, z):
    w = tiny.map(z)
    moved = tiny.edit(w, [0.0, 2.0, 0.0], np.array([1.0, 0.0, -1.0]), (2, 3))
    np.testing.assert_array_equal(moved[:, :2], np.repeat(w[:, None], 2, axis=1))
    np.testing.assert_allclose(moved[:, 2] - w, [[0, 2, 0], [0, 0, 0], [0, -2, 0]], atol=1e-6)


def brightness(images):
    return images.astype("float64").mean(axis=(1, 2, 3))


def contrast(images):
    return images.astype("float64").std(axis=(1, 2, 3))


@pytest.mark.once
def test_the_direction_of_an_attribute_changes_it(tiny):
    for space in ("w", "z"):
        direction = tiny.fit_attribute(brightness, 400, space)
        assert np.linalg.norm(direction.normal) == pytest.approx(1.0)
        assert direction.accuracy > 0.6
        effects = [
            tiny.edit_effect(direction, strength, brightness, {"contrast": contrast}, n=100, space=space)
            for strength in (-0.5, 0.0, 0.5)
        ]
        assert effects[0].target < 0.0 < effects[2].target
        assert effects[1].target == 0.0
        assert effects[1].others == {"contrast": 0.0}
        assert effects[2].leak == pytest.approx(effects[2].others["contrast"] / effects[2].target)


def linear_features():
    network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()], name="pixels")
    return KerasFeatures(network)


def test_path_length_names_its_extractor(tiny):
    found = {space: tiny.path_length(linear_features(), 20, space) for space in ("z", "w")}
    for space, value in found.items():
        assert (value.space, value.pairs) == (space, 20)
        assert value.extractor.startswith("pixels ")
        assert np.isfinite(value.value)
        assert value.value > 0
    assert found["z"].value != found["w"].value


@pytest.mark.once
def test_path_length_says_what_it_was_measured_with(tiny, conditional):
    found = tiny.path_length(linear_features(), 4)
    usual = {"epsilon": 1e-4, "face_crop": False, "pool_to": 256, "keep": (1.0, 99.0)}
    assert found.settings == {**usual, "seed": 0, "label": None}
    other = {"epsilon": 1e-2, "face_crop": True, "pool_to": 2, "keep": (0.0, 50.0)}
    found = conditional.path_length(linear_features(), 4, seed=3, label=2, **other)
    assert found.settings == {**other, "seed": 3, "label": 2}


@pytest.mark.once
def test_path_length_in_half_precision_would_be_one_of_rounding(tiny, monkeypatch):
    monkeypatch.setattr(type(tiny.generator), "compute_dtype", "float16")
    with pytest.raises(UsageError, match="needs a generator that computes in float32, got float16"):
        tiny.path_length(linear_features(), 2)


@pytest.mark.once
def test_separability_of_both_spaces(tiny):
    judges = {"light": brightness, "contrast": contrast}
    settings = {"samples": 150, "kept": 75, "threshold": None, "cost": 1.0, "noise": "random", "seed": 0}
    for space in ("z", "w"):
        found = tiny.separability(judges, 150, space, threshold=None)
        assert found.settings == {**settings, "space": space, "label": None}
        assert list(found.entropies) == ["light", "contrast"]
        assert found.value == pytest.approx(2.0 ** sum(found.entropies.values()))
        assert 1.0 <= found.value < 2.0
        assert sum(map(sum, found.tables["light"])) == 75
    assert found == tiny.separability(judges, 150, threshold=None)
    assert found != tiny.separability(judges, 150, threshold=None, seed=1)


@pytest.mark.once
def test_separability_judges_the_images_of_its_latents(conditional, monkeypatch):
    # An attribute that is the first number of w, and one of nothing in it.
    w = conditional.latents_drawn(300, 5, 1)[1]
    drawn = np.random.default_rng(0)
    monkeypatch.setattr(conditional, "images_of", lambda w, noise: np.repeat(w[:, None, None], 8, axis=1))
    middle = np.median(w[:, 0])
    judges = {
        "first": lambda images: images[:, 0, 0, 0] - middle,
        "nothing": lambda images: drawn.normal(size=len(images)),
    }
    found = conditional.separability(judges, 300, seed=5, label=1, noise="fixed")
    assert found.entropies["first"] == 0.0
    assert found.entropies["nothing"] > 0.9
    assert (found.settings["label"], found.settings["noise"]) == (1, "fixed")


def test_path_length_of_a_linear_generator(tiny, monkeypatch):
    # G(w) = A w: the mean squared length of A (w1 - w0), whatever the step.
    matrix = np.random.default_rng(0).normal(size=(3, 64)).astype("float32")
    monkeypatch.setattr(tiny, "synthesize", lambda w, noise=None: np.reshape(w @ matrix, (-1, 8, 8, 1)))
    w = tiny.latents_drawn(60, 0)[1]
    keep = (0.0, 100.0)
    found = tiny.path_length(linear_features(), 30, "w", epsilon=1e-2, keep=keep)
    expected = np.square(127.5 * (w[30:] - w[:30]) @ matrix).sum(axis=1).mean()
    assert found.value == pytest.approx(expected, rel=1e-2)


def test_projection_recovers_a_generated_image(tiny):
    images = tiny.sample(2, seed=11)
    found = tiny.project(images, steps=150, progress=False)
    before, after = found.errors
    assert (after < 0.5 * before).all(), (before, after)
    assert found.losses[-10:].mean() < found.losses[:10].mean()
    np.testing.assert_array_equal(tiny.images_of(found.w, found.noise), found.after)
    assert found.features is None
    assert found.picture().size == (2 * 10 + 2, 3 * 10 + 2)
    assert all(abs(value.mean()) < 1e-5 for value in found.noise.values())


def test_projection_by_features_and_layers(tiny):
    images = tiny.sample(1, seed=12, noise="fixed")
    weights = [ops.convert_to_numpy(weight.value) for weight in tiny.weights]
    network = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(2, 3, name="edges")], name="net")
    found = tiny.project(
        images,
        steps=20,
        optimize_noise=False,
        per_layer=True,
        features=KerasFeatures(network, "edges"),
        progress=False,
    )
    assert found.w.shape == (1, 4, 3)
    assert found.features.startswith("net ")
    assert found.losses[-1] < found.losses[0]
    np.testing.assert_array_equal(found.noise["noise_0"], tiny.noise(1, "fixed")["noise_0"])
    # The generator itself has not moved.
    for before, weight in zip(weights, tiny.weights, strict=True):
        np.testing.assert_array_equal(before, ops.convert_to_numpy(weight.value))


@pytest.mark.once
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.mix(np.zeros((1, 3)), np.zeros((1, 3)), (0, 4)), r"within 0 to 3, got \(0, 4\)"),
        (lambda m: m.mix(np.zeros((1, 3)), np.zeros((1, 3)), (2, 1)), r"within 0 to 3, got \(2, 1\)"),
        (lambda m: m.mix(np.zeros((2, 3)), np.zeros((3, 3)), (0, 1)), r"equally many or one, got \(2, 3\)"),
        (lambda m: m.edit(np.zeros((1, 3)), np.zeros(4), 1.0), "direction must be a vector of 3 numbers"),
        (lambda m: m.interpolate(np.zeros(3), np.ones(3), 4, "x"), 'space must be "z" or "w", got .x.'),
        (lambda m: m.truncation_sweep(np.zeros((1, 3)), (2.0,)), r"truncation_psi must lie in \[-1, 1\]"),
        (lambda m: m.styles(np.zeros((1, 3)), 0.5, 5), "truncation_cutoff must be from 0 to 4, got 5"),
        (lambda m: m.path_length(None), "features must be a kgan.metrics extractor, got NoneType"),
        (lambda m: m.project(np.zeros((1, 4, 4, 1), "uint8")), r"images must be uint8 \[n >= 1, 8, 8, 1\]"),
        (lambda m: m.project(m.sample(1), steps=0), "steps must be an integer >= 1, got 0"),
        (lambda m: m.project(m.sample(1), steps=2.5), "steps must be an integer >= 1, got 2.5"),
        (lambda m: m.project(m.sample(1), learning_rate=np.inf), "learning_rate must be a finite number > 0"),
        (lambda m: m.mix(*np.zeros((2, 1, 3)), (0, 1, 2)), r"within 0 to 3, got \(0, 1, 2\)"),
        (lambda m: m.mix(*np.zeros((2, 1, 3)), "coarse"), "within 0 to 3, got 'coarse'"),
        (lambda m: m.mix(*np.zeros((2, 1, 3)), 2), "within 0 to 3, got 2"),
        (lambda m: m.mix(*np.zeros((2, 1, 3)), (0, np.nan)), r"within 0 to 3, got \(0, nan\)"),
        (lambda m: m.styles(np.zeros((1, 3)), 0.5, np.nan), "truncation_cutoff must be from 0 to 4, got nan"),
        (lambda m: m.styles(np.zeros((1, 3)), "half"), r"truncation_psi must be numbers in \[-1, 1\]"),
        (lambda m: m.styles(np.full((1, 3), np.nan)), "w must be finite, got NaN"),
        (
            lambda m: m.edit(np.zeros((2, 3)), np.ones(3), [1.0] * 3),
            "strength must be one finite number or 2",
        ),
        (lambda m: m.edit(np.zeros((2, 3)), np.ones(3), np.inf), "strength must be finite, got NaN"),
        (lambda m: m.edit(np.zeros((2, 3)), np.full(3, np.nan), 1.0), "direction must be finite, got NaN"),
        (lambda m: m.edit(np.zeros((2, 3)), np.ones(3), "much"), "strength must be real numbers, got 'much'"),
        (lambda m: m.synthesize("abc"), "w must be real numbers, got 'abc'"),
        (lambda m: m.synthesize([[1.0], [2.0, 3.0]]), "w must be real numbers"),
        (lambda m: m.synthesize(np.zeros((2, 3)), {"noise_0": np.ones((4, 1))}), "noise_0 must be 2x4x4x1"),
        (lambda m: m.truncation_sweep(np.zeros((1, 3)), []), "psis must be at least one number, got none"),
        (lambda m: m.fit_attribute(brightness, 1), "n must be an integer >= 2, got 1"),
        (
            lambda m: m.edit_effect(np.ones(3), 1.0, brightness, {"a": contrast}, n=1),
            "n must be an integer >= 2",
        ),
        (lambda m: m.sample(1, seed=1.5), r"seed must be an integer >= 0, got 1\.5"),
        (lambda m: m.generate({}), "inputs must hold z, got none"),
        (lambda m: m.map(np.ones((2, 1))), "z must be 2x3 numbers"),
        (lambda m: m.map(np.zeros(3)), r"z must be \[n, 3\], got \[3\]"),
        (lambda m: m.map(np.zeros((1, 4))), "z must be 1x3 numbers"),
        (lambda m: m.map(np.zeros((1, 3)), 0), "label must not be given for a generator without classes"),
        (lambda m: m.map(np.zeros((1, 3)), batch_size=0), "batch_size must be an integer >= 1, got 0"),
        (
            lambda m: m.interpolate(np.zeros(2), np.ones(3), 4),
            r"start must be a vector of 3 numbers, got \[2\]",
        ),
        (lambda m: m.interpolate(np.zeros(3), np.full(3, np.inf), 4), "end must be finite, got NaN"),
        (
            lambda m: m.interpolate(*np.ones((2, 3)), 4, noise={"noise_0": np.zeros(5)}),
            "noise_0 must be 4x4x4",
        ),
        (
            lambda m: m.synthesize(np.zeros((1, 3)), {"noise_9": 0}),
            "inputs must be among noise_0, .* noise_9",
        ),
        (lambda m: m.synthesize(np.zeros((0, 3))), r"w must be \[n, 3\] or .* got \[0, 3\]"),
        (lambda m: m.noise(0), "n must be an integer >= 1, got 0"),
        (lambda m: m.path_length(linear_features(), 0), "n must be an integer >= 1, got 0"),
        (lambda m: m.path_length(linear_features(), 2, keep=2), "keep must be two rising .*, got 2"),
        (
            lambda m: m.path_length(linear_features(), 2, face_crop="abc"),
            "face_crop must be True or False, got",
        ),
        (lambda m: m.separability({}), "judges must be a dict of functions by name, got {}"),
        (lambda m: m.separability(brightness), "judges must be a dict of functions by name, got <function"),
        (lambda m: m.separability({"a": 3}), "a must be a function from uint8 images to numbers, got 3"),
        (lambda m: m.separability({"a": brightness}, 1), "n must be an integer >= 2, got 1"),
        (lambda m: m.separability({"a": brightness}, 2, "x"), 'space must be "z" or "w"'),
        (lambda m: m.separability({"a": brightness}, 2, seed=-1), "seed must be an integer >= 0, got -1"),
        (lambda m: m.separability({"a": brightness}, 2, noise="no"), "noise must be one of random, fixed"),
        (lambda m: m.separability({"a": brightness}, 2, keep=0), r"keep must lie in \(0, 1\], got 0"),
        (lambda m: m.project(m.sample(1), features=3), "features must be KerasFeatures, .* got int"),
        (
            lambda m: m.project(m.sample(1), optimize_noise="no"),
            "optimize_noise must be True or False, got 'no'",
        ),
        (lambda m: m.project(m.sample(1), per_layer=1), "per_layer must be True or False, got 1"),
        (
            lambda m: m.truncation_sweep(np.zeros((2, 3)), np.ones((2, 2))),
            r"psis must be at least one number, got an array of shape \[2, 2\]",
        ),
        (lambda m: m.truncation_sweep(np.zeros((1, 3)), noise=[1]), r"noise must be a dict .* got \[1\]"),
        (
            lambda m: m.interpolate(*np.ones((2, 3)), 4, noise=2),
            "noise must be a dict of noise images.* got 2",
        ),
        (lambda m: m.masked("abc", "all"), "noise must be a dict of noise images, .* got 'abc'"),
        (lambda m: m.masked({"noise_4": 0}, "all"), "noise must be among noise_0, .* noise_3, got noise_4"),
        (lambda m: m.sample(1, noise=np.ones(2)), r"noise must be one of .* got an array of shape \[2\]"),
        (lambda m: m.noise(1, np.ones(2)), r"noise must be one of .* got an array of shape \[2\]"),
        (lambda m: m.interpolate(*np.ones((2, 3)), 4, np.ones(2)), r'space must be "z" or "w", got an array'),
        (
            lambda m: m.path_length(linear_features(), sampling=np.ones(2)),
            "sampling must be full or end, got an",
        ),
        (lambda m: m.map(np.zeros((1, 3)), batch_size=np.ones((2, 2))), r"batch_size .* shape \[2, 2\]"),
        (lambda m: m.fit_attribute("light", 4), "judge must be a function .* got 'light'"),
        (lambda m: m.edit_effect(np.ones(3), 1.0, "light", {"a": contrast}), "target must be a function"),
        (lambda m: m.edit_effect(np.ones(3), 1.0, brightness, {"a": 3}), "a must be a function .* got 3"),
        (lambda m: m.edit_effect(np.ones(3), 1.0, brightness, "abc"), "others must be a dict .* got 'abc'"),
    ],
)
def test_bad_input(tiny, call, message):
    with pytest.raises(UsageError, match=message) as error:
        call(tiny)
    assert "\n" not in str(error.value)


@pytest.mark.once
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, z: m.map(z, 3), "label must be an integer from 0 to 2, got 3"),
        (lambda m, z: m.map(z, -1), "label must be an integer from 0 to 2, got -1"),
        (lambda m, z: m.map(z), "label must be given for a generator with classes, got None"),
        (lambda m, z: m.map(z, [0, 1]), "label must be 3 numbers or one value for all"),
        (lambda m, z: m.interpolate(*z[:2], 3, label=7), "label must be an integer from 0 to 2, got 7"),
        (lambda m, z: m.interpolate(*z[:2], 3, "w", label=[0, 1]), r"label must be one class, got \[0, 1\]"),
        (lambda m, z: m.truncation_sweep(z, label=[0] * 4), "label must be 3 numbers or one value for all"),
        (lambda m, z: m.project(m.sample(1), label=3), "label must be an integer from 0 to 2, got 3"),
        (lambda m, z: m.latents_drawn(2), "label must be given for a generator with classes, got None"),
    ],
)
def test_labels_that_are_none(conditional, z, call, message):
    with pytest.raises(UsageError, match=message):
        call(conditional, z)


@pytest.mark.once
def test_layers_without_noise_in_a_dict_have_none(tiny, z):
    w, drawn = tiny.map(z), tiny.noise(3, seed=1)
    np.testing.assert_array_equal(tiny.synthesize(w, {}), tiny.synthesize(w, tiny.noise(3, "none")))
    one = {"noise_1": drawn["noise_1"]}
    np.testing.assert_array_equal(tiny.synthesize(w, one), tiny.synthesize(w, tiny.masked(drawn, (1, 1))))


@pytest.mark.once
def test_noise_of_coarse_and_fine_layers():
    # stylegan.md 11.4: layers 0 to 7 of 18 are coarse.
    assert [noise_range("coarse", n)[1] + 1 for n in (18, 14, 8, 4)] == [8, 8, 4, 2]
    assert noise_range("fine", 18) == (8, 17)


@pytest.mark.once
def test_attributes_that_do_not_vary(tiny):
    with pytest.raises(DataError, match="labels must be of two kinds, got 10 alike"):
        tiny.fit_attribute(lambda images: np.zeros(len(images)), 10)
    with pytest.raises(DataError, match=r"scores of a must lie on both sides of .* 0 .* got all 5"):
        tiny.separability({"a": brightness}, 10)
    with pytest.raises(DataError, match=r"scores of a must be .* with a confidence, .* got bool"):
        tiny.separability({"a": lambda images: brightness(images) > 127}, 10)
    with pytest.raises(UsageError, match="others must name at least one attribute, got none"):
        tiny.edit_effect(np.ones(3), 1.0, brightness, {})
    with pytest.raises(DataError, match="an attribute must differ between samples, got 0 in all of them"):
        tiny.edit_effect(np.ones(3), 1.0, brightness, {"none": lambda images: np.zeros(len(images))})


@pytest.mark.once
@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (lambda images: np.zeros(3), r"must give 4 numbers, got float64 of shape \[3\]"),
        (lambda images: 5, r"must give 4 numbers, got int64 of shape \[\]"),
        (lambda images: ["a"] * 4, r"must give 4 numbers, got <U1 of shape \[4\]"),
        (lambda images: [[1], [2, 3], [4], [5]], r"must give 4 numbers, got object of shape \[4\]"),
        (lambda images: np.full(len(images), np.nan), "must give finite numbers, got NaN or infinity"),
    ],
)
def test_judges_give_one_finite_number_for_each_image(tiny, answers, message):
    with pytest.raises(DataError, match=f"judge {message}"):
        tiny.fit_attribute(answers, 4)
    with pytest.raises(DataError, match=f"target {message}"):
        tiny.edit_effect(np.ones(3), 1.0, answers, {"contrast": contrast}, n=4)
    with pytest.raises(DataError, match=f"other {message}"):
        tiny.edit_effect(np.ones(3), 1.0, brightness, {"other": answers}, n=4)


@pytest.mark.once
def test_the_effect_on_a_yes_or_no(tiny):
    def light(images):
        return brightness(images) > np.median(brightness(images))

    found = tiny.edit_effect(np.ones(3), 0.0, light, {"contrast": contrast}, n=8)
    assert (found.target, found.others) == (0.0, {"contrast": 0.0})
