"""Kept examples drawn without their pool have the law of those ranked in it."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import beta, ks_2samp, kstest, skewnorm

import perceptron_theory as pt
from simulations.perceptron import Point, simulate, summarize
from simulations.perceptron.data.direct_pool import (
    draw_kept,
    draw_kept_masses,
    margin_law,
)
from simulations.perceptron.data.pool import Segment, rank_segments
from simulations.perceptron.data.pruned_pools import training_sets

RULES = ("hard", "easy", "random", pt.Window(0.2), pt.Mixture(0.3, "easy"))


@pytest.mark.few(3)
@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("margin", ["absolute", "signed"])
@pytest.mark.parametrize("theta, flip", [(0.0, 0.2), (0.4, 0.0), (0.4, 0.2)])
def test_both_ways_of_drawing_have_one_law(rule, margin, theta, flip):
    """Least, mean and largest margin of a set, and the side of the teacher."""
    point = Point(1.5, 0.3, theta, rule, margin)
    found = {}
    for pool in ("drawn", "direct"):
        sets = training_sets(
            point, size=6, draws=400, seed=1, flip_probability=flip, pool=pool
        )
        assert {len(s) for s in sets} == {9}
        x = np.array(sets)
        m = math.cos(theta) * x[..., 0] + math.sin(theta) * x[..., 1]
        m = abs(m) if margin == "absolute" else m
        found[pool] = np.array(
            [m.min(1), m.mean(1), m.max(1), x[..., 0].min(1), x[..., :2].sum((1, 2))]
        )
    p_values = [ks_2samp(*pair).pvalue for pair in zip(*found.values(), strict=True)]
    assert min(p_values) > 0.01 / (30 * 5)


def test_the_cut_is_a_beta_variable():
    """The largest mass kept by the hard rule is the order statistic of its rank."""
    rng = np.random.default_rng(0)
    largest = [
        draw_kept_masses(rng, (Segment(0, 7, 7),), 50).below.max() for _ in range(3000)
    ]
    assert kstest(largest, beta(7, 44).cdf).pvalue > 1e-3
    smallest = [
        draw_kept_masses(rng, (Segment(43, 50, 7),), 50).above.max()
        for _ in range(3000)
    ]
    assert kstest(smallest, beta(7, 44).cdf).pvalue > 1e-3


@pytest.mark.parametrize("theta", [0.05, 0.5, 1.4])
def test_quantiles_of_the_signed_margin(theta):
    """Against SciPy's skew normal law, in both tails."""
    law = margin_law(theta, "signed")
    margins = np.array([-1.0, -0.2, 0.3, 2.0, 6.0]) * (1.0 if theta > 0.1 else 0.1)
    masses = law.masses(margins)
    exact = skewnorm(1 / math.tan(theta))
    np.testing.assert_allclose(masses.above, exact.sf(margins), rtol=1e-6)
    np.testing.assert_allclose(masses.below, exact.cdf(margins), atol=1e-12)
    np.testing.assert_allclose(law.quantile(masses), margins, rtol=1e-9, atol=1e-9)


def test_tiny_fractions_have_tiny_margins_with_all_their_digits():
    """f = 1e-9: the kept are the P smallest |z| of 3e11, of masses up to P/P_tot."""
    total, kept = 3 * 10**11, 300
    segments = rank_segments(pt.Hard(), 1e-9, total, kept)
    plane, signs = draw_kept(np.random.default_rng(2), segments, total, 0.0, "absolute")
    mass = abs(plane[0]) * math.sqrt(2 / math.pi) * total
    # the spacings of the smallest are exponential of mean one
    gaps = np.diff(np.sort(mass), prepend=0.0)
    assert kstest(gaps, "expon").pvalue > 1e-3
    assert (signs == 1).all() and len(set(mass)) == kept


@pytest.mark.slow
def test_students_of_both_pools_err_alike():
    point = Point(2.0, 0.1, 0.3, "hard", "signed")
    one, two = (
        summarize(simulate(point, size=20, draws=256, seed=4, pool=pool))
        for pool in ("drawn", "direct")
    )
    spread = math.hypot(one.standard_error, two.standard_error)
    assert one.mean != two.mean
    assert abs(one.mean - two.mean) < 4 * spread


@pytest.mark.slow
def test_error_at_a_tiny_fraction_against_the_limit():
    """alpha = 3, f -> 0: error a(3) f, a(3) = 0.176403 (theory notes, section 3)."""
    draws = simulate(Point(3.0, 1e-8), size=100, draws=64, seed=0, pool="direct")
    found = summarize(draws)
    allowed = 4 * found.standard_error + 0.02 * found.mean  # 2/N
    assert abs(found.mean - 0.176403e-8) < allowed


def test_rules_that_must_see_every_example_are_refused():
    rule = pt.KeepProbability(lambda z: jnp.exp(-z * z))
    with pytest.raises(pt.InputError, match="use pool='drawn'"):
        simulate(Point(1.0, None, 0.0, rule), size=8, draws=2, seed=0, pool="direct")
    with pytest.raises(pt.InputError, match="pool must be one of"):
        simulate(Point(1.0, 0.5), size=8, draws=2, seed=0, pool="lazy")


def test_a_pool_beyond_the_memory_is_refused_with_its_size():
    with pytest.raises(pt.InputError, match=r"GiB to draw.*use pool='direct'"):
        simulate(Point(1.0, 1e-9), size=100, draws=2, seed=0)
