"""The library's solutions put into the paper's equations (see docs/equations.md).

Sorscher et al. 2022 (arXiv 2206.14486), App. A: hard pruning by the absolute margin.
The left- and right-hand sides are evaluated here with nothing of the library but its
solution (R, rho, kappa).
"""

import numpy as np
import pytest
from scipy.stats import norm

import perceptron_theory as pt

LOWEST = -10.0  # stands for -inf: the Gaussian weight is 1e-22 there
PANELS = np.linspace(0, 1, 41)


def _nodes(start, stop):
    """Gauss-Legendre on 40 panels: the integrands have scales down to about 0.05."""
    x, w = np.polynomial.legendre.leggauss(12)
    edges = start + (stop - start) * PANELS
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + x)).ravel(), (half * w).ravel()


def _perfect_probe(overlap, margin, alpha, f):
    gamma, a = norm.isf((1 - f) / 2), np.sqrt(1 - overlap**2)
    t, weight = _nodes(LOWEST, margin)
    weight = weight * norm.pdf(t)
    gauss = np.exp(-((overlap * t / a) ** 2) / 2)
    cut = 1 - np.exp(-gamma * (gamma - 2 * overlap * t) / (2 * a**2))
    first = np.sum(weight * gauss * cut * (margin - t))
    kept = norm.sf(-overlap * t / a) - norm.sf((gamma - overlap * t) / a)
    second = np.sum(weight * kept * (margin - t) ** 2)
    yield overlap, 2 * alpha / (f * np.sqrt(2 * np.pi) * a) * first
    yield a**2, 2 * alpha / f * second


def _imperfect_probe(R, rho, kappa, alpha, f, theta):
    gamma, c, s = norm.isf((1 - f) / 2), np.cos(theta), np.sin(theta)
    t, weight_t = _nodes(LOWEST, kappa)
    z, weight_z = _nodes(-gamma, gamma)
    weight = np.outer(weight_z * norm.pdf(z) / f, weight_t * (kappa - t))
    z = z[:, None]
    spread = np.sqrt(1 - rho**2)
    big_lambda = np.sqrt(s**2 - R**2 - rho**2 + 2 * rho * R * c)
    big_gamma = z * (rho * R - c) - t * (R - rho * c)
    delta = (
        z**2 * (rho**2 + c**2 - 2 * rho * R * c)
        + 2 * t * z * (R * c - rho)
        + (t * s) ** 2
    )
    g = norm.pdf((t - rho * z) / spread) / spread
    h = norm.sf(big_gamma / (spread * big_lambda))
    e = np.exp(-delta / (2 * big_lambda**2)) / big_lambda
    yield (R - rho * c) / s**2, alpha / np.pi * np.sum(weight * e)
    yield (
        1 - (rho**2 + R**2 - 2 * rho * R * c) / s**2,
        2 * alpha * np.sum(weight * g * h * (kappa - t)),
    )
    edge = e * (rho * R - c) / (2 * np.pi)
    third = np.sum(weight * (g * h * (z - rho * t) + edge)) / spread**2
    yield (rho - R * c) / s**2, 2 * alpha * third


@pytest.mark.parametrize(("alpha", "f"), [(0.5, 0.9), (2.0, 0.5), (3.0, 0.3)])
def test_perfect_probe(alpha, f):
    s = pt.solve(alpha_prune=alpha, keep_fraction=f, theta=0.0)
    for left, right in _perfect_probe(float(s.overlap), float(s.margin), alpha, f):
        assert right == pytest.approx(left, rel=1e-9)


@pytest.mark.parametrize(
    ("alpha", "f", "degrees"), [(0.5, 0.9, 60), (4.0, 0.3, 10), (4.0, 0.3, 30)]
)
def test_imperfect_probe(alpha, f, degrees):
    theta = np.deg2rad(degrees)
    s = pt.solve(alpha_prune=alpha, keep_fraction=f, theta=theta)
    student = float(s.overlap), float(s.probe_overlap), float(s.margin)
    for left, right in _imperfect_probe(*student, alpha, f, theta):
        assert right == pytest.approx(left, rel=1e-9, abs=1e-10)
