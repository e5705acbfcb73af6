r"""Does a simulation at finite N agree with a theory at infinite N?

For each point the relative difference d_N = simulation/theory - 1, with the theory at
the P/N and P/P_tot realised at that N, is fitted by a + b/N, weighted by the standard
errors; a must vanish, and z = a/standard error is its test.  With a single size there
is no fit: b is then taken as unknown, of the order of ``allowance``, and
``allowance``/N joins the standard error in quadrature.

Many points are judged together, at a *family* level: the chance that a correct theory
fails one of the tests.  The level is shared equally by

- the largest |z| (one point is wrong), with Sidak's correction for their number;
- the sum of z^2 against chi-squared (several are somewhat wrong);
- the mean z (all are wrong the same way);
- the chi-squared of the fits (the sizes are too small for a + b/N).

The standard errors come with a requirement of their own, ``precision``: agreement
within large errors is no agreement.
"""

from __future__ import annotations

import math
from math import nan
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import chdtrc, ndtr


class Extrapolation(NamedTuple):
    """Difference at infinite N: its value, standard error, slope in 1/N, and fit."""

    value: float
    error: float
    slope: float
    chi_squared: float
    freedom: int

    @property
    def p_value(self) -> float:
        """Chance of a worse fit, were a + b/N right; NaN if nothing was fitted."""
        return float(chdtrc(self.freedom, self.chi_squared) if self.freedom else nan)


class Test(NamedTuple):
    """One test of the family: ``passed`` if ``p_value`` is not below ``level``."""

    name: str
    statistic: float
    p_value: float
    level: float

    @property
    def passed(self) -> bool:
        """False also for a p-value that is NaN."""
        return self.p_value >= self.level


def extrapolate(
    sizes: Float[np.ndarray, " n"],
    difference: Float[np.ndarray, " n"],
    error: Float[np.ndarray, " n"],
    allowance: float,
) -> Extrapolation:
    """Weighted least-squares fit of a + b/N, or a single size with its allowance."""
    if len(sizes) == 1:
        total = math.hypot(float(error[0]), allowance / float(sizes[0]))
        return Extrapolation(float(difference[0]), total, math.nan, 0.0, 0)
    design = np.stack([np.ones(len(sizes)), 1.0 / sizes], axis=1) / error[:, None]
    covariance = np.linalg.inv(design.T @ design)
    value, slope = covariance @ design.T @ (difference / error)
    misfit = difference / error - design @ np.array([value, slope])
    return Extrapolation(
        float(value),
        math.sqrt(covariance[0, 0]),
        float(slope),
        float(misfit @ misfit),
        len(sizes) - 2,
    )


def error_share(sizes: tuple[int, ...]) -> float:
    """Standard error at infinite N over that of each size, if all sizes have the same.

    1.22 for three sizes that double, 1 for a single size.
    """
    if len(sizes) == 1:
        return 1.0
    inverse = 1.0 / np.asarray(sizes, float)
    n, first, second = len(sizes), inverse.sum(), (inverse**2).sum()
    return math.sqrt(second / (n * second - first**2))


def judge(fits: list[Extrapolation], family_level: float) -> list[Test]:
    """The tests of the family over the fits of all points."""
    z = np.array([fit.value / fit.error for fit in fits])
    n = len(z)
    largest = np.max(np.abs(z))
    mean = z.sum() / math.sqrt(n)
    misfit = sum(fit.chi_squared for fit in fits)
    freedom = sum(fit.freedom for fit in fits)
    # 1 - (1 - p)^n without losing a small p; p = 1 at z = 0
    with np.errstate(divide="ignore"):
        sidak = -np.expm1(n * np.log1p(-2 * ndtr(-largest)))
    tests = [
        ("largest |z|", largest, sidak),
        ("sum of z^2", z @ z, chdtrc(n, z @ z)),
        ("mean z * sqrt(points)", mean, 2 * ndtr(-abs(mean))),
    ]
    if freedom:
        tests.append(("chi^2 of the fits in 1/N", misfit, chdtrc(freedom, misfit)))
    level = family_level / len(tests)
    return [Test(name, float(s), float(p), level) for name, s, p in tests]
