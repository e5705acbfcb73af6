r"""Newton's method for the saddle point, and the path that leads to it.

The equations are solved from a rough guess by damped Newton steps (the natural
monotonicity test of Deuflhard, "Newton Methods for Nonlinear Problems", 2004, 3.3).
Where that fails, the solution is followed from small load, where it is explicit, in
pseudo-arclength (log alpha is one more unknown): the curve is smooth and, the problem
being convex, has no fold, but it can be all but vertical at the threshold alpha = 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from ..numerics.gaussian import SQRT_2PI, cdf, density
from ..numerics.quadrature import Weights, panels
from .max_margin import Problem, Unknowns, corner, over_kept

EASY_LOAD = 0.01  # nearly every kept example is a support vector below this load
ROUNDING = 4.0 * 2.0**-52  # of a residual
SMALL = 1e-5  # steps for which Newton's method is taken to converge quadratically
ARC = 1.5  # first step along the path, in units of the scaled unknowns


class Root(NamedTuple):
    """Unknowns, with the Jacobian, E[G_1] and the largest residual there.

    ``panels`` were laid for the last evaluation, ``steps`` counts the evaluations.
    ``found`` says whether it is a root.
    """

    x: Unknowns
    jacobian: Float[Array, "3 3"]
    first: Float[Array, ""]
    panels: Int[Array, ""]
    residual: Float[Array, ""]
    steps: Int[Array, ""]
    found: Bool[Array, ""]


# residual, Jacobian, E[G_1] and the number of panels, at the unknowns of a problem
Equations = Callable[
    [Unknowns, Problem],
    tuple[Float[Array, " 3"], Float[Array, "3 3"], Float[Array, ""], Int[Array, ""]],
]


def scale(x: Unknowns) -> Float[Array, " 3"]:
    """Size of a change of the unknowns that matters: b on the scale of 1 + b."""
    return jnp.stack(
        [jnp.ones(()), jnp.exp(-x[0]) + jnp.abs(x[1]), 1.0 + 0.5 * jnp.abs(x[2])]
    )


def solve_3(matrix: Float[Array, "3 3"], right: Float[Array, 3]) -> Float[Array, 3]:
    """matrix^-1 right by Cramer's rule on equilibrated rows.

    XLA takes seconds to compile the library's LU for matrices of this size.
    """
    rows = jnp.max(jnp.abs(matrix), axis=1)
    rows = jnp.where(rows > 0, rows, 1.0)
    m, r = matrix / rows[:, None], right / rows
    one, two, three = m[:, 0], m[:, 1], m[:, 2]
    cross = jnp.cross(two, three)
    top = jnp.stack(
        [
            jnp.dot(r, cross),
            jnp.dot(r, jnp.cross(three, one)),
            jnp.dot(r, jnp.cross(one, two)),
        ]
    )
    return top / jnp.dot(one, cross)


def _size(step: Unknowns, x: Unknowns) -> Float[Array, ""]:
    return jnp.max(jnp.abs(step) / scale(x))


def newton(
    x: Unknowns,
    problem: Problem,
    equations: Equations,
    max_steps: int | Int[Array, ""],
    tolerance: float,
    contraction: float = 0.0,
) -> Root:
    """Damped Newton steps until the next one (which is taken) leaves nothing to do.

    That is, it is below ``tolerance`` or the step that a rounding of the residual makes
    (large where the Jacobian is all but singular), or the one after it would be smaller
    by the factor ``contraction`` (known from the steps before: it falls in proportion
    to the step), which is also how exact the Jacobian is.
    """

    def body(state):
        x, residuals, jacobian, more, step, damping, steps, _ = state
        trial = x + damping * step
        new, new_jacobian, *new_more = equations(trial, problem)
        simplified = _size(solve_3(jacobian, -new), x)
        before = _size(step, x)
        noise = _size(solve_3(new_jacobian, jnp.full(3, ROUNDING)), trial)
        finite = jnp.all(jnp.isfinite(new)) & jnp.all(jnp.isfinite(new_jacobian))
        first = steps == 0
        falls = simplified < (1.0 - 0.25 * damping) * before
        least = (simplified < jnp.maximum(1e-10, noise)) | (damping < 0.02)
        good = finite & (first | falls | least)
        new_step = solve_3(new_jacobian, -new)
        # a factor e^2 in a, ten times the present b, a few widths of the slack
        cap = jnp.array([2.0, 10.0, 2.0]) * scale(trial)
        longest = jnp.minimum(1.0, 1.0 / jnp.max(jnp.abs(new_step) / cap))
        fast = simplified < 0.5 * before
        grown = jnp.where(first | fast, 1.0, jnp.minimum(2.0 * damping, 1.0))
        pick = lambda a, b: jnp.where(good, a, b)  # noqa: E731
        size = _size(new_step, trial)
        quick = size * size < contraction * before * before
        done = (size < jnp.maximum(tolerance, noise)) | (
            quick & (size < SMALL) & (damping == 1.0)
        )
        return (
            pick(trial, x),
            pick(new, residuals),
            pick(new_jacobian, jacobian),
            jax.tree.map(pick, new_more, more),
            pick(new_step, step),
            pick(jnp.minimum(grown, longest), 0.4 * damping),
            steps + 1,
            good & done,
        )

    nowhere, zero = jnp.full(3, jnp.inf), jnp.zeros(3)
    one, none = jnp.ones(()), jnp.zeros((), int)
    more = [one, none]
    state = (x, nowhere, jnp.eye(3), more, zero, one, none, jnp.asarray(False))
    unfinished = lambda s: (s[6] < max_steps) & ~s[7]  # noqa: E731
    x, out, jacobian, more, step, _, steps, found = lax.while_loop(
        unfinished, body, state
    )
    x = jnp.where(found, x + step, x)
    return Root(x, jacobian, *more, jnp.max(jnp.abs(out)), steps, found)


def kept_rows(
    problem: Problem, labels: Float[Array, " n"] | None = None
) -> Float[Array, "3 k"]:
    """E[u] and E[v] of the examples of some margins, and the share of each margin.

    Given z they are c z + s h and s z - c h, h = phi(k)/Phi(k) and k = z c/s.  Good to
    a percent or so.  The ``labels`` of the pieces (none: +1) are those that a
    keep-probability sees.
    """
    c, s = problem.cos_theta, jnp.maximum(problem.sin_theta, 1e-150)
    sign, inner, outer, level, _ = problem.pieces
    # the front falls off within a few of these, the wedge z < 0 within a few s
    # empty pieces may lie at infinity
    some = outer > inner
    inner, outer = jnp.where(some, inner, 0.0), jnp.where(some, outer, 0.0)
    span = jnp.where(sign > 0, 8.0 / (1.0 + inner), 8.0 * s)
    end = jnp.clip(outer - inner, 0.0, span)
    x, weight = panels(jnp.stack([jnp.zeros_like(end), end], axis=-1), 12)
    z = sign[:, None] * (inner[:, None] + x)
    weight = weight * level[:, None] * density(z)
    if problem.keep is not None:
        seen = z if labels is None else labels[:, None] * z
        weight = weight * jax.vmap(problem.keep)(seen)
    k = c * z / s
    inside = cdf(k)
    share = weight * inside
    tilt = density(k) / jnp.maximum(inside, 1e-300)
    rows = jnp.stack([c * z + s * tilt, s * z - c * tilt, share / jnp.sum(share)])
    return jnp.where(share > 0, rows, 0.0).reshape(3, -1)


def _means(
    problem: Problem, on_line: bool
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """E[u] and E[v] of the kept examples."""
    if on_line:
        zero, one = jnp.zeros(()), jnp.ones(())
        flat = Weights(zero, zero, one, corner(problem))
        of_u = lambda points: (points.weight * points.z, points.weight)  # noqa: E731
        (total, mass), _ = over_kept(problem, flat, 0, on_line, of_u, 2)
        return total / mass, zero
    u, v, share = kept_rows(problem)
    return jnp.dot(u, share), jnp.dot(v, share)


def guess(problem: Problem, on_line: bool) -> Unknowns:
    """A start from the limits of small and large load and of the threshold.

    With m = E u the mean teacher margin kept, X = a m is taken from
    X (1 - alpha/2) + X^3/(3 (1 + c X)) = m^2 sqrt(alpha), which has the right form
    below, at and above alpha = 2 and, by the choice of c, for alpha -> inf.
    """
    pieces, alpha = problem.pieces, problem.alpha_prune
    z, _ = corner(problem)
    s = jnp.maximum(problem.sin_theta, 1e-150)
    mean_u, mean_v = _means(problem, on_line)
    # kept part of the examples near the boundary that limits a at large load
    half = pieces.level.shape[0] // 2
    kept = (pieces.level > 0) & (pieces.outer > pieces.inner)
    first = jnp.argmin(jnp.where(kept, pieces.inner, jnp.inf)[:half])
    edge = pieces.level[first] * density(z) * SQRT_2PI
    near = edge
    if not on_line:
        near = pieces.level * (cdf(-pieces.inner / s) - cdf(-pieces.outer / s))
        near = jnp.maximum(jnp.sum(near), jnp.where(z > 0, edge, 0.0))
    bend = 0.424 * near / problem.keep_fraction * mean_u
    source = mean_u**2 * jnp.sqrt(alpha)

    def bisect(_, ends):
        low, high = ends
        middle = 0.5 * (low + high)
        big = jnp.exp(middle)
        value = big * (1 - alpha / 2) + big**3 / 3 / (1 + bend * big) - source
        below = value < 0
        return jnp.where(below, middle, low), jnp.where(below, high, middle)

    ends = jnp.log(source) - 3.0, jnp.log(1e3 + alpha * (1 + 100 * bend))
    low, high = lax.fori_loop(0, 13, bisect, ends)
    big = jnp.exp(0.5 * (low + high))
    ratio = mean_v / mean_u
    wide = alpha * (problem.keep_fraction / s) ** 2
    ratio = jnp.where(z == 0, ratio / (1.0 + wide), ratio)
    light = jnp.sqrt(jnp.maximum(1 / alpha - 0.8, 0.04))
    light = light + jnp.where(z > 0.3, 0.0, 0.5 * big)
    slack = jnp.where(alpha < 0.8, light, 0.6 * big / (big + 0.3))
    return jnp.stack([jnp.log(big / mean_u), 0.0 if on_line else ratio, slack])


def follow(
    problem: Problem,
    equations: Equations,
    first: Callable[[Problem], Unknowns],
    active: bool | Bool[Array, ""],
) -> Root:
    """The solution at ``alpha_prune``, followed from a small load if ``active``.

    There it is searched from ``first``.
    """
    target = jnp.log(problem.alpha_prune)
    begin = jnp.minimum(target, jnp.log(EASY_LOAD))

    def at(log_alpha):
        return problem._replace(alpha_prune=jnp.exp(log_alpha))

    def correct(point, along, step_from):
        """Newton on the equations and the plane at arclength one step from the last."""

        def body(state):
            point, steps, _, _ = state
            out, jacobian, *_ = equations(point[:3], at(point[3]))
            # d/dlog alpha of the residual
            load = jnp.array([1.0, 1.0, 0.0])
            free, forced = solve_3(jacobian, -out), solve_3(jacobian, load)
            miss = jnp.dot(along, point - step_from)
            slope = along[3] - jnp.dot(along[:3], forced)
            more = -(miss + jnp.dot(along[:3], free)) / slope
            move = jnp.append(free - forced * more, more)
            size = jnp.maximum(_size(move[:3], point[:3]), jnp.abs(move[3]))
            good = jnp.all(jnp.isfinite(move)) & (size < 4.0)
            return jnp.where(good, point + move, point), steps + 1, good, size < 1e-3

        state = (point, jnp.zeros((), int), True, False)
        go_on = lambda s: (s[1] < 7) & s[2] & ~s[3]  # noqa: E731
        point, steps, good, close = lax.while_loop(go_on, body, state)
        return point, steps, good & close

    def metric(point):
        return 1.0 / jnp.append(scale(point[:3]), 1.0) ** 2

    def body(state):
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
        return (
            jnp.where(good, new, point),
            jnp.where(good, new - point, tangent),
            arc,
            steps + taken,
            tries + 1,
            good & last,
        )

    most = jnp.where(active, 25, 0)
    start = newton(first(at(begin)), at(begin), equations, most, 1e-4)
    point = jnp.append(start.x, begin)
    load = jnp.array([1.0, 1.0, 0.0])
    tangent = jnp.append(-solve_3(start.jacobian, load), 1.0)
    done = begin >= target
    state = (point, tangent, jnp.array(ARC), start.steps, jnp.zeros((), int), done)
    go_on = lambda s: active & start.found & ~s[5] & (s[4] < 400)  # noqa: E731
    point, _, _, steps, _, done = lax.while_loop(go_on, body, state)
    return start._replace(x=point[:3], steps=steps, found=done & start.found)
