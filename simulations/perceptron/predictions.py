"""The theory that a simulated student is to be compared with."""

from __future__ import annotations

import perceptron_theory as pt
from perceptron_theory import InputError, Rule

from .point import Point
from .students import (
    BayesPoint,
    ConvexRidge,
    Gibbs,
    MaxMarginStudent,
    resolve_student,
)

_OF_SOLVE = {MaxMarginStudent: "max_margin", Gibbs: "gibbs", BayesPoint: "bayes_point"}


def has_theory(point: Point) -> bool:
    """Whether the student of a point has a law at infinite N."""
    return isinstance(resolve_student(point.student), (*_OF_SOLVE, ConvexRidge))


def predict(
    point: Point,
    *,
    alpha_prune: float,
    keep_fraction: float | None = None,
    rule: str | Rule | None = None,
) -> float:
    """Error at infinite N of the student of a point, at what was realised at finite N.

    ``rule`` is the rule of the point with its realised parameters.

    Raises:
        InputError: a student without a theory.
        ConvergenceError: see ``perceptron_theory.solve``.
    """
    student = resolve_student(point.student)
    where = {
        "alpha_prune": alpha_prune,
        "theta": point.theta,
        "rule": point.rule if rule is None else rule,
        "margin": point.margin,
    }
    if keep_fraction is not None:
        where["keep_fraction"] = keep_fraction
    if isinstance(student, ConvexRidge):
        solution = pt.solve_convex(loss=student.loss, ridge=student.ridge, **where)
        return float(solution.error)
    if type(student) not in _OF_SOLVE:
        raise InputError(
            f"no theory of the student {student.name} is known: simulate it, or "
            "validate max_margin, gibbs, bayes_point or a convex_ridge"
        )
    return float(pt.solve(student=_OF_SOLVE[type(student)], **where).error)
