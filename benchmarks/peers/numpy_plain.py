"""Peer: a plain vectorised NumPy Gauss-Legendre solver for theta > 0 (hard, |P.x|).

The saddle-point equations of arXiv 2206.14486, App. A, in the components A, B, r of
the student at margin 1, on one grid of nodes in z = P.x and, across it, h (u = T.x =
c z + s h > 0); scipy.optimize.root from the solution at the load before.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import root
from scipy.special import ndtr, ndtri

CUT = 6.6  # standard deviations kept of the Gaussian tails
(XZ, WZ), (XH, WH) = map(np.polynomial.legendre.leggauss, (32, 32))


def equations(x, alpha, f, c, s, gamma):
    """The saddle-point equations at x = (log A, B/A, log r)."""
    A, r = np.exp(x[0]), np.exp(x[2])
    B = A * x[1]
    # z < 0 is a wedge of width s; no support vectors beyond z_end and h_end
    z_end = min(
        gamma, max((1.0 + CUT * np.hypot(r, A * s - B * c)) / (A * c + B * s), s)
    )
    z_low = max(-gamma, -s * CUT)
    z = (z_low + (z_end - z_low) * (XZ + 1.0) / 2.0)[:, None]
    low = np.maximum(-z * c / s, -CUT)
    across = max(A * s - B * c, 1e-3)
    h_end = np.clip((1.0 + CUT * r - (A * c + B * s) * z) / across, low, CUT)
    h = low + (h_end - low) * (XH + 1.0) / 2.0
    u, v = c * z + s * h, s * z - c * h
    weight = (z_end - z_low) / 2.0 * WZ[:, None] * WH * (h_end - low) / 2.0
    weight = alpha * weight * np.exp(-0.5 * (z * z + h * h)) / (np.pi * f)
    t = (1.0 - A * u - B * v) / r
    inside, peak = ndtr(t), np.exp(-0.5 * t * t) / np.sqrt(2.0 * np.pi)
    g = t * inside + peak
    return [
        1.0 - np.sum(weight * (inside + u * g * r / A)),
        x[1] * (1.0 - np.sum(weight * inside)) - np.sum(weight * v * g) * r / A,
        1.0 - np.sum(weight * ((t * t + 1.0) * inside + t * peak)),
    ]


def march(alpha, f, theta):
    """Errors (len(alpha), len(f)): along alpha at each f, one point after the other."""
    c, s, error = np.cos(theta), np.sin(theta), np.full((len(alpha), len(f)), np.nan)
    for j, kept in enumerate(f):
        gamma = min(-ndtri((1.0 - kept) / 2.0), CUT)
        x = np.array([np.log(alpha[0]), 0.0, 0.5 * np.log(alpha[0])])
        for i, load in enumerate(alpha):
            found = root(equations, x, args=(load, kept, c, s, gamma), tol=1e-11)
            if found.success or np.max(np.abs(found.fun)) < 1e-10:
                A, r = np.exp(found.x[0]), np.exp(found.x[2])
                error[i, j] = np.arctan2(np.hypot(A * found.x[1], r), A) / np.pi
                x = found.x
    return error
