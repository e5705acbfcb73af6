r"""Up to which load the kept examples can be separated, on inputs of any covariance.

Some weights have y w.x > 0 on all kept examples if and only if (Gordon's inequality; of
random signs and of one field: Cover 1965; Candes & Sur, Ann. Statist. 48, 27, 2020)

    alpha E[(-M)_+^2] + (a, b)^T D R^-1 (a, b) < 1    for some a, b,

M = y (a u + b v) + xi the margin in units of its noise.  R is the part of the two
fields that is linear in the inputs and D = 1 - R what is not: weights that follow a
field which the inputs show in part have a noise of their own, from what is hidden.  The
covariance enters only by R.  It is also the load at which the equations of the student
of largest margin cease to have a solution: there |w| is infinite, and lambda V = 0.

In the visible weights c, with (a, b) = R c, the left-hand side F is convex.  At the c
of the last step that alpha is taken for which F = 1, the next step is Newton's for F
there, and if F falls, alpha rises.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..kept.problem import Mode
from ..students.state import Point
from .hard_margin import HardConstraint
from .pulls import FINE, Setting, averages, unknowns_of, with_slack
from .spectrum import product

LARGEST = 1e8  # load, from which on it is infinite
ROUNDS = 200
ENOUGH = 1e-12  # of F, for Newton's decrement
SINGULAR = 1e-14


class Separation(HardConstraint):
    """No loss from the margin zero on, an infinite one below it."""

    kink = 0.0


class _Place(NamedTuple):
    """What alpha is at some weights, and Newton's step there with its decrement."""

    log_alpha: Float[Array, ""]
    step: Float[Array, " 2"]
    decrement: Float[Array, ""]


class _Climb(NamedTuple):
    """The visible weights, what alpha is there, the next step, how it ends."""

    weights: Float[Array, " 2"]
    log_alpha: Float[Array, ""]
    step: Float[Array, " 2"]
    part: Float[Array, ""]
    done: Bool[Array, ""]
    tries: Int[Array, ""]


def critical_load(point: Point, mode: Mode) -> Float[Array, ""]:
    """The kept load up to which the kept examples can be separated; or infinity.

    The student of the point is a :class:`.hard_margin.HardMargin`.
    """
    problem, labels, _ = point.student.labelled_problem(point, mode)
    setting = Setting(Separation(), mode, bool(point.student.noisy))
    hidden = jnp.zeros(3) if problem.spectrum is None else problem.spectrum.hidden
    if mode.on_line:
        hidden = jnp.array([0.0, 0.0, 1.0]) + hidden * jnp.array([1.0, 0.0, 0.0])
    shown = jnp.array([1.0, 0.0, 1.0]) - hidden
    lost = _matrix(product(shown, hidden))
    shown = _matrix(shown)

    def at(weights: Float[Array, " 2"]) -> _Place:
        zero = jnp.zeros(())
        a, b = shown @ weights
        x = with_slack(unknowns_of(zero, a, b, zero), problem, labels, setting)
        found = averages(x, problem, labels, setting, FINE)
        rest = 1.0 - weights @ lost @ weights
        alpha = rest / found.sums[0]
        slope = 2.0 * (lost @ weights - alpha * shown @ found.sums[1:3])
        bend = 2.0 * (lost - alpha * shown @ found.by[1:3, 1:3] @ shown)
        size = SINGULAR * (bend[0, 0] + bend[1, 1])
        uu, uv, vv = bend[0, 0] + size, bend[0, 1], bend[1, 1] + size
        whole = uu * vv - uv * uv
        down = jnp.stack([vv * slope[0] - uv * slope[1], uu * slope[1] - uv * slope[0]])
        step = -down / whole
        log_alpha = jnp.where(rest > 0, jnp.log(jnp.maximum(alpha, 1e-300)), -jnp.inf)
        return _Place(log_alpha, step, -0.5 * step @ slope)

    def body(state: _Climb) -> _Climb:
        trial = state.weights + state.part * state.step
        log_alpha, step, decrement = at(trial)
        first = state.tries == 0
        up = (log_alpha >= state.log_alpha) | first
        enough = (decrement < ENOUGH) | (log_alpha > jnp.log(LARGEST))
        tired = ~up & (state.part < 1e-6)
        return _Climb(
            jnp.where(up, trial, state.weights),
            jnp.where(up, log_alpha, state.log_alpha),
            jnp.where(up, step, state.step),
            jnp.where(up, 1.0, 0.4 * state.part),
            (up & enough) | tired,
            state.tries + 1,
        )

    zero = jnp.zeros(())
    none = jnp.zeros((), bool), jnp.zeros((), int)
    begin = _Climb(jnp.zeros(2), zero, jnp.zeros(2), zero, *none)
    go_on = lambda s: ~s.done & (s.tries < ROUNDS)  # noqa: E731
    log_alpha = jax.lax.while_loop(go_on, body, begin).log_alpha
    return jnp.where(log_alpha > jnp.log(LARGEST), jnp.inf, jnp.exp(log_alpha))


def _matrix(symmetric: Float[Array, " 3"]) -> Float[Array, "2 2"]:
    uu, uv, vv = symmetric
    return jnp.stack([jnp.stack([uu, uv]), jnp.stack([uv, vv])])
