"""Small ridges on structured inputs: the largest margin, least squares, least norm."""

import numpy as np
import pytest
from scipy.optimize import brentq
from test_structured_oracle import _examples, _kept

import perceptron_theory as pt

SMALLEST = 1e-16


def _told(sol):
    return np.array([sol.error, *sol.fields, sol.norm])


def _hiding(shown, size=60, theta=0.35):
    whole = pt.Inputs.power_law(size, 1.2, teacher=0.3, theta=theta)
    return pt.Inputs(
        whole.eigenvalues, shown * whole.label, whole.probe, shown * whole.cosine
    )


@pytest.mark.parametrize(
    ("loss", "shown"),
    [
        pytest.param("squared_hinge", 1.0, marks=pytest.mark.slow),
        pytest.param("hinge", 1.0, marks=pytest.mark.slow),
        pytest.param("hinge", 0.8, marks=pytest.mark.slow),
    ],
)
def test_hinges_become_the_largest_margin(loss, shown):
    inputs = _hiding(shown)
    how = {"alpha_prune": 1.2, "keep_fraction": 0.4, "margin": "signed"}
    wanted = _told(pt.solve(**how, inputs=inputs))
    for ridge in (1e-12, SMALLEST):
        sol = pt.solve_convex(**how, loss=loss, ridge=ridge, inputs=inputs)
        np.testing.assert_allclose(_told(sol), wanted, rtol=1e-8)


@pytest.mark.slow
def test_the_logistic_loss_becomes_the_largest_margin_slowly():
    inputs = _hiding(1.0)
    how = {"alpha_prune": 1.2, "keep_fraction": 0.4, "inputs": inputs}
    limit = pt.solve(**how).error
    ridge = 10.0 ** -np.array([4.0, 8.0, 16.0])
    sol = pt.solve_convex(**how, loss="logistic", ridge=ridge)
    off = (sol.error - limit) * np.log(1.0 / ridge)
    # in proportion to one over the length of w, which grows like log(1/ridge)
    assert abs(sol.error[-1] / limit - 1) < 0.02
    assert np.ptp(off[1:]) < 0.25 * abs(off[-1])
    assert sol.norm[2] - sol.norm[1] == pytest.approx(
        2 * (sol.norm[1] - sol.norm[0]), rel=0.1
    )


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["logistic", "hinge", "squared_hinge"])
def test_what_cannot_be_separated_has_a_finite_limit(loss):
    inputs = _hiding(0.8)
    how = {"keep_fraction": 0.4, "margin": "signed", "inputs": inputs}
    limit = pt.separability_threshold(**how)
    with pytest.raises(pt.InputError, match="cannot be separated"):
        pt.solve(**how, alpha_prune=2.0 * limit)
    ridge = np.array([1e-8, 1e-12, SMALLEST])
    sol = pt.solve_convex(**how, alpha_prune=2.0 * limit, loss=loss, ridge=ridge)
    np.testing.assert_allclose(sol.norm, sol.norm[-1], rtol=1e-5)
    np.testing.assert_allclose(sol.norm[1:], sol.norm[-1], rtol=1e-9)


@pytest.mark.parametrize("exponent", [0.0, 1.2, 3.0])
@pytest.mark.parametrize(
    "point",
    [(2.0, 0.4, "hard", "absolute", 0.0), (5.0, 0.6, "easy", "signed", 0.1)],
    ids=str,
)
@pytest.mark.few(2)
def test_least_squares_do_not_see_the_covariance(point, exponent):
    # above one example a dimension: the regression of y on the fields, and a noise of
    # what it leaves over alpha - 1
    alpha, fraction, rule, margin, flips = point
    inputs = pt.Inputs.power_law(30, exponent, teacher=0.3, theta=0.35)
    fields, mass = _examples(_kept(fraction, 0.35, rule, margin, flips), 0.35)
    # fields are given times the label
    m = np.linalg.solve(fields * mass @ fields.T, fields @ mass)
    left = mass @ (1.0 - m @ fields) ** 2
    norm = np.sqrt(m @ m + left / (alpha - 1.0))
    sol = pt.solve_convex(
        alpha_prune=alpha,
        keep_fraction=fraction,
        rule=rule,
        margin=margin,
        loss="square",
        ridge=SMALLEST,
        flip_probability=flips,
        inputs=inputs,
    )
    np.testing.assert_allclose(sol.fields, m, rtol=1e-8, atol=1e-9)
    assert sol.norm == pytest.approx(norm, rel=1e-8)


@pytest.mark.parametrize("alpha", [0.3, 0.9, 1.5])
@pytest.mark.parametrize("exponent", [0.0, 1.2, 2.0])
@pytest.mark.few(3)
def test_interpolation_of_least_norm_is_the_known_one(alpha, exponent):
    # Hastie, Montanari, Rosset, Tibshirani, Ann. Statist. 50, 949 (2022), for a linear
    # signal and independent noise.  Without pruning sign(u) is as good as sqrt(2/pi) u
    # and noise: only second moments matter.
    inputs = pt.Inputs.power_law(60, exponent, teacher=0.3)
    sigma, signal = inputs.eigenvalues, np.sqrt(2 / np.pi) * inputs.label
    noise = 1.0 - 2.0 / np.pi
    if alpha < 1:
        mu = brentq(lambda x: np.mean(sigma / (sigma + x)) - alpha, 1e-9, 1e9)
        share = sigma / (sigma + mu)
        risk = mu**2 * np.sum(signal**2 / sigma / (sigma + mu) ** 2)
        risk = (risk + noise) / (1.0 - np.mean(share**2) / alpha)
        field = inputs.label @ (signal / sigma * share)
    else:
        risk, field = noise * alpha / (alpha - 1.0), np.sqrt(2 / np.pi)
    sol = pt.solve_convex(
        alpha_prune=alpha,
        keep_fraction=1.0,
        rule="random",
        loss="square",
        ridge=SMALLEST,
        inputs=inputs,
    )
    assert sol.fields[0] == pytest.approx(field, rel=1e-8)
    got = 1.0 - 2.0 * np.sqrt(2 / np.pi) * sol.fields[0] + sol.norm**2
    assert got == pytest.approx(risk, rel=1e-8)
