r"""What a student that knows the probe learns from pruned data (theta > 0).

Given the probe and its angle, which examples are kept says nothing about the teacher
that their labels do not say.  T = c P + s T', T' a uniform unit vector orthogonal to P.
Of T'.x the posterior knows the mean up to the variance V = 1 - q', q' the overlap of
two of its draws, so that a label +1 has the chance Phi(h),

    h = (k + sqrt(q') xi)/sqrt V,    k = z c/s,    z = P.x.

Over z with the density phi(z) q(z), q the keep-probability, on the whole axis (folded
to y = +1), :mod:`.bayes_optimal` needs the averages of

    phi(h)^2/Phi(h),     -Phi(h) ln Phi(h).

With q = c^2 + s^2 q' the field is h ~ N(0, q/(s^2 V)) and, given h, z ~ N(mu, sigma^2)
with mu = h c s sqrt(V)/q and sigma = s sqrt(q'/q): the keep-probability enters through
its Gaussian average at mu.  What matters lies within a few sqrt q of h = 0.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...kept.smoothing import FAR, Kept, seen, smoothed
from ...numerics.gaussian import density
from ...numerics.quadrature import panels
from ..version_space.equations import response
from .hidden_probe import REACH, increasing

Angle = tuple[Float[Array, ""], Float[Array, ""]]  # cosine and sine


def _overlap(x: Float[Array, ""], angle: Angle) -> Float[Array, ""]:
    c, s = angle
    return c * c + s * s * jax.nn.sigmoid(x)


def nodes(
    x: Float[Array, ""], kept: Kept, angle: Angle, n: int
) -> tuple[Float[Array, " k"], Float[Array, " k"]]:
    """Nodes and weights in h at x = ln q'/V, n in a panel."""
    c, s = angle
    q, spread = _overlap(x, angle), jnp.exp(-0.5 * jnp.logaddexp(0.0, x))
    inside = jnp.exp(-0.5 * jnp.logaddexp(0.0, -x))  # sqrt q'
    reach = REACH * jnp.sqrt(q)
    # a threshold of z is a step in h
    c = jnp.maximum(c, 1e-150)
    slope, width = q / (c * s * spread), REACH * inside * jnp.sqrt(q) / (c * spread)
    points = [share * reach for share in (-1.0, -0.4, 0.0, 0.4, 1.0)]
    ends = jnp.stack([kept.low, kept.high]).ravel()
    for i in range(len(ends)):
        step = ends[i] * slope
        points += [step - width, step, step + width]
    points = [jnp.clip(point, -reach, reach) for point in points]
    return panels(increasing(points), n)


def sums(
    x: Float[Array, ""],
    kept: Kept,
    angle: Angle,
    h: Float[Array, " k"],
    width: Float[Array, " k"],
) -> Float[Array, " 3"]:
    """The two averages, and that of Phi (d^2/dh^2 ln Phi)^2, on given nodes."""
    c, s = angle
    root, spread = jnp.sqrt(_overlap(x, angle)), jnp.exp(-0.5 * jnp.logaddexp(0.0, x))
    narrow = s * spread / root  # 1/tau
    mean, sigma = h * (c * narrow / root), s * jnp.sqrt(jax.nn.sigmoid(x)) / root
    mass = smoothed(kept, seen(kept, mean, sigma)).mass
    measure = width * narrow * density(narrow * h) * mass
    return jnp.stack(_of_field(h)) @ measure


def _of_field(h: Float[Array, "*k"]) -> tuple[Float[Array, "*k"], ...]:
    """What is averaged."""
    h = jnp.clip(h, -FAR, FAR)
    pull, slope, log_right, _ = response(h)
    right = jnp.exp(log_right)
    return density(h) * pull, -right * log_right, right * slope * slope


def at_margins(
    x: Float[Array, ""], angle: Angle, z: Float[Array, " e"], n: int
) -> Float[Array, "2 e"]:
    """The averages over h of the examples with margin z, y = +1."""
    c, s = angle
    inside, v = jax.nn.sigmoid(x), jax.nn.sigmoid(-x)
    # N(h; k/sqrt V, q'/V) phi(h) is normal about k sqrt V with variance q'
    points, width = panels(REACH * jnp.array([-1.0, -0.4, 0.0, 0.4, 1.0]), n)
    k = (z * (c / s))[:, None]
    h = k * jnp.sqrt(v) + jnp.sqrt(inside) * points
    # (h sqrt V - k)/sqrt q'
    off = jnp.sqrt(v) * points - k * jnp.sqrt(inside)
    measure = width * jnp.sqrt(v) * density(off)
    return jnp.stack([jnp.sum(measure * y, axis=1) for y in _of_field(h)[:2]])
