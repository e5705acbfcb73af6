"""Global minima of rows of functions, against dense scans refined by SciPy."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from perceptron_theory.numerics.minima import minimise


def _waves(x, row):
    """Several minima, of which a different one is the least in each row."""
    k, phase = np.array([3.0, 2.0, 4.5])[row], np.array([0.3, 2.0, 5.0])[row]
    return np.sin(k[:, None] * x + phase[:, None]) + 0.05 * (x + 2.0) ** 2


def _least(function, low, high):
    """By a dense scan and SciPy's bounded search next to its best point."""
    x = np.linspace(low, high, 4001)
    best = x[np.argmin(function(x))]
    step = x[1] - x[0]
    ends = max(low, best - step), min(high, best + step)
    found: Any = minimize_scalar(
        function, bounds=ends, method="bounded", options={"xatol": 1e-10}
    )
    return found.x, found.fun


def test_the_least_of_several_minima():
    lower, upper = np.array([-7.0, -9.0, -5.0]), np.array([0.0, -1.0, 1.0])
    found = minimise(_waves, lower, upper)
    for n in range(3):
        at, value = _least(
            lambda x, n=n: _waves(np.atleast_2d(x), np.array([n]))[0],
            lower[n],
            upper[n],
        )
        # a minimum is known to the root of the value's precision
        assert found.position[n] == pytest.approx(at, abs=1e-7)
        assert found.value[n] == pytest.approx(value, abs=1e-12)
    assert not found.at_lower.any() and not found.at_upper.any()


def test_minima_at_the_ends_are_said_to_be_there():
    rates = np.array([1.0, -1.0])
    found = minimise(
        lambda x, row: np.exp(rates[row][:, None] * x), -2.0 * np.ones(2), np.ones(2)
    )
    assert found.position.tolist() == [-2.0, 1.0]
    assert found.value == pytest.approx(np.exp([-2.0, -1.0]), rel=1e-15)
    assert found.at_lower.tolist() == [True, False]
    assert found.at_upper.tolist() == [False, True]


def test_of_equal_minima_the_largest_position_is_given():
    wells = lambda x, row: (x**2 - 1.0) ** 2  # noqa: E731
    found = minimise(wells, np.array([-2.0]), np.array([2.0]))
    assert found.position[0] == pytest.approx(1.0, abs=1e-7)
    flat = minimise(lambda x, row: np.zeros_like(x), np.array([-3.0]), np.array([0.0]))
    assert flat.position[0] == 0.0 and flat.at_upper[0]


def test_a_weak_singularity_next_to_the_minimum():
    """Like that of the curves at f = 1: a power of 5/2 of the distance to the end."""

    def curve(x, row):
        return (x + 0.05) ** 2 + 0.2 * np.maximum(-x, 0.0) ** 2.5

    found = minimise(curve, np.array([-4.0]), np.array([0.0]))
    at, _ = _least(lambda x: curve(x, None), -4.0, 0.0)
    assert found.position[0] == pytest.approx(at, abs=1e-5)
    assert not found.at_upper[0]


def test_nan_inside_is_passed_over_and_at_an_end_makes_the_row_nan():
    def broken(x, row):
        y = (x + 1.0) ** 2
        hole = np.array([(-2.6, -2.2), (-9.0, -3.9), (-0.1, 9.0)])[row]
        return np.where((x > hole[:, :1]) & (x < hole[:, 1:]), np.nan, y)

    found = minimise(broken, -4.0 * np.ones(3), np.zeros(3))
    assert found.position[0] == pytest.approx(-1.0, abs=1e-8)
    assert found.value[0] == pytest.approx(0.0, abs=1e-15)
    assert np.isnan(found.value[1:]).all()
    assert found.at_lower[1] and found.at_upper[2]
