"""Local exponents of curves, and the crossover of the Pareto curve to its power law."""

import numpy as np
import pytest

import perceptron_theory as pt
from perceptron_theory.choices.exponents import (
    crossover,
    exponent_along,
    local_exponent,
)
from perceptron_theory.limits.small_angle import best_fraction_scaling

THETA = 0.1


def test_local_exponent_of_curves_that_are_known():
    alpha = np.geomspace(1.0, 1e3, 61)
    np.testing.assert_allclose(local_exponent(alpha, 3.0 * alpha**-1.7), -1.7)
    error = np.stack([1.0 / (1.0 + alpha), np.exp(-alpha / 100.0)])
    exact = np.stack([-alpha / (1.0 + alpha), -alpha / 100.0])
    np.testing.assert_allclose(local_exponent(alpha, error), exact, atol=3e-3)
    np.testing.assert_allclose(
        local_exponent(alpha, error)[:, 3:-3], exact[:, 3:-3], atol=3e-4
    )
    across = local_exponent(alpha, error.T, axis=0)
    np.testing.assert_array_equal(across, local_exponent(alpha, error).T)


def test_exact_exponents_against_differences():
    load, f, total, step = np.array([3.0, 10.0]), 0.3, np.array([12.0, 40.0]), 1e-3
    apart = np.exp(step * np.array([[-2.0], [-1.0], [1.0], [2.0]])) * load
    weights = np.array([1.0, -8.0, 8.0, -1.0]) / (12.0 * step)
    alpha = np.stack([apart, apart])
    fraction = np.stack([np.full_like(apart, f), apart / total])
    error = pt.solve(alpha_prune=alpha, keep_fraction=fraction, theta=THETA).error
    at_fraction, of_pool = np.einsum("k,ckn->cn", weights, np.log(error))
    exact = exponent_along(load, keep_fraction=f, theta=THETA)
    np.testing.assert_allclose(exact, at_fraction, rtol=1e-8)
    exact = exponent_along(load[:, None], alpha_tot=total, theta=THETA)
    assert exact.shape == (2, 2)
    np.testing.assert_allclose(np.diagonal(exact), of_pool, rtol=1e-7)


def test_the_exponent_at_large_load_is_that_of_the_power_law():
    assert exponent_along(1e5, keep_fraction=0.3, theta=THETA) == pytest.approx(
        -1.0, abs=1e-8
    )


@pytest.fixture(scope="module")
def crossovers():
    return crossover([0.02, 0.04, 0.4])


@pytest.mark.slow
def test_the_pareto_curve_has_the_exponent_at_the_crossover(crossovers):
    at = crossovers[1] * np.exp(0.02 * np.arange(-8, 8))  # as many as the search takes
    best = pt.pareto_frontier(at, theta=0.04)
    exponent = local_exponent(at, best.error.values)
    assert exponent[8] == pytest.approx(-1.5, abs=1e-5)
    assert (np.diff(exponent) > 0).all()


@pytest.mark.slow
def test_the_crossover_tends_to_a_constant_as_theta_falls(crossovers):
    # the difference falls like theta^2
    limit = crossovers[0] + (crossovers[0] - crossovers[1]) / 3.0
    assert limit == pytest.approx(5.22910, abs=2e-4)
    assert best_fraction_scaling(limit).exponent == pytest.approx(-1.5, abs=5e-5)


@pytest.mark.slow
def test_a_poor_probe_has_no_fast_decay(crossovers):
    assert np.isnan(crossovers[2])


@pytest.mark.parametrize(
    "call",
    [
        lambda: local_exponent([1.0, 2.0], [0.1, 0.2, 0.3]),
        lambda: local_exponent([2.0, 1.0], [0.1, 0.2]),
        lambda: local_exponent([1.0, 2.0], [0.0, 0.2]),
        lambda: local_exponent([1.0], [0.2]),
        lambda: local_exponent([1.0, 2.0], [0.1, 0.2], axis=1),
        lambda: local_exponent([1.0, 2.0], [0.1, 0.2], axis="x"),
        lambda: exponent_along(3.0),
        lambda: exponent_along(3.0, keep_fraction=0.3, alpha_tot=10.0),
        lambda: exponent_along(30.0, alpha_tot=10.0),
        lambda: exponent_along(-1.0, keep_fraction=0.3),
        lambda: exponent_along([3.0, 4.0], keep_fraction=[0.1, 0.2, 0.3]),
        lambda: crossover(0.0),
        lambda: crossover(0.1, exponent=-1.0),
        lambda: crossover(0.1, student="gibbs"),
    ],
)
def test_bad_input_is_named(call):
    with pytest.raises(pt.InputError):
        call()
