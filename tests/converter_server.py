"""What `kgan.export.convert_worker` does, in forks of one process that has loaded TensorFlow already.

A line of JSON on standard input asks for one run (`arguments`, `environment`, `folder`), a line on standard
output answers it (`returncode`, `stderr`). TensorFlow is imported here, but never used: a fork of a process
whose TensorFlow has run something may hang.
"""

import json
import os
import sys
import tempfile
import traceback

import keras  # noqa: F401  what the forks need, loaded once
import tensorflow  # noqa: F401
import tf2onnx  # noqa: F401

from kgan.export import convert_worker, graph, verification  # noqa: F401


def answer(request):
    """Runs one request in a fork, as if it were a process of its own."""
    with tempfile.TemporaryFile() as report:
        child = os.fork()
        if not child:
            _run(request, report)
        _, status = os.waitpid(child, 0)
        report.seek(0)
        text = report.read().decode("utf-8", errors="replace")
    return {"returncode": os.waitstatus_to_exitcode(status), "stderr": text}


def _run(request, report):
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(0, 1)
        os.dup2(report.fileno(), 2)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        sys.path[:] = request["environment"]["PYTHONPATH"].split(os.pathsep)
        convert_worker.main(request["arguments"])
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
