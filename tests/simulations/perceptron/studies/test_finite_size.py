"""The threshold at finite N: the exact law, and the fit of the collapse."""

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.stats import binom, chi2, norm

import perceptron_theory as pt
from simulations.perceptron.studies.finite_size import (
    cover_probability,
    fit_collapse,
    threshold_collapse,
)


@pytest.mark.parametrize("count, dimension", [(3, 3), (5, 2), (7, 3), (8, 4)])
def test_cover_counts_the_separable_labellings(count, dimension):
    """Every labelling of points in general position, tried by linear programming."""
    points = np.random.default_rng(0).normal(size=(count, dimension))
    separable = 0
    for labels in itertools.product((-1, 1), repeat=count):
        signed = np.array(labels)[:, None] * points
        found = linprog(
            np.zeros(dimension), -signed, -np.ones(count), bounds=[(None, None)]
        )
        separable += found.status == 0
    assert cover_probability(count, dimension) == separable / 2**count


def test_covers_probability_of_many_points_and_of_the_integers_of_numpy():
    assert cover_probability(np.int64(64), np.int64(32)) == 0.5
    for count, dimension in ((100, 20), (5, 9), (2000, 1040), (1, 1)):
        exact = binom.cdf(dimension - 1, count - 1, 0.5)
        found = cover_probability(np.int64(count), np.int64(dimension))
        assert found == pytest.approx(exact, rel=1e-12)


@pytest.mark.slow
def test_the_fit_of_covers_law_finds_its_exponent():
    """Exact probabilities as counts: exponent 1/2, slope 1/sqrt(2), centre 2."""
    sizes = np.repeat([400.0, 800.0, 1600.0, 3200.0], 9)
    steps = np.tile(np.linspace(-2, 2, 9), 4)
    load = 2 + steps / np.sqrt(sizes)
    exact = np.array(
        [
            cover_probability(round(a * n), int(n))
            for a, n in zip(load, sizes, strict=True)
        ]
    )
    load = np.rint(load * sizes) / sizes
    draws = np.full(36, 1e4)
    found = fit_collapse(load, sizes, exact * draws, draws)
    assert found.exponent == pytest.approx(0.5, abs=0.01)
    assert found.scale == pytest.approx(math.sqrt(0.5), rel=0.07)
    assert found.centre == pytest.approx(2.0, abs=0.002)
    assert found.p_value > 0.99


def test_the_errors_of_the_fit_are_those_of_repetitions():
    rng = np.random.default_rng(1)
    sizes, steps = np.repeat([50.0, 200.0], 7), np.tile(np.linspace(-2, 2, 7), 2)
    load, draws = 2 + steps / np.sqrt(sizes), np.full(14, 200.0)
    law = norm.cdf(-0.7 * steps * np.sqrt(2 / load))
    fits = [
        fit_collapse(load, sizes, rng.binomial(200, law).astype(float), draws)
        for _ in range(60)
    ]
    for name in ("exponent", "centre"):
        values = np.array([getattr(fit, name) for fit in fits])
        claimed = np.mean([getattr(fit, f"{name}_error") for fit in fits])
        # a standard deviation of 60 numbers is known to 9 %
        assert values.std() == pytest.approx(claimed, rel=0.35)
        truth = {"exponent": 0.5, "centre": 2.0}[name]
        assert abs(values.mean() - truth) < 4 * claimed / math.sqrt(60)


def test_counts_that_show_no_fall_are_refused():
    sizes, ones = np.repeat([50.0, 100.0], 3), np.ones(6)
    with pytest.raises(pt.InputError, match="must be seen at two sizes"):
        fit_collapse(np.tile([1.0, 1.1, 1.2], 2), sizes, 10 * ones, 10 * ones)


@pytest.mark.slow
def test_students_without_a_clue_are_as_many_as_cover_says():
    found = threshold_collapse(
        sizes=(10, 20), steps=(-1.0, 0.0, 1.0), keep_fraction=1e-6, draws=192, seed=3
    )
    assert found["lost"].dims == ("size", "step")
    chi_squared = float((found.z_cover**2).sum())
    assert chi2.sf(chi_squared, 6) > 1e-3
    difference = found["mean"] - found.cover / 2
    assert (abs(difference) < 4 * found.standard_error).all()
    assert 0.1 < float(found.exponent) < 1.0


def test_too_few_draws_are_refused():
    with pytest.raises(pt.InputError, match="at least 2"):
        threshold_collapse(draws=1)
