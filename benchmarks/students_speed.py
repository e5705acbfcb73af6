"""CPU time of a point for every student and loss, as multiples of max-margin's.

    python benchmarks/students_speed.py [--size 32] [--only hinge square]

On the same size x size grid in (alpha_prune, keep_fraction) in the same run, after
compilation, by the compiled programs that take over from NumPy where points are many;
the targets are 5 for students of the version space and 20 for losses.
"""

import argparse
import time
from functools import partial

import numpy as np

import perceptron_theory as pt
from perceptron_theory.convex.losses import LOSSES
from perceptron_theory.students.names import STUDENTS

RIDGE = 0.1
for kind in (pt.Student, pt.Convex):
    kind.few = {True: 0, False: 0}  # points that are left to NumPy


def _seconds(solve):
    """CPU time of the second call; points that did not converge."""
    solve()
    begin = time.process_time()
    solution = solve()
    return time.process_time() - begin, int((np.asarray(solution.status) != 0).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    alpha = np.geomspace(0.1, 100.0, options.size)[:, None]
    fraction = np.geomspace(0.01, 1.0, options.size)
    print("theta/deg student        us/point  ratio target  unsolved")
    for degrees in (10.0, 0.0):
        at = {
            "alpha_prune": alpha,
            "keep_fraction": fraction,
            "theta": np.deg2rad(degrees),
            "throw": False,
        }
        calls = {name: partial(pt.solve, student=name, **at) for name in STUDENTS}
        losses = {
            name: partial(pt.solve_convex, loss=name, ridge=RIDGE, **at)
            for name in LOSSES
        }
        calls |= losses
        unit = None
        for name, call in calls.items():
            if options.only and name not in ("max_margin", *options.only):
                continue
            taken, unsolved = _seconds(call)
            unit = taken if unit is None else unit
            target = 1 if name == "max_margin" else 20 if name in losses else 5
            print(
                f"{degrees:9g} {name:13} {1e6 * taken / options.size**2:9.1f} "
                f"{taken / unit:6.1f} {target:6d} {unsolved:9d}",
                flush=True,
            )


if __name__ == "__main__":
    main()
