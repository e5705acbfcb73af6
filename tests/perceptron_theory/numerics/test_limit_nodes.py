"""Roots, moments and nodes of the limits, against SciPy."""

from typing import Any

import mpmath as mp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from perceptron_theory.numerics.limit_nodes import (
    nodes_between,
    rectified_moments,
    root_between,
)


def test_root_between_points_of_other_signs():
    assert root_between(lambda x: x**3 - 2.0, 0.0, 5.0, 1e-14) == pytest.approx(
        2.0 ** (1 / 3), abs=2e-14
    )
    with pytest.raises(ValueError, match="sign"):
        root_between(lambda x: x * x + 1.0, -1.0, 1.0, 1e-9)


def test_rectified_moments_are_integrals_over_the_noise():
    t = np.array([[-3.0, -0.5, 0.0], [0.7, 2.5, 9.0]])
    found = rectified_moments(t)
    for order, values in enumerate(found):
        assert values.shape == t.shape
        for at, value in zip(t.ravel(), values.ravel(), strict=True):
            direct = quad(
                lambda xi, at=at, k=order: (at - xi) ** k * norm.pdf(xi),
                -13.0,
                at,
                points=[x for x in (-2.0, 0.0, 2.0) if x < at],
                epsabs=1e-14,
                epsrel=1e-12,
            )[0]
            assert value == pytest.approx(direct, rel=1e-10, abs=1e-13)


def test_the_third_moment_far_out():
    """Its terms cancel there: what is left is exact beside the largest of them.

    SciPy's Phi(-6) itself has an error of 4e-15.
    """
    for at in (-6.0, -4.0, 6.0):
        with mp.workdps(40):
            xi = mp.linspace(at - 20, at, 12)
            exact: Any = mp.quad(lambda x, at=at: (at - x) ** 3 * mp.npdf(x), xi)
        found = rectified_moments(np.array(at))[3]
        largest = abs(at) ** 3 * float(norm.cdf(at))
        assert float(found) == pytest.approx(float(exact), abs=1e-14 * largest)


def test_nodes_between_sorts_the_breaks_and_takes_doubles_once():
    x, weight = nodes_between(np.array([2.0, 0.0, 0.5, 0.5, -1.0]))
    assert x.shape == (48,) and (np.diff(x) > 0).all()
    kink = lambda t: np.exp(np.sin(t)) * abs(t - 0.5)  # noqa: E731
    exact = quad(kink, -1.0, 2.0, points=[0.5], epsabs=1e-14)[0]
    assert weight @ kink(x) == pytest.approx(exact, rel=1e-14)


@pytest.mark.parametrize("n", [3, 8])
def test_nodes_are_exact_for_polynomials(n):
    x, weight = nodes_between(np.array([0.0, 0.3, 1.0]), n)
    assert x.shape == (2 * n,)
    powers = np.arange(2 * n)
    sums = weight @ x[:, None] ** powers
    np.testing.assert_allclose(sums, 1.0 / (powers + 1.0), rtol=1e-14)
