"""The largest maximum of the free entropy: a scan that brackets all, then Newton."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .equations import FLOOR, Case, averages, bounds, equation, thin

FINE, COARSE = 20, 6  # nodes a panel
NEAR = 5.0  # their reach in standard deviations, for the scan
GRID = {True: 14, False: 72}  # points of the scan: one maximum, perhaps several
MAXIMA = 4  # ... that are refined, at most
PATIENCE = 30  # steps, after which a maximum that is not found is none
TOLERANCE = 1e-10  # in x, after the last Newton step


class Maximum(NamedTuple):
    """A stationary point x of S, the slope of the equation there, residual, steps."""

    x: Float[Array, ""]
    slope: Float[Array, ""]
    residual: Float[Array, ""]
    steps: Int[Array, ""]
    found: Bool[Array, ""]
    blank: Bool[Array, ""]  # nothing is learnt beyond what the probe says


class _Bracket(NamedTuple):
    """Newton's method within a bracket."""

    x: Float[Array, ""]
    low: Float[Array, ""]
    high: Float[Array, ""]
    before: Float[Array, ""]  # the size of the last step
    slope: Float[Array, ""]
    off: Float[Array, ""]
    steps: Int[Array, ""]
    found: Bool[Array, ""]


class _Tallest(NamedTuple):
    """The tallest of the maxima that were tried."""

    tried: Int[Array, ""]
    top: Maximum
    height: Float[Array, ""]
    steps: Int[Array, ""]
    every: Bool[Array, ""]  # whether all of them were found


def _refine(
    x: Float[Array, ""],
    low: Float[Array, ""],
    high: Float[Array, ""],
    at: Case,
    max_steps: int | Int[Array, ""],
) -> Maximum:
    """Newton's method from x, kept within a bracket that shrinks."""

    def body(state: _Bracket) -> _Bracket:
        x, low, high, before, _, _, steps, _ = state
        out, slope, _ = equation(x, at, averages(x, at, FINE))
        low, high = jnp.where(out < 0, x, low), jnp.where(out < 0, high, x)
        step = -out / slope
        new, size = x + step, jnp.abs(step)
        inside = (slope > 0) & (new > low) & (new < high)
        # the next step, had the last two been quadratic
        close = inside & (size * (size / before) ** 2 < TOLERANCE) & (size < 1e-4)
        # where a rounding of F moves the root by more than the bracket is wide
        rounding = jnp.where(thin(x, at), 1e-12 * slope, 1e-14)
        flat = (slope > 0) & (jnp.abs(out) < rounding)
        new = jnp.where(inside, new, jnp.where(flat, x, 0.5 * (low + high)))
        before = jnp.where(inside, size, 1e-2)
        return _Bracket(new, low, high, before, slope, out, steps + 1, close | flat)

    nothing = jnp.full((), jnp.nan)
    none = jnp.zeros((), int), jnp.zeros((), bool)
    state = _Bracket(x, low, high, jnp.array(1e-3), nothing, nothing, *none)
    go_on = lambda s: (s.steps < max_steps) & ~s.found  # noqa: E731
    end = jax.lax.while_loop(go_on, body, state)
    off, blank = jnp.abs(end.off), jnp.zeros((), bool)
    return Maximum(end.x, end.slope, off, end.steps, end.found, blank)


def scan(
    at: Case, n_grid: int
) -> tuple[Float[Array, " m"], Float[Array, " m"], Float[Array, " m"]]:
    """Points x, and F and S there, roughly."""
    low, high = bounds(at)
    grid = low + (high - low) * jnp.linspace(0.0, 1.0, n_grid)

    def one(x):
        out, _, entropy = equation(x, at, averages(x, at, COARSE, NEAR))
        return out, entropy

    return grid, *jax.vmap(one)(grid)


def maximum(at: Case, several: bool, max_steps: int | Int[Array, ""]) -> Maximum:
    """The largest maximum of S."""
    grid, out, entropy = scan(at, GRID[not several])
    out = out.at[-1].set(jnp.maximum(out[-1], 1e-30))  # it lies within the bounds
    below = out < 0
    bottom = ~below[0] & (grid[0] < FLOOR) & (at.angle is not None)
    below = below.at[0].set(True)
    rises = below[:-1] & ~below[1:]
    share = out[:-1] / (out[:-1] - out[1:])
    share = jnp.where(jnp.isfinite(share), jnp.clip(share, 0.0, 1.0), 0.5)
    starts = grid[:-1] + share * jnp.diff(grid)
    best = jnp.where(rises, jnp.maximum(entropy[:-1], entropy[1:]), -jnp.inf)

    def candidate(j):
        """Refined between the minima of S to both sides."""
        falls = ~below[:-1] & below[1:]
        index = jnp.arange(falls.size)
        low = jnp.max(jnp.where(falls & (index < j), grid[:-1], grid[0]))
        high = jnp.min(jnp.where(falls & (index > j), grid[1:], grid[-1]))
        return _refine(starts[j], low, high, at, jnp.where(bottom, 0, max_steps))

    if not several:
        top = candidate(jnp.argmax(best))
    else:
        order = jnp.argsort(-best)[:MAXIMA]
        count = jnp.minimum(jnp.sum(rises), MAXIMA)

        def body(state: _Tallest) -> _Tallest:
            i, top, height, steps, every = state
            new = candidate(order[i])
            tall = equation(new.x, at, averages(new.x, at, FINE))[2]
            tall = jnp.where(new.found, tall, -jnp.inf)
            higher = (i == 0) | (tall > height)
            top = jax.tree.map(partial(jnp.where, higher), new, top)
            tall = jnp.where(higher, tall, height)
            return _Tallest(i + 1, top, tall, steps + new.steps, every & new.found)

        zero, none = jnp.zeros((), int), jnp.full((), jnp.nan)
        no, yes = jnp.zeros((), bool), jnp.ones((), bool)
        first = Maximum(none, none, none, zero, no, no)
        state = _Tallest(zero, first, none, zero, yes)
        end = jax.lax.while_loop(lambda s: s.tried < count, body, state)
        _, top, _, steps, every = end
        # one that still moves may be the largest, unless it never comes to rest
        found = top.found & (every | (max_steps >= PATIENCE))
        top = top._replace(steps=steps, found=found)
    zero, yes = jnp.zeros(()), jnp.ones((), bool)
    nothing = Maximum(grid[0], jnp.ones(()), zero, top.steps, yes, yes)
    return jax.tree.map(partial(jnp.where, bottom), nothing, top)
