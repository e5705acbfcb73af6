"""Rows that have names are not paired by position with rows of other names."""

import numpy as np
import pandas as pd
import pytest

from perceptron_theory import InputError
from simulations.vision.balance import class_balance
from simulations.vision.class_extremes import extremes
from simulations.vision.correlation import spearman, spearman_matrix
from simulations.vision.metrics import (
    GraND,
    el2n,
    memorization,
    metric_of,
    supervised_prototypes,
)
from simulations.vision.probe import linear_probe
from simulations.vision.selection import select

RNG = np.random.default_rng(3)
NAMES = list("abcdefghijklmnopqrst")
COUNT = len(NAMES)
SCORES = pd.Series(RNG.normal(size=COUNT), NAMES)
LABELS = pd.Series(np.arange(COUNT) % 4, NAMES)
POINTS = pd.DataFrame(RNG.normal(size=(COUNT, 4)), NAMES)
MEMBER = pd.DataFrame(RNG.random((COUNT, 5)) < 0.5, NAMES)
MEMBER.iloc[:2] = [[True] * 5, [False] * 5]
SPLIT = {"test": POINTS.to_numpy(), "test_labels": LABELS.to_numpy(), "seed": 0}
CALLS = {
    "select": lambda s, y: select(s, 0.5, seed=0, labels=y, per_class=True).indices,
    "extremes": lambda s, y: [extremes(s, y, per_class=2, seed=0)],
    "balance": lambda s, y: class_balance({"a": s}, y, [0.5], seed=0).kept.values,
    "spearman": lambda s, y: spearman(s, y),
    "matrix": lambda s, y: spearman_matrix({"a": s, "b": y}, key=0).lower.values,
    "el2n": lambda s, y: el2n(POINTS.loc[s.index], y),
    "prototypes": lambda s, y: supervised_prototypes(POINTS.loc[s.index], y),
    "memorization": lambda s, y: memorization(
        MEMBER.loc[y.index], MEMBER.loc[s.index], unknown="nan"
    ),
    "probe": lambda s, y: linear_probe(POINTS.loc[s.index], y, **SPLIT).accuracy,
}


@pytest.mark.parametrize("name", CALLS)
def test_rows_in_two_orders_are_refused(name):
    with pytest.raises(InputError, match="in their pandas index: bring them into one"):
        CALLS[name](SCORES.sort_values(), LABELS)
    with pytest.raises(InputError, match="in their pandas index"):
        CALLS[name](SCORES, LABELS[::-1])


@pytest.mark.parametrize("name", CALLS)
def test_rows_in_one_order_are_those_of_plain_arrays(name):
    order = SCORES.sort_values().index
    found = CALLS[name](SCORES[order], LABELS[order])
    if name not in ("el2n", "prototypes", "memorization", "probe"):
        plain = CALLS[name](SCORES[order].to_numpy(), LABELS[order].to_numpy())
        assert str(found) == str(plain)
    again = CALLS[name](SCORES[order], LABELS[order].reindex(order))
    assert str(found) == str(again)


def test_words_are_no_truth_values():
    for option in ("per_class", "allow_empty_classes"):
        with pytest.raises(InputError, match=f"{option} must be True or False, got 'n"):
            select(SCORES, 0.5, seed=0, labels=LABELS, **{option: "no"})
    with pytest.raises(InputError, match="initial must be True or False, got 'no'"):
        metric_of("grand:initial=no")
    assert metric_of("grand:initial=true") == GraND(initial=True)


def test_a_matrix_of_correlations_needs_names():
    for given in ([SCORES, LABELS], SCORES.to_numpy(), None):
        with pytest.raises(InputError, match="scores must be a dictionary"):
            spearman_matrix(given, key=0)
