"""Limits of the version space: published constants, and the solver extrapolated."""

import itertools

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import log_ndtr, ndtri
from scipy.stats import norm

import perceptron_theory as pt
from perceptron_theory.limits.power_law import random_coefficient

STUDENTS = ("gibbs", "bayes_point")


def _error(student, alpha, f, lower=0.0):
    rule = pt.Window(np.asarray(lower))
    return pt.solve(
        alpha_prune=alpha, keep_fraction=f, rule=rule, student=student
    ).error


def test_random_data_have_the_published_constants():
    """Gyorgyi & Tishby 1990, Opper & Haussler 1991; gibbs is sqrt 2 of the centre."""
    assert random_coefficient("gibbs") == pytest.approx(0.625, abs=5e-4)
    assert random_coefficient("bayes_point") == pytest.approx(0.442, abs=5e-4)
    ratio = random_coefficient("gibbs") / random_coefficient("bayes_point")
    assert ratio == pytest.approx(np.sqrt(2.0), rel=1e-11)


@pytest.mark.parametrize("student", STUDENTS)
def test_power_law_at_theta_0(student):
    f, alpha = np.array([0.3, 1.0]), np.array([1e3, 2e3])[:, None]
    found = _error(student, alpha, f) * alpha
    # the next order is 1/alpha^2
    limit = found[1] + (found[1] - found[0]) / 3.0
    law = pt.power_law_coefficient(f, student=student)
    np.testing.assert_allclose(limit, law, rtol=1e-7)


@pytest.mark.parametrize("student", STUDENTS)
def test_the_signed_rule_that_keeps_all_has_the_constant_of_random_data(student):
    law = pt.power_law_coefficient(1.0, 0.5, "hard", "signed", student)
    assert law == pytest.approx(random_coefficient(student), rel=1e-10)


def test_the_coefficient_is_that_of_the_density_at_the_boundary():
    """Absolute margin: in proportion to the max-margin student's."""
    at = {"keep_fraction": [0.2, 0.7], "theta": 0.3}
    for student in STUDENTS:
        ratio = pt.power_law_coefficient(**at, student=student)
        ratio = ratio / pt.power_law_coefficient(**at)
        constant = random_coefficient(student) / random_coefficient()
        np.testing.assert_allclose(ratio, constant, rtol=1e-12)


@pytest.mark.slow
def test_a_gap_leaves_a_cone_and_no_power_law():
    """theta = 0, easy: the laws of the docstring of limits.py, by SciPy."""
    alpha, f = 1e5, 0.5
    gamma = ndtri(0.75)

    def mean(function):
        inside = lambda u: 2.0 / f * norm.pdf(u) * function(u)  # noqa: E731
        steps = [gamma, gamma + 0.1, gamma + 0.5, gamma + 1.5, 9.0]
        pairs = itertools.pairwise(steps)
        return sum(quad(inside, *pair, epsabs=0)[0] for pair in pairs)

    def psi(x):
        return np.exp(norm.logpdf(x) - log_ndtr(x))

    g = brentq(
        lambda g: g / (1 + g * g) - alpha * mean(lambda u: u * psi(g * u)),
        1.0,
        50.0,
        xtol=1e-12,
    )
    cone = np.arctan(1.0 / g) / np.pi
    centre = np.arctan(np.sqrt(alpha * mean(lambda u: psi(g * u) ** 2)) / g) / np.pi
    assert _error("gibbs", alpha, f, 0.5) == pytest.approx(cone, rel=1e-3)
    assert _error("bayes_point", alpha, f, 0.5) == pytest.approx(centre, rel=1e-3)
    for student in STUDENTS:
        assert pt.power_law_coefficient(f, rule="easy", student=student) == np.inf


@pytest.mark.parametrize("student", STUDENTS)
def test_aligned_limit(student):
    """f -> 0 at theta = 0 on both sides of alpha = 2."""
    alpha = np.array([0.5, 1.0, 1.9, 2.01, 2.5, 5.0, 20.0])
    law = pt.aligned_limit(alpha, student=student)
    f = np.array([[2e-5], [1e-5]])
    found = (_error(student, alpha, f) - law.limit) / f
    limit = found[1] + (found[1] - found[0]) / 3.0  # the next order is f^2
    # an error next to 1/2 has eleven digits of its distance left
    np.testing.assert_allclose(limit, law.coefficient, rtol=1e-6)
    assert (law.exponent == 1.0).all()


@pytest.mark.slow
def test_the_law_at_the_threshold():
    f = 1e-8
    for student in STUDENTS:
        law = pt.aligned_limit(2.0, student=student)
        found = _error(student, 2.0, np.array([8e-8, f]))
        # the next order is f^(1/3)
        off = found / (law.coefficient * np.array([8e-8, f]) ** law.exponent) - 1.0
        assert law.exponent == 0.2
        assert off[1] == pytest.approx(0.0, abs=2e-3)
        assert off[1] / off[0] == pytest.approx(0.5, abs=0.03)
    just_above = pt.aligned_limit([2.0 + 1e-6, 2.0 + 8e-6], student="gibbs").coefficient
    assert just_above[0] / just_above[1] == pytest.approx(4.0, rel=0.03)
