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

from ..errors import ConvergenceError, InputError, unknown_name
from ..numerics.compilation import batched
from ..numerics.precision import eager_only
from ..rules.inputs import (
    as_array,
    check_fraction,
    check_load,
    check_rule,
    check_theta,
    one_number,
)
from ..rules.rule import Rule, check_margin, resolve_rule
from ..solving.batches import _nowhere, _search, _settled
from ..solving.saddle_point import (
    FINE,
    LONG,
    Inputs,
    Mode,
    Start,
    State,
    _equations,
    build,
)
from ..students import version_space
from ..students.max_margin import Problem, Unknowns
from ..students.newton import solve_3
from ..students.sensitivity import _at_thresholds

# those whose rules can be optimised
STUDENTS = ("max_margin", "gibbs", "bayes_point")


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
    student: str = "max_margin",
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
        student: "max_margin", "gibbs" or "bayes_point".

    Raises:
        InputError: an argument outside its range, or not exactly one load.
        ConvergenceError: the point did not converge.
    """
    kind = resolve_rule(rule)
    check_margin(margin)
    check_student(student)
    margins = as_array("z", z)
    if margin == "absolute" and (margins < 0).any():
        raise InputError(f"an absolute margin z must be >= 0, got {margins.min():g}")
    if (alpha_prune is None) == (alpha_tot is None):
        raise InputError("give exactly one of alpha_prune and alpha_tot")
    total = alpha_prune is None
    name = "alpha_tot" if total else "alpha_prune"
    load = one_number(name, alpha_tot if total else alpha_prune)
    angle = one_number("theta", theta)
    check_load(name, load)
    check_theta(angle)
    if keep_fraction is not None:
        keep_fraction = one_number("keep_fraction", keep_fraction)
        check_fraction("keep_fraction", keep_fraction)
    check_rule(kind, keep_fraction, margin)
    fraction = np.ones(()) if keep_fraction is None else keep_fraction
    if total and keep_fraction is not None:
        load = load * fraction
    mode = Mode(margin, bool(angle == 0), total and keep_fraction is None, student)
    # two of the same: a single point would be compiled apart
    inputs = Inputs(*(np.full(2, x) for x in (load, fraction, angle)))  # pyright: ignore
    kind = jax.tree.map(lambda x: np.full(2, one_number("a rule's parameter", x)), kind)
    state = search(inputs, kind, mode)
    if not state.found[0]:
        raise ConvergenceError(
            f"the point did not converge: {name} = "
            f"{float(alpha_tot if total else alpha_prune):.17g}, keep_fraction = "
            f"{fraction:.17g}, theta = {angle:.17g}"
        )
    flat = np.append(margins.ravel(), np.zeros(margins.size % 2))
    rates = derivatives(state, inputs, kind, flat, mode)
    at = rates.at[0, : margins.size].reshape(margins.shape)
    if total:
        at = at + rates.by_load[0] / state.fraction[0]
    return np.asarray(at * errors(state, student)[0])[()]


def check_student(student: str) -> None:
    """Refuse a student whose derivative is not known here."""
    if student not in STUDENTS:
        raise unknown_name("student", student, STUDENTS)


def search(
    inputs: Inputs,
    rule: Rule,
    mode: Mode,
    sure: bool = True,
    near: State | None = None,
) -> State:
    """The saddle points of flat arrays of inputs and of the rule's parameters.

    From a guess, which is enough for most, or from one state ``near`` all of them; what
    is left over is given up if not ``sure``.
    """
    count = len(inputs.alpha)
    limit, cold = np.full(count, LONG), _nowhere(count)
    state = None
    if near is not None:
        (log_a, b, tau), slack = near.value[0, :3], near.slack[0]
        at = (np.full(count, x) for x in (log_a, b * np.exp(-log_a), tau, slack))
        state = _settled(Start(*at, cold.steps), limit, inputs, rule, mode)
    if state is None or not state.found.all():
        state = _either(state, _settled(cold, limit, inputs, rule, mode))
    if sure and not state.found.all():
        state = _either(state, _search(cold, inputs, rule, mode))
    return state


def _either(first: State | None, second: State) -> State:
    """The first of two searches where it found a root, the second elsewhere."""
    if first is None:
        return second

    def pick(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        found = np.asarray(first.found).reshape(-1, *(1,) * (x.ndim - 1))
        return np.where(found, x, y)

    return jax.tree.map(pick, first, second)


def errors(state: State, student: str = "max_margin") -> Float[np.ndarray, " n"]:
    """The generalisation error of each state; NaN where none was found."""
    log_a, b, third = state.value.T[:3]
    width = np.exp(third) if student == "gibbs" else 0.0
    angle = np.arctan2(np.sqrt(1.0 + b * b + width**2), np.exp(log_a))
    return np.where(state.found, angle / np.pi, np.nan)


def derivatives(
    state: State, inputs: Inputs, rule: Rule, z: Float[np.ndarray, " k"], mode: Mode
) -> Rates:
    """The :class:`Rates` of n states at the same k margins (k even), in one program."""
    log_a, b = state.value.T[:2]
    x = np.stack([log_a, b * np.exp(-log_a), state.slack], axis=1)
    with jax.enable_x64(True):
        out = _compiled(mode)(x, inputs, rule, z)
        return jax.tree.map(np.asarray, out)


@lru_cache
def _compiled(mode: Mode) -> Any:
    return batched(partial(_rates, mode=mode), (0, 0, 0, None))


def _log_error(x: Unknowns, student: str) -> Float[Array, ""]:
    a = jnp.exp(x[0])
    width = jnp.exp(x[2]) if student == "gibbs" else 0.0
    noise = jnp.sqrt(1.0 + (a * x[1]) ** 2 + width**2)
    return jnp.log(jnp.arctan2(noise, a))


def _forces(
    x: Unknowns, problem: Problem, first: Float[Array, ""], mode: Mode
) -> Float[Array, "cells 2 3"]:
    """What each example at a threshold adds to the three equations, beside the mean."""
    margin, n, alpha = mode.margin, FINE[1], problem.alpha_prune
    if mode.student == "max_margin":
        square, force, turned = jnp.moveaxis(
            _at_thresholds(x, problem, margin, n, mode.on_line)[..., :3], -1, 0
        )
    else:
        one = version_space._edges(x, problem, margin, n, mode.on_line)
        a, square = jnp.exp(x[0]), jnp.exp(2.0 * x[2])
        total = a * a * (1.0 + x[1] * x[1]) + 1.0 + square  # 1/r^2
        square, force = one.square, one.u_pull * total / (a * square)
        turned = one.v_pull - x[1] * one.u_pull
    turned = jnp.zeros_like(turned) if mode.on_line else turned / first
    return jnp.stack([alpha * square - 1.0, alpha * force - 1.0, turned], axis=-1)


def _rates(
    x: Unknowns, inputs: Inputs, rule: Rule, z: Float[Array, " k"], mode: Mode
) -> Rates:
    problem, _ = build(inputs, rule, mode)
    _, jacobian, first, _ = _equations(mode, FINE)(x, problem)
    adjoint = solve_3(jacobian.T, jax.grad(_log_error)(x, mode.student))
    ends = problem.pieces.ends
    at = jnp.concatenate([ends, z.reshape(-1, 2)])
    lines = problem._replace(pieces=problem.pieces._replace(ends=at))
    moved = -_forces(x, lines, first, mode) @ adjoint / problem.keep_fraction
    n = len(ends)
    by_load = -(adjoint[0] + adjoint[1])
    return Rates(moved[n:].ravel(), moved[:n], ends, by_load)
