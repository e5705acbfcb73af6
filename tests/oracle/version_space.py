"""The Gibbs student on a dense grid of nodes: NumPy, the plain stationarity conditions.

It shares no code with :mod:`perceptron_theory` and uses neither its variables nor its
form of the equations: S of the notes is differentiated in q, A and B as it stands, on
one grid in z (the probe's margin) and the field h = A u + B v + r t of unit students,

    dS/dA = 0:  A/(1-q) = alpha E[u g - (A/r) t g],   the same with v for B,
    dS/dq = 0:  r^2/(1-q)^2 = alpha E[g^2],           g = d ln Phi(h/(1-q)^(1/2))/dh,

with t g averaged as r dg/dh.  Given z the field is normal, and u given both too.
"""

import numpy as np
from scipy.optimize import root
from scipy.special import log_ndtr, ndtr, ndtri
from scipy.stats import skewnorm


def _grid(breaks, n=10):
    x, w = np.polynomial.legendre.leggauss(n)
    breaks = np.unique(breaks)
    half, middle = np.diff(breaks) / 2, (breaks[1:] + breaks[:-1]) / 2
    return (middle[:, None] + half[:, None] * x).ravel(), (half[:, None] * w).ravel()


def intervals(rule, margin, f, theta):
    """Kept intervals of the folded margin z."""
    if margin == "absolute" or theta == 0:
        if rule == "hard":
            g = ndtri(0.5 + 0.5 * f) if f < 1 else np.inf
            return [(-g, g)]
        g = -ndtri(0.5 * f)
        return [(-np.inf, -g), (g, np.inf)]
    law = skewnorm(1.0 / np.tan(theta))
    return [(-np.inf, law.ppf(f))] if rule == "hard" else [(law.isf(f), np.inf)]


def equations(x, alpha, kept, theta):
    """The three conditions at (A, B, q), each over its own size, and the kept mass."""
    A, B, q = x
    c, s = np.cos(theta), np.sin(theta)
    V, r = 1.0 - q, np.sqrt(q - A * A - B * B)
    along, across = A * c + B * s, A * s - B * c
    spread = np.hypot(across, r)
    scales = np.geomspace(1e-7, 9.0, 40)
    z = np.concatenate([-scales[::-1], [0.0], scales])
    ends = np.clip(np.array(kept).ravel(), -9.0, 9.0)
    near = ends + 9.0 * np.geomspace(1e-3, 1.0, 9)[:, None] * np.array([[1.0]])
    z = np.concatenate([z, ends, near.ravel()])
    if theta == 0:
        z = z[z >= 0]
    z, dz = _grid(z[np.abs(z) <= 9.0])
    inside = sum((z > a) & (z < b) for a, b in kept) > 0
    z, dz = z[inside], dz[inside]
    top = 9.5 * np.sqrt(V)
    bottom = min(np.min(along * z), 0.0) - 9.0 * spread
    sharp = np.sqrt(V) * np.concatenate([[0.0], np.geomspace(1.0, 1e4, 17)])
    h = np.concatenate([-sharp, sharp[:6], np.arange(bottom, top, 0.7 * spread), [top]])
    h, dh = _grid(np.clip(h, bottom, top))
    x = h / np.sqrt(V)
    psi = np.exp(-0.5 * x * x - log_ndtr(x)) / np.sqrt(2 * np.pi)
    g, slope = psi / np.sqrt(V), -psi * (psi + x) / V
    off = (h[None] - along * z[:, None]) / spread
    weight = 2.0 * np.exp(-0.5 * (z[:, None] ** 2 + off**2)) / (2 * np.pi * spread)
    weight = weight * dz[:, None] * dh
    if theta == 0:
        mass, u, v = 1.0, z[:, None], 0.0
    else:  # y normal given (z, h), on u = c z + s y > 0
        mean, width = across / spread * off, r / spread
        k = (z[:, None] * c / s + mean) / width
        mass = ndtr(k)
        y = mean * mass + width * np.exp(-0.5 * k * k) / np.sqrt(2 * np.pi)
        u, v = c * z[:, None] * mass + s * y, s * z[:, None] * mass - c * y
    f = np.sum(2.0 * dz * np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi) * _half(z, theta))
    mean = lambda y: alpha * np.sum(weight * y) / f  # noqa: E731
    bend = mean(mass * slope)
    return [
        mean(u * g) / (A / V + A * bend) - 1.0,
        (mean(v * g) - B * (1.0 / V + bend)) / mean(mass * g) if theta else B,
        np.log(mean(mass * g * g) / (r / V) ** 2),
    ], f


def _half(z, theta):
    return ndtr(z / np.tan(theta)) if theta else 1.0


def solve(alpha, f, theta, rule, margin, start):
    """(A, B, q) of the Gibbs student from a start."""
    kept = intervals(rule, margin, f, theta)
    # logs of what is small or large, moved off the start
    A, B, q = start

    def at(y):
        noise = np.array([1.0, np.exp(2 * y[2]), (A * np.exp(y[0])) ** 2])
        b = B + y[1] * np.sqrt(q - A * A - B * B)
        ratio = (1 - q) / (q - A * A - B * B) * noise[1]  # V/r^2
        rest = (1.0 - noise[2] - b * b) / (1.0 + ratio)
        return A * np.exp(y[0]), b, 1.0 - ratio * rest

    found = root(
        lambda y: equations(at(y), alpha, kept, theta)[0],
        [0.0, 1e-5, 1e-5],
        tol=1e-13,
    )
    miss, mass = equations(at(found.x), alpha, kept, theta)
    return at(found.x), np.max(np.abs(miss)), mass
