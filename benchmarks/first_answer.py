"""CPU time to the first answer of a command, as whole processes.

First call ever (an empty cache folder) and later calls, beside a process that imports
JAX and compiles one addition.  CPU time, user and system, of a process and all that it
starts; the median of the runs.  Only the standard library is used.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

BASELINE = ["-c", "import jax; jax.jit(lambda x: x + 1)(1.0)"]
# an angle above 0, where the programs are the large ones
ANGLE = ["--theta-degrees", "10"]
COMMANDS = {
    "solve": ["--alpha-prune", "3", "-f", "0.1", *ANGLE],
    "pareto": ["--alpha-prune", "3", *ANGLE],
    "phase-diagram": ["--alpha-tot", "1:30:3", "-f", "0.1:1:3", *ANGLE],
    "advise": ["--alpha-tot", "10", *ANGLE],
    "simulate": ["--alpha-prune", "3", "-f", "0.3", "--draws", "8", *ANGLE],
}
FIRST, LATER = 3.0, 1.5  # what is asked for, in units of the baseline


def cpu_time(arguments: list[str], cache: Path, folder: Path) -> float:
    """Of one process of this interpreter, in seconds."""
    # as a user has it: nothing set, and Python keeps the bytecode of modules
    own = ("JAX_", "PRUNING_LAWS_", "XLA_", "PYTHONDONTWRITEBYTECODE")
    env = {k: v for k, v in os.environ.items() if not k.startswith(own)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *arguments],
        env=env | {"PRUNING_LAWS_CACHE": str(cache)},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def call(command: str, cache: Path) -> float:
    """Of one call of the command line, in a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["-m", "pruning_laws", command, *COMMANDS[command]]
        return cpu_time(arguments, cache, Path(folder))


def measured(command: str, firsts: int, laters: int) -> tuple[float, float]:
    """First call ever and later calls."""
    first = []
    for _ in range(firsts):
        with tempfile.TemporaryDirectory() as folder:
            first.append(call(command, Path(folder)))
    with tempfile.TemporaryDirectory() as folder:
        call(command, Path(folder))
        later = [call(command, Path(folder)) for _ in range(laters)]
    return statistics.median(first), statistics.median(later)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commands", nargs="*", help="some of " + ", ".join(COMMANDS))
    parser.add_argument("--firsts", type=int, default=3, help="first calls of each")
    parser.add_argument("--laters", type=int, default=5, help="later calls of each")
    options = parser.parse_args()
    chosen = options.commands or list(COMMANDS)
    unknown = set(chosen) - set(COMMANDS)
    if unknown:
        parser.error(f"unknown commands {sorted(unknown)}: {', '.join(COMMANDS)}")
    here = Path.cwd()
    cpu_time(BASELINE, here, here)  # the file system has read everything once
    bases = [cpu_time(BASELINE, here, here) for _ in range(options.laters)]
    rows = {name: measured(name, options.firsts, options.laters) for name in chosen}
    bases += [cpu_time(BASELINE, here, here) for _ in range(options.laters)]
    base = statistics.median(bases)
    loads = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    print(f"load of the machine: {loads} on {os.cpu_count()} cores")
    print(f"baseline, import jax and one jit: {base:.2f} s of CPU time\n")
    print("| command | first call ever, s | ratio | later calls, s | ratio |")
    print("|---|---|---|---|---|")
    print(f"| wanted | | {FIRST:g} | | {LATER:g} |")
    for name, (first, later) in rows.items():
        ratios = f"{first / base:.2f} | {later:.2f} | {later / base:.2f}"
        print(f"| `{name}` | {first:.2f} | {ratios} |")


if __name__ == "__main__":
    main()
