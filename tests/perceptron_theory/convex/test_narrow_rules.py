"""Nearly like examples, which reach the kink of a loss at once."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import norm

import perceptron_theory as pt
from perceptron_theory.convex.kink import mended

F = np.array([2.63e-8, 6.15e-5, 1e-7])
WINDOWS: Any = {
    "alpha_prune": np.array([31.2, 1776.0, 500.0]),
    "keep_fraction": F,
    "rule": pt.Window(np.array([0.7325, 0.4547, 0.3]) * (1 - F)),
}


@pytest.mark.slow
@pytest.mark.parametrize("theta", [0.0, 0.12])
def test_the_hinge_of_a_small_ridge_is_the_max_margin_student(theta):
    """Which is solved by other equations; A/r is up to 1e9."""
    found = pt.solve_convex(loss="hinge", ridge=1e-8, theta=theta, **WINDOWS)
    same = pt.solve(theta=theta, **WINDOWS)
    np.testing.assert_allclose(found.error, same.error, rtol=1e-9)


@pytest.mark.slow
def test_the_easiest_few_of_large_loads_are_solved():
    """Their margins under each other are large: far from the ridge's own scale."""
    easy: Any = {
        "alpha_prune": np.array([5.35, 4725.0, 410886.0, 925251.0]),
        "keep_fraction": np.array([4.1e-8, 3.2e-6, 6.8e-7, 1.2e-8]),
        "rule": "easy",
    }
    found = pt.solve_convex(loss="hinge", ridge=1e-7, **easy)
    same = pt.solve(**easy)
    np.testing.assert_allclose(found.error, same.error, rtol=1e-9)


@pytest.mark.slow
def test_the_weight_across_the_probe_is_no_finer_than_a_far_from_the_kink():
    """At f = 6.9e-6 the path was left: each step of w was taken for a great one.

    The student lies along the probe, so that its equations are plain sums over z and
    the noise: q = max(0, 1 - P z - r xi) V/(1 + V), alpha E[q^2] = r^2, alpha E[q z] =
    lambda V P, alpha V/(1 + V) Pr[q > 0] = 1 - lambda V.
    """
    alpha, f, theta, ridge = 460167.04, 6.8512e-6, 0.41348, 2.73042
    given: Any = {"alpha_prune": alpha, "keep_fraction": f, "theta": theta}
    found = pt.solve_convex(rule="easy", loss="squared_hinge", ridge=ridge, **given)
    (A, B, r), V = (float(x) for x in found.weights), float(found.response)
    P, gamma = np.hypot(A, B), -ndtri(f / 2)
    assert A * np.sin(theta) == pytest.approx(B * np.cos(theta), rel=1e-12)
    past = (np.arange(4000) + 0.5) / 4000 * (1 / P - gamma + 8 * r / P)
    z, xi = (gamma + past)[:, None], np.linspace(-8, 8, 401)
    density = np.full_like(z, past[1] - past[0]) * norm.pdf(z) / (f / 2)
    mass = density * norm.pdf(xi) * (xi[1] - xi[0])
    short = np.maximum(0.0, (1 - P * gamma) - P * past[:, None] - r * xi)
    pull = short * V / (1 + V)
    assert alpha * np.sum(mass * pull**2) == pytest.approx(r**2, rel=1e-5)
    assert alpha * np.sum(mass * pull * z) == pytest.approx(ridge * V * P, rel=1e-5)
    moved = alpha * V / (1 + V) * np.sum(mass * (short > 0))
    assert moved == pytest.approx(1 - ridge * V, rel=1e-3)


@pytest.mark.slow
def test_wrong_labels_pull_from_the_other_side_of_the_kink():
    """By plain sums over the window, where u is uniform, and the noise.

    With t the slack of a right example in units of r and K = V/r, q = clip(t - xi, 0,
    K); of a wrong one q = K.  alpha E[q^2] = 1, alpha E[q u] = lambda K A.
    """
    alpha, f, share, p, ridge = 50.0, 1e-7, 0.6, 0.1, 5.0
    rule, given = pt.Window(share * (1 - f)), {"keep_fraction": f, "loss": "hinge"}
    options: Any = {**given, "rule": rule, "flip_probability": p, "ridge": ridge}
    found = pt.solve_convex(alpha_prune=alpha, **options)
    A, _, r = (float(x) for x in found.weights)
    z = ndtri(0.5 + 0.5 * share * (1 - f))
    size = f / (2 * norm.pdf(z))
    xi, u = np.linspace(-9, 9, 4001), (np.arange(1000) + 0.5) / 1000 * size
    weight = norm.pdf(xi) * (xi[1] - xi[0]) / u.size
    width, t = float(found.response) / r, (1 - A * z) / r - A / r * u[:, None]
    pull = np.clip(t - xi, 0, width)
    right, square = np.sum(pull @ weight), np.sum(pull**2 @ weight)
    assert alpha * ((1 - p) * square + p * width**2) == pytest.approx(1, rel=1e-4)
    force = alpha * ((1 - p) * right - p * width) * z
    assert force == pytest.approx(ridge * width * A, rel=1e-4)


def test_a_small_difference_is_kept_unless_it_is_wrong():
    with jax.enable_x64(True):
        one, other = jnp.asarray(1e9), jnp.asarray(1e9 - 3.0)
        assert float(mended(jnp.asarray(3.0 + 1e-6), one, other)) == 3.0 + 1e-6
        assert float(mended(jnp.asarray(4.0), one, other)) == 3.0
