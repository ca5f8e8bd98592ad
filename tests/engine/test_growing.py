"""Growth within one `fit`: phases, compilations, exact resumption, and what a fade is at its ends."""

import types

import keras
import numpy as np
import pytest
from keras import ops

from kgan import _backend, latents
from kgan.callbacks import Checkpoint, Progress
from kgan.contract import difference
from kgan.data.image_stream import ImageStream
from kgan.engine import GrowthSchedule
from kgan.engine.growing import shrink
from kgan.errors import CheckpointError, UsageError
from kgan.layers import Fade
from kgan.models import PGGAN, StyleGAN
from kgan.models.pggan import PGGANDiscriminator, PGGANGenerator
from kgan.run import Rest

SILENT = {"verbose": 0, "shuffle": False}


class StopError(Exception):
    """Ends a fit from within."""


class StopAt(keras.callbacks.Callback):
    def __init__(self, epoch, batch):
        super().__init__()
        self.place, self.epoch = (epoch, batch), 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == self.place:
            raise StopError


class Watch(keras.callbacks.Callback):
    """What Keras tells callbacks of a training that is made of many fits."""

    def __init__(self):
        super().__init__()
        self.seen, self.steps = [], []

    def on_train_begin(self, logs=None):
        self.seen.append("begin")

    def on_train_end(self, logs=None):
        self.seen.append("end")

    def on_epoch_end(self, epoch, logs=None):
        phase = self.model.phase
        self.seen.append((epoch, phase.side, phase.fading))
        self.steps.append(self.params["steps"])


class Stored(keras.utils.PyDataset):
    """Some images with the interface of `kgan.data.Images`."""

    def __init__(self):
        super().__init__()
        self.images = np.random.default_rng(1).integers(0, 256, (10, 8, 8, 1)).astype("uint8")
        self.num_examples, self.image_shape = 10, (8, 8, 1)
        self.shuffle, self.seed = True, 4

    def uint8(self, rows):
        return self.images[rows]

    def __len__(self):
        return 2


def count_steps(model):
    """Phase and batch of each call of the step's Python: each compilation makes one.

    A batch is [images, rows, columns], and [labels] where it has them.
    """
    calls, original = [], model.adversarial_step

    def step(batch):
        shapes = [tuple(tensor.shape)[:3] for tensor in keras.tree.flatten(batch)]
        calls.append((model.phase.side, model.phase.fading, *shapes))
        original(batch)

    model.adversarial_step = step
    return calls


def values(layer):
    return [np.array(ops.convert_to_numpy(weight.value)) for weight in layer.weights]


@pytest.fixture(scope="module")
def trained(growing):
    """One model trained through all phases, and what was seen of it."""
    model, watch, alphas = growing(), Watch(), []
    calls = count_steps(model)

    def note(epoch, logs):
        networks = (model.generator, model.discriminator, model.average.network)
        alphas.append([float(ops.convert_to_numpy(network.fade.alpha.value)) for network in networks])

    callbacks = [watch, keras.callbacks.LambdaCallback(on_epoch_end=note)]
    history = model.fit(Stored(), callbacks=callbacks, **SILENT)
    return types.SimpleNamespace(model=model, watch=watch, calls=calls, alphas=alphas, history=history)


def test_one_fit_passes_all_phases(trained):
    epochs = [(0, 4, False), (1, 8, True), (2, 8, True), (3, 8, False)]
    assert trained.watch.seen == ["begin", *epochs, "end"]
    assert trained.watch.steps == [2, 1, 2, 2]
    assert trained.history.epoch == [0, 1, 2, 3]
    assert all(np.isfinite(trained.history.history["discriminator_loss"]))
    assert trained.model.images_shown() == 28
    assert int(ops.convert_to_numpy(trained.model.optimizer.iterations.value)) == 7


def test_each_phase_is_compiled_once_with_its_own_shapes(trained):
    phases = [(4, False, (4, 4, 4)), (8, True, (4, 8, 8)), (8, False, (4, 8, 8))]
    if keras.backend.backend() == "torch":  # eager: the step runs every time
        assert trained.calls == [phases[0]] * 2 + [phases[1]] * 3 + [phases[2]] * 2
    else:
        assert trained.calls == phases


def test_stylegan_is_compiled_once_per_phase():
    model = StyleGAN.tiny(num_classes=2)
    model.begin(0)
    model.compile()
    calls = count_steps(model)
    images = np.random.default_rng(1).uniform(-1, 1, (3, 8, 8, 1)).astype("float32")
    model.fit(images, np.array([0, 1, 1]), **SILENT)  # fewer than a batch
    assert model.images_shown() == 24
    phases = [(4, False, (4, 4, 4), (4,)), (8, True, (4, 8, 8), (4,)), (8, False, (4, 8, 8), (4,))]
    if keras.backend.backend() == "torch":  # eager: the step runs every time
        phases = [phase for phase in phases for _ in range(2)]
    assert calls == phases


def test_alpha_is_a_line_in_images_shown(trained):
    # The fade of 11 images has steps at 0, 4 and 8, none at alpha 1; after it the old layers are gone.
    np.testing.assert_allclose(trained.alphas, [[1.0] * 3, [0.0] * 3, [8 / 11] * 3, [1.0] * 3], rtol=1e-6)


@pytest.fixture(scope="module")
def interrupted(growing, tmp_path_factory):
    """Folder with the checkpoints of a training that stopped in the middle of an epoch of its fade."""
    folder, half = tmp_path_factory.mktemp("interrupted"), growing()
    backup = keras.callbacks.BackupAndRestore(folder / "backup", save_freq=1, delete_checkpoint=False)
    with pytest.raises(StopError):
        half.fit(
            Stored(), callbacks=[Checkpoint(folder / "run", every_steps=1), backup, StopAt(2, 1)], **SILENT
        )
    return folder


def test_a_run_resumes_exactly_within_a_fade(trained, interrupted, growing):
    rest, data = growing(seed=9), Stored()
    checkpoint = Checkpoint(interrupted / "run")
    state = checkpoint.restore(rest)
    assert (state.epoch, state.batch) == (2, 1)
    assert (rest.phase.side, rest.phase.fading, rest.images_shown()) == (8, True, 16)
    part = {"initial_epoch": 2, "epochs": 3, "callbacks": [checkpoint], **SILENT}
    found = rest.fit(Rest(data, 1), **part).history
    # The mean over the epoch includes the batches before the stop.
    assert {name: [column[2]] for name, column in trained.history.history.items()} == found
    rest.fit(data, callbacks=[checkpoint], initial_epoch=3, epochs=4, **SILENT)
    assert difference(trained.model, rest) == 0.0


def test_backup_and_restore_is_exact_within_a_fade(trained, interrupted, growing):
    rest = growing(seed=9)
    backup = keras.callbacks.BackupAndRestore(interrupted / "backup", save_freq=1, delete_checkpoint=False)
    assert rest.fit(Stored(), callbacks=[backup], **SILENT).epoch == [2, 3]
    assert difference(trained.model, rest) == 0.0
    # After its schedule the training goes on at the last side.
    rest.fit(Stored(), epochs=5, initial_epoch=4, **SILENT)
    assert (rest.images_shown(), rest.phase.side) == (36, 8)


def test_a_fade_begins_at_the_old_images_and_ends_without_them(growing):
    model = growing()
    z = np.random.default_rng(3).normal(size=(4, 3)).astype("float32")
    before = ops.convert_to_numpy(model.generator.at(4)(z))
    images = np.random.default_rng(4).normal(size=(4, 8, 8, 1)).astype("float32")
    x = ops.convert_to_tensor(images)
    small = images.reshape(4, 4, 2, 4, 2, 1).mean(axis=(2, 4))
    score = ops.convert_to_numpy(model.discriminator.at(4)(small))
    model.begin(1)
    doubled = before.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(ops.convert_to_numpy(model.part(model.generator)(z)), doubled)
    found = ops.convert_to_numpy(model.part(model.discriminator)(images))
    np.testing.assert_allclose(found, score, rtol=1e-6, atol=1e-6)
    reals = ops.convert_to_numpy(model.reals(x))
    np.testing.assert_allclose(reals, small.repeat(2, axis=1).repeat(2, axis=2), rtol=1e-6, atol=1e-6)
    # At alpha 1 the old colours have no influence and no gradient.
    model.begin(1, shown=11)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(model.part(model.generator)(z)), ops.convert_to_numpy(model.generator.at(8)(z))
    )
    np.testing.assert_array_equal(ops.convert_to_numpy(model.reals(x)), images)
    colours = model.generator.to_rgb, model.discriminator.from_rgb
    cases = list(zip((model.generator, model.discriminator), colours, (ops.convert_to_tensor(z), x)))
    for network, convs, given in cases:

        def loss(network=network, given=given):
            total = ops.sum(ops.square(model.part(network)(given)))
            return total, total

        old, new = (conv.trainable_weights for conv in convs)
        gradients = [ops.convert_to_numpy(g) for g in _backend.value_and_grad(loss, old + new)[1]]
        assert not any(map(np.any, gradients[: len(old)]))
        assert all(map(np.any, gradients[len(old) :]))
    # The next phase has neither these layers nor the blend.
    model.begin(2)
    trained = {id(weight) for weights in model.trained_variables().values() for weight in weights}
    for network, convs, _ in cases:
        assert not any(id(weight) in trained for weight in convs[0].trainable_weights)
        assert not any(isinstance(layer, Fade) for layer in model.part(network).layers)


def made(network, inputs):
    """What a network of one side makes of those of the inputs that it has."""
    named = network.input if isinstance(network.input, dict) else ["z"]
    values = {name: inputs[name] for name in named}
    return ops.convert_to_numpy(network(values if isinstance(network.input, dict) else values["z"]))


@pytest.fixture(params=["float32", "mixed_float16"])
def policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("kind", [PGGAN, StyleGAN])
def test_both_ends_of_a_fade_are_exact(kind, policy):
    model = kind.tiny()
    for network in model._networks():
        for layer in network.at(8, fading=True).layers:
            if layer.name in ("fade", "enlarge", "reduce"):
                assert layer.compute_dtype == "float32"
    model.begin(1)
    inputs = latents.draw(model.sampling_inputs(), 4, seed=1)
    small = made(model.generator.at(4), inputs)
    doubled = small.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(made(model.part(model.generator), inputs), doubled)
    images = ops.convert_to_tensor(np.random.default_rng(4).normal(size=(4, 8, 8, 1)).astype("float32"))
    score = ops.convert_to_numpy(model.discriminator.at(4)(shrink(images, 2)))
    np.testing.assert_array_equal(ops.convert_to_numpy(model.part(model.discriminator)(images)), score)
    model.begin(1, shown=model.phase.images)
    np.testing.assert_array_equal(
        made(model.part(model.generator), inputs), made(model.generator.at(8), inputs)
    )
    found, whole = (network(images) for network in (model.part(model.discriminator), model.discriminator))
    np.testing.assert_array_equal(ops.convert_to_numpy(found), ops.convert_to_numpy(whole))
    parts = [model.generator.at(side) for side in (4, 8)] + [model.part(model.generator)]
    assert {made(part, inputs).dtype.name for part in parts} == {"float32"}


@pytest.mark.once
@pytest.mark.parametrize("policy", ["mixed_float16"], indirect=True)
def test_a_fit_across_a_fade_in_mixed_precision(growing, pictures, policy):
    model = growing()
    history = model.fit(pictures, **SILENT).history
    assert model.images_shown() == 28
    assert all(np.isfinite(losses).all() for losses in history.values())
    assert model.sample(4, seed=1).shape == (4, 8, 8, 1)


def test_what_is_sampled_and_exported_has_lost_the_old_layers(growing):
    model = growing(compiled=False)
    assert model.sample(2, seed=0).shape == (2, 4, 4, 1)
    model.begin(1, shown=8)
    assert any(isinstance(layer, Fade) for layer in model.sampling_network().layers)
    assert model.sampling_network() is model.sampling_network()
    for place in ((1, 11), (2, 0)):  # a fade that is complete, and what follows
        model.begin(*place)
        network = model.sampling_network()
        assert [layer.name for layer in network.layers] == ["z", "block_4", "block_8", "to_rgb_8"]
        assert model.sample(2, seed=0).shape == (2, *model.image_shape) == (2, 8, 8, 1)


def test_growing_keeps_the_weights_and_renews_the_optimizers(growing, pictures):
    model = growing(learning_rate={4: 1e-3, 8: 2e-3})
    model.fit(pictures, epochs=1, **SILENT)
    old = dict(model.optimizer.players)
    before = values(model)
    model.begin(1)
    same = [np.array_equal(a, b) for a, b in zip(before, values(model), strict=True)]
    # Only the place in the schedule and the three alphas have changed.
    names = {weight.name for weight, equal in zip(model.weights, same) if not equal}
    assert names == {"phase", "shown", "alpha"}
    for player, optimizer in model.optimizer.players.items():
        assert optimizer is not old[player]
        assert float(ops.convert_to_numpy(optimizer.iterations.value)) == 0.0
        assert float(optimizer.learning_rate) == pytest.approx(2e-3)
        assert (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon) == (0.0, 0.99, 1e-8)
        assert len(optimizer._trainable_variables) == len(model.trained_variables()[player])
    assert int(ops.convert_to_numpy(model.optimizer.iterations.value)) == 2


@pytest.mark.once
def test_epochs_of_different_lengths_have_their_progress(growing, pictures, capsys):
    model = growing(batch_size={4: 4, 8: 2})
    model.fit(pictures, callbacks=[Progress(epochs=4, steps_per_epoch=77, every_seconds=0)], **SILENT)
    lines = capsys.readouterr().out.splitlines()
    assert "epoch 1/4, step 2/12, 16 %" in lines[2]
    assert "epoch 4/4, step 12/12, 100 %" in lines[-1]


@pytest.mark.once
def test_stream_is_a_function_of_the_image_number(pictures):
    stream = ImageStream(pictures, shuffle=True, seed=5)
    both = stream.batch(0, 20, 8)
    for part in (both[:10], both[10:]):  # each pass has every image once
        rows = [int(np.flatnonzero((pictures == image).all(axis=(1, 2, 3)))[0]) for image in part]
        assert sorted(rows) == list(range(10))
    assert not np.array_equal(both[:10], both[10:])
    np.testing.assert_array_equal(stream.batch(7, 6, 8), both[7:13])
    small = both[3:5].reshape(2, 4, 2, 4, 2, 1).mean(axis=(2, 4))
    np.testing.assert_allclose(stream.batch(3, 2, 4), small, rtol=1e-6, atol=1e-7)


@pytest.mark.once
def test_another_schedule_is_refused(growing, pictures, tmp_path):
    model = growing()
    model.fit(pictures, epochs=1, **SILENT)
    model.save_weights(tmp_path / "model.weights.h5")
    told = "the schedule must be that of the saved training, fade_images 11, got 24"
    with pytest.raises(CheckpointError, match=f"^{told}$"):
        growing(fade_images=24).load_weights(tmp_path / "model.weights.h5")
    keeper = Checkpoint(tmp_path / "run")
    keeper.set_model(model)
    keeper.save()
    with pytest.raises(CheckpointError, match=f"^{told}$"):
        Checkpoint(tmp_path / "run").restore(growing(fade_images=24))
    # The same phases in other words.
    same = growing(last_images=7)
    same.load_weights(tmp_path / "model.weights.h5")
    assert same.images_shown() == 8


@pytest.mark.once
def test_bad_input(growing, pictures):
    model = growing()
    for shape, given in (((2, 4, 4, 1), "4x4x1"), ((2, 8, 8, 3), "8x8x3"), ((2, 16, 16, 1), "16x16x1")):
        with pytest.raises(UsageError, match=f"must be 8x8x1, where the schedule ends, got {given}"):
            model.fit(np.zeros(shape, "float32"), **SILENT)
    with pytest.raises(UsageError, match="batch_size must be that of the schedule, 4 at 4x4, got 8"):
        model.fit(pictures, batch_size=8, **SILENT)
    with pytest.raises(UsageError, match=r"images of an array must be floats in \[-1, 1\], got uint8"):
        model.fit((pictures * 127 + 127).astype("uint8"), **SILENT)
    with pytest.raises(UsageError, match=r"epochs must be an integer >= 0, got 1\.5"):
        model.fit(pictures, epochs=1.5, **SILENT)
    with pytest.raises(UsageError, match=r"side must be one of \[4, 8\], got 12"):
        model.generator.at(12)
    with pytest.raises(UsageError, match=r"side must be one of \[8\], got 4"):
        model.generator.at(4, fading=True)
    with pytest.raises(UsageError, match=r"takes kgan.data.load_images\(...\) or an array .*, got list"):
        model.fit([pictures], **SILENT)
    with pytest.raises(UsageError, match=r"or an array \[n, .*\], got an array \[10, 8, 8\]"):
        model.fit(pictures[..., 0], **SILENT)
    for wrong, given in ((pictures * 127.5 + 127.5, "from .* to 25"), (pictures * np.nan, "from nan to nan")):
        with pytest.raises(UsageError, match=rf"must be floats in \[-1, 1\], got some {given}"):
            model.fit(wrong, **SILENT)
    for epoch in (1.5, -1):
        with pytest.raises(UsageError, match=f"initial_epoch must be an integer >= 0, got {epoch}"):
            model.fit(pictures, initial_epoch=epoch, **SILENT)
    with pytest.raises(
        UsageError, match=r"a growing model takes x, .*, got validation_data, steps_per_epoch"
    ):
        model.fit(pictures, validation_data=pictures, steps_per_epoch=2, **SILENT)
    for number in (3, -1, 1.0):
        with pytest.raises(UsageError, match=f"must be a phase of the schedule, from 0 to 2, got {number}"):
            model.begin(number)
    with pytest.raises(UsageError, match="shown must be an integer >= 0, got -4"):
        model.begin(1, shown=-4)
    with pytest.raises(UsageError, match=r"^batch_size must be a multiple of 2, .* or smaller, got 3$"):
        model.discriminator(pictures[:3])
    model = growing(compiled=False, learning_rate=1e-3)
    adam = keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9))
    with pytest.raises(UsageError, match="must have a plain learning rate, as the growth schedule sets it"):
        model.compile(optimizer=adam)


@pytest.mark.once
def test_networks_and_schedule_must_fit():
    def pggan(schedule=8, judged=8, channels=1, batch_size=4):
        return PGGAN(
            PGGANGenerator(8, 1, fmap_max=2, latent_dim=2),
            PGGANDiscriminator(judged, channels, fmap_max=2),
            schedule=GrowthSchedule(schedule, batch_size=batch_size),
        )

    with pytest.raises(UsageError, match="schedule must reach 8x8, as the discriminator does, got 4x4"):
        pggan(schedule=4)
    with pytest.raises(UsageError, match="schedule must reach 16x16, as the discriminator does, got 8x8"):
        pggan(judged=16)
    with pytest.raises(UsageError, match="generator makes 1 channels, but the discriminator takes 3"):
        pggan(channels=3)
    with pytest.raises(UsageError, match=r"batch_size must be a multiple of 4, .* or smaller, got 6"):
        pggan(batch_size={4: 4, 8: 6})
    with pytest.raises(UsageError, match="schedule must be a GrowthSchedule, got NoneType"):
        PGGAN(PGGANGenerator(8, 1, fmap_max=2), PGGANDiscriminator(8, 1, fmap_max=2), schedule=None)
    for networks, name in (((None, None), "generator"), ((PGGANGenerator(4, 1, fmap_max=2), 7), "discrimin")):
        for kind in (PGGAN, StyleGAN):
            with pytest.raises(UsageError, match=f"{name}.* must be a GrowingNetwork, got (NoneType|int)"):
                kind(*networks, schedule=GrowthSchedule(4))
    with pytest.raises(UsageError, match="resolution must be a power of two from 4 to 1024, got 48"):
        PGGANGenerator(48)
    with pytest.raises(UsageError, match="latent_dim must be an integer >= 1, got 0"):
        PGGANGenerator(8, latent_dim=0)
