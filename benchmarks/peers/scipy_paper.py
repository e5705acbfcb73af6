"""Peer: the paper's equations solved with SciPy as they stand (hard rule, |P.x|).

arXiv 2206.14486, App. A: three saddle-point equations with double integrals over the
student's margin t < kappa and the kept probe margins |z| < gamma (theta > 0: dblquad),
two with single integrals over t (theta = 0: quad), solved by scipy.optimize.root.

The unknowns R, rho, kappa of the paper appear here as the components A, B, r of the
student at margin 1: R = A/|J|, rho = (A cos + B sin)/|J|, kappa = 1/|J|.  These are the
same equations times powers of |J|, without the digits that 1 - R^2 - ... loses where
the error is small.

At theta = 0 the integrands come in two ways: PLAIN, of NumPy and SciPy functions, as
one writes them; and TUNED, of the math module's, which take Python's floats faster.
"""

from __future__ import annotations

from collections.abc import Callable
from math import atan2, cos, erfc, exp, expm1, hypot, pi, sin, sqrt
from typing import NamedTuple

import numpy as np
from scipy.integrate import dblquad, quad
from scipy.optimize import root
from scipy.special import ndtr, ndtri

TAIL = 7.0  # standard deviations kept of the Gaussian tails
SQRT_2, SQRT_2PI = sqrt(2.0), sqrt(2.0 * pi)


def H(x: float) -> float:
    return 0.5 * erfc(x / SQRT_2)


class Functions(NamedTuple):
    """exp, exp(x) - 1 and the upper tail H of the normal."""

    exp: Callable
    expm1: Callable
    H: Callable


PLAIN = Functions(np.exp, np.expm1, lambda x: ndtr(-x))
TUNED = Functions(exp, expm1, H)


def threshold(f: float) -> float:
    return min(-float(ndtri((1.0 - f) / 2.0)), TAIL)


def _root(equations, start, xtol, noise):
    # eps: the quadrature is only so smooth, and MINPACK's difference step is its root
    options = {"xtol": xtol, "eps": noise}
    found = root(equations, start, method="hybr", options=options)
    # "not making good progress" with tiny residuals is the noise floor, not a failure
    if not found.success and np.max(np.abs(found.fun)) > 1e-6 * np.max(np.abs(found.x)):
        raise RuntimeError(found.message)
    return found.x


def solve_angled(alpha, f, theta, start, epsrel=1e-7, xtol=1e-8):
    """The error and (A, B, r) at 0 < theta, searched from ``start`` = (A, B, r)."""
    c, s, gamma = cos(theta), sin(theta), threshold(f)
    # the second integral vanishes with B at f = 1, hence an absolute floor
    tolerance = {"epsabs": 1e-3 * epsrel, "epsrel": epsrel}

    def equations(x):
        A, B, r = (float(component) for component in x)
        square, rho, tilt = A * A + B * B + r * r, A * c + B * s, A * s - B * c
        spread = hypot(tilt, r)  # of the student's margin t, given z
        # T.x given t and z: mean (c - rho lean) z + lean t, standard deviation width
        lean, width = s * tilt / spread**2, s * r / spread
        slope = c - rho * lean

        def joint(t, z):
            step = (t - rho * z) / spread
            return exp(-0.5 * (step * step + z * z)) * (1.0 - t)

        def teacher(t, z):
            return (slope * z + lean * t) / width

        def along_teacher(t, z):
            return joint(t, z) * exp(-0.5 * teacher(t, z) ** 2)

        def along_probe(t, z):
            k = teacher(t, z)
            inside = H(-k) * (square * z - rho * t) / spread**2
            return joint(t, z) * (inside - slope / width * exp(-0.5 * k * k) / SQRT_2PI)

        def spread_out(t, z):
            return joint(t, z) * H(-teacher(t, z)) * (1.0 - t)

        low = -TAIL * hypot(B, r)
        integral = [
            alpha
            / (pi * f * spread)
            * dblquad(function, -gamma, gamma, low, 1.0, **tolerance)[0]
            for function in (along_teacher, along_probe, spread_out)
        ]
        return [
            A - B * c / s - integral[0] / (width * SQRT_2PI),
            B / s - integral[1],
            r * r - integral[2],
        ]

    A, B, r = x = _root(equations, start, xtol, epsrel)
    return atan2(hypot(B, r), A) / pi, x


def solve_aligned(alpha, f, start, functions=TUNED, epsrel=1e-8, xtol=1e-8):
    """The error and (A, r) at theta = 0, searched from ``start`` = (A, r)."""
    exp, expm1, H = functions
    gamma = threshold(f)

    def equations(x):
        A, r = exp(x[0]), exp(x[1])
        square = A * A + r * r
        length = sqrt(square)

        def along_teacher(t):
            drop = expm1(-0.5 * gamma * (gamma * square - 2.0 * A * t) / (r * r))
            return -exp(-0.5 * (t / r) ** 2) * drop * (1.0 - t)

        def spread_out(t):
            low, high = -A * t / (r * length), (gamma * square - A * t) / (r * length)
            return exp(-0.5 * t * t / square) * (H(low) - H(high)) * (1.0 - t) ** 2

        integral = [
            alpha
            / (pi * f)
            * quad(function, -TAIL * r, 1.0, epsabs=0.0, epsrel=epsrel)[0]
            for function in (along_teacher, spread_out)
        ]
        return [
            1.0 - integral[0] / (A * r),
            1.0 - integral[1] * SQRT_2PI / (length * r * r),
        ]

    A, r = x = np.exp(_root(equations, np.log(start), xtol, epsrel))
    return atan2(r, A) / pi, x
