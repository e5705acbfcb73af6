"""Metrics find planted label errors, rare examples and duplicates, where they can."""

import jax
import numpy as np
import pytest
from planted import above, logits, loss, planted, subset_models, trained

from simulations.vision import metrics

DATA = planted()


def _ensemble_logits():
    params = [trained(seed)[0] for seed in range(3)]
    return np.stack([logits(p, DATA.points) for p in params])


def _el2n():
    return metrics.el2n(_ensemble_logits(), DATA.labels)


def _forgetting():
    return metrics.forgetting(np.stack([trained(seed)[1] for seed in range(3)]))


def _grand():
    models = [trained(seed)[0] for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *models)
    return metrics.grand(loss, stacked, DATA.points, DATA.labels, stacked=True)


def _ddd():
    return metrics.ddd(_ensemble_logits().argmax(-1) == DATA.labels)


def _supervised(distance):
    return metrics.supervised_prototypes(DATA.points, DATA.labels, distance=distance)


def _memorization():
    models = subset_models()
    return metrics.memorization(models.correct, models.member)


def _influence(reduce):
    models = subset_models()
    return metrics.influence(models.test_correct, models.member, reduce=reduce)


WITH_LABELS = {
    "el2n": _el2n,
    "forgetting": _forgetting,
    "grand": _grand,
    "ddd": _ddd,
    "supervised cosine": lambda: _supervised("cosine"),
    "supervised euclidean": lambda: _supervised("euclidean"),
    "memorization": _memorization,
    "influence sum_abs": lambda: _influence("sum_abs"),
}


@pytest.mark.parametrize("name", WITH_LABELS)
def test_with_labels_errors_and_rare_examples_are_kept(name):
    scores = WITH_LABELS[name]()
    assert above(scores, DATA.errors, DATA.typical)
    assert above(scores, DATA.rare, DATA.typical)
    assert above(scores, DATA.errors, DATA.duplicates)
    assert above(scores, DATA.rare, DATA.duplicates)


def test_copies_lower_the_score_of_what_they_copy():
    """A metric of one example sees its copies by what the network learned of them."""
    point, label = DATA.points[DATA.duplicates[:1]], DATA.labels[DATA.duplicates[:1]]
    few, many = trained(copies=1)[0], trained()[0]
    for score in (
        lambda params: metrics.el2n(logits(params, point), label)[0],
        lambda params: metrics.grand(loss, params, point, label)[0],
    ):
        assert score(many) < 0.9 * score(few)


def test_the_largest_influence_is_of_rare_examples():
    scores = _influence("max")
    assert above(scores, DATA.rare, DATA.typical)
    assert above(scores, DATA.rare, DATA.errors)  # these help no test example
    # any copy replaces another: they stand out by nothing but noise
    assert not above(scores, DATA.duplicates, DATA.typical, share=0.6)


def test_duplicates_are_not_memorized():
    scores = _memorization()
    np.testing.assert_allclose(scores[DATA.duplicates], 0, atol=1e-12)
    np.testing.assert_allclose(scores[DATA.rare], 1, atol=1e-12)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_prototypes_find_rare_examples_but_no_label_errors(distance):
    scores = metrics.prototypes(
        DATA.points, n_clusters=3, distance=distance, key=0, centers=np.eye(3, 2) - 0.3
    )
    assert above(scores, DATA.rare, DATA.typical)
    assert above(scores, DATA.typical, DATA.duplicates)
    assert not above(scores, DATA.errors, DATA.typical)


def test_a_disagreeing_ensemble_finds_what_depends_on_the_subset():
    votes = 5.0 * (subset_models().votes[:50, :, None] == np.arange(3)) - 2.5
    scores = metrics.active_learning(votes, acquisition="variation_ratio")
    assert above(scores, DATA.rare, DATA.typical)
    assert above(scores, DATA.errors, DATA.typical)
    np.testing.assert_allclose(scores[DATA.duplicates], 0)
