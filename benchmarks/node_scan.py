"""Random points of the solvers' range: how many are solved, and do nodes matter?

    python benchmarks/node_scan.py convex --loss squared_hinge --points 48
    python benchmarks/node_scan.py convex --loss hinge --angles above --rules mix mixe
    python benchmarks/node_scan.py students --student gibbs --points 48

For each rule, margin, and theta = 0 or above: loads log-uniform in [1e-3, 1e6], for
students of the version space in [1e-1, 1e4]; f in [1e-8, 1], theta in [1e-6, pi/2]; for
convex losses ridges in [1e-8, 1e4], and every second point has wrong labels, up to
0.499. All is solved again with eight more nodes a panel in both directions. A point is
"over" if its two errors differ by more than 1e-8, or than its condition number allows.
Processes end after a few rows: too many compiled programs run out of memory maps.
"""

import argparse
import math
import multiprocessing
import time
import zlib

import numpy as np

import perceptron_theory as pt
from perceptron_theory.convex import equations, field_line
from perceptron_theory.convex import rates as convex_rates
from perceptron_theory.convex import student as convex_student
from perceptron_theory.kept import build
from perceptron_theory.students.max_margin import student as max_margin
from perceptron_theory.students.version_space import student as version_space

# where the numbers of nodes are read
CONVEX = equations, field_line, convex_rates, convex_student
COUNTED = *CONVEX, build, max_margin, version_space

RULES = ("hard", "easy", "window", "random", "mix", "mixe")
MORE = 8


def _draw(rng, n, convex, aligned):
    """Arguments that all rules of a row share."""
    powers = (-3, 6) if convex else (-1, 4)
    given = {
        "alpha_prune": 10 ** rng.uniform(*powers, n),
        "keep_fraction": 10 ** rng.uniform(-8, 0, n),
        "theta": 0.0 if aligned else 10 ** rng.uniform(-6, math.log10(math.pi / 2), n),
    }
    if convex:
        wrong = np.where(rng.random(n) < 0.5, 0.0, rng.uniform(0, 0.499, n))
        given |= {"ridge": 10 ** rng.uniform(-8, 4, n), "flip_probability": wrong}
    return given


def _rows(more, rules, *row):
    """Those of every rule, with so many nodes more than usual."""
    for module in COUNTED:
        vars(module)["FINE"] = tuple(count + more for count in vars(module)["FINE"])
    return [_row(rule, *row) for rule in rules]


def _row(rule_name, kind, name, margin, aligned, n, seed):
    """The points, their error, status, and what their condition allows."""
    row = f"{margin} {aligned} {rule_name}"
    rng = np.random.default_rng([seed, zlib.crc32(row.encode())])
    given = _draw(rng, n, kind == "convex", aligned)
    shares, empty = rng.uniform(0, 1, n), 1 - given["keep_fraction"]
    rules = {
        "window": pt.Window(shares * empty),
        "mix": pt.Mixture(shares, "hard"),
        "mixe": pt.Mixture(shares, "easy"),
    }
    given |= {"rule": rules.get(rule_name, rule_name), "margin": margin, "throw": False}
    if kind == "convex":
        found = pt.solve_convex(loss=name, **given)
        floor = 16 * 2.0**-52 * found.condition
    else:
        found = pt.solve(student=name, **given)
        floor = 0.0
    points = {k: v for k, v in given.items() if np.ndim(v) == 1} | {"share": shares}
    return points, found.error, found.status, np.broadcast_to(floor, n)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("convex", "students"))
    parser.add_argument("--loss", default="logistic")
    parser.add_argument("--student", default="gibbs")
    parser.add_argument("--rules", nargs="*", default=RULES)
    parser.add_argument("--margins", nargs="*", default=("absolute", "signed"))
    parser.add_argument("--angles", nargs="*", default=("zero", "above"))
    parser.add_argument("--points", type=int, default=48, help="a row")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    name = options.loss if options.kind == "convex" else options.student
    spawn = multiprocessing.get_context("spawn")
    began, total = time.perf_counter(), np.zeros(3, int)
    print("margin    theta  rule     points  unsolved  over  largest difference")
    for margin in options.margins:
        for aligned in (angle == "zero" for angle in options.angles):
            row = options.kind, name, margin, aligned, options.points, options.seed
            both = [(more, options.rules, *row) for more in (0, MORE)]
            with spawn.Pool(1, maxtasksperchild=1) as pool:
                found = pool.starmap(_rows, both, chunksize=1)
            for rule, usual, finer in zip(options.rules, *found, strict=True):
                points, error, status, floor = usual
                solved = status == 0
                difference = np.where(solved, np.abs(error / finer[1] - 1), 0.0)
                over = solved & (difference > np.maximum(1e-8, floor))
                total += (len(error), (~solved).sum(), over.sum())
                print(
                    f"{margin:9} {'= 0' if aligned else '> 0':6} {rule:8} "
                    f"{len(error):6} {(~solved).sum():9} {over.sum():5}  "
                    f"{np.nanmax(difference):.1e}",
                    flush=True,
                )
                for i in np.flatnonzero(~solved | over):
                    at = {k: float(v[i]) for k, v in points.items()}
                    said = "over" if solved[i] else f"status {status[i]}"
                    print(f"    {said} {difference[i]:.1e} {at}")
    print(
        f"{name}: {total[0]} points, {total[1]} unsolved, {total[2]} over, "
        f"{time.perf_counter() - began:.0f} s"
    )


if __name__ == "__main__":
    main()
