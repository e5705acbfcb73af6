"""Rounds of selection: theory beside simulation, point by point.

    python benchmarks/student_probes.py --output student_probes.csv

Eight points of students, rules, margins, noise and schedules, three rounds each; the
last three train on the labels of all rounds.  Rows are written as they come, and those
that are there are not computed again.
"""

from __future__ import annotations

import argparse
import csv
import math
from pathlib import Path
from typing import Any

import numpy as np

import perceptron_theory as pt
from simulations.perceptron import ConvexRidge, simulate_selection_rounds

SCHEDULE = [1.0, 0.4, 0.2]
# loss and ridge (None: max margin), loads, fractions, rule, margin, probit noise,
# flips, whether on the labels of all rounds
POINTS: tuple[tuple[Any, ...], ...] = (
    (None, 3.0, SCHEDULE, "hard", "absolute", 0.0, 0.0, False),
    (None, [1.0, 2.0, 4.0], 0.3, "easy", "absolute", 0.0, 0.0, False),
    (None, 2.0, [1.0, 0.5, 0.5], "hard", "signed", 0.0, 0.0, False),
    (("square", 0.3), 2.0, SCHEDULE, pt.Window(0.1), "absolute", 0.4, 0.0, False),
    (("logistic", 0.1), 2.0, SCHEDULE, "hard", "signed", 0.0, 0.1, False),
    (("square", 0.2), 1.5, SCHEDULE, "hard", "absolute", 0.0, 0.0, True),
    (("square", 0.2), [1.0, 0.5, 2.0], SCHEDULE, "easy", "absolute", 0.0, 0.1, True),
    (("square", 0.5), 1.5, 0.3, pt.Window(0.2), "absolute", 0.5, 0.0, True),
)
COLUMNS = "point", "N", "draws", "round", "theory", "mean", "standard_error", "z"
ROUNDS = 3


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
    loss, load, fractions, rule, margin, sigma, flips, together = point
    how = {"rounds": ROUNDS, "alpha_prune": load, "keep_fraction": fractions}
    how |= {"rule": rule, "margin": margin, "all_labels": together}
    noise = pt.Probit(sigma) if sigma else None
    theirs, ours = "max_margin", "max_margin"
    if loss is not None:
        theirs = pt.Convex(*loss, flips, label_noise=noise)
        ours = ConvexRidge(*loss)
    theory = pt.selection_rounds(student=theirs, **how)["error"].values
    found = simulate_selection_rounds(
        student=ours,
        label_noise=noise,
        flip_probability=flips,
        size=size,
        draws=draws,
        seed=number,
        **how,
    )["error"].values
    rows = []
    for k in range(1, ROUNDS + 1):
        mean, deviation = found[:, k].mean(), found[:, k].std(ddof=1) / math.sqrt(draws)
        numbers = theory[k], mean, deviation, (mean - theory[k]) / deviation
        rows.append([number, size, draws, k, *(f"{x:.5f}" for x in numbers)])
    return rows


if __name__ == "__main__":
    main()
