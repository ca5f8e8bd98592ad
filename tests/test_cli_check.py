"""`kgan check` on a user's file."""

import pathlib

import pytest

from kgan.cli import main

pytestmark = pytest.mark.once
RECIPE = pathlib.Path(__file__).parent / "recipes" / "tiny_gan.py"

OWN = '''
import keras
from kgan.models import GAN

@keras.saving.register_keras_serializable("mine")
class MyGAN(GAN):
    """A GAN that follows the contract."""

    @classmethod
    def tiny(cls):
        return cls.from_config(GAN.tiny().get_config())
'''


@pytest.fixture
def check(tmp_path, capsys):
    """Checks a file of some text: the exit code, what was printed, and the error's line."""

    def run(text):
        path = tmp_path / "mine.py"
        path.write_text(text)
        code = main(["check", str(path)])
        out, err = capsys.readouterr()
        lines = [line for line in err.splitlines() if line.startswith("kgan: error: ")]
        return code, out, lines

    return run


def test_a_good_file(check):
    code, out, errors = check(OWN)
    assert (code, errors) == (0, [])
    assert out.startswith("MyGAN:\n  config: passed\n")
    assert "resume: passed" in out


def test_a_broken_rule(check):
    broken = OWN + "\n    def players(self):\n        return {'discriminator': [self.discriminator]}\n"
    code, out, errors = check(broken)
    assert code == 1
    assert "players: passed" not in out
    assert len(errors) == 1
    assert errors[0].startswith("kgan: error: MyGAN breaks a rule: every trainable weight needs a player")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "found neither in"),
        (OWN.replace("def tiny", "def small").replace("(GAN)", "(AdversarialModel)").replace(
            "from kgan.models import GAN", "from kgan.engine import AdversarialModel"
        ), "MyGAN has none"),
    ],
)  # fmt: skip
def test_files_with_nothing_to_check(check, text, message):
    code, _, errors = check(text)
    assert code == 2
    assert len(errors) == 1
    assert message in errors[0]
