"""Self-training and three directions: theory beside simulation, point by point.

    python benchmarks/self_training.py --output self_training.csv

Twelve points of students, losses, rules and angles; two rounds each, so that round 1 is
the setting of three directions and round 2 that of a student's labels.  Rows are
written as they come, and those that are there are not computed again.
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from rounds_table import run

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


def _errors(
    number: int, point: tuple[Any, ...], size: int, draws: int
) -> tuple[np.ndarray, np.ndarray]:
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
    return theory["error"].values, found


if __name__ == "__main__":
    run(__doc__, POINTS, _errors)
