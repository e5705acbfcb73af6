"""Students of convex losses: limits, closed forms, and SciPy's integrals."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.optimize import brentq
from scipy.special import erfinv
from scipy.stats import norm

import perceptron_theory as pt
from perceptron_theory import solve_convex
from perceptron_theory.convex.losses import hinge, resolve_loss

NOTES: dict[str, Any] = {
    "alpha_prune": 2.0,
    "keep_fraction": 0.5,
    "theta": np.deg2rad(20),
}


@pytest.mark.slow
def test_point_that_was_checked_by_simulation():
    # theory.md, section 5: simulation at N = 400 gave 1.388(13), -0.632(14), 0.2548(26)
    student = solve_convex(**NOTES, ridge=0.1)
    np.testing.assert_allclose(
        np.stack(student.weights), (1.3912, -0.6298, 1.2776), atol=1e-4
    )
    np.testing.assert_allclose(student.response, 3.5204, atol=1e-4)
    np.testing.assert_allclose(student.error, 0.25376, atol=1e-5)


@pytest.mark.slow
def test_a_loss_of_ones_own():
    named = solve_convex(**NOTES, ridge=0.1)
    own = solve_convex(**NOTES, ridge=0.1, loss=lambda m: jnp.log1p(jnp.exp(-m)))
    np.testing.assert_allclose(
        np.stack(own.weights), np.stack(named.weights), rtol=1e-8
    )
    assert abs(own.error - named.error) < 1e-9


def test_narrow_windows_whose_examples_are_satisfied_at_once():
    """The hinge where r falls by orders of magnitude within one per cent of lambda.

    With all examples at u = u_0 the error could vanish; a window of width d leaves
    r of order d.
    """
    narrow: dict[str, Any] = {
        "alpha_prune": 11.029537399290827,
        "keep_fraction": 0.0022725999396626183,
        "rule": pt.Window(0.4747020045580848),
    }
    hinged = solve_convex(**narrow, loss="hinge", ridge=0.0017300604186537161)
    assert hinged.residual < 1e-9
    width = narrow["keep_fraction"] / 2 / norm.pdf(np.sqrt(2) * erfinv(0.4747))
    assert hinged.weights[2] < 2 * width


def _kept_moments(gamma, theta):
    """E of u, v, u^2, u v, v^2 over |z| < gamma, u > 0."""
    c, s = np.cos(theta), np.sin(theta)

    def mean(power_u, power_v):
        def weight(v, u):
            inside = abs(c * u + s * v) < gamma
            return inside * u**power_u * v**power_v * norm.pdf(u) * norm.pdf(v)

        ends = (lambda u: (-gamma - c * u) / s), (lambda u: (gamma - c * u) / s)
        return dblquad(weight, 0, 9, *ends, epsabs=1e-11, epsrel=1e-11)[0]

    one = mean(0, 0)
    powers = (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)
    return np.array([mean(*p) for p in powers]) / one


def _ridge_regression(alpha, ridge, moments):
    """(A, B, r, V): the linear equations of the square loss, V by bisection."""
    u, v, uu, uv, vv = moments
    # Marchenko-Pastur: the trace of (X^T X/N + ridge)^-1
    response = brentq(lambda x: ridge * x + alpha * x / (1 + x) - 1, 0, 1 / ridge)
    assert isinstance(response, float)
    pull = alpha / (1 + response)
    matrix = ridge * np.eye(2) + pull * np.array([[uu, uv], [uv, vv]])
    a, b = np.linalg.solve(matrix, pull * np.array([u, v]))
    # r^2 = V^2 alpha E[(1 - m)^2]/(1 + V)^2
    part = alpha * (response / (1 + response)) ** 2
    fit = 1 - 2 * (a * u + b * v) + a * a * uu + 2 * a * b * uv + b * b * vv
    return a, b, np.sqrt(part * fit / (1 - part)), response


@pytest.mark.slow
def test_square_loss_is_ridge_regression():
    alpha, ridge, theta = np.array([0.5, 3.0, 1.5]), np.array([0.3, 1e-3, 0.2]), 0.5
    fraction = np.array([1.0, 1.0, 0.4])
    student = solve_convex(
        alpha_prune=alpha,
        keep_fraction=fraction,
        theta=theta,
        loss="square",
        ridge=ridge,
    )
    found = np.stack([*student.weights, student.response], axis=1)
    kept = _kept_moments(np.sqrt(2) * erfinv(0.4), theta)
    every = np.sqrt(2 / np.pi), 0.0, 1.0, 0.0, 1.0
    for i, moments in enumerate((every, every, kept)):
        expected = _ridge_regression(alpha[i], ridge[i], moments)
        np.testing.assert_allclose(found[i], expected, rtol=2e-9, atol=1e-9)


@pytest.mark.slow
def test_squared_hinge_without_ridge_is_the_max_margin_student():
    ridge = np.array([1e-3, 1e-5])
    student = solve_convex(**NOTES, loss="squared_hinge", ridge=ridge)
    limit = pt.solve(**NOTES)
    miss = np.abs(np.asarray(student.error) - limit.error)
    assert miss[1] < 1e-5
    np.testing.assert_allclose(miss[1] / miss[0], 1e-2, rtol=0.1)  # first order


@pytest.mark.slow
def test_nothing_along_the_probe_where_there_is_no_reason():
    whole = solve_convex(**dict(NOTES, keep_fraction=1.0), loss="hinge", ridge=0.1)
    aligned = solve_convex(**dict(NOTES, theta=0.0), loss="hinge", ridge=0.1)
    assert abs(whole.weights[1]) < 1e-8
    assert aligned.weights[1] == 0
    close = solve_convex(**dict(NOTES, theta=1e-4), loss="hinge", ridge=0.1)
    np.testing.assert_allclose(close.error, aligned.error, rtol=1e-5)


def _independent_residuals(student, flipped):
    """The four equations of the hinge, xi in closed form, (u, z) by SciPy."""
    a, b, r = student.weights
    step, ridge = student.response, student.ridge
    c, s = np.cos(student.theta), np.sin(student.theta)
    gamma = np.sqrt(2) * erfinv(student.keep_fraction)

    def moments(mean):
        """E over xi of p, p^2, and the slope of -p, for m = mean + r xi."""
        low, high = (1 - step - mean) / r, (1 - mean) / r
        below, between = norm.cdf(low), norm.cdf(high) - norm.cdf(low)
        first = norm.pdf(low) - norm.pdf(high)
        second = between + low * norm.pdf(low) - high * norm.pdf(high)
        gap = 1 - mean
        linear = gap * between - r * first
        square = gap**2 * between - 2 * gap * r * first + r * r * second
        return step * below + linear, step**2 * below + square, between

    def mean(i):
        def weight(z, u):
            v = (z - c * u) / s
            right, wrong = moments(a * u + b * v), moments(-a * u - b * v)
            both = (1 - flipped) * np.array(right) + flipped * np.array(wrong)
            pull = (1 - flipped) * right[0] - flipped * wrong[0]
            value = (u * pull, v * pull, both[1], both[2])[i]
            return value * norm.pdf(u) * norm.pdf(v) / s

        return dblquad(weight, 0, 9, -gamma, gamma, epsabs=1e-9, epsrel=1e-8)[0]

    scale = 2 * student.alpha_prune / student.keep_fraction
    shrink = ridge * step
    right = np.array([shrink * a, shrink * b, r * r, 1 - shrink])
    return scale * np.array([mean(i) for i in range(4)]) - right


@pytest.mark.slow
@pytest.mark.parametrize("flipped", [0.0, pytest.param(0.15, marks=pytest.mark.slow)])
def test_hinge_against_independent_integrals(flipped):
    student = solve_convex(
        alpha_prune=1.5,
        keep_fraction=0.6,
        theta=0.6,
        loss="hinge",
        ridge=0.2,
        flip_probability=flipped,
    )
    assert abs(_independent_residuals(student, flipped)).max() < 1e-7


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"ridge": 0.0}, "ridge must be finite and at least 1e-16"),
        ({"ridge": 1.0, "loss": "logit"}, "did you mean 'logistic'"),
        ({"ridge": 1.0, "loss": jnp.sin}, "convex"),
        ({"ridge": 1.0, "loss": jnp.log}, "finite"),
        ({"ridge": 1.0, "loss": lambda m: m**2}, "fall at margin 0"),
        ({"ridge": 1.0, "loss": lambda m: hinge(m)}, "jumps by 1 at the margin 1"),
        ({"ridge": 1.0, "flip_probability": 0.5}, "flip_probability must be"),
        ({"ridge": np.ones(3), "theta": np.zeros(2)}, "broadcast"),
    ],
)
def test_bad_input(wrong, message):
    with pytest.raises(pt.InputError, match=message):
        solve_convex(**dict(NOTES, **wrong))


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda m: np.log1p(np.exp(-m)), "JAX function .* TracerArrayConv"),
        (lambda m: 0.0 if m > 1 else (1 - m) ** 2, "jnp.where in place of if"),
        (lambda m, k: m, "got a TypeError"),
        (lambda m: jnp.stack([1 - m, 2 - m]), r"float64 of shape \(2,\)"),
        (lambda m: (1 - m) ** 2 + 0j, "complex128"),
        (lambda m: jax.lax.stop_gradient((1 - m) ** 2), "flat there"),
        (lambda m: 1e-5 * jnp.maximum(0, 1 - m), "jumps by 1e-05 at the margin 1"),
        (lambda m: jnp.logaddexp(0.0, -20 * m), "too sharply between the margins"),
        (lambda m: jnp.maximum(0.37 - m, 0) ** 2, "too sharply .* 0 and 1"),
        (lambda m: (1 - m) ** 2 + 0.02 * jnp.exp(-((100 * m) ** 2)), "convex"),
    ],
)
def test_losses_that_are_none(loss, message):
    with pytest.raises(pt.InputError, match=message):
        solve_convex(**NOTES, ridge=1.0, loss=loss)


@pytest.mark.parametrize(
    "loss", [lambda m: jnp.exp(-m), lambda m: (1 - m) ** 8, lambda m: jnp.exp(-5 * m)]
)
def test_losses_may_grow_fast(loss):
    resolve_loss(loss).check()


@pytest.mark.slow
def test_a_loss_of_a_rescaled_margin():
    """l(c m) with the ridge c^2 lambda trains the same student, longer by 1/c."""
    own = lambda m: jnp.logaddexp(0.0, -3.0 * m)  # noqa: E731
    steep = solve_convex(**NOTES, ridge=0.9, loss=own)
    plain = solve_convex(**NOTES, ridge=0.1)
    np.testing.assert_allclose(steep.error, plain.error, rtol=1e-10)
