"""Roots of many functions of one variable at once, each inside its bracket."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

Values = Float[np.ndarray, " n"]
Function = Callable[[Values, Int[np.ndarray, " n"]], Values]


def bracketed_roots(
    function: Function,
    lower: Values,
    upper: Values,
    at_lower: Values,
    at_upper: Values,
    tolerance: float,
    most: int = 80,
    guess: Values | None = None,
) -> Values:
    """The root in each bracket, by Chandrupatla's method (1997) on all at once.

    Inverse quadratic interpolation where it is safe, bisection elsewhere: every step
    keeps the bracket, and a call evaluates every bracket that is not finished.

    Args:
        function: maps points x and the numbers of their brackets to values.
        lower: ends of the brackets.
        upper: the other ends.
        at_lower: values of the function there, of the other sign than ``at_upper``.
        at_upper: values of the function at the other ends.
        tolerance: absolute error in x.
        most: iterations after which the last point is returned.
        guess: points inside the brackets that are evaluated first; their middles
            without.
    """
    a, b = upper.astype(float), lower.astype(float)  # b: the newest point
    fa, fb = at_upper.astype(float), at_lower.astype(float)
    step = np.full(len(a), 0.5)
    if guess is not None:
        step = np.clip((guess - a) / (b - a), 0.0, 1.0)
    best = np.where(np.abs(fa) < np.abs(fb), a, b)
    open_ = np.arange(len(a))
    for _ in range(most):
        if not len(open_):
            break
        i = open_
        x = a[i] + step[i] * (b[i] - a[i])
        fx = function(x, i)
        same = np.sign(fx) == np.sign(fa[i])
        c, fc = np.where(same, a[i], b[i]), np.where(same, fa[i], fb[i])
        b[i], fb[i] = np.where(same, b[i], a[i]), np.where(same, fb[i], fa[i])
        a[i], fa[i] = x, fx
        width = np.abs(b[i] - a[i])
        best[i] = np.where(np.abs(fa[i]) < np.abs(fb[i]), a[i], b[i])
        limit = np.minimum(0.5, 0.5 * tolerance / np.maximum(width, 1e-300))
        step[i] = np.clip(
            _interpolate(a[i], b[i], c, fa[i], fb[i], fc), limit, 1 - limit
        )
        open_ = i[(width > tolerance) & (fx != 0)]
    return best


def _interpolate(
    a: Values, b: Values, c: Values, fa: Values, fb: Values, fc: Values
) -> Values:
    """The next point as a share of the way from a to b."""
    with np.errstate(all="ignore"):
        xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
        safe = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
        guess = fa / (fb - fa) * fc / (fb - fc)
        guess += (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
    return np.where(safe & np.isfinite(guess), guess, 0.5)
