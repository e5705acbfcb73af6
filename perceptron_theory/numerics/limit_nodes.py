"""What the limits are computed with, in NumPy: roots, moments and quadrature nodes."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float

from .gaussian import SQRT_2PI

Nodes = Float[np.ndarray, " k"]
Values = Float[np.ndarray, "*batch"] | float


def root_between(
    function: Callable[[float], float], low: float, high: float, xtol: float
) -> float:
    """Brent's root of a function of one number, between points of other signs."""
    from scipy.optimize import brentq

    found: Any = brentq(function, low, high, xtol=xtol)
    return float(found)


def rectified_moments(
    t: Float[np.ndarray, "*s"] | float,
) -> tuple[Float[np.ndarray, "*s"] | float, ...]:
    """(G_0, G_1, G_2, G_3) at t, in NumPy: for small equations that SciPy solves."""
    from scipy.special import ndtr

    zeroth = ndtr(t)
    first = t * zeroth + np.exp(-0.5 * t * t) / SQRT_2PI
    second = t * first + zeroth
    return zeroth, first, second, t * second + 2.0 * first


@lru_cache
def _legendre(n: int) -> tuple[Nodes, Nodes]:
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return 0.5 * (nodes + 1.0), 0.5 * weights


def nodes_between(breaks: Float[np.ndarray, " b"], n: int = 16) -> tuple[Nodes, Nodes]:
    """Gauss-Legendre nodes and weights on panels between the given points."""
    breaks = np.unique(breaks)
    unit, weights = _legendre(n)
    width = np.diff(breaks)[:, None]
    return (breaks[:-1, None] + width * unit).ravel(), (width * weights).ravel()
