r"""Functions of one standard normal that the saddle-point equations are made of.

With xi ~ N(0, 1) and t a slack in units of the student's noise, the moments
G_k(t) = E (t - xi)_+^k of the rectified slack are

    G_0 = Phi(t),  G_1 = t Phi(t) + phi(t),  G_2 = (t^2 + 1) Phi(t) + t phi(t),

with dG_2/dt = 2 G_1 and dG_1/dt = G_0.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax.scipy.special import erf, erfc
from jaxtyping import Array, Float

SQRT_2 = math.sqrt(2.0)
SQRT_2PI = math.sqrt(2.0 * math.pi)


def density(t: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """phi(t), the standard normal density."""
    return jnp.exp(-0.5 * t * t) / SQRT_2PI


def cdf(t: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Phi(t), to full relative precision in the lower tail."""
    return 0.5 * erfc(-t / SQRT_2)


def slack_moments(
    t: Float[Array, "*s"],
) -> tuple[Float[Array, "*s"], Float[Array, "*s"], Float[Array, "*s"]]:
    """(G_0, G_1, G_2) at t."""
    upper, peak = cdf(t), density(t)
    first = t * upper + peak
    return upper, first, t * first + upper


def folded_quantile(
    below: Float[Array, "*s"], above: Float[Array, "*s"]
) -> Float[Array, "*s"]:
    """The |z| of a standard normal z with mass ``below`` under it (``above`` over).

    The two masses add up to one; the smaller of them fixes the result, so it is exact
    to rounding at both ends.
    """
    small = below < 0.5
    mass = jnp.where(small, below, above)
    inside = (mass > 0) & (mass < 1)
    mass = jnp.where(inside, mass, 0.25)
    # a rational start good to a few digits, then Newton (log of the upper tail is
    # nearly quadratic, erf nearly linear, in the ranges they are used on)
    low = mass * SQRT_2PI / 2.0
    tail = jnp.sqrt(-2.0 * jnp.log(jnp.minimum(mass, 0.5) / 2.0))
    high = tail - (2.30753 + 0.27061 * tail) / (1.0 + tail * (0.99229 + 0.04481 * tail))
    z = jnp.where(small, low, high)
    for _ in range(5):
        slope = 2.0 * density(z)
        z_low = z - (erf(z / SQRT_2) - mass) / slope
        upper = erfc(z / SQRT_2)
        z_high = z + upper * jnp.log(upper / mass) / slope
        z = jnp.where(small, z_low, z_high)
    ends = jnp.where(small, 0.0, jnp.inf)
    return jnp.where(inside, z, ends)
