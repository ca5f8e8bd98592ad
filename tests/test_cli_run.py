"""`kgan run` and what follows it: run folders, exact resumption, sampling, wrong use."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest
from PIL import Image

from kgan import catalog
from kgan.cli import main
from kgan.errors import DataError
from kgan.pictures import sheet
from kgan.run import load, train

RECIPE = pathlib.Path(__file__).parent / "recipes" / "tiny_gan.py"
FILES = ["checkpoint", "config.json", "history.csv", "loss.png", "model.keras", "samples"]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def run(*words):
    return main(["run", str(RECIPE), *map(str, words)])


def arrays(path):
    """All data sets of an HDF5 file: weights, optimizers, averages, seeds."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]} if hasattr(item, "dtype") else {}))
    return found


def assert_same_run(a, b):
    """Two run folders hold the same state, losses and pictures, bit for bit."""
    for step in names(a / "checkpoint")[-1:]:
        one, other = (arrays(folder / "checkpoint" / step / "model.weights.h5") for folder in (a, b))
        assert one.keys() == other.keys()
        assert any("seeds" in name for name in one)
        assert any("optimizer" in name for name in one)
        assert any("average" in name for name in one)
        for name in one:
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    assert (a / "history.csv").read_text() == (b / "history.csv").read_text()
    assert names(a / "samples") == names(b / "samples")
    for name in names(a / "samples"):
        assert (a / "samples" / name).read_bytes() == (b / "samples" / name).read_bytes()
    assert names(a) == names(b) == FILES


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of two epochs that nothing interrupted."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    assert run("--out", folder) == 0
    return folder


def test_run_folder(whole):
    assert names(whole) == FILES
    assert names(whole / "samples") == ["epoch_0001.png", "epoch_0002.png"]
    assert names(whole / "checkpoint") == ["step-000000010", "step-000000012"]
    about = json.loads((whole / "config.json").read_text())
    assert (about["recipe"], about["file"], about["seed"]) == ("tiny_gan", str(RECIPE), 0)
    assert about["backend"] == keras.config.backend()
    assert about["settings"]["pair"] == [1, 2]
    assert about["versions"]["keras"] == keras.__version__
    assert "unknown" not in about["versions"].values()
    history = (whole / "history.csv").read_text().splitlines()
    assert history[0] == "epoch,discriminator_loss,generator_loss"
    assert len(history) == 3


def test_after_sigkill_the_run_ends_as_if_it_had_not_been_killed(whole, tmp_path):
    step = 1 + os.urandom(1)[0] % 11
    folder = tmp_path / "killed"
    command = [sys.executable, "-m", "kgan", "run", str(RECIPE), "--out", str(folder), "--resume"]
    killed = subprocess.run(command, env={**os.environ, "KGAN_TEST_STOP": f"kill:{step}"}, check=False)
    assert killed.returncode == -signal.SIGKILL, f"killed before step {step}"
    assert not (folder / "model.keras").exists()
    assert run("--out", folder, "--resume") == 0
    assert_same_run(whole, folder)


@pytest.fixture
def ctrl_c():
    """The handler of a terminal's Ctrl-C; a shell's background jobs begin with the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("step", [0, 5, 6])
def test_ctrl_c_saves_the_present_step(whole, tmp_path, monkeypatch, capsys, ctrl_c, step):
    folder = tmp_path / "interrupted"
    monkeypatch.setenv("KGAN_TEST_STOP", f"interrupt:{step}")
    assert run("--out", folder) == 130
    assert signal.getsignal(signal.SIGINT) is ctrl_c
    if step:
        assert names(folder / "checkpoint")[-1] == f"step-{step:09d}"
    message = capsys.readouterr().err
    assert f"continue with: kgan run {RECIPE} --resume --out {folder}" in message
    assert "Traceback" not in message
    monkeypatch.delenv("KGAN_TEST_STOP")
    assert run("--out", folder, "--resume") == 0
    assert_same_run(whole, folder)


def test_more_epochs(whole, tmp_path, capsys):
    folder = tmp_path / "extended"
    assert run("--out", folder, "epochs=1") == 0
    first = (folder / "model.keras").read_bytes()
    assert run("--out", folder, "--resume", "epochs=2", "batches=6") == 0
    assert (folder / "model.keras").read_bytes() != first
    assert json.loads((folder / "config.json").read_text())["settings"]["epochs"] == 2
    assert run("--out", folder, "--resume") == 0
    assert "all 2 epochs are done; for more: epochs=4" in capsys.readouterr().out
    assert_same_run(whole, folder)


def test_sampling_a_run(whole, tmp_path, capsys):
    picture = tmp_path / "sheet.png"
    words = ["-n", "5", "--seed", "3", "-o", str(picture), "--recipe", str(RECIPE), "--columns", "5"]
    assert main(["sample", str(whole), *words]) == 0
    assert capsys.readouterr().out == f"{picture}\n"
    expected = sheet(load(whole, RECIPE).sample(5, seed=3), columns=5)
    np.testing.assert_array_equal(np.asarray(Image.open(picture)), np.asarray(expected))


# What follows depends on files and words alone.


@pytest.fixture
def copied(whole, tmp_path):
    """A copy of the whole run, to be spoiled."""
    import shutil

    return pathlib.Path(shutil.copytree(whole, tmp_path / "copy"))


@pytest.fixture
def fails(capsys):
    def check(code, *words):
        capsys.readouterr()
        assert main([str(word) for word in words]) == code
        errors = capsys.readouterr().err.splitlines()
        assert errors[-1].startswith("kgan: error: ")
        return errors[-1].removeprefix("kgan: error: ")

    return check


@pytest.mark.once
def test_default_folders(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("epochs=1", "batches=1") == 0
    assert run("epochs=1", "batches=1") == 0
    assert names(tmp_path / "runs") == ["tiny_gan-1", "tiny_gan-2"]
    capsys.readouterr()
    assert run("--resume") == 0
    assert "in runs/tiny_gan-2\n" in capsys.readouterr().out


@pytest.mark.once
def test_a_report_that_fails_after_the_last_epoch_loses_no_model(tmp_path, monkeypatch):
    recipe = catalog.load(RECIPE)

    def fail(epoch, logs):
        if epoch == 1:
            raise DataError("no report")

    failing = keras.callbacks.LambdaCallback(on_epoch_end=fail)
    monkeypatch.setattr(recipe.module, "callbacks", lambda cfg: [failing])
    with pytest.raises(DataError, match="no report"):
        train(recipe, recipe.configure({"epochs": 2, "batches": 2}), tmp_path / "run", "any")
    model = load(tmp_path / "run", RECIPE)
    assert int(keras.ops.convert_to_numpy(model.optimizer.iterations.value)) == 4


@pytest.mark.once
def test_the_model_has_what_a_callback_does_at_the_end(tmp_path, monkeypatch):
    recipe = catalog.load(RECIPE)

    def zero(logs):
        callback.model.generator.set_weights([0.0 * w for w in callback.model.generator.get_weights()])

    callback = keras.callbacks.LambdaCallback(on_train_end=zero)
    monkeypatch.setattr(recipe.module, "callbacks", lambda cfg: [callback])
    train(recipe, recipe.configure({"epochs": 1, "batches": 2}), tmp_path / "run", "any")
    model = keras.saving.load_model(tmp_path / "run" / "model.keras", compile=False)
    assert not any(np.any(w) for w in model.generator.get_weights())


@pytest.mark.once
def test_a_training_that_a_callback_ends_leaves_its_model(tmp_path, monkeypatch):
    recipe = catalog.load(RECIPE)

    def end(epoch, logs):
        callback.model.stop_training = True

    callback = keras.callbacks.LambdaCallback(on_epoch_end=end)
    monkeypatch.setattr(recipe.module, "callbacks", lambda cfg: [callback])
    train(recipe, recipe.configure({"epochs": 3, "batches": 2}), tmp_path / "run", "any")
    assert (tmp_path / "run" / "model.keras").is_file()


@pytest.mark.once
def test_a_folder_in_use_is_not_touched(copied, fails):
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    message = fails(2, "run", RECIPE, "--out", copied)
    assert message == f"the run folder must be new or empty, {copied} is not: give --resume to continue it"
    assert {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()} == before


@pytest.mark.once
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["seed=1"], "seed must be 0 to continue"),
        (["pair=3"], "pair must be (1, 2) to continue"),
        (["epochs=1"], "epochs must be at least 2, which are done in"),
        (["epochs=0"], "epochs must be at least 1, got 0"),
        (["sed=1"], "got 'sed': did you mean seed?"),
    ],
)
def test_other_settings_cannot_continue_a_run(copied, fails, words, message):
    history = (copied / "history.csv").read_bytes()
    assert message in fails(2, "run", RECIPE, *words, "--out", copied, "--resume")
    assert (copied / "history.csv").read_bytes() == history


@pytest.mark.once
def test_another_recipe_or_backend_cannot_continue_a_run(copied, fails):
    other = next(name for name in ("jax", "torch") if name != keras.config.backend())
    message = fails(2, "run", "dcgan_emoji", "--out", copied, "--resume")
    assert message == f"the recipe must be tiny_gan to continue {copied}, got dcgan_emoji"
    assert "the backend must be" in fails(2, "run", RECIPE, "--backend", other, "--out", copied, "--resume")


@pytest.mark.once
def test_a_folder_that_is_no_run_cannot_be_resumed(tmp_path, fails):
    (tmp_path / "notes.txt").write_text("mine")
    assert "must hold config.json" in fails(2, "run", RECIPE, "--out", tmp_path, "--resume")
    assert names(tmp_path) == ["notes.txt"]


@pytest.mark.once
def test_a_damaged_checkpoint(copied, capsys, whole):
    with open(copied / "checkpoint" / "step-000000012" / "model.weights.h5", "r+b") as file:
        file.seek(3000)
        file.write(b"damage")
    assert run("--out", copied, "--resume") == 0
    assert "step-000000012 is damaged" in capsys.readouterr().err
    assert names(copied / "checkpoint") == ["step-000000010", "step-000000012", "step-000000012.damaged"]
    assert_same_run(whole, copied)


@pytest.mark.once
def test_checkpoints_of_another_system(copied, fails):
    about = json.loads((copied / "config.json").read_text())
    about["settings"]["units"] = 4
    (copied / "config.json").write_text(json.dumps(about))
    assert "networks of other sizes" in fails(1, "run", RECIPE, "--out", copied, "--resume")


@pytest.mark.once
def test_a_changed_recipe_is_mentioned(copied, tmp_path, capsys):
    changed = tmp_path / "tiny_gan.py"
    changed.write_text(RECIPE.read_text() + "\n# changed\n")
    assert main(["run", str(changed), "--out", str(copied), "--resume"]) == 0
    assert "was changed since the run" in capsys.readouterr().err


@pytest.mark.once
def test_a_loss_that_is_not_finite(tmp_path, fails):
    folder = tmp_path / "broken"
    message = fails(1, "run", RECIPE, "break_at=4", "--out", folder)
    assert "the discriminator's loss became NaN or infinite at step 4" in message
    assert message.endswith(f"the last good checkpoint: {folder / 'checkpoint' / 'step-000000004'}")
    assert not (folder / "history.csv").exists()


@pytest.mark.once
def test_disk_full(tmp_path, fails, monkeypatch):
    from kgan.callbacks import generations

    def reserve(path, size):
        if "step-000000008" in str(path):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(generations, "reserve", reserve)
    folder = tmp_path / "full"
    message = fails(1, "run", RECIPE, "--out", folder)
    assert message.startswith(
        f"cannot write the checkpoint {folder / 'checkpoint' / 'step-000000008'}: No space"
    )
    assert message.endswith(f"the last good one: {folder / 'checkpoint' / 'step-000000006'}")
    monkeypatch.undo()
    assert run("--out", folder, "--resume") == 0


@pytest.mark.once
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("return gan", "return None"), "model(cfg) must return a keras.Model, got NoneType"),
        (("return Noise(cfg)", "return [1]"), "data(cfg) must return a keras.utils.PyDataset"),
        (("len(self.images) // 4", "0"), "at least one batch"),
        (("RMSprop(0.01)", "RMSprop(0.01, use_ema=True)"), "use_ema must be False, discriminator has True"),
        (("samples: int = 4", "samples: int = 0"), "n must be at least 1, got 0"),
        (("return gan", "return 1 / 0"), "ZeroDivisionError: division by zero"),
    ],
)
def test_recipes_that_go_wrong_leave_no_folder(tmp_path, fails, change, message):
    recipe = tmp_path / "wrong.py"
    recipe.write_text(RECIPE.read_text().replace(*change))
    code = 1 if "Zero" in message else 2
    assert message in fails(code, "run", recipe, "--out", tmp_path / "run")
    assert names(tmp_path) == ["wrong.py"]


@pytest.mark.once
def test_a_run_folder_does_not_choose_the_code_that_runs(copied, tmp_path, fails):
    evil = tmp_path / "evil.py"
    evil.write_text(f"open({str(tmp_path / 'was-run')!r}, 'w')")
    about = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps({**about, "file": str(evil)}))
    assert main(["sample", str(copied), "-o", str(tmp_path / "sheet.png")]) == 0  # of kgan's own classes only
    (copied / "model.keras").unlink()
    assert "name its recipe's file by --recipe" in fails(2, "sample", copied, "-o", tmp_path / "sheet.png")
    (copied / "config.json").write_text(json.dumps({**about, "file": None, "recipe": "../evil"}))
    assert "found no file ../evil" in fails(2, "sample", copied, "-o", tmp_path / "sheet.png")
    assert not (tmp_path / "was-run").exists()


@pytest.mark.once
def test_sampling_a_run_that_has_not_ended(copied, whole, tmp_path, fails):
    (copied / "model.keras").unlink()
    np.testing.assert_array_equal(
        load(copied, RECIPE).sample(2, seed=0), load(whole, RECIPE).sample(2, seed=0)
    )
    (copied / "model.keras").write_bytes(b"half")
    words = ["sample", copied, "-o", tmp_path / "sheet.png"]
    assert "cannot load" in fails(1, *words)
    (copied / "model.keras").unlink()
    for path in (copied / "checkpoint").iterdir():
        path.rename(tmp_path / path.name)
    assert "has no checkpoint yet" in fails(1, *words, "--recipe", RECIPE)
    assert not (tmp_path / "sheet.png").exists()


@pytest.mark.once
def test_a_run_that_goes_on_is_sampled_at_its_newest_step(copied, monkeypatch):
    before = load(copied, RECIPE).sample(2, seed=0)
    monkeypatch.setenv("KGAN_TEST_STOP", "interrupt:15")
    assert run("--out", copied, "--resume", "epochs=3") == 130
    model = load(copied, RECIPE)
    assert int(model.optimizer.iterations) == 15
    assert not np.array_equal(model.sample(2, seed=0), before)
