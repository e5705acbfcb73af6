r"""A keep-probability seen through a Gaussian: averages of w(m), m ~ N(mean, spread^2).

With x = (m - mean)/spread they are <w>, <x w> = spread d<w>/d(mean) and <w ln w>.  For
rules that keep intervals they are sums of differences of Phi and phi, taken so that
they have relative accuracy however narrow or far out an interval is; a
keep-probability given as a function is integrated between its breakpoints.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import xlogy
from jaxtyping import Array, Float

from .gaussian import density, mills_ratio
from .quadrature import panels
from .thresholds import Pieces

FAR = 40.0  # phi is zero in float64 beyond
NARROW = 0.05  # half a width, below which the series is exact to rounding
RISE = 76.0  # exp(-RISE/2) = 3e-17
NODES = 20  # a panel, for keep-probabilities given as functions


class Kept(NamedTuple):
    """Intervals of the margin m kept with probability ``level`` times ``keep``(m)."""

    low: Float[Array, " n"]
    high: Float[Array, " n"]
    level: Float[Array, " n"]
    keep: Callable[[Float[Array, " k"]], Float[Array, " k"]] | None = None


class Smoothed(NamedTuple):
    """<w>, <x w> and <w ln w>."""

    mass: Float[Array, " k"]
    pull: Float[Array, " k"]
    log_mean: Float[Array, " k"]


def intervals(pieces: Pieces) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """The ends of the pieces on the axis of the margin, lower ones first."""
    front, inner, outer = pieces.sign > 0, pieces.inner, pieces.outer
    return jnp.where(front, inner, -outer), jnp.where(front, outer, -inner)


def smoothed(
    kept: Kept, mean: Float[Array, " k"], spread: Float[Array, ""]
) -> Smoothed:
    """The averages at each of the means."""
    if kept.keep is not None:
        return _integrated(kept, mean, spread)
    first, last = (jnp.clip(y, -1e3, 1e3)[:, None] for y in (kept.low, kept.high))
    low, half = (first - mean) / spread, 0.5 * (last - first) / spread
    inside, turned = _between(low, half)
    level = kept.level
    sums = [level @ inside, level @ turned, xlogy(level, _positive(level)) @ inside]
    return Smoothed(*sums)


def _positive(x: Float[Array, "*k"]) -> Float[Array, "*k"]:
    return jnp.where(x > 0, x, 1.0)


@jax.custom_jvp
def _between(
    low: Float[Array, "*k"], half: Float[Array, "*k"]
) -> tuple[Float[Array, "*k"], Float[Array, "*k"]]:
    """Phi(high) - Phi(low) and phi(low) - phi(high), high = low + 2 half."""
    return _parts(low, half)[:2]


def _parts(low: Float[Array, "*k"], half: Float[Array, "*k"]) -> tuple[Array, ...]:
    """The same, whether the interval is narrow, and phi at both ends."""
    a, b = jnp.clip(low, -FAR, FAR), jnp.clip(low + 2.0 * half, -FAR, FAR)
    peak_a, peak_b = density(a), density(b)
    tail_a, tail_b = peak_a * mills_ratio(jnp.abs(a)), peak_b * mills_ratio(jnp.abs(b))
    across = (a < 0) & (b > 0)
    wide = jnp.where(across, 1.0 - tail_a - tail_b, jnp.abs(tail_a - tail_b))
    middle = low + half
    narrow = half * (1.0 + jnp.abs(middle)) < NARROW
    half, middle = jnp.where(narrow, half, 0.0), jnp.where(narrow, middle, 0.0)
    # Taylor series about the middle, where phi is (phi(low) + phi(high))/2 over
    # exp(-r/2) cosh(sqrt p); p = (half middle)^2, r = half^2
    p, r = (half * middle) ** 2, half * half
    fall = 1.0 - r / 2.0 + r * r / 8.0 - r * r * r / 48.0  # exp(-r/2)
    rise = 1.0 + p / 2.0 + p * p / 24.0 + p * p * p / 720.0
    peak = half * (peak_a + peak_b) / (fall * rise)
    third = p * p * p - 15.0 * p * p * r + 45.0 * p * r * r - 15.0 * r * r * r
    series = (p - r) / 6.0 + (p * p - 6.0 * p * r + 3.0 * r * r) / 120.0 + third / 5040
    shape = 1.0 + p / 6.0 + p * p / 120.0 + p * p * p / 5040.0  # sinh(x)/x
    inside = jnp.where(narrow, peak * (1.0 + series), wide)
    turned = jnp.where(narrow, peak * middle * fall * shape, peak_a - peak_b)
    return inside, turned, narrow, a, b, peak_a, peak_b


@_between.defjvp
def _between_jvp(primals, tangents):
    (low, half), (by_low, by_half) = primals, tangents
    inside, turned, narrow, a, b, peak_a, peak_b = _parts(low, half)
    by_high, by_middle = by_low + 2.0 * by_half, by_low + by_half
    wide = peak_b * by_high - peak_a * by_low
    wide_turn = b * peak_b * by_high - a * peak_a * by_low
    # no differences of equals where the two ends nearly coincide
    both, middle, half = peak_a + peak_b, 0.5 * (a + b), jnp.where(narrow, half, 0.0)
    near = both * by_half - turned * by_middle
    near_turn = (half * both - middle * turned) * by_middle
    near_turn = near_turn + (middle * both - half * turned) * by_half
    rates = jnp.where(narrow, near, wide), jnp.where(narrow, near_turn, wide_turn)
    return (inside, turned), rates


def _integrated(
    kept: Kept, mean: Float[Array, " k"], spread: Float[Array, ""]
) -> Smoothed:
    """The same by Gauss-Legendre, in two panels on each interval.

    The nodes stay where they are when mean and spread are differentiated, so that the
    keep-probability itself never is.
    """
    assert kept.keep is not None
    first, last = (jnp.clip(y, -1e3, 1e3) for y in (kept.low, kept.high))
    low, high = (first - mean[:, None]) / spread, (last - mean[:, None]) / spread
    low, high = jnp.clip(low, -FAR, FAR), jnp.clip(high, -FAR, FAR)
    # as far as x^2/2 has risen by RISE/2 above its least
    bottom = jnp.maximum(low, -jnp.sqrt(jnp.minimum(high, 0.0) ** 2 + RISE))
    top = jnp.minimum(high, jnp.sqrt(jnp.maximum(low, 0.0) ** 2 + RISE))
    top = jnp.maximum(top, bottom)
    zero = jnp.clip(0.0, bottom, top)
    # where 0 is not inside, a panel near the end that carries most
    near = jnp.where(bottom >= 0, 0.75 * bottom + 0.25 * top, zero)
    near = jnp.where(top <= 0, 0.25 * bottom + 0.75 * top, near)
    x, width = panels(jnp.stack([bottom, near, top], axis=-1), NODES)
    m = jax.lax.stop_gradient(mean[:, None, None] + spread * x)
    width = jax.lax.stop_gradient(width * spread)
    keep = jnp.maximum(kept.keep(m.ravel()).reshape(m.shape), 0.0)
    x = (m - mean[:, None, None]) / spread
    measure = density(x) / spread * width
    over = lambda y: jnp.sum(y, axis=(1, 2))  # noqa: E731
    log_mean = xlogy(keep, _positive(keep))
    return Smoothed(
        over(measure * keep), over(measure * x * keep), over(measure * log_mean)
    )
