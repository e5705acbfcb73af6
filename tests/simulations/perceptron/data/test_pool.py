import itertools
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import pytest

import perceptron_theory as pt
from simulations.perceptron.data.pool import (
    Segment,
    draw_pool,
    keep_by_rank,
    mean_keep_probability,
    pool_sizes,
    probe_margin,
    rank_segments,
    realised_rule,
    signed_examples,
)

RULES = [
    pt.Hard(),
    pt.Easy(),
    pt.Random(),
    pt.Window(0.2),
    pt.Mixture(0.5),
    pt.Mixture(0.3, "easy"),
    pt.Mixture(0.0),
    pt.Mixture(1.0, "easy"),
]


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("total", [5, 37, 200])
@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.7, 0.8])
def test_every_rule_keeps_exactly_the_rounded_number(rule, total, fraction):
    kept = round(fraction * total)
    segments = rank_segments(rule, fraction, total, kept)
    assert sum(segment.kept for segment in segments) == kept
    for first, last, count in segments:
        assert 0 <= first <= last <= total and 0 <= count <= last - first
    for one, two in itertools.pairwise(segments):
        assert one.last <= two.first
    margins = np.random.default_rng(0).normal(size=total)
    indices = np.asarray(keep_by_rank(np.random.default_rng(0), margins, segments))
    assert len(set(indices.tolist())) == len(indices) == kept


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9, 1.0])
def test_hard_keeps_the_smallest_and_easy_the_largest(fraction):
    margins = np.random.default_rng(1).normal(size=45)
    kept = round(fraction * 45)
    order = np.argsort(np.asarray(margins))
    for rule, wanted in ((pt.Hard(), order[:kept]), (pt.Easy(), order[45 - kept :])):
        segments = rank_segments(rule, fraction, 45, kept)
        found = keep_by_rank(np.random.default_rng(2), margins, segments)
        assert set(np.asarray(found).tolist()) == set(wanted.tolist())


@pytest.mark.parametrize("rule", [r for r in RULES if r != pt.Window(0.2)], ids=repr)
def test_a_fraction_of_one_keeps_the_pool(rule):
    assert rank_segments(rule, 1.0, 9, 9) == (Segment(0, 9, 9),)


def test_window_and_mixture_in_ranks():
    assert rank_segments(pt.Window(0.25), 0.5, 8, 4) == (Segment(2, 6, 4),)
    assert rank_segments(pt.Mixture(0.5), 0.5, 8, 4) == (
        Segment(0, 2, 2),
        Segment(2, 8, 2),
    )
    assert rank_segments(pt.Mixture(0.5, "easy"), 0.5, 8, 4) == (
        Segment(0, 6, 2),
        Segment(6, 8, 2),
    )


def test_the_realised_rule_is_that_of_whole_examples():
    """43 kept of 1584: a share of 0.92 is 40 of them; a window begins at a rank."""
    kept = realised_rule(pt.Mixture(0.9219, "easy"), 0.02715, 1584, 43)
    assert kept == pt.Mixture(40 / 43, "easy")
    assert realised_rule(pt.Window(0.3), 0.5, 11, 6) == pt.Window(3 / 11)
    assert realised_rule(pt.Mixture(0.0), 0.5, 10, 5) == pt.Mixture(0.0)
    assert realised_rule(pt.Hard(), 0.5, 10, 5) == pt.Hard()
    assert realised_rule(pt.Mixture(0.5, "hard"), 0.5, 10, 5).share in (2 / 5, 3 / 5)


@pytest.mark.parametrize(("total", "kept"), [(200, 100), (37, 19), (9, 4), (101, 50)])
def test_a_rule_of_several_windows_keeps_each_of_them(total, kept):
    rule = pt.keep_between((0.1, 0.2), (0.5, 0.9))
    segments = rank_segments(rule, 0.5, total, kept)
    assert sum(segment.kept for segment in segments) == kept
    ends = np.array([(0.1, 0.2), (0.5, 0.9)]) * total
    for (first, last, count), (low, high) in zip(segments, ends, strict=True):
        assert last - first == count  # each is kept whole
        assert abs(first - low) <= 1.5 and abs(last - high) <= 1.5
    assert segments[0].last <= segments[1].first and segments[1].last <= total


@dataclass(frozen=True)
class TwoBands(pt.Rule):
    """The hardest f/2, and a part f of the margins above the median."""

    def cells(self, keep_fraction):
        f = keep_fraction
        hardest = (0.0, f / 2, 1.0, 1.0 - f / 2, 1.0)
        return pt.cells_of(hardest, (0.5, 1.0, 0.5, 0.0, f))


def test_bands_that_do_not_touch_stay_where_they_are():
    segments = rank_segments(TwoBands(), 0.4, 100, 40)
    assert segments == (Segment(0, 20, 20), Segment(50, 100, 20))


@dataclass(frozen=True)
class Given(pt.Rule):
    """Cells as they are given, whatever the fraction."""

    below: tuple[tuple[float, float], ...]
    level: tuple[float, ...]
    static = ("below", "level")

    def cells(self, keep_fraction):
        rows = zip(self.below, self.level, strict=True)
        return pt.cells_of(*((a, b, 1.0 - a, 1.0 - b, kind) for (a, b), kind in rows))


def _kept_once(rule, fraction, total):
    """The segments, which are in order, inside the pool and share no rank."""
    kept = round(fraction * total)
    segments = rank_segments(rule, fraction, total, kept)
    assert sum(segment.kept for segment in segments) == kept
    free = 0
    for first, last, count in segments:
        assert free <= first <= last <= total and 0 <= count <= last - first
        free = last
    return segments


def test_rounding_of_several_bands_keeps_no_example_twice():
    """The last band is pushed into the pool, and pushes back the one before it."""
    below = ((0.0, 0.482), (0.665, 0.688), (0.692, 1.0))
    segments = _kept_once(Given(below, (1.0, 1.0, 1.0)), 0.813, 28)
    assert segments == (Segment(0, 13, 13), Segment(18, 19, 1), Segment(19, 28, 9))


def test_ends_that_differ_in_the_last_digit_share_no_rank():
    rule = Given(((0.0, 0.1 + 0.2), (0.3, 1.0)), (1.0, 0.5))
    _kept_once(rule, 0.65, 15)


def test_bands_of_any_rule_in_a_small_pool_share_no_rank():
    rng = np.random.default_rng(0)
    for _ in range(500):
        count = rng.integers(1, 5)
        ends = np.sort(rng.random(2 * count))
        ends[0] *= rng.random() < 0.5
        ends[-1] = 1.0 if rng.random() < 0.5 else ends[-1]
        if rng.random() < 0.5:  # cells that touch
            ends[2::2] = ends[1:-1:2]
        level = np.where(rng.random(count) < 0.6, 1.0, rng.random(count))
        fraction, total = level @ np.diff(ends)[::2], int(rng.integers(3, 60))
        if round(fraction * total):
            below = tuple(map(tuple, ends.reshape(-1, 2).tolist()))
            _kept_once(Given(below, tuple(level.tolist())), fraction, total)


def test_equal_margins_are_broken_by_the_key_and_evenly():
    segments = rank_segments(pt.Hard(), 0.5, 8, 4)
    kept = [
        keep_by_rank(np.random.default_rng(seed), np.zeros(8), segments)
        for seed in range(400)
    ]
    counts = np.bincount(np.concatenate(kept), minlength=8)
    # each index is kept with probability 1/2: standard deviation 10
    assert np.abs(counts - 200).max() < 50
    again = keep_by_rank(np.random.default_rng(0), np.zeros(8), segments)
    np.testing.assert_array_equal(again, kept[0])


def test_margin_conventions_against_explicit_vectors():
    """The margin of the plane is that of the N-dimensional vectors."""
    theta, size = 0.4, 7
    plane = draw_pool(np.random.default_rng(4), 50)
    signed = np.asarray(signed_examples(np.random.default_rng(5), plane, size))
    teacher, probe = np.eye(size)[0], np.zeros(size)
    probe[:2] = np.cos(theta), np.sin(theta)
    assert signed.shape == (50, size)
    assert (signed @ teacher > 0).all()  # y x lies on the teacher's side
    margins = signed @ probe
    np.testing.assert_allclose(probe_margin(plane, theta, "signed"), margins)
    np.testing.assert_allclose(probe_margin(plane, theta, "absolute"), abs(margins))
    assert (margins < 0).any()


def test_kept_examples_follow_the_law_of_gaussian_vectors():
    plane = draw_pool(np.random.default_rng(6), 20_000)
    signed = np.asarray(signed_examples(np.random.default_rng(7), plane, 4))
    covariance = signed.T @ signed / len(signed)
    assert np.abs(covariance - np.eye(4)).max() < 5 * (2 / 20_000) ** 0.5
    np.testing.assert_allclose(
        signed.mean(0), [(2 / np.pi) ** 0.5, 0, 0, 0], atol=5 / 20_000**0.5
    )


def test_pool_sizes():
    assert pool_sizes(100, 2.0, 0.25) == (800, 200)
    with pytest.raises(pt.InputError, match="no example is kept"):
        pool_sizes(10, 0.01, 1.0)


@pytest.mark.parametrize("theta", [0.0, 0.3, np.pi / 2])
@pytest.mark.parametrize("margin", ["absolute", "signed"])
def test_mean_keep_probability_of_an_even_function(theta, margin):
    """E exp(-z^2) = 1/sqrt(3), and the label does not change an even function."""
    rule = pt.KeepProbability(lambda z: jnp.exp(-z * z))
    assert mean_keep_probability(rule, theta, margin) == pytest.approx(3**-0.5)


def test_mean_keep_probability_with_a_jump():
    rule = pt.KeepProbability(lambda z: jnp.where(z < 1, 0.5, 1.0), breakpoints=(1.0,))
    below = 0.6826894921370859  # of |z| < 1
    assert mean_keep_probability(rule, 0.1, "absolute") == pytest.approx(1 - below / 2)
