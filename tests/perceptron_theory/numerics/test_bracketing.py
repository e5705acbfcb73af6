"""Many bracketed roots at once, against roots in closed form and SciPy's brentq."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq

from perceptron_theory.numerics.bracketing import bracketed_roots

FUNCTIONS = [
    lambda x: np.cos(x) - x,
    lambda x: (x - 0.3) ** 3,
    lambda x: np.expm1(30.0 * (x - 0.7)),
    lambda x: np.tanh(1e4 * (x - 0.123456)),
    lambda x: np.where(x < 0.61803, -1.0, 5.0),
    lambda x: x**15 - 1e-9,
    lambda x: np.cbrt(x - 0.9),
    lambda x: 1e-200 * (x - 0.25),
]
EXACT: list[Any] = [brentq(lambda x: np.cos(x) - x, 0.0, 1.0, xtol=1e-15)]
EXACT += [0.3, 0.7, 0.123456, 0.61803, 1e-9 ** (1 / 15), 0.9, 0.25]
LOWER, UPPER = np.zeros(len(FUNCTIONS)), np.linspace(1.0, 2.0, len(FUNCTIONS))


def _all(x, i):
    return np.array([float(FUNCTIONS[n](at)) for at, n in zip(x, i, strict=True)])


def _found(lower, upper, tolerance, function=_all, most=80):
    number = np.arange(len(lower))
    values = _all(lower, number), _all(upper, number)
    return bracketed_roots(function, lower, upper, *values, tolerance, most)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-13])
def test_every_root_is_found_to_the_tolerance(tolerance):
    """Flat, steep, discontinuous and tiny functions, also with the ends exchanged."""
    for ends in (LOWER, UPPER), (UPPER, LOWER):
        found = _found(*ends, tolerance)
        np.testing.assert_allclose(found, EXACT, rtol=0, atol=tolerance + 1e-15)


def test_only_brackets_that_are_open_are_evaluated_and_few_times():
    calls = np.zeros(len(FUNCTIONS), int)

    def counted(x, i):
        calls[i] += 1
        return _all(x, i)

    _found(LOWER, UPPER, 1e-12, counted)
    bisection = np.ceil(np.log2(UPPER / 1e-12)).astype(int)
    # cos x = x is smooth, the step needs bisection, and no function much more than that
    assert calls[0] <= 10
    assert (calls <= 1.6 * bisection).all()
    assert calls[4] >= bisection[4] - 2


def test_a_good_guess_saves_evaluations_and_a_bad_one_does_no_harm():
    lower, upper, ends = np.zeros(1), np.ones(1), (np.ones(1), np.cos([1.0]) - 1.0)
    taken = {}
    for name, guess in {"none": None, "good": EXACT[0] + 1e-5, "bad": 7.0}.items():
        at = []

        def function(x, _, at=at):
            at.append(x[0])
            return np.cos(x) - x

        first = None if guess is None else np.array([guess])
        found = bracketed_roots(function, lower, upper, *ends, 1e-10, guess=first)
        assert abs(found[0] - EXACT[0]) <= 1e-10
        assert ((0 <= np.array(at)) & (np.array(at) <= 1)).all()
        taken[name] = len(at)
    assert taken["good"] <= 4 < taken["none"]
    assert taken["bad"] <= taken["none"] + 2


def test_an_exact_root_ends_the_search():
    calls = []

    def line(x, i):
        calls.append(x)
        return x

    found = bracketed_roots(line, -np.ones(1), np.ones(1), -np.ones(1), np.ones(1), 0.0)
    assert found == 0.0 and len(calls) == 1


def test_the_best_point_so_far_is_given_when_the_iterations_end():
    found = _found(LOWER, UPPER, 1e-14, most=6)
    # of the step all that is known is the bracket, halved six times
    assert abs(found[4] - EXACT[4]) <= UPPER[4] / 2**6
    assert abs(found[0] - EXACT[0]) < 1e-6
    assert found[4] != pytest.approx(EXACT[4], abs=1e-6)


def test_no_brackets_no_roots():
    none = np.zeros(0)
    assert bracketed_roots(_all, none, none, none, none, 1e-9).shape == (0,)
