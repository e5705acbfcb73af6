"""Averages over Gaussian margins, against closed forms and adaptive integrals."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import expit, ndtr

from perceptron_theory.convex.losses import resolve_loss
from perceptron_theory.real_data.gaussian_margins import responses

MEAN = np.array([-3.0, -0.5, 0.0, 0.8, 1.0, 4.0])
NOISE = np.array([0.5, 1.0, 2.0, 0.3, 1.5, 0.7])
STEP = np.array([0.1, 1.0, 5.0, 0.4, 20.0, 2.0])


def _density(t):
    return np.exp(-t * t / 2) / np.sqrt(2 * np.pi)


def test_square_is_exact():
    found = responses(resolve_loss("square"), MEAN, NOISE, STEP)
    assert np.allclose(found.pull, (1 - MEAN) / (1 + STEP), rtol=1e-12)
    assert np.allclose(found.bend, 1 / (1 + STEP), rtol=1e-12)
    expected = ((1 - MEAN) ** 2 + NOISE**2) / (1 + STEP) ** 2
    assert np.allclose(found.square, expected, rtol=1e-12)


def test_hinge_has_its_closed_form_to_a_percent_of_the_largest():
    found = responses(resolve_loss("hinge"), MEAN, NOISE, STEP)
    upper, lower = (1 - MEAN) / NOISE, (1 - MEAN - STEP) / NOISE
    inside = ndtr(upper) - ndtr(lower)
    short = (1 - MEAN) * inside + NOISE * (_density(upper) - _density(lower))
    assert np.allclose(found.pull, ndtr(lower) + short / STEP, atol=0.02)
    assert np.allclose(found.bend, inside / STEP, atol=0.02 * (1 / STEP).max())


def _slope_after(margin, step):
    ends = min(margin, margin + step), max(margin, margin + step)
    return expit(-brentq(lambda g: g - step * expit(-g) - margin, *ends, xtol=1e-13))


@pytest.mark.parametrize("place", range(len(MEAN)))
def test_logistic_by_adaptive_integrals(place):
    mean, noise, step = MEAN[place], NOISE[place], STEP[place]
    found = responses(resolve_loss("logistic"), MEAN, NOISE, STEP)

    def average(power, by=None):
        def integrand(t):
            h = _slope_after(mean + noise * t, step)
            return h**power * (t if by else 1.0) * _density(t)

        return quad(integrand, -9, 9, limit=200, epsabs=1e-9)[0]

    assert np.isclose(found.pull[place], average(1), atol=2e-4)
    assert np.isclose(found.square[place], average(2), atol=2e-4)
    assert np.isclose(found.bend[place], -average(1, by=True) / noise, atol=5e-4)
