"""Self-training and three directions: theory beside simulation, point by point.

    python benchmarks/self_training.py --output self_training.csv

Twelve points of students, losses, rules and angles; two rounds each, so that round 1 is
the setting of three directions and round 2 that of a student's labels.  Rows are
written as they come, and those that are there are not computed again.
"""

from __future__ import annotations

import argparse
import csv
import math
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

import perceptron_theory as pt
from simulations.perceptron import ConvexRidge, simulate_self_training

LOGISTIC = "logistic", 0.1
AGREEING = {rule: pt.Agreeing(rule) for rule in ("hard", "easy", "random")}
ALL_AGREEING = pt.Agreeing(pt.KeepProbability(jnp.ones_like))
# angles in degrees, loss and ridge (None: max margin), load, f, rule, margin
POINTS: tuple[tuple[Any, ...], ...] = (
    ((30, 20, 30), None, 2.5, 0.5, "hard", "absolute"),
    ((30, 20, 30), None, 2.5, 0.5, "easy", "absolute"),
    ((30, 20, 30), None, 2.0, 0.4, AGREEING["hard"], "signed"),
    ((40, 15, 50), None, 2.0, 0.4, AGREEING["easy"], "signed"),
    ((40, 15, 35), None, 2.0, 0.4, pt.Agreeing(pt.Window(0.25)), "signed"),
    ((40, 15, 50), None, 2.0, None, ALL_AGREEING, "signed"),
    ((30, 20, 30), LOGISTIC, 2.0, 0.4, AGREEING["hard"], "signed"),
    ((60, 25, 45), LOGISTIC, 2.0, 0.3, "easy", "absolute"),
    ((20, 35, 45), LOGISTIC, 3.0, 0.5, AGREEING["random"], "signed"),
    ((30, 20, 30), ("squared_hinge", 0.05), 2.0, 0.4, AGREEING["easy"], "signed"),
    ((45, 20, 60), ("hinge", 0.1), 2.0, 0.4, AGREEING["hard"], "signed"),
    ((45, 20, 60), ("square", 0.5), 3.0, 0.6, "hard", "signed"),
)
COLUMNS = "point", "N", "draws", "round", "theory", "mean", "standard_error", "z"


def main() -> None:
    """Compute what is not in the file yet, and print all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--draws", type=int, default=24)
    asked = parser.parse_args()
    if not asked.output.exists():
        asked.output.write_text(",".join(COLUMNS) + "\n")
    with asked.output.open() as file:
        done = {row["point"] for row in csv.DictReader(file)}
    for number, point in enumerate(POINTS):
        if str(number) in done:
            continue
        rows = _rows(number, point, asked.size, asked.draws)
        with asked.output.open("a") as file:
            csv.writer(file).writerows(rows)
    print(asked.output.read_text(), end="")
    with asked.output.open() as file:
        z = np.array([float(row["z"]) for row in csv.DictReader(file)])
    print(
        f"{len(z)} errors, mean z^2 = {np.mean(z**2):.2f}, "
        f"largest |z| = {max(abs(z)):.2f}"
    )


def _rows(number: int, point: tuple[Any, ...], size: int, draws: int) -> list[list]:
    angles, loss, load, f, rule, margin = point
    three = pt.ThreeDirections(*np.deg2rad(angles))
    how = {"rounds": 2, "rule": rule, "margin": margin, "keep_fraction": f}
    total = load / (f or 1 - three.between / math.pi)  # pools of one size
    theirs, ours = "max_margin", "max_margin"
    if loss is not None:
        theirs, ours = pt.Convex(*loss), ConvexRidge(*loss)
    theory = pt.self_training(three, alpha_tot=total, student=theirs, **how)
    found = simulate_self_training(
        three,
        alpha_prune=load,
        student=ours,
        size=size,
        draws=draws,
        seed=number,
        **how,
    )["error"].values
    expected = theory["error"].values
    rows = []
    for k in (1, 2):
        mean, deviation = found[:, k].mean(), found[:, k].std(ddof=1) / math.sqrt(draws)
        numbers = expected[k], mean, deviation, (mean - expected[k]) / deviation
        rows.append([number, size, draws, k, *(f"{x:.5f}" for x in numbers)])
    return rows


if __name__ == "__main__":
    main()
