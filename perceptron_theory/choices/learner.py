"""Who is asked what to keep: any student, with its errors wherever it can be solved."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from ..convex.student import Convex
from ..errors import ConvergenceError, InputError
from ..numerics.batching import batched
from ..numerics.checks import (
    check_load,
    check_margin,
    check_theta,
    one_load,
    one_number,
)
from ..numerics.precision import own_settings
from ..rules.names import resolve_rule
from ..rules.rule import Rule
from ..solving.front_door import Asked, Flat, checked, found_at, solve
from ..solving.states import find_many
from ..students.names import resolve_student
from ..students.solution import log_error_slope
from ..students.student import Student
from .best_ridge import OptimalRidge, optimal_ridge

_SLOPES = batched(log_error_slope)


def resolve_learner(
    student: str | Student,
    loss: Any,
    ridge: Any,
    flip_probability: Any,
    label_noise: Any = None,
) -> Student:
    """The student that is meant: by name or as an object, or by its convex loss.

    Its numbers are single ones here.

    Raises:
        InputError: both a student and a loss are given, a ridge or wrong labels without
            a loss, or a number out of range.
    """
    if loss is None:
        noisy = label_noise is not None or np.any(np.asarray(flip_probability) != 0)
        if ridge is not None or noisy:
            raise InputError(
                "ridge, flip_probability and label_noise go with a convex loss: give "
                "loss='logistic' or another one (the other students fit every label)"
            )
        kind = resolve_student(student)
    elif not (isinstance(student, str) and student == "max_margin"):
        raise InputError(f"give a student or a loss, got {student!r} and {loss!r}")
    elif ridge is None:
        raise InputError(f"loss={loss!r} needs a ridge: a number, or 'optimal'")
    else:
        kind = Convex(loss, ridge, flip_probability, label_noise=label_noise)
    best = has_best_ridge(kind)
    names = [name for name in kind.numbers() if not (best and name == "ridge")]
    single = {name: float(one_number(name, getattr(kind, name))) for name in names}
    kind = kind.replaced(**single) if single else kind
    if not best:
        kind.check()
    return kind


def has_best_ridge(student: Student) -> bool:
    """Whether every error is that with the best ridge."""
    return isinstance(student, Convex) and student.optimal


def single_load(name: str, value: Any) -> float:
    """One load, checked.

    Raises:
        InputError: not one number, or not positive and finite.
    """
    load = one_number(name, value)
    check_load(name, load)
    return float(load)


def best_ridge(student: Student, **where: Any) -> OptimalRidge:
    """The best ridge of a student that has one at each point."""
    assert isinstance(student, Convex)
    noise = student.label_noise
    if noise is not None:
        noise = replace(noise, strength=student.noise_strength)
    how = {"flip_probability": student.flip_probability, "label_noise": noise}
    return optimal_ridge(loss=student.loss, **how, **where)


class Learner(NamedTuple):
    """Who is asked: a student, the angle of its probe, and which margin rules rank."""

    student: Student
    theta: float
    margin: str

    def log_error(
        self,
        rule: str | Rule,
        *,
        alpha_prune: Any = None,
        alpha_tot: Any = None,
        keep_fraction: Any,
    ) -> Any:
        """Ln error, of the shape of the inputs; NaN where the point did not converge.

        A rule that does not look at the margin is that of all loads whatever the
        probe, unless the student knows the probe.
        """
        student, theta, margin = self
        name, load = one_load(alpha_prune, alpha_tot)
        kind = resolve_rule(rule)
        if kind.indifferent and not student.knows_probe:
            load = load if name == "alpha_prune" else load * keep_fraction
            name, keep_fraction, theta = "alpha_prune", 1.0, 0.0
            kind = resolve_rule("hard")  # of all there is
        where: dict[str, Any] = {"theta": theta, "rule": kind, "margin": margin}
        if has_best_ridge(student):
            own, tree = jax.tree.flatten(kind)
            rows = np.broadcast_arrays(load, keep_fraction, *own)

            def errors(loads: Any, fractions: Any, *own: Any) -> Any:
                at = {name: loads, "keep_fraction": fractions}
                at |= where | {"rule": jax.tree.unflatten(tree, own)}
                return best_ridge(student, **at).error

            flat = _each(errors, *(row.ravel() for row in rows))
            return np.log(flat).reshape(rows[0].shape)
        where |= {name: load, "keep_fraction": keep_fraction, "student": student}
        return np.log(solve(**where, throw=False).error)


def learner_at(
    theta: Any,
    margin: str,
    student: str | Student = "max_margin",
    loss: Any = None,
    ridge: Any = None,
    flip_probability: Any = 0.0,
    label_noise: Any = None,
) -> Learner:
    """The learner of one angle that is meant, checked.

    Raises:
        InputError: an argument outside its range; see :func:`resolve_learner`.
    """
    angle = one_number("theta", theta)
    check_theta(angle)
    kind = resolve_learner(student, loss, ridge, flip_probability, label_noise)
    return Learner(kind, float(angle), check_margin(margin))


def _each(function: Any, *rows: np.ndarray) -> np.ndarray:
    """The function of all rows at once, in halves where it does not converge."""
    try:
        return np.asarray(function(*rows))
    except ConvergenceError:
        n = len(rows[0])
        if n == 1:
            return np.full(1, np.nan)
        halves = [x[: n // 2] for x in rows], [x[n // 2 :] for x in rows]
        return np.concatenate([_each(function, *half) for half in halves])


def slopes(
    student: Student,
    rule: Rule,
    *,
    alpha_prune: Any,
    keep_fraction: Any,
    theta: Any,
    margin: str,
) -> tuple[Float[np.ndarray, "n k"], Flat]:
    """Derivatives of ln error by the inputs, alpha_prune first; NaN if unsolved.

    And the inputs themselves.

    Raises:
        InputError: one is outside its range, or they do not broadcast.
    """
    asked = Asked("alpha_prune", rule, margin, student)
    with own_settings(x64=True):
        flat = checked((alpha_prune, keep_fraction, theta), asked)
        line = flat._replace(shape=flat.arrays[0].shape)
        state = found_at(find_many, line, asked, exact=True)
        students = jax.tree.unflatten(flat.student, flat.numbers)
        by_value = np.asarray(_SLOPES(students, state.value))
    rates = np.einsum("nm,nmk->nk", by_value, state.rates)
    return np.where(state.found[:, None], rates, np.nan), flat
