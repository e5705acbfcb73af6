"""The derivative of the error with respect to a rule, against differences of solve."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf
from scipy.stats import halfnorm

import perceptron_theory as pt
from perceptron_theory.choices.margin_derivative import functional_derivative
from perceptron_theory.rules.intervals import Intervals, keep_between


def many(ends):
    """One rule object for rows of up to three intervals (n, 3, 2) of quantiles."""
    steps = np.diff(ends.reshape(-1, 6), axis=1, prepend=0.0, append=1.0)
    return Intervals(tuple(steps[:, ::2].T), tuple(steps[:, 1::2].T))


def three(*ends):
    """Pairs of quantiles filled up to three with empty intervals."""
    return np.array([*ends, *[(ends[-1][1],) * 2] * (3 - len(ends))], dtype=float)


# the rule object


def test_intervals_are_windows():
    lower = np.array([0.0, 0.7, 0.2])  # hard, easy, and one between
    ends = np.stack([three((x, x + 0.3)) for x in lower])
    point = {"alpha_prune": 2.0, "keep_fraction": 0.3}
    sol, windows = (
        pt.solve(rule=rule, **point) for rule in (many(ends), pt.Window(lower))
    )
    np.testing.assert_allclose(sol.error, windows.error, rtol=1e-9)


def test_masses_of_intervals_are_proportions():
    with pytest.raises(pt.InputError, match="one dropped stretch more"):
        Intervals((0.5,), (0.5,))
    with pytest.raises(pt.InputError, match="masses >= 0"):
        Intervals((0.5, -0.1), (0.6,))
    with pytest.raises(pt.InputError, match="zero everywhere"):
        Intervals((0.5, 0.5), (0.0,))
    with pytest.raises(pt.InputError, match="in order"):
        keep_between((0.2, 0.1))
    with pytest.raises(pt.InputError, match="pairs of quantiles"):
        keep_between((0.1,), (0.2, 0.3))
    with pytest.raises(pt.InputError, match="tuple of masses"):
        Intervals(0.5, (0.5,))
    cells = keep_between((0.1, 0.2), (0.5, 0.9)).cells(jnp.float32(0.5))
    np.testing.assert_allclose(cells.below, [[0.1, 0.2], [0.5, 0.9]], rtol=1e-6)
    np.testing.assert_allclose(cells.above, 1 - cells.below, rtol=1e-6)
    half = Intervals((2, 6), (1,)).cells(jnp.float32(0.5))
    np.testing.assert_allclose(half.below, [[0.125, 0.625]], rtol=1e-6)


# the functional derivative


@pytest.mark.parametrize(
    ("theta", "margin", "student"),
    [
        (0.0, "absolute", "max_margin"),
        pytest.param(0.3, "absolute", "max_margin", marks=pytest.mark.slow),
        pytest.param(0.3, "signed", "max_margin", marks=pytest.mark.slow),
        pytest.param(0.0, "absolute", "gibbs", marks=pytest.mark.slow),
        pytest.param(0.3, "signed", "bayes_point", marks=pytest.mark.slow),
    ],
)
def test_derivative_against_opening_a_small_interval(theta, margin, student):
    """The window (0.25, 0.75) at alpha_prune = 2, opened at two other quantiles."""
    quantiles, h = np.array([0.1, 0.9]), 1e-3
    z = halfnorm.ppf(quantiles)
    if margin == "signed":
        z = pt.threshold(quantiles, theta=theta, rule="hard", margin=margin)
    rows, mass = [], []
    for first, last in [(0, 0), (h, 0), (2 * h, 0), (0, h), (0, 2 * h)]:
        low = quantiles[0] - first / 2, quantiles[0] + first / 2
        high = quantiles[1] - last / 2, quantiles[1] + last / 2
        rows.append([low, (0.25, 0.75), high])
        mass.append(0.5 + first + last)
    rule, mass = many(np.array(rows)), np.array(mass)
    point = {"theta": theta, "margin": margin, "student": student}
    window = keep_between((0.25, 0.75), (1, 1), (1, 1))
    for name, load in (("alpha_prune", 2.0), ("alpha_tot", 4.0)):
        alpha = load if name == "alpha_prune" else load * mass
        error = pt.solve(
            alpha_prune=alpha, keep_fraction=mass, rule=rule, **point
        ).error
        once, twice = (error[1::2] - error[0]) / h, (error[2::2] - error[0]) / (2 * h)
        exact = functional_derivative(
            z, **{name: load}, keep_fraction=0.5, rule=window, **point
        )
        # extrapolated: what is left is of second order in h
        np.testing.assert_allclose(exact, 2 * once - twice, rtol=2e-3, atol=1e-5)


@pytest.mark.slow
def test_derivative_of_a_soft_rule_averages_to_zero_and_tells_changes():
    def soft(z):
        return 0.2 + 0.6 * jnp.exp(-(z**2))

    def moved(z):
        return soft(z) + 0.01 * jnp.cos(z)

    z, weight = np.polynomial.legendre.leggauss(80)
    z, weight = 4.0 * (z + 1.0), 4.0 * weight * 2 * np.exp(-8 * (z + 1) ** 2)
    weight = weight / np.sqrt(2 * np.pi)
    assert weight.sum() == pytest.approx(erf(8 / np.sqrt(2)), abs=1e-12)
    rate = functional_derivative(z, alpha_prune=3.0, rule=pt.KeepProbability(soft))
    assert np.sum(weight * soft(z) * rate) == pytest.approx(0.0, abs=1e-9)
    change = np.sum(weight * 0.01 * np.cos(z) * rate)
    errors = [
        pt.solve(alpha_prune=3.0, rule=pt.KeepProbability(rule)).error
        for rule in (soft, moved)
    ]
    assert errors[1] - errors[0] == pytest.approx(change, rel=0.03)


def test_bad_input():
    with pytest.raises(pt.InputError, match=">= 0"):
        functional_derivative(-1.0, alpha_prune=3.0, keep_fraction=0.5)
    with pytest.raises(pt.InputError, match="exactly one"):
        functional_derivative(1.0, keep_fraction=0.5)
    with pytest.raises(pt.InputError, match="keep_fraction is missing"):
        functional_derivative(1.0, alpha_prune=3.0)
