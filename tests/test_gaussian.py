"""The functions of one Gaussian, against mpmath."""

import jax
import mpmath as mp
import numpy as np
import pytest

from perceptron_theory.gaussian import folded_quantile, mills_ratio, slack_moments


@pytest.mark.parametrize("x", [0.0, 1e-9, 0.3, 1.7, 4.9, 5.1, 12.0, 37.0, 1e3, 1e8])
def test_mills_ratio(x):
    with mp.workdps(60):
        exact = mp.quad(lambda t: mp.exp(-x * t - t * t / 2), [0, 1 / (1 + x), mp.inf])
    with jax.enable_x64(True):
        assert float(mills_ratio(np.float64(x))) == pytest.approx(
            float(exact), rel=1e-15
        )


def test_slack_moments():
    t = np.linspace(-30.0, 30.0, 121)
    with jax.enable_x64(True):
        got = np.array([np.asarray(g) for g in slack_moments(jax.numpy.asarray(t))])
    for i, at in enumerate(t):
        with mp.workdps(60):
            peak, zeroth = mp.npdf(at), mp.ncdf(at)
            first = at * zeroth + peak
            exact = [peak, zeroth, first, at * first + zeroth]
        # the higher moments cancel in the lower tail, where they carry no weight
        for order, (value, true) in enumerate(zip(got[:, i], exact, strict=True)):
            cancelled = max(1.0, -at) ** (2 * max(order - 1, 0))
            assert value == pytest.approx(float(true), rel=2e-14 * cancelled)


def test_folded_quantile_at_both_ends():
    mass = np.array([1e-12, 1e-3, 0.4])
    with jax.enable_x64(True):
        low = np.asarray(folded_quantile(mass, 1.0 - mass))
        high = np.asarray(folded_quantile(1.0 - mass, mass))
    for f, below, above in zip(mass, low, high, strict=True):
        with mp.workdps(40):
            assert float(mp.erf(below / mp.sqrt(2))) == pytest.approx(f, rel=1e-14)
            assert float(mp.erfc(above / mp.sqrt(2))) == pytest.approx(f, rel=1e-14)
