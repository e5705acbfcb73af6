"""Rounds of selection: theory beside simulation, point by point.

    python benchmarks/student_probes.py --output student_probes.csv

Eight points of students, rules, margins, noise and schedules, three rounds each; the
last three train on the labels of all rounds.  Rows are written as they come, and those
that are there are not computed again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rounds_table import run

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
ROUNDS = 3


def _errors(
    number: int, point: tuple[Any, ...], size: int, draws: int
) -> tuple[np.ndarray, np.ndarray]:
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
    return theory, found


if __name__ == "__main__":
    run(__doc__, POINTS, _errors)
