"""Start-up: what `import kgan` and `kgan ls` add to a Python that does nothing.

Run from the root: `python -m benchmarks.startup`. User and system time of child processes, so that other
work on the machine matters little; the commands take turns, and the median is given.
"""

import os
import resource
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import kgan": ["-c", "import kgan"],
    "import numpy": ["-c", "import numpy"],
    "kgan --version": ["-m", "kgan", "--version"],
    "kgan ls": ["-m", "kgan", "ls"],
    "kgan show RECIPE": ["-m", "kgan", "show", "dcgan_fashion_mnist"],
    "import keras (tensorflow)": ["-c", "import keras"],
}


def children():
    """User and system seconds of all children so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def once(arguments):
    """CPU and wall milliseconds of one child process."""
    before, begin = children(), time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wall, cpu = time.perf_counter() - begin, children() - before
    if done.returncode:
        raise SystemExit(f"{arguments} failed: {done.stdout.decode(errors='replace')[-500:]}")
    return 1e3 * cpu, 1e3 * wall


def main(rounds=11):
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    taken = {name: [] for name in COMMANDS}
    for number in range(rounds + 1):
        for name, arguments in COMMANDS.items():
            spent = once(arguments)
            if number:  # the first round fills the caches of the disk
                taken[name].append(spent)
    base = [statistics.median(column) for column in zip(*taken["python -c pass"])]
    print("| command | CPU ms | above `python -c pass` | wall ms | above |")
    print("|---|---|---|---|---|")
    for name, spent in taken.items():
        cpu, wall = (statistics.median(column) for column in zip(*spent))
        print(f"| `{name}` | {cpu:.0f} | {cpu - base[0]:.0f} | {wall:.0f} | {wall - base[1]:.0f} |")


if __name__ == "__main__":
    main()
