r"""How the error changes with the probability of keeping examples of one margin.

The saddle-point equations are averages over the kept examples,

    F(X) = (1/f) Int dz q(z) w(z) m(z; X) - mean(X) = 0,    f = Int dz q(z) w(z),

w the density of the margin in the pool, m the average of the equations' integrands over
the examples of margin z.  Keeping a mass dq w dz more of them moves F by that mass
times (m(z) - mean)/f at fixed X.  So with the adjoint lambda, J^T lambda = d error/dX,
the derivative of the error with respect to the kept mass at z is

    D(z) = -lambda.(m(z; X) - mean)/f

at fixed alpha_prune: one solve of three equations for every z.  It averages to zero
over the kept examples, because keeping more of everything changes nothing.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import ConvergenceError, InputError
from ..kept.problem import Inputs, Mode
from ..numerics.batching import batched
from ..numerics.checks import (
    as_array,
    check_fraction,
    one_load,
    one_number,
)
from ..numerics.newtons_method import solve_3, solve_scaled
from ..numerics.precision import eager_only, own_settings
from ..rules.names import resolve_rule
from ..rules.rule import Rule, check_rule
from ..solving.states import nowhere, search, settled
from ..students.state import Point, Start, State, error_of
from ..students.student import LONG, Student
from .learner import has_best_ridge, learner_at, single_load


class Rates(NamedTuple):
    """Derivatives of ln error, and the thresholds of a rule.

    ``at`` (n,) is with respect to the kept mass at each margin, at fixed alpha_prune;
    ``at_ends`` (cells, 2) the same at the thresholds ``ends`` of the rule's cells;
    ``by_load`` with respect to ln alpha_prune.
    """

    at: Any
    at_ends: Any
    ends: Any
    by_load: Any


@eager_only
def functional_derivative(
    z: Any,
    *,
    alpha_prune: Any = None,
    alpha_tot: Any = None,
    keep_fraction: Any = None,
    theta: Any = 0.0,
    rule: str | Rule = "hard",
    margin: str = "absolute",
    student: str | Student = "max_margin",
    loss: Any = None,
    ridge: Any = None,
    flip_probability: Any = 0.0,
    label_noise: Any = None,
) -> Float[np.ndarray, "*shape"]:
    """D error/d(kept mass at margin z), exact, for one rule and one point.

    A change dq(z) of the keep-probability changes the error by the integral of
    dq(z) w(z) D(z), with w(z) dz the part of the pool at the margin z and D what is
    returned.  The load that is given stays fixed: with ``alpha_prune`` the pool grows
    or shrinks with the kept fraction, and D averages to zero over the kept examples;
    with ``alpha_tot`` it differs by a constant, and is negative wherever one more
    example of that margin helps.

    Args:
        z: margins, of any shape: |P.x|, or y P.x with ``margin="signed"``.
        alpha_prune: kept examples per dimension, one number.
        alpha_tot: examples of the pool per dimension; give one of the two.
        keep_fraction: f in (0, 1]; not for a :class:`KeepProbability` rule.
        theta: angle of teacher and probe in radians, [0, pi/2].
        rule: any rule that :func:`solve` takes.
        margin: "absolute" or "signed".
        student: any whose equations are averages over the kept examples (all but
            "bayes_optimal", which sees the rule itself).
        loss: a convex loss in place of a student, as in :func:`solve_convex`.
        ridge: of that loss, a number.
        flip_probability: of the labels of the pool, with a loss.
        label_noise: of the teacher, with a loss: as in :func:`solve_convex`, with its
            strength, ``Probit(0.5)`` or "probit:0.5".

    Raises:
        InputError: an argument outside its range, or not exactly one load.
        ConvergenceError: the point did not converge.
    """
    kind = resolve_rule(rule)
    how = student, loss, ridge, flip_probability, label_noise
    learner, angle, _ = learner_at(theta, margin, *how)
    check_differentiable(learner)
    margins = as_array("z", z)
    if margin == "absolute" and (margins < 0).any():
        raise InputError(f"an absolute margin z must be >= 0, got {margins.min():g}")
    name, given = one_load(alpha_prune, alpha_tot)
    load, total = single_load(name, given), name == "alpha_tot"
    if keep_fraction is not None:
        keep_fraction = one_number("keep_fraction", keep_fraction)
        check_fraction("keep_fraction", keep_fraction)
    check_rule(kind, keep_fraction, margin)
    fraction = np.ones(()) if keep_fraction is None else keep_fraction
    if total and keep_fraction is not None:
        load = load * fraction
    mode = Mode(margin, angle == 0, total and keep_fraction is None)
    # two of the same: a single point would be compiled apart
    inputs = Inputs(*(np.full(2, x) for x in (load, fraction, angle)))  # pyright: ignore
    kind = jax.tree.map(lambda x: np.full(2, one_number("a rule's parameter", x)), kind)
    point = Point(inputs, kind, repeated(learner, 2))
    state = find(point, mode)
    if not state.found[0]:
        raise ConvergenceError(
            f"the point did not converge: {name} = {float(given):.17g}, "
            f"keep_fraction = {fraction:.17g}, theta = {angle:.17g}"
        )
    flat = np.append(margins.ravel(), np.zeros(margins.size % 2))
    rates = derivatives(state, point, flat, mode)
    at = rates.at[0, : margins.size].reshape(margins.shape)
    if total:
        at = at + rates.by_load[0] / state.fraction[0]
    return np.asarray(at * errors(state, learner)[0])[()]


def check_differentiable(student: Student) -> None:
    """Refuse a student whose answer to more kept examples is not known.

    Raises:
        InputError: it is not known, or the ridge is not a number.
    """
    if type(student).by_margin is Student.by_margin:
        raise InputError(
            f"no derivative with respect to the kept margins is known for the student "
            f"{student.name}: it is for the other ones, and for convex losses"
        )
    if has_best_ridge(student):
        raise InputError("ridge must be a number here, got 'optimal'")


def repeated(student: Student, count: int) -> Student:
    """The student, its numbers as arrays, for so many points."""
    kind = student.traced_variant()
    return jax.tree.map(lambda x: np.full(count, float(x)), kind)


def find(
    point: Point, mode: Mode, sure: bool = True, near: State | None = None
) -> State:
    """The saddle points of flat arrays of points.

    From a guess, which is enough for most, or from one state ``near`` all of them; what
    is left over is given up if not ``sure``.
    """
    count = len(point.inputs.alpha)
    cold = nowhere(point.student, count)
    state = None
    if near is not None:
        first = jax.tree.map(lambda x: x[:1], near)
        x = np.repeat(point.student.start_of(first), count, axis=0)
        state = settled(Start(x, cold.steps), LONG, point, mode)
    student = point.student
    if not student.always_path and (state is None or not state.found.all()):
        state = _either(state, settled(cold, LONG, point, mode))
    if state is None or (sure and not state.found.all()):
        state = _either(state, search(cold, point, mode))
    return state


def _either(first: State | None, second: State) -> State:
    """The first of two searches where it found a root, the second elsewhere."""
    if first is None:
        return second

    def pick(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        found = np.asarray(first.found).reshape(-1, *(1,) * (x.ndim - 1))
        return np.where(found, x, y)

    return jax.tree.map(pick, first, second)


def errors(state: State, student: Student) -> Float[np.ndarray, " n"]:
    """The generalisation error of each state; NaN where none was found."""
    return np.where(state.found, error_of(student.direction(state.value.T)), np.nan)


def derivatives(
    state: State, point: Point, z: Float[np.ndarray, " k"], mode: Mode
) -> Rates:
    """The :class:`Rates` of n states at the same k margins (k even), in one program."""
    with own_settings(x64=True):
        out = _compiled(mode)(state.x, point, z)
        return jax.tree.map(np.asarray, out)


@lru_cache
def _compiled(mode: Mode) -> Any:
    return batched(partial(_rates, mode=mode), (0, 0, None))


def _rates(
    x: Float[Array, " n"], point: Point, z: Float[Array, " k"], mode: Mode
) -> Rates:
    student = point.student
    problem, _ = student.problem(point, mode)
    ends = problem.pieces.ends

    def log_error(x: Float[Array, " n"]) -> Float[Array, ""]:
        return jnp.log(error_of(student.centre(x)))

    by = student.by_margin(x, point, mode, jnp.concatenate([ends, z.reshape(-1, 2)]))
    solve = solve_3 if len(x) == 3 else solve_scaled
    adjoint = solve(by.jacobian.T, jax.grad(log_error)(x))
    moved = -by.more @ adjoint / problem.keep_fraction
    n = len(ends)
    return Rates(moved[n:].ravel(), moved[:n], ends, -by.load @ adjoint)
