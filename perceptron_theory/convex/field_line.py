"""Averages over the kept examples of one margin z: what moves with a threshold."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..kept.nodes import SHARP
from ..kept.noisy_teacher import places_of, tilted
from ..kept.problem import Problem
from ..numerics.gaussian import density, slack_moments
from ..numerics.quadrature import panels
from .kink import Origins, distance
from .pulls import FINE, Setting, Sums, Unknowns, student_at

REACH = 7.5  # widths of M, given z, that carry weight


def line_sums(
    z: Float[Array, ""],
    label: Float[Array, ""] | float,
    x: Unknowns,
    problem: Problem,
    origins: Origins,
    setting: Setting,
) -> tuple[Sums, Sums]:
    """The averages of :mod:`.equations` over y and xi on u > 0, plain and by y.

    y is normal, so that a part Phi(z c/s) of each is counted.  At theta = 0 (u = z > 0)
    there is no y.
    """
    loss, on_line = setting.loss, setting.mode.on_line
    r, step = jnp.exp(x[0]), jnp.exp(x[3])
    p, w, c, s = student_at(x, problem, origins, loss)
    noise = problem.noise
    s = jnp.maximum(s, 1e-150) if noise is None else s
    spread = jnp.sqrt(1.0 + w * w)
    # given M, y lies k of its widths above u = 0: k = start + slope (M - p z)
    slope = w / spread
    start = spread * z * c / s if noise is None else jnp.zeros(())
    steps = jnp.array([-SHARP, 0.0, SHARP])
    places = spread * jnp.append(steps, jnp.array([-REACH, REACH]))
    if noise is not None:
        # where the mean of u, c z + s slope/spread (M - p z), passes its step
        turn = s * slope / spread
        width = jnp.sqrt((s / spread) ** 2 + noise.width**2)
        at = jnp.array(places_of(noise)) * width - c * z
        flat = jnp.abs(turn) < 1e-9
        places = jnp.append(places, at / jnp.where(flat, 1.0, turn))
    elif not on_line:
        flat = jnp.abs(slope) < 1e-9
        places = jnp.append(places, (steps - start) / jnp.where(flat, 1.0, slope))
    places = jnp.clip(places, -REACH * spread, REACH * spread)
    # the kink lies at this field, counted from that of z
    kink = distance(label * z, x[4], x[0], p, origins, loss)
    breaks = loss.parameter(r * (label * places - kink), step)
    inner = jnp.clip(loss.bends(step), jnp.min(breaks), jnp.max(breaks))
    t, weight = panels(jnp.sort(jnp.concatenate([breaks, inner])), FINE[1])
    answer = loss.response(t, step)
    off = label * (answer.margin / r + kink)
    weight = weight * answer.stretch / r * density(off / spread) / spread
    pull, bent = answer.pull / r, -answer.by_margin

    def sums(one, u, v):
        shares = one, label * u, label * v, label * z * one, one
        sizes = pull * pull, pull, pull, pull, bent
        terms = zip(sizes, shares, strict=True)
        return jnp.stack([jnp.sum(weight * size * share) for size, share in terms])

    if on_line:
        one = jnp.ones_like(t)
        return sums(one, z * one, 0.0 * one), jnp.zeros(5)
    mean, tau = w * off / spread**2, 1.0 / spread
    if noise is None:
        k = start + slope * off
        peak, zeroth, first, _ = slack_moments(k)
        rest = zeroth - k * peak
    else:
        zeroth, peak, bend = tilted(c * z + s * mean, s * tau, noise)
        rest, first = zeroth - bend, None
    y = mean * zeroth + peak * tau
    square = mean * y + (mean * peak + rest * tau) * tau
    if first is None:
        u, by_u = c * z * zeroth + s * y, c * z * y + s * square
    else:
        u, by_u = s * tau * first, s * tau * (mean * first + zeroth * tau)
    v, by_v = s * z * zeroth - c * y, s * z * y - c * square
    return sums(zeroth, u, v), sums(y, by_u, by_v)
