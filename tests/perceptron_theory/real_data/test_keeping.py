"""Keep-probabilities by rank, beside the selection of whole numbers of examples."""

import numpy as np
import pytest

import perceptron_theory as pt
from perceptron_theory.real_data.keeping import kept_levels
from simulations.vision.selection import select

SCORE = np.random.default_rng(0).standard_normal(200)


@pytest.mark.parametrize(
    "rule", ["hard", "easy", pt.Window(lower=0.3), pt.Mixture(share=0.5)], ids=repr
)
def test_the_same_examples_as_select(rule):
    levels = kept_levels(SCORE, 0.25, rule)
    assert np.isclose(levels.mean(), 0.25)
    chosen = select(SCORE, 0.25, seed=0, rule=rule).mask
    assert levels[chosen].min() > 0
    assert not chosen[levels == 0].any()
    if not isinstance(rule, pt.Mixture):
        assert (levels[chosen] == 1).all()


def test_equal_scores_share_their_part():
    score = np.array([1.0, 1.0, 1.0, 0.0, 0.0])
    assert np.allclose(kept_levels(score, 0.4, "hard"), [2 / 3, 2 / 3, 2 / 3, 0, 0])


def test_within_classes_each_keeps_its_share():
    labels = np.repeat([0, 1], [150, 50])
    score = SCORE + 10.0 * labels
    levels = kept_levels(score, 0.3, "hard", labels)
    assert np.isclose(levels[labels == 0].mean(), 0.3)
    assert np.isclose(levels[labels == 1].mean(), 0.3)
    assert kept_levels(score, 0.25, "hard")[labels == 0].max() == 0


def test_a_function_gives_levels_itself():
    def half(score, keep_fraction):
        return np.full(len(score), keep_fraction)

    assert np.allclose(kept_levels(SCORE, 0.5, half), 0.5)
    with pytest.raises(pt.InputError, match=r"must keep the fraction 0\.2"):
        kept_levels(SCORE, 0.2, lambda score, f: half(score, 0.5))
    with pytest.raises(pt.InputError, match="one level for each"):
        kept_levels(SCORE, 0.2, lambda score, f: np.ones(3))


def test_without_a_score_there_is_only_chance():
    with pytest.raises(pt.InputError, match="no score to prune by"):
        kept_levels(None, 0.2, "hard")
