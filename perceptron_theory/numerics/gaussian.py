r"""Functions of one standard normal that the saddle-point equations are made of.

With xi ~ N(0, 1) and t a slack in units of the student's noise, the moments
G_k(t) = E (t - xi)_+^k of the rectified slack are

    G_0 = Phi(t),  G_1 = t Phi(t) + phi(t),  G_2 = (t^2 + 1) Phi(t) + t phi(t),

with dG_2/dt = 2 G_1 and dG_1/dt = G_0.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtri
from jaxtyping import Array, Float

from .polynomials import polynomial

SQRT_2 = math.sqrt(2.0)
SQRT_2PI = math.sqrt(2.0 * math.pi)
FARTHEST = 40.0  # phi is zero in float64 there


def density(t: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """phi(t), the standard normal density."""
    return jnp.exp(-0.5 * t * t) / SQRT_2PI


# Coefficients of (1 + x) Phi(-x)/phi(x) in powers of (x - 5)/(x + 5), x >= 0: the
# Chebyshev series of that function (as in Shepherd & Laframboise, Math. Comp. 36, 249,
# 1981), cut where it falls below 1e-16.  test_gaussian.py holds it to mpmath.
MILLS = (
    1.1568486282918946,
    -0.2294875382521184,
    0.07778159886873769,
    0.02507217930210036,
    -0.0661776007790963,
    0.061505045828185945,
    -0.03802659218584139,
    0.016348231425036042,
    -0.004201290329187307,
    1.9529678326371773e-05,
    0.00045704392357953655,
    -0.00013437036855802517,
    -2.480583845192319e-05,
    2.2699386557775844e-05,
    -1.7633239265736746e-07,
    -3.2597570878457124e-06,
    3.2054316652589574e-07,
    4.724032706831338e-07,
    -6.588974491108954e-08,
    -6.383575502421413e-08,
    9.092476134019147e-09,
    5.5322922141146196e-09,
    -7.073898575561589e-10,
)

# The same of (1 + x) g(x), where Phi(-x)/phi(x) = 1/(x + 1/(x + g)), that is
# g = 2/(x + 3/(x + 4/(x + ...))).
FRACTION = (
    2.170897447728531,
    0.01769434689786564,
    -0.4769932513405794,
    0.4409100302748538,
    -0.13608870697652273,
    -0.08718355035239894,
    0.0983984410256447,
    -0.009512133082762324,
    -0.037835560854627893,
    0.019500685866205722,
    0.009003392503060887,
    -0.011822543531146623,
    0.0002024312989174075,
    0.005075564250328025,
    -0.001732824616820492,
    -0.0016338748602770666,
    0.001236876326575984,
    0.00032050073696638883,
    -0.0006102070618138128,
    3.9107751166886095e-05,
    0.0002384422224507644,
    -7.529597513965677e-05,
    -7.453597896716836e-05,
    4.190439685597096e-05,
    1.7755253204552183e-05,
    -1.4663791513718453e-05,
    -2.863222791555463e-06,
    3.180642587668502e-06,
    2.3235148770768807e-07,
    -3.2788134197559766e-07,
)


def _series(
    coefficients: tuple[float, ...], x: Float[Array, "*s"]
) -> Float[Array, "*s"]:
    """One of the series above over 1 + x, at x >= 0."""
    return polynomial(coefficients, (x - 5.0) / (x + 5.0)) / (1.0 + x)


def mills_ratio(x: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Phi(-x)/phi(x) for x >= 0."""
    return _series(MILLS, x)


@jax.custom_jvp
def cdf(t: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Phi(t), to full relative precision in the lower tail."""
    x = jnp.minimum(jnp.abs(t), FARTHEST)
    tail = density(x) * mills_ratio(x)
    return jnp.where(t < 0, tail, 1.0 - tail)


@cdf.defjvp
def _cdf_jvp(primals, tangents):
    return cdf(*primals), density(*primals) * tangents[0]


def mills_fraction(
    x: Float[Array, "*s"],
) -> tuple[Float[Array, "*s"], Float[Array, "*s"]]:
    """The pair (h, g) for x >= 0, where phi(x)/Phi(-x) = x + h and h = 1/(x + g).

    With these 1 - x h = g h and all that follows are free of cancellation at large x.
    """
    g = _series(FRACTION, x)
    return 1.0 / (x + g), g


def slack_moments(
    t: Float[Array, "*s"],
) -> tuple[Float[Array, "*s"], ...]:
    """(phi, G_0, G_1, G_2) at t, from one exponential: these take most of the time."""
    peak = density(t)
    tail = peak * mills_ratio(jnp.abs(t))
    zeroth = jnp.where(t < 0, tail, 1.0 - tail)
    first = t * zeroth + peak
    return peak, zeroth, first, t * first + zeroth


# The quantile from y = Phi - 1/2, |y| < 3/8, is sqrt(2 pi) (y + y^3 P(y^2)/Q(y^2)):
# Cephes (Moshier 1989), ndtri.c, lowest power first.
QUANTILE = (
    (
        -1.23916583867381258016,
        13.9312609387279679503,
        -56.6762857469070293439,
        98.0010754185999661536,
        -59.9633501014107895267,
    ),
    (
        -1.18331621121330003142,
        15.9056225126211695515,
        -82.0372256168333339912,
        200.260212380060660359,
        -225.462687854119370527,
        86.3602421390890590575,
        4.67627912898881538453,
        1.95448858338141759834,
        1.0,
    ),
)


@jax.custom_jvp
def _near_quantile(below: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """The |z| with mass ``below`` < 3/4 under it."""
    y = 0.5 * jnp.minimum(below, 0.75)
    top, bottom = (polynomial(part, y * y) for part in QUANTILE)
    return SQRT_2PI * (y + y * y * y * top / bottom)


@_near_quantile.defjvp
def _near_quantile_jvp(primals, tangents):
    z = _near_quantile(*primals)
    return z, 0.5 * tangents[0] / density(z)


def folded_quantile(
    below: Float[Array, "*s"], above: Float[Array, "*s"]
) -> Float[Array, "*s"]:
    """The |z| of a standard normal z with mass ``below`` under it (``above`` over).

    The two masses add up to one; the smaller of them fixes the result, so it is exact
    to rounding at both ends.
    """
    return jnp.where(below < 0.5, _near_quantile(below), -ndtri(0.5 * above))
