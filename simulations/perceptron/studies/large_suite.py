"""The points of the large comparison of theory and simulation: spread over everything.

A Sobol sequence spreads loads, kept fractions, angles, rules, margins and students; no
choice was made by the outcome.  Left out beforehand is the neighbourhood of the
threshold, where a law in 1/N does not hold at any affordable N:
:mod:`simulations.perceptron.studies.finite_size` is about it.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import qmc

from perceptron_theory import Mixture, Rule, Window

from ..running.point import Point
from ..students.contract import Student
from ..students.convex import ConvexRidge
from ..students.gibbs import BayesPoint, Gibbs

_COUNT, _COUNT_SAMPLED = 170, 40
_PRECISION = 0.015

Shares = tuple[tuple[float, str | Student], ...]

# parts of the sequence, each up to this number
_TRAINED: Shares = (
    (0.76, "max_margin"),
    (0.84, ConvexRidge("logistic", 0.1)),
    (0.92, ConvexRidge("square", 0.5)),
    (1.00, ConvexRidge("hinge", 0.3)),
)
# 32 samples of a set know its error far better than sets differ
_SAMPLED: Shares = ((0.5, Gibbs(16)), (1.0, BayesPoint(16)))
_RULES = ("hard", "easy", "random", "window", "mixture")


def large_points() -> tuple[Point, ...]:
    """170 points of trained students: all rules, both margins, theta 0 to 60 degrees.

    Loads from 0.4 to 10 and kept fractions from 0.02 to 1, evenly in the logarithm; a
    quarter of the points have a perfect probe.
    """
    return _points(_TRAINED, _COUNT)


def sampled_points() -> tuple[Point, ...]:
    """40 such points of students that are drawn from the version space, or its centre.

    They take much longer at the same N: smaller ones have to do.
    """
    return _points(_SAMPLED, _COUNT_SAMPLED)


def _points(students: Shares, count: int) -> tuple[Point, ...]:
    # unscrambled: the same numbers everywhere; the first is the corner
    sequence = qmc.Sobol(6, scramble=False).random_base2(8)[1:]
    points = [_point(row, students) for row in sequence]
    return tuple(point for point in points if not _at_the_threshold(point))[:count]


def _point(row: np.ndarray, students: Shares) -> Point:
    load = 0.4 * 25.0 ** row[0]
    fraction = float(f"{50.0 ** (row[1] - 1.0):.4g}")
    degrees = 0.0 if row[2] < 0.25 else 2.0 + 58.0 * (row[2] - 0.25) / 0.75
    return Point(
        float(f"{load:.4g}"),
        fraction,
        math.radians(round(degrees, 2)),
        _rule(_RULES[int(row[3] * len(_RULES))], fraction, row[3]),
        "absolute" if row[4] < 0.5 else "signed",
        _PRECISION,
        next(student for share, student in students if row[5] < share),
    )


def _rule(name: str, fraction: float, number: float) -> str | Rule:
    """The rule of that name; where it has a parameter, one from the same number."""
    within = float(number) * len(_RULES) % 1.0
    if name == "window":
        return Window(round(within * (1.0 - fraction), 4))
    if name == "mixture":
        return Mixture(round(within, 4), "hard" if within < 0.5 else "easy")
    return name


def _at_the_threshold(point: Point) -> bool:
    """Small margins kept at a small angle: an error that may fall from 1/2 to nothing.

    The fall lies at a load of 2 for a perfect probe, and the wider and later the larger
    theta is against f.
    """
    rule = point.rule
    hard = rule == "hard" or (isinstance(rule, Window) and rule.lower < 0.3)
    hard |= isinstance(rule, Mixture) and rule.rule == "hard" and rule.share > 0.7
    steep = point.theta < 0.2 and point.fraction < 0.3
    return hard and steep and 1.2 < point.alpha_prune < 6.0
