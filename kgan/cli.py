"""The command line `kgan`: arguments, exit codes, and errors in one line."""

import argparse
import contextlib
import os
import sys
import traceback

from kgan import __version__, commands
from kgan.errors import KganError, UsageError
from kgan.launch import BACKENDS

FORMATS = ("onnx", "saved_model")


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are like all others: one line and exit code 2."""

    def error(self, message):
        raise UsageError(f"{message} (see {self.prog} --help)")


def _count(text):
    return _integer(text, 1)


def _whole(text):
    return _integer(text, 0)


def _integer(text, least):
    # A ValueError would be reported with the name of the function here.
    with contextlib.suppress(ValueError):
        if int(text) >= least:
            return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number >= {least}, got {text}")


def _number(text):
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, got {text}") from None


def parser():
    """The parser of all verbs."""
    top = _Parser(prog="kgan", description="Generative adversarial networks for Keras 3.", allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"kgan {__version__}")
    verbs = top.add_subparsers(metavar="VERB", required=True, parser_class=_Parser)

    def verb(function, about):
        entry = verbs.add_parser(function.__name__, help=about, description=about, allow_abbrev=False)
        entry.set_defaults(function=function)
        return entry

    verb(commands.ls, "list the recipes")
    verb(commands.show, "show a recipe's settings").add_argument("recipe", metavar="RECIPE_OR_FILE")
    entry = verb(commands.cp, "copy a recipe to a file of your own")
    entry.add_argument("recipe", metavar="RECIPE")
    entry.add_argument("file", metavar="FILE")
    _add_run(verb(commands.run, "train a recipe"))
    _add_sample(verb(commands.sample, "draw images from a run or an exported bundle"))
    _add_interpolate(verb(commands.interpolate, "walk between images of an exported bundle"))
    _add_evaluate(verb(commands.evaluate, "score a run or an exported bundle against real images"))
    _add_export(verb(commands.export, "export a run to a verified bundle"))
    _add_figure(verb(commands.figure, "draw a figure of the gallery, or list them"))
    _add_project(verb(commands.project, "find the latents that make a StyleGAN draw given pictures"))
    _add_translate(verb(commands.translate, "translate pictures with an exported bundle"))
    entry = verb(commands.verify, "check an exported bundle: hashes and outputs")
    entry.add_argument("bundle", metavar="BUNDLE")
    entry = verb(commands.check, "check your own GAN against the contract that kgan's own fulfil")
    entry.add_argument("file", metavar="FILE.py")
    _add_backend(entry)
    return top


def _add_backend(entry):
    entry.add_argument("--backend", choices=BACKENDS, help="the Keras backend")


def _add_run(entry):
    entry.add_argument("recipe", metavar="RECIPE_OR_FILE")
    entry.add_argument("settings", metavar="key=value", nargs="*", help="settings, as `kgan show` lists them")
    _add_backend(entry)
    entry.add_argument("--out", metavar="DIR", help="the run folder, default runs/<recipe>-<n>")
    entry.add_argument("--resume", action="store_true", help="continue the run in the folder, exactly")


def _add_sample(entry):
    entry.add_argument("source", metavar="RUN_OR_BUNDLE")
    entry.add_argument("-n", type=_count, help="number of images, default 64, or 8 for each of many labels")
    entry.add_argument("--label", help="classes: 3, sneaker, 0-9 or 0,2,bag; several give one row each")
    entry.add_argument("--instance", nargs="+", metavar="PICTURE", help="pictures to draw similar ones of")
    entry.add_argument("--extractor", metavar="FILE.onnx", help="what describes them, default the run's own")
    entry.add_argument("--psi", type=_number, help="truncation, -1 to 1, for generators that can truncate")
    entry.add_argument("--noise", choices=("random", "fixed", "none"), help="of a StyleGAN's layers")
    entry.add_argument("--seed", type=_whole, default=None, help="the same seed draws the same images")
    entry.add_argument("-o", "--output", metavar="FILE", default="sheet.png", help="default sheet.png")
    entry.add_argument("--columns", type=_count, default=None, help="images in a row")
    entry.add_argument("--scale", type=_count, default=1, help="enlarge each pixel so many times")
    _add_source(entry)


def _add_interpolate(entry):
    entry.add_argument("bundle", metavar="BUNDLE")
    entry.add_argument("output", metavar="OUTPUT", help="FILE.gif to animate, FILE.png for a strip")
    entry.add_argument("--seeds", nargs="+", type=_whole, default=[0, 1], help="of the images, default 0 1")
    entry.add_argument("--steps", type=_count, default=16, help="images from one to the next, default 16")
    entry.add_argument("--space", choices=("z", "w"), default="z", help="w: of styles; default z")
    entry.add_argument("--psi", type=_number, help="truncation, -1 to 1, for generators that can truncate")
    entry.add_argument("--label", help="class number or name, default what the first seed draws")
    entry.add_argument("--loop", action="store_true", help="end with the first image")
    entry.add_argument("--fps", type=_count, default=12, help="images of a GIF per second, default 12")
    entry.add_argument("--scale", type=_count, default=1, help="enlarge each pixel so many times")


def _add_source(entry):
    entry.add_argument("--recipe", metavar="FILE", help="the run's recipe, if it is a file of your own")
    _add_backend(entry)


def _add_figure(entry):
    entry.add_argument("name", metavar="NAME", nargs="?", help="the figure; without it they are listed")
    entry.add_argument("settings", metavar="key=value", nargs="*", help="settings of the figure")
    entry.add_argument("--list", action="store_true", help="list the figures")
    entry.add_argument("-o", "--output", metavar="FILE", help="default NAME.png")
    entry.add_argument("--run", metavar="RUN_OR_BUNDLE", help="the trained model, for figures that show one")
    _add_source(entry)


def _add_evaluate(entry):
    entry.add_argument("source", metavar="RUN_OR_BUNDLE")
    entry.add_argument("--data", required=True, metavar="SOURCE", help="real images: hub id or folder")
    entry.add_argument("--split", default="test", help="their split, or a part of it; default test")
    entry.add_argument("--heldout", metavar="SPLIT", help="a split not trained on, for memorization")
    entry.add_argument("--metrics", nargs="+", metavar="NAME", default=["fid", "kid"], help="default fid kid")
    entry.add_argument("--extractor", metavar="NAME_OR_FILE.onnx", help="the feature network")
    entry.add_argument("--size", type=_count, help="side of its images, where its file leaves that open")
    entry.add_argument("-n", type=_count, help="number of samples, default as many as real images")
    entry.add_argument("--real", type=_count, metavar="N", help="number of real images, default all")
    entry.add_argument("--seed", type=_whole, default=0, help="the same seed scores the same samples")
    entry.add_argument("--batch-size", type=_count, default=64, help="images at a time, default 64")
    entry.add_argument("--mirror", action="store_true", help="count each real image mirrored as well")
    entry.add_argument("--upscale", action="store_true", help="enlarge real images below the samples' size")
    entry.add_argument("--truncation", type=_number, metavar="PSI", help="for generators that can truncate")
    entry.add_argument("-o", "--output", metavar="FILE", help="default scores.json in the run")
    _add_source(entry)


def _add_export(entry):
    entry.add_argument("run", metavar="RUN")
    entry.add_argument("-o", "--output", metavar="BUNDLE", required=True)
    entry.add_argument("--format", nargs="+", choices=FORMATS, default=FORMATS, help="default: both")
    entry.add_argument("--direction", help="of a model that translates: ab (the default) or ba")
    entry.add_argument("--part", metavar="NAME", help="one network alone, to -o FILE.onnx: classifier")
    _add_source(entry)


def _add_project(entry):
    entry.add_argument("run", metavar="RUN")
    entry.add_argument("pictures", metavar="PICTURE", nargs="+", help="resized to the model's images")
    entry.add_argument(
        "-o", "--output", metavar="FILE", default="projection.png", help="default projection.png"
    )
    entry.add_argument("--steps", type=_count, default=500, help="of the optimisation, default 500")
    entry.add_argument("--fixed-noise", action="store_true", help="keep the generator's own noise")
    entry.add_argument("--per-layer", action="store_true", help="a style of its own for each layer")
    entry.add_argument("--label", help="class number or name, for a model with classes")
    entry.add_argument("--scale", type=_count, default=1, help="enlarge each pixel so many times")
    _add_source(entry)


def _add_translate(entry):
    entry.add_argument("bundle", metavar="BUNDLE")
    entry.add_argument("input", metavar="PICTURE_OR_FOLDER")
    entry.add_argument("output", metavar="OUTPUT", help="a picture, or a folder for a folder's pictures")
    entry.add_argument("--label", help="of a StarGAN: the domain that pictures shall have, number or name")
    entry.add_argument("--size", type=_count, metavar="N", help="shrink pictures with a longer side than N")
    entry.add_argument("--trim", type=_whole, metavar="N", help="white margin; with --size, of a square")
    entry.add_argument("--memory", type=_number, default=4.0, metavar="GB", help="about at most, default 4")


def _parse(arguments):
    top = parser()
    args, rest = top.parse_known_args(arguments)
    # argparse takes key=value words before the options only.
    settings = [word for word in rest if "settings" in args and not word.startswith("-")]
    unknown = [word for word in rest if word not in settings]
    if unknown:
        top.error(f"unrecognized arguments: {' '.join(unknown)}")
    if settings:
        args.settings.extend(settings)
    return args


def main(arguments=None):
    """Runs the command line.

    Args:
        arguments: list of words, default those of the process.

    Returns:
        The exit code: 0, 1 for a failure, 2 for wrong usage, 130 after Ctrl-C.

    Example:

    >>> main(["cp", "no_such_recipe", "mine.py"])
    2
    """
    try:
        args = _parse(arguments)
        args.function(args)
    except SystemExit as end:  # --help and --version
        return int(end.code or 0)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of a pipe, such as `head`, has gone: nothing is left to say, also not at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KganError as error:
        return _fail(error, error.exit_code)
    except Exception as error:  # the last resort: whatever is wrong, one line says so
        return _fail(error, 1, hint=not isinstance(error, OSError))
    return 0


def _fail(error, code, hint=False):
    if os.environ.get("KGAN_TRACEBACK"):
        traceback.print_exception(error)
    message = " ".join(str(error).split()) or type(error).__name__
    if hint:
        message = f"{type(error).__name__}: {message[:400]} (KGAN_TRACEBACK=1 shows where)"
    print(f"kgan: error: {message}", file=sys.stderr)
    return code
