"""The error at infinite N that a simulated student is to be compared with.

A student names its own theory (see :class:`~simulations.perceptron.students.contract.\
Student`); here cases that differ in numbers only are given to it together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from perceptron_theory import InputError, Rule, resolve_rule

from ..running.point import Point
from ..students.catalog import resolve_student
from ..students.contract import Student


def known_theory(student: Student) -> Callable[..., Any]:
    """The law of a student at infinite N, which it names.

    Raises:
        InputError: it names none.
    """
    theory = getattr(student, "theory", None)
    if theory is None:
        raise InputError(
            f"no theory of the student {student.name} is known: simulate it "
            "(pruning-laws simulate), give a theory, or give the student one as a "
            "method of that name"
        )
    return theory


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

    Raises:
        InputError: a student names no theory, or its theory returns another shape.
        ConvergenceError: the theory cannot be solved at one of the cases.
    """
    groups = defaultdict(list)
    for number, case in enumerate(cases):
        # rules of one structure are solved together, whatever their numbers
        kind = jax.tree.structure(resolve_rule(case.rule))
        groups[kind, case.point.student_name, case.point.margin].append(number)
    errors = np.empty(len(cases))
    for numbers in groups.values():
        errors[numbers] = _errors([cases[number] for number in numbers])
    return errors


def _errors(cases: list[Case]) -> Float[np.ndarray, " case"]:
    """Errors of cases of one student, margin and kind of rule."""
    first = cases[0]
    student = resolve_student(first.point.student)
    where: dict[str, Any] = {
        "alpha_prune": np.array([case.alpha_prune for case in cases]),
        "theta": np.array([case.point.theta for case in cases]),
        "rule": _joined([resolve_rule(case.rule) for case in cases]),
        "margin": first.point.margin,
    }
    if first.keep_fraction is not None:
        where["keep_fraction"] = np.array([case.keep_fraction for case in cases])
    errors = np.asarray(known_theory(student)(**where).error)
    if errors.shape != (len(cases),):
        raise InputError(
            f"the theory of the student {student.name} must return as many errors as "
            f"it gets loads, {len(cases)}; its errors have shape {errors.shape}"
        )
    return errors


def _joined(rules: list[Rule]) -> Rule:
    """One rule with the parameters of all."""
    return jax.tree.map(lambda *numbers: np.array(numbers), *rules)
