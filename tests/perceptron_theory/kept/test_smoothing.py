"""A keep-probability seen through a Gaussian, against SciPy's quad and differences."""

import math
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from perceptron_theory.kept.smoothing import Kept, intervals, seen, smoothed
from perceptron_theory.kept.thresholds import Pieces

MEANS = np.array([-6.0, -0.7, 0.0, 0.31, 2.0, 9.0])
SPREAD = 0.8
# far out, across 0, narrow, one next to the other, infinite
LOW = np.array([-np.inf, -0.5, 0.3, 0.7, 3.0, 12.0])
HIGH = np.array([-4.0, 0.2, 0.3001, 2.5, np.inf, 12.5])
LEVEL = np.array([0.2, 1.0, 0.5, 0.3, 0.7, 0.4])


def _by_quad(function, low, high, mean):
    """<w>, <x w>, <(x^2 - 1) w> and <w ln w> of one interval, over x."""
    low, high = (low - mean) / SPREAD, (high - mean) / SPREAD
    nearest = min(max(0.0, low), high)
    reach = math.hypot(nearest, 8.7)
    low, high = max(low, -reach), min(high, reach)
    steps = nearest + np.array([-4.0, -1.0, -0.3, 0.0, 0.3, 1.0, 4.0])
    ends = np.unique(np.clip([low, *steps, high], low, high))

    def terms(x, k):
        w = function(mean + SPREAD * x)
        values = w, x * w, (x * x - 1.0) * w, w * math.log(w)
        return values[k] * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)

    return [
        sum(quad(terms, *x, (k,), epsabs=0, epsrel=1e-11)[0] for x in pairwise(ends))
        for k in range(4)
    ]


@pytest.fixture(scope="module")
def each():
    """The averages of each interval alone, from all means: one program."""

    def one(low, high, level):
        kept = Kept(low[None], high[None], level[None])
        return smoothed(kept, seen(kept, jnp.asarray(MEANS), jnp.asarray(SPREAD)))

    with jax.enable_x64(True):
        return np.stack(jax.jit(jax.vmap(one))(LOW, HIGH, LEVEL), axis=-1)


@pytest.mark.parametrize("n", range(len(LOW)))
def test_one_interval_however_narrow_and_far_out(each, n):
    """Each average to its own digits, but where one of them crosses zero."""
    for mean, found in zip(MEANS, each[n], strict=True):
        level = LEVEL[n]
        exact = _by_quad(lambda m, w=level: w, LOW[n], HIGH[n], mean)
        mass = exact[0]
        far = max(1.0, min(abs(LOW[n] - mean), abs(HIGH[n] - mean)) / SPREAD)
        assert found[0] == pytest.approx(mass, rel=3e-10)
        assert found[1] == pytest.approx(exact[1], rel=3e-10, abs=1e-12 * mass * far)
        assert found[2] == pytest.approx(exact[2], rel=3e-10, abs=1e-12 * mass * far**2)
        assert found[3] == pytest.approx(exact[3], rel=3e-10, abs=1e-300)


def test_the_intervals_add_up_and_levels_of_zero_keep_nothing(each):
    level = LEVEL.copy()
    level[1] = 0.0
    with jax.enable_x64(True):
        kept = Kept(jnp.asarray(LOW), jnp.asarray(HIGH), jnp.asarray(level))
        at = seen(kept, jnp.asarray(MEANS), jnp.asarray(SPREAD))
        found = np.stack(jax.jit(lambda at: smoothed(kept, at))(at), axis=-1)
    exact = each.sum(axis=0) - each[1]
    np.testing.assert_allclose(found, exact, rtol=1e-13, atol=1e-15)


def _keep(m):
    return 0.1 + 0.8 / (1.0 + (m - 0.4) ** 2)


def test_a_function_of_the_margin_between_its_breakpoints():
    low, high = np.array([-3.0, -0.5, 0.8]), np.array([-0.5, 0.2, np.inf])
    with jax.enable_x64(True):
        kept = Kept(*map(jnp.asarray, (low, high, np.ones(3))), _keep)
        at = seen(kept, jnp.asarray(MEANS[1:5]), jnp.asarray(SPREAD))
        found = np.stack(jax.jit(lambda at: smoothed(kept, at))(at), axis=-1)
    for mean, values in zip(MEANS[1:5], found, strict=True):
        parts = [_by_quad(_keep, *ends, mean) for ends in zip(low, high, strict=True)]
        np.testing.assert_allclose(values, np.sum(parts, axis=0), rtol=0, atol=2e-9)


@pytest.mark.parametrize("keep", [None, _keep], ids=["intervals", "function"])
def test_shifts_and_stretches_of_the_gaussian(keep):
    """d<w>/d(mean) = <x w>/spread and d<w>/d(spread) = <(x^2 - 1) w>/spread."""

    def mass(mean, spread):
        kept = Kept(*map(jnp.asarray, (LOW[1:4], HIGH[1:4], LEVEL[1:4])), keep)
        answer = smoothed(kept, seen(kept, mean[None], spread))
        return answer.mass[0], answer

    def one(mean):
        by, answer = jax.jacfwd(mass, (0, 1), has_aux=True)(mean, jnp.asarray(SPREAD))
        return jnp.stack(by), answer.pull[0], answer.bend[0]

    with jax.enable_x64(True):
        by, pull, bend = map(np.asarray, jax.jit(jax.vmap(one))(MEANS[:5]))
    np.testing.assert_allclose(by[:, 0], pull / SPREAD, rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(by[:, 1], bend / SPREAD, rtol=1e-11, atol=1e-15)


def test_the_ends_of_the_pieces_on_the_axis_of_the_margin():
    sign, inner, outer = np.array(
        [[1, 1, -1, -1], [0, 2, 0, 2], [1, np.inf, 1, np.inf]]
    )
    pieces = Pieces(*map(jnp.asarray, (sign, inner, outer, sign, np.zeros((2, 2)))))
    low, high = map(np.asarray, intervals(pieces))
    assert low.tolist() == [0.0, 2.0, -1.0, -np.inf]
    assert high.tolist() == [1.0, np.inf, 0.0, -2.0]


@pytest.mark.slow
def test_everything_kept_has_a_mass_of_one_wherever_the_gaussian_is():
    with jax.enable_x64(True):
        one = jnp.ones(1)
        kept = Kept(-np.inf * one, np.inf * one, one)
        answer = smoothed(kept, seen(kept, jnp.asarray(MEANS), jnp.asarray(SPREAD)))
        np.testing.assert_allclose(answer.mass, norm.cdf(np.inf), rtol=1e-15)
        for rest in answer[1:]:
            np.testing.assert_allclose(rest, 0.0, atol=1e-15)
