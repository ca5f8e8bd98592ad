"""The converter's process, and the one line that is worth showing when it fails."""

import os
import re
import subprocess
import sys

from kgan.errors import BundleError

_FAILED = {
    "convert": "the conversion failed",
    "convert_network": "the conversion failed",
    "run": "the SavedModel cannot be run",
}


def run_worker(command, *paths):
    """Runs `kgan.export.convert_worker` on the CPU under TensorFlow; its chatter is not shown.

    Args:
        command: `"convert"`, `"convert_network"` or `"run"`.
        *paths: what the command reads and writes.

    Raises:
        BundleError: the worker failed; one line says why, a note holds its full report.
    """
    # The parent's import path, so that the user's modules are found.
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    environment = {
        **os.environ,
        "KERAS_BACKEND": "tensorflow",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": path,
        "PYTHONSAFEPATH": "1",
        "PYTHONUTF8": "1",
    }
    line = [sys.executable, "-m", "kgan.export.convert_worker", command, *map(os.fspath, paths)]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, errors="replace")
    if done.returncode:
        error = BundleError(f"{_FAILED[command]}: {essence(done.stderr, done.returncode)}")
        error.add_note(done.stderr)
        raise error


def essence(report, returncode):
    """The one line of a failed process' report that says why.

    Args:
        report: what it wrote to its standard error.
        returncode: its exit code.

    Example:

    >>> essence("Traceback ...\\nValueError: x must be positive, got -1\\n", 1)
    'x must be positive, got -1'
    """
    missing = re.findall(r"^TypeError: Could not locate (?:class|function) '(\w+)'", report, re.MULTILINE)
    if missing:
        return (
            f"{missing[-1]} cannot be found: decorate it with @keras.saving.register_keras_serializable() "
            "and put it at the top of an importable module"
        )
    found = re.findall(r"^(?:\w+\.)*(\w*(?:Error|Exception|Warning)\w*): *(.*)$", report, re.MULTILINE)
    if not found:
        return f"its process ended with code {returncode}"
    kind, reason = found[-1]
    return reason if kind == "ValueError" and reason else f"{kind}: {reason}"
