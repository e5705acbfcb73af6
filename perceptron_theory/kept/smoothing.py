r"""A keep-probability seen through a Gaussian: averages of w(m), m ~ N(mean, spread^2).

With x = (m - mean)/spread they are <w>, <x w> = spread d<w>/d(mean) and <w ln w>.  For
rules that keep intervals they are sums of differences of Phi and phi, taken so that
they have relative accuracy however narrow or far out an interval is; a
keep-probability given as a function is integrated between its breakpoints.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import xlogy
from jaxtyping import Array, Float

from ..numerics.gaussian import density, mills_ratio
from ..numerics.quadrature import panels
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


class Seen(NamedTuple):
    """The ends of the intervals in x, and the Gaussians themselves."""

    low: Float[Array, "n k"]
    high: Float[Array, "n k"]
    mean: Float[Array, " k"]
    spread: Float[Array, ""]


class Smoothed(NamedTuple):
    """<w>, <x w>, <(x^2 - 1) w> and <w ln w>."""

    mass: Float[Array, " k"]
    pull: Float[Array, " k"]
    bend: Float[Array, " k"]
    log_mean: Float[Array, " k"]


def intervals(pieces: Pieces) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """The ends of the pieces on the axis of the margin, lower ones first."""
    front, inner, outer = pieces.sign > 0, pieces.inner, pieces.outer
    return jnp.where(front, inner, -outer), jnp.where(front, outer, -inner)


def seen(kept: Kept, mean: Float[Array, " k"], spread: Float[Array, ""]) -> Seen:
    """The intervals from Gaussians of these means."""
    low, high = (jnp.clip(y, -1e3, 1e3)[:, None] for y in (kept.low, kept.high))
    return Seen((low - mean) / spread, (high - mean) / spread, mean, spread)


def smoothed(kept: Kept, at: Seen) -> Smoothed:
    """The averages, one for each of the Gaussians."""
    if kept.keep is not None:
        return _integrated(kept, at)
    half = 0.5 * (kept.high - kept.low)[:, None] / at.spread
    parts = _between(at.low, at.high, half)
    sums = [kept.level @ part for part in parts]
    return Smoothed(*sums, xlogy(kept.level, _positive(kept.level)) @ parts[0])


def _positive(x: Float[Array, "*k"]) -> Float[Array, "*k"]:
    return jnp.where(x > 0, x, 1.0)


@jax.custom_jvp
def _between(
    low: Float[Array, "*k"], high: Float[Array, "*k"], half: Float[Array, "*#k"]
) -> tuple[Float[Array, "*k"], Float[Array, "*k"], Float[Array, "*k"]]:
    """Integrals of phi, x phi and (x^2 - 1) phi; half = (high - low)/2."""
    return _parts(low, high, half)[0]


def _parts(low: Any, high: Any, half: Any) -> tuple[Any, ...]:
    """The same, phi at both ends, these ends, and whether the interval is narrow."""
    a, b = jnp.clip(low, -FAR, FAR), jnp.clip(high, -FAR, FAR)
    peak_a, peak_b = density(a), density(b)
    tail_a, tail_b = peak_a * mills_ratio(jnp.abs(a)), peak_b * mills_ratio(jnp.abs(b))
    across = (a < 0) & (b > 0)
    wide = jnp.where(across, 1.0 - tail_a - tail_b, jnp.abs(tail_a - tail_b))
    middle = 0.5 * (a + b)
    narrow = half * (1.0 + jnp.abs(middle)) < NARROW
    half, middle = jnp.where(narrow, half, 0.0), jnp.where(narrow, middle, 0.0)
    # Taylor series about the middle, where phi is (phi(low) + phi(high))/2 over
    # exp(-r/2) cosh(sqrt p); p = (half middle)^2, r = half^2
    p, r = (half * middle) ** 2, half * half
    fall = 1.0 - r / 2.0 + r * r / 8.0 - r * r * r / 48.0  # exp(-r/2)
    rise = 1.0 + p / 2.0 + p * p / 24.0 + p * p * p / 720.0
    peaks = half * (peak_a + peak_b)
    peak = peaks / (fall * rise)
    third = p * p * p - 15.0 * p * p * r + 45.0 * p * r * r - 15.0 * r * r * r
    series = (p - r) / 6.0 + (p * p - 6.0 * p * r + 3.0 * r * r) / 120.0 + third / 5040
    shape = 1.0 + p / 6.0 + p * p / 120.0 + p * p * p / 5040.0  # sinh(x)/x
    mass = jnp.where(narrow, peak * (1.0 + series), wide)
    pull = jnp.where(narrow, peak * middle * fall * shape, peak_a - peak_b)
    bend = jnp.where(narrow, middle * pull - peaks, a * peak_a - b * peak_b)
    return (mass, pull, bend), (peak_a, peak_b), (a, b), narrow


@_between.defjvp
def _between_jvp(primals, tangents):
    """Only by shift and stretch of the Gaussian, of the first integral alone."""
    values, (peak_a, peak_b), _, narrow = _parts(*primals)
    by_low, by_high, by_half = tangents
    # no differences of equals where the two ends nearly coincide
    near = (peak_a + peak_b) * by_half - values[1] * 0.5 * (by_low + by_high)
    wide = peak_b * by_high - peak_a * by_low
    nothing = jnp.full_like(near, jnp.nan)
    return values, (jnp.where(narrow, near, wide), nothing, nothing)


def _integrated(kept: Kept, at: Seen) -> Smoothed:
    """The same by Gauss-Legendre, in two panels on each interval.

    The nodes stay where they are when mean and spread are differentiated, so that the
    keep-probability itself never is.
    """
    assert kept.keep is not None
    low, high = jnp.clip(at.low, -FAR, FAR), jnp.clip(at.high, -FAR, FAR)
    # as far as x^2/2 has risen by RISE/2 above its least
    bottom = jnp.maximum(low, -jnp.sqrt(jnp.minimum(high, 0.0) ** 2 + RISE))
    top = jnp.minimum(high, jnp.sqrt(jnp.maximum(low, 0.0) ** 2 + RISE))
    top = jnp.maximum(top, bottom)
    zero = jnp.clip(0.0, bottom, top)
    # where 0 is not inside, a panel near the end that carries most
    near = jnp.where(bottom >= 0, 0.75 * bottom + 0.25 * top, zero)
    near = jnp.where(top <= 0, 0.25 * bottom + 0.75 * top, near)
    x, width = panels(jnp.stack([bottom, near, top], axis=-1), NODES)
    mean = at.mean[:, None]
    m = jax.lax.stop_gradient(mean + at.spread * x)
    width = jax.lax.stop_gradient(width * at.spread)
    keep = jnp.maximum(kept.keep(m.ravel()).reshape(m.shape), 0.0)
    moved = (m - mean) / at.spread
    x = jax.lax.stop_gradient(x - moved) + moved  # exact x, moving as it should
    measure = density(x) / at.spread * width
    over = lambda y: jnp.sum(y, axis=(0, 2))  # noqa: E731
    powers = 1.0, x, x * x - 1.0
    sums = [over(measure * keep * power) for power in powers]
    return Smoothed(*sums, over(measure * xlogy(keep, _positive(keep))))
