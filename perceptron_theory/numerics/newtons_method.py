r"""Damped Newton steps, for the saddle points of all students.

The natural monotonicity test of Deuflhard ("Newton Methods for Nonlinear Problems",
2004, 3.3) decides on a step: the simplified correction at the trial point, with the
Jacobian of the point before, has to be smaller than the step that led there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

ROUNDING = 4.0 * 2.0**-52  # of a residual
SMALL = 1e-5  # steps for which Newton's method is taken to converge quadratically

Vector = Float[Array, " m"]
Matrix = Float[Array, "m m"]


def solve_3(matrix: Float[Array, "3 3"], right: Float[Array, 3]) -> Float[Array, 3]:
    """matrix^-1 right by Cramer's rule on equilibrated rows.

    XLA takes seconds to compile the library's LU for matrices of this size.
    """
    rows = jnp.max(jnp.abs(matrix), axis=1)
    rows = jnp.where(rows > 0, rows, 1.0)
    m, r = matrix / rows[:, None], right / rows
    # the rows and columns i + 1 and i + 2 of each i, in a cycle
    cycle = jnp.tile(m, (2, 2))
    cofactors = cycle[1:4, 1:4] * cycle[2:5, 2:5] - cycle[1:4, 2:5] * cycle[2:5, 1:4]
    top = jnp.sum(cofactors * r[:, None], axis=0)
    return top / jnp.sum(m[:, 0] * cofactors[:, 0])


def solve_scaled(matrix: Matrix, right: Vector) -> Vector:
    """matrix^-1 right by elimination with equilibrated rows and pivots."""
    size = jnp.max(jnp.abs(matrix), axis=1)
    size = jnp.where(size > 0, size, 1.0)
    return jnp.linalg.solve(matrix / size[:, None], right / size)


class Chart(NamedTuple):
    """How steps are measured, bounded, taken and solved for in some coordinates x.

    ``size``(step, x) is one for a change that matters, ``longest``(step, x) the part of
    a step that is not too long to trust.  ``rounding`` is that of a residual where the
    smallest sensible step is told from it, or 0.
    """

    size: Callable[[Vector, Vector], Float[Array, ""]]
    longest: Callable[[Vector, Vector], Float[Array, ""]]
    moved: Callable[[Vector, Vector], Vector] = jnp.add
    solve: Callable[[Matrix, Vector], Vector] = solve_scaled
    rounding: float = 0.0


class Root(NamedTuple):
    """Where Newton's method ended.

    ``at`` is what was evaluated there (its first fields are ``value`` and
    ``jacobian``), ``steps`` counts the evaluations, ``found`` says whether it is a
    root.
    """

    x: Vector
    at: Any
    steps: Int[Array, ""]
    found: Bool[Array, ""]

    @property
    def residual(self) -> Float[Array, ""]:
        """The largest residual."""
        return jnp.max(jnp.abs(self.at.value))


class _Progress(NamedTuple):
    root: Root
    step: Vector
    damping: Float[Array, ""]


def newton(
    x: Vector,
    evaluate: Callable[[Vector], Any],
    blank: Any,
    chart: Chart,
    max_steps: int | Int[Array, ""],
    tolerance: float | Float[Array, ""],
    contraction: float = 0.0,
) -> Root:
    """Damped Newton steps until the next one (which is taken) leaves nothing to do.

    That is, it is below ``tolerance`` or the step that a rounding of the residual makes
    (large where the Jacobian is all but singular), or the one after it would be smaller
    by the factor ``contraction`` (known from the steps before: it falls in proportion
    to the step), which is also how exact the Jacobian is.

    ``evaluate`` gives a NamedTuple with the fields ``value`` and ``jacobian``, and
    ``blank`` is one of its shapes, never looked at.
    """
    m = x.shape[0]

    def body(state: _Progress) -> _Progress:
        root, step, damping = state
        trial = chart.moved(root.x, damping * step)
        new = evaluate(trial)
        simplified = chart.size(chart.solve(root.at.jacobian, -new.value), root.x)
        before = chart.size(step, root.x)
        new_step = chart.solve(new.jacobian, -new.value)
        noise = jnp.zeros(())
        if chart.rounding:
            rounded = chart.solve(new.jacobian, jnp.full(m, chart.rounding))
            noise = chart.size(rounded, trial)
        finite = jnp.all(jnp.isfinite(new.value)) & jnp.all(jnp.isfinite(new_step))
        first = root.steps == 0
        falls = simplified < (1.0 - 0.25 * damping) * before
        least = (simplified < jnp.maximum(1e-10, noise)) | (damping < 0.02)
        good = finite & (first | falls | least)
        fast = first | (simplified < 0.5 * before)
        grown = jnp.where(fast, 1.0, jnp.minimum(2.0 * damping, 1.0))
        longest = jnp.minimum(1.0, chart.longest(new_step, trial))
        pick = partial(jnp.where, good)
        x, at = jax.tree.map(pick, (trial, new), (root.x, root.at))
        size = chart.size(new_step, trial)
        done = size < jnp.maximum(tolerance, noise)
        if contraction:
            quick = size * size < contraction * before * before
            done = done | (quick & (size < SMALL) & (damping == 1.0))
        damping = pick(jnp.minimum(grown, longest), 0.4 * damping)
        root = Root(x, at, root.steps + 1, good & done)
        return _Progress(root, pick(new_step, step), damping)

    blank = blank._replace(value=jnp.full(m, jnp.inf), jacobian=jnp.eye(m))
    start = Root(x, blank, jnp.zeros((), int), jnp.zeros((), bool))
    state = _Progress(start, jnp.zeros(m), jnp.ones(()))
    go_on = lambda s: (s.root.steps < max_steps) & ~s.root.found  # noqa: E731
    root, step, _ = lax.while_loop(go_on, body, state)
    return root._replace(x=jnp.where(root.found, chart.moved(root.x, step), root.x))
