"""The theory that a simulated student is to be compared with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

import perceptron_theory as pt
from perceptron_theory import InputError, Mixture, Rule, Window, resolve_rule

from ..data.point import Point
from ..students.catalog import (
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


class Case(NamedTuple):
    """A point, and what was realised of it at finite N."""

    point: Point
    alpha_prune: float
    keep_fraction: float | None
    """None for a ``KeepProbability``."""
    rule: str | Rule
    """The rule of the point with its realised parameters."""


def predict(cases: Sequence[Case]) -> Float[np.ndarray, " case"]:
    """Error at infinite N of the students of all cases.

    Those that differ in numbers only are solved together.

    Raises:
        InputError: a student without a theory.
        ConvergenceError: see ``perceptron_theory.solving.front_door``.
    """
    groups = defaultdict(list)
    for number, case in enumerate(cases):
        rule = resolve_rule(case.rule)
        name = case.point.rule_name
        if isinstance(rule, Window | Mixture):
            name = f"{type(rule).__name__} {getattr(rule, 'rule', '')}"
        groups[name, case.point.student_name, case.point.margin].append(number)
    errors = np.empty(len(cases))
    for numbers in groups.values():
        errors[numbers] = _errors([cases[number] for number in numbers])
    return errors


def _errors(cases: list[Case]) -> Float[np.ndarray, " case"]:
    """Errors of cases of one student, margin and kind of rule."""
    first = cases[0]
    student = resolve_student(first.point.student)
    where = {
        "alpha_prune": np.array([case.alpha_prune for case in cases]),
        "theta": np.array([case.point.theta for case in cases]),
        "rule": _joined([resolve_rule(case.rule) for case in cases]),
        "margin": first.point.margin,
    }
    if first.keep_fraction is not None:
        where["keep_fraction"] = np.array([case.keep_fraction for case in cases])
    if isinstance(student, ConvexRidge):
        solution = pt.solve_convex(loss=student.loss, ridge=student.ridge, **where)
    elif type(student) in _OF_SOLVE:
        solution = pt.solve(student=_OF_SOLVE[type(student)], **where)
    else:
        raise InputError(
            f"no theory of the student {student.name} is known: simulate it, or "
            "validate max_margin, gibbs, bayes_point or a convex_ridge"
        )
    return np.asarray(solution.error)


def _joined(rules: list[Rule]) -> Rule:
    """One rule with the parameters of all."""
    if not isinstance(rules[0], Window | Mixture):
        return rules[0]
    return jax.tree.map(lambda *numbers: np.array(numbers), *rules)
