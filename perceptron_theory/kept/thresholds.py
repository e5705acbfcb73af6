r"""Thresholds gamma of the probe margin, from the kept mass, and the kept pieces of z.

After folding (y = +1) the margin z = P.x has the density 2 phi(z) Phi(z c/s): a
skew-normal law for the signed margin; |z| is half-normal for the absolute one, whatever
theta.  Its tail is Craig's form of an Owen function,

    Prob(z < -d) = (1/pi) Int_0^theta exp(-d^2 / (2 sin^2 psi)) dpsi,    d >= 0,

and for z > 0 the lower and upper masses are erf(z/sqrt 2) and erfc(z/sqrt 2) plus and
minus that tail.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import erf, erfc
from jaxtyping import Array, Float

from ..numerics.gaussian import SQRT_2, cdf, density, folded_quantile
from ..numerics.quadrature import panels, reach
from ..rules.rule import Cells

# The margin of the largest f below one (2^-53 of a half-normal lies beyond it): stands
# for an infinite threshold where one has to be evaluated.
FARTHEST = 8.29


class Pieces(NamedTuple):
    """Intervals sign z in (inner, outer) kept with probability ``level``; n of them.

    ``ends`` (n_cells, 2) are the thresholds of the cells they come from.
    """

    sign: Float[Array, " n"]
    inner: Float[Array, " n"]
    outer: Float[Array, " n"]
    level: Float[Array, " n"]
    ends: Float[Array, "cells 2"]


def wedge_mass(
    distance: Float[Array, ""], theta: Float[Array, ""], n: int = 24
) -> Float[Array, ""]:
    """Prob(z < -distance) of the folded margin, to full relative precision."""
    s, c = jnp.maximum(jnp.sin(theta), 1e-150), jnp.cos(theta)
    start = jnp.minimum(distance / s, 1e3)
    end = reach(start, jnp.zeros(()), jnp.ones(()), 1.0, 90.0)
    breaks = end * jnp.array([0.0, 0.1, 0.3, 1.0])
    x, weight = panels(breaks, n)
    x = start + x
    return jnp.sum(2.0 * s * weight * density(s * x) * cdf(-c * x))


def _log_masses(
    z: Float[Array, ""], theta: Float[Array, ""]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Logs of the masses below and above the signed margin z."""
    wedge = wedge_mass(jnp.abs(z), theta)
    r = jnp.abs(z) / SQRT_2
    below = jnp.where(z < 0, wedge, erf(r) + wedge)
    above = jnp.where(z < 0, 1.0 - wedge, erfc(r) - wedge)
    return jnp.log(jnp.maximum(below, 1e-300)), jnp.log(jnp.maximum(above, 1e-300))


def signed_density(
    z: Float[Array, "*k"], theta: Float[Array, ""]
) -> Float[Array, "*k"]:
    """2 phi(z) Phi(z c/s), the density of the folded margin."""
    s = jnp.maximum(jnp.sin(theta), 1e-150)
    return 2.0 * density(z) * cdf(jnp.clip(z * jnp.cos(theta) / s, -1e3, 1e3))


def mass_by_angle(
    margin: Float[Array, "*k"], sin_theta: Float[Array, ""]
) -> Float[Array, "*k"]:
    """d/dtheta of the mass of the pool below a signed margin.

    It is exp(-margin^2/(2 sin^2 theta))/pi on either side of 0: what the wedge gains
    (Craig's form above).
    """
    far = jnp.clip(margin / jnp.maximum(sin_theta, 1e-150), -40.0, 40.0)
    return jnp.exp(-0.5 * far**2) / jnp.pi


def signed_quantile(
    below: Float[Array, ""], above: Float[Array, ""], theta: Float[Array, ""]
) -> Float[Array, ""]:
    """The signed margin with mass ``below`` under it and ``above`` over it.

    Newton on the log of the smaller mass, a concave function of z, which converges from
    any side; -inf and inf at the masses 0 and 1.
    """
    small = below < 0.5
    mass = jnp.where(small, below, above)
    inside = (mass > 0) & (mass < 1)
    target = jnp.log(jnp.where(inside, mass, 0.25))

    def newton(_: Any, z: Float[Array, ""]) -> Float[Array, ""]:
        log_below, log_above = _log_masses(z, theta)
        slope = signed_density(z, theta)
        value = jnp.where(small, log_below, log_above)
        rate = jnp.where(small, slope, -slope) * jnp.exp(-value)
        step = (target - value) / jnp.where(rate == 0, 1.0, rate)
        return jnp.clip(z + jnp.clip(step, -5.0, 5.0), -38.0, 38.0)

    # |z| has more mass below a positive threshold and less above: a start beyond it
    positive = ~small | (mass > theta / jnp.pi)
    start = jnp.where(inside & positive, folded_quantile(below, above), 0.0)
    z = jax.lax.fori_loop(0, 40, newton, start)
    infinite = jnp.where(mass <= 0, jnp.where(small, -jnp.inf, jnp.inf), jnp.inf)
    return jnp.where(inside, z, infinite)


def kept_pieces(cells: Cells, theta: Float[Array, ""], margin: str) -> Pieces:
    """The cells of a rule as intervals of the folded margin on either side of 0."""
    n = cells.level.shape[0]
    if margin == "absolute":
        # sorted as they are: what is sorted XLA does not compute anew wherever it is
        # used, which is most of the time of compiling
        ends = jnp.sort(folded_quantile(cells.below, cells.above), axis=1)
        inner = jnp.concatenate([ends[:, 0], ends[:, 0]])
        outer = jnp.concatenate([ends[:, 1], ends[:, 1]])
    else:
        quantile = jax.vmap(jax.vmap(signed_quantile, (0, 0, None)), (0, 0, None))
        ends = quantile(cells.below, cells.above, theta)
        return signed_pieces(ends, cells.level)
    sign = jnp.repeat(jnp.array([1.0, -1.0]), n)
    return Pieces(sign, inner, outer, jnp.tile(cells.level, 2), ends)


def signed_pieces(
    ends: Float[Array, "cells 2"], level: Float[Array, " cells"]
) -> Pieces:
    """Intervals of the signed margin as pieces on either side of 0."""
    n, inf = level.shape[0], jnp.inf
    inner = jnp.clip(jnp.concatenate([ends[:, 0], -ends[:, 1]]), 0.0, inf)
    outer = jnp.clip(jnp.concatenate([ends[:, 1], -ends[:, 0]]), 0.0, inf)
    sign = jnp.repeat(jnp.array([1.0, -1.0]), n)
    return Pieces(sign, inner, outer, jnp.tile(level, 2), ends)
