r"""The path of a student from small loads, and the coordinates it is followed in.

Where Newton's method fails from a rough guess, the solution is followed from a small
load, where it is explicit, in pseudo-arclength (log alpha is one more unknown): the
curve is smooth and, the problem being convex, has no fold, but it can be all but
vertical at the threshold alpha = 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from ..kept.problem import Problem
from ..numerics.newtons_method import ROUNDING, Chart, Root, newton, solve_3

EASY_LOAD = 0.01  # nearly every kept example is a support vector below this load
ARC = 1.5  # first step along the path, in units of the scaled unknowns
SHORTEST = 1e-9  # step: one that fails even so is lost in rounding

# log a, b/a, and a third: the slack at the corner, or the log of a width
Unknowns = Float[Array, " 3"]


def scale(x: Unknowns) -> Float[Array, " 3"]:
    """Size of a change of the unknowns that matters: b on the scale of 1 + b."""
    return jnp.stack(
        [jnp.ones(()), jnp.exp(-x[0]) + jnp.abs(x[1]), 1.0 + 0.5 * jnp.abs(x[2])]
    )


def size_of(step: Unknowns, x: Unknowns) -> Float[Array, ""]:
    """The size of a step."""
    return jnp.max(jnp.abs(step) / scale(x))


def _longest(step: Unknowns, x: Unknowns) -> Float[Array, ""]:
    """A factor e^2 in a, ten times the present b, a few widths of the slack."""
    cap = jnp.array([2.0, 10.0, 2.0]) * scale(x)
    return 1.0 / jnp.max(jnp.abs(step) / cap)


CHART = Chart(size_of, _longest, solve=solve_3, rounding=ROUNDING)


def extrapolated(
    value: Float[np.ndarray, "n m"],
    moved: Float[np.ndarray, "n m"],
    distance: Float[np.ndarray, " n"],
) -> Float[np.ndarray, "n 3"]:
    """Unknowns next to solved points, from (log a, b, ...) there and their change.

    NaN where the step is too long to trust.
    """
    (log_a, b, third), (grown, more_b, more) = value.T[:3], moved.T[:3]
    far = (distance > 1.0) | (np.abs(grown) > 1.0)
    log_a = np.where(far, np.nan, log_a + grown)
    return np.stack([log_a, (b + more_b) * np.exp(-log_a), third + more], axis=1)


class _Corrected(NamedTuple):
    """A point of the path that is being brought back onto it."""

    point: Float[Array, 4]
    steps: Int[Array, ""]
    good: Any
    close: Any


class _Walk(NamedTuple):
    """How far the path has been followed, and how it goes on."""

    point: Float[Array, 4]
    tangent: Float[Array, 4]
    arc: Float[Array, ""]
    steps: Int[Array, ""]
    tries: Int[Array, ""]
    done: Bool[Array, ""]


def follow(
    problem: Problem,
    evaluate: Callable[..., Any],
    blank: Any,
    first: Callable[[Problem], Unknowns],
    active: bool | Bool[Array, ""],
) -> Root:
    """The solution at ``alpha_prune``, followed from a small load if ``active``.

    There it is searched from ``first``.  ``evaluate``(x, problem) are the equations.
    """
    target = jnp.log(problem.alpha_prune)
    begin = jnp.minimum(target, jnp.log(EASY_LOAD))

    def at(log_alpha):
        return problem._replace(alpha_prune=jnp.exp(log_alpha))

    def correct(point, along, step_from):
        """Newton on the equations and the plane at arclength one step from the last."""

        def body(state: _Corrected) -> _Corrected:
            point, steps, _, _ = state
            out, jacobian, *_ = evaluate(point[:3], at(point[3]))
            # d/dlog alpha of the residual
            load = jnp.array([1.0, 1.0, 0.0])
            free, forced = solve_3(jacobian, -out), solve_3(jacobian, load)
            miss = jnp.dot(along, point - step_from)
            slope = along[3] - jnp.dot(along[:3], forced)
            more = -(miss + jnp.dot(along[:3], free)) / slope
            move = jnp.append(free - forced * more, more)
            size = jnp.maximum(size_of(move[:3], point[:3]), jnp.abs(move[3]))
            good = jnp.all(jnp.isfinite(move)) & (size < 4.0)
            point = jnp.where(good, point + move, point)
            return _Corrected(point, steps + 1, good, size < 1e-3)

        state = _Corrected(point, jnp.zeros((), int), True, False)
        go_on = lambda s: (s.steps < 7) & s.good & ~s.close  # noqa: E731
        end = lax.while_loop(go_on, body, state)
        return end.point, end.steps, end.good & end.close

    def metric(point):
        return 1.0 / jnp.append(scale(point[:3]), 1.0) ** 2

    def body(state: _Walk) -> _Walk:
        point, tangent, arc, steps, tries, _ = state
        weight = metric(point)
        tangent = tangent / jnp.sqrt(jnp.sum(weight * tangent**2))
        left = target - point[3]
        # the last stretch is taken at the target itself
        last = tangent[3] * arc >= left
        arc = jnp.where(last, left / jnp.where(last, tangent[3], 1.0), arc)
        predicted = point + arc * tangent
        predicted = jnp.where(last, predicted.at[3].set(target), predicted)
        along = jnp.where(last, jnp.array([0.0, 0.0, 0.0, 1.0]), weight * tangent)
        new, taken, good = correct(predicted, along, predicted)
        # forward in alpha too, up to the accuracy of the nodes where it stands still
        # (and not past the target, from where there is no way back)
        onward = (new[3] > point[3] - 1e-4) & (new[3] < target)
        good = good & (last | onward)
        grow = jnp.where(taken <= 3, 1.6, 1.0)
        arc = jnp.where(good, arc * grow, 0.4 * arc)
        return _Walk(
            jnp.where(good, new, point),
            jnp.where(good, new - point, tangent),
            arc,
            steps + taken,
            tries + 1,
            good & last,
        )

    most = jnp.where(active, 25, 0)
    here = lambda x: evaluate(x, at(begin))  # noqa: E731
    start = newton(first(at(begin)), here, blank, CHART, most, 1e-4)
    point = jnp.append(start.x, begin)
    load = jnp.array([1.0, 1.0, 0.0])
    tangent = jnp.append(-solve_3(start.at.jacobian, load), 1.0)
    done = begin >= target
    tries = jnp.zeros((), int)
    state = _Walk(point, tangent, jnp.array(ARC), start.steps, tries, done)

    def go_on(state: _Walk) -> Bool[Array, ""]:
        more = ~state.done & (state.tries < 400) & (state.arc > SHORTEST)
        return active & start.found & more

    end = lax.while_loop(go_on, body, state)
    found = end.done & start.found
    return start._replace(x=end.point[:3], steps=end.steps, found=found)
