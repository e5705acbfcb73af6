"""The functions of one Gaussian, against mpmath."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

from perceptron_theory.numerics.gaussian import (
    cdf,
    folded_quantile,
    mills_fraction,
    mills_ratio,
    slack_moments,
)
from perceptron_theory.students.version_space.equations import response


@pytest.mark.parametrize("x", [0.0, 1e-9, 0.3, 1.7, 4.9, 5.1, 12.0, 37.0, 1e3, 1e8])
def test_mills_ratio(x):
    with mp.workdps(60):
        exact = mp.quad(lambda t: mp.exp(-x * t - t * t / 2), [0, 1 / (1 + x), mp.inf])
    with jax.enable_x64(True):
        assert float(mills_ratio(jnp.asarray(x))) == pytest.approx(
            float(exact), rel=1e-15
        )


@pytest.mark.parametrize("x", [0.0, 1e-9, 0.4, 2.1, 4.8, 5.3, 11.0, 41.0, 2e3, 1e7])
def test_mills_fraction(x):
    with mp.workdps(100):
        at = mp.mpf(x)
        pull = 2 * mp.npdf(at) / mp.erfc(at / mp.sqrt(2))
        h = pull - at if x < 50 else _fraction(at, 1)
        g = 1 / h - at if x < 50 else _fraction(at, 2) * 2
    with jax.enable_x64(True):
        found = mills_fraction(jnp.asarray(x))
    assert float(found[0]) == pytest.approx(float(h), rel=1e-15)
    assert float(found[1]) == pytest.approx(float(g), rel=1e-15)


def _fraction(x, start):
    """1/(x + (start + 1)/(x + (start + 2)/(x + ...))), for large x."""
    value = mp.mpf(0)
    for k in range(start + 60, start, -1):
        value = k / (x + value)
    return 1 / (x + value)


@pytest.mark.parametrize("x", [-3e3, -47.0, -6.2, -1.3, -1e-7, 0.0, 0.6, 3.1, 9.0])
def test_response_of_the_version_space(x):
    with mp.workdps(80):
        log_right = lambda t: mp.log(mp.erfc(-t / mp.sqrt(2)) / 2)  # noqa: E731
        at = mp.mpf(x)
        pull, slope, bend = (mp.diff(log_right, at, n, h=1e-20) for n in (1, 2, 3))
        exact = [pull, -slope, log_right(at), pull - at * slope]
        rates = [slope, -bend, pull, -at * bend]
    with jax.enable_x64(True):
        got, moved = jax.jvp(response, (jax.numpy.float64(x),), (jax.numpy.ones(()),))
    for value, true in zip(got, exact, strict=True):
        assert float(value) == pytest.approx(float(true), rel=1e-14)
    for value, true in zip(moved, rates, strict=True):
        # the third derivative is smaller than its terms by x^4
        tolerance = 1e-14 * max(1.0, abs(x)) ** 2
        assert float(value) == pytest.approx(float(true), rel=tolerance, abs=1e-300)


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
        small, large = jnp.asarray(mass), jnp.asarray(1.0 - mass)
        low = np.asarray(folded_quantile(small, large))
        high = np.asarray(folded_quantile(large, small))
    for f, below, above in zip(mass, low, high, strict=True):
        with mp.workdps(40):
            assert float(mp.erf(below / mp.sqrt(2))) == pytest.approx(f, rel=1e-14)
            assert float(mp.erfc(above / mp.sqrt(2))) == pytest.approx(f, rel=1e-14)


def test_folded_quantile_moves_as_the_density_says():
    with jax.enable_x64(True):
        below = jnp.array([1e-9, 0.2, 0.499, 0.501, 0.9])
        rate = jax.vmap(jax.grad(lambda x: folded_quantile(x, 1.0 - x)))(below)
        z = folded_quantile(below, 1.0 - below)
    expected = 0.5 * np.sqrt(2 * np.pi) * np.exp(0.5 * np.asarray(z) ** 2)
    np.testing.assert_allclose(rate, expected, rtol=1e-13)


@pytest.mark.parametrize("t", [-37.0, -8.0, -1e-9, 0.0, 0.7, 9.0])
def test_cdf_and_its_derivative(t):
    with jax.enable_x64(True):
        at = jnp.asarray(t)
        found, rate = float(cdf(at)), float(jax.grad(cdf)(at))
    with mp.workdps(40):
        # the exponent is rounded
        rel = 1e-15 + 1e-16 * t * t
        assert found == pytest.approx(float(mp.ncdf(t)), rel=rel)
        assert rate == pytest.approx(float(mp.npdf(t)), rel=rel)


def test_cdf_at_infinity():
    with jax.enable_x64(True):
        assert cdf(jnp.array([-jnp.inf, jnp.inf])).tolist() == [0.0, 1.0]
