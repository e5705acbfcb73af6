"""Tables in memory are not taken by position against their own names."""

import numpy as np
import pandas as pd
import pytest

from perceptron_theory import InputError
from simulations.experiments.features import Features
from simulations.experiments.prediction.examples import examples_of
from simulations.vision.balance import class_balance
from simulations.vision.class_extremes import extremes
from simulations.vision.clustering import kmeans
from simulations.vision.correlation import spearman, spearman_matrix
from simulations.vision.data import Points
from simulations.vision.metrics import el2n, forgetting, memorization
from simulations.vision.principal_components import projected
from simulations.vision.probe import linear_probe
from simulations.vision.score_files import Scores
from simulations.vision.scoring import score_dataset
from simulations.vision.selection import select

COUNT = 20
CLASSES = tuple("abcd")
RNG = np.random.default_rng(5)
LABELS = np.arange(COUNT) % 4
IDS = tuple(f"{i}.png" for i in range(COUNT))
POINTS = RNG.normal(size=(COUNT, 4))
DATA = Points("set", POINTS, LABELS, IDS, CLASSES)
LOGITS = pd.DataFrame(RNG.normal(size=(COUNT, 4)), IDS, list(CLASSES))
ORDER = RNG.permutation(COUNT)
SCORES = pd.Series(RNG.normal(size=COUNT))
TABLE = pd.DataFrame(POINTS)
RUNS = pd.DataFrame(RNG.random((6, COUNT)) < 0.5)


def _refused(run):
    with pytest.raises(InputError) as caught:
        run()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_logits_in_the_order_of_examples_and_classes_are_taken():
    plain = score_dataset(DATA, "el2n", {"logits": LOGITS.to_numpy()})
    rows = LOGITS.reset_index(drop=True)
    numbered = LOGITS.set_axis([f"logit_{i}" for i in range(4)], axis=1)
    for given in (LOGITS, rows, numbered, rows.set_axis(range(4), axis=1)):
        found = score_dataset(DATA, "el2n", {"logits": given})
        np.testing.assert_array_equal(found.scores, plain.scores)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (LOGITS[list("dcba")], "the columns of logits are called 'd', 'c', 'b', ..., "),
        (LOGITS.set_axis(list("abce"), axis=1), "the classes 'a', 'b', 'c', ...: give"),
        (LOGITS.set_axis([3, 2, 1, 0], axis=1), "the columns of logits are called 3, "),
        (LOGITS.set_axis(["l3", "l2", "l1", "l0"], axis=1), "are called 'l3', 'l2'"),
        (LOGITS.iloc[ORDER], "the rows of logits are called '"),
        (LOGITS.reset_index(drop=True).iloc[ORDER], "the rows of logits are called "),
        (LOGITS.set_axis([f"{i}.jpg" for i in range(COUNT)]), "the examples '0.png', "),
    ],
)
def test_logits_of_other_names_or_in_another_order_are_refused(given, says):
    said = _refused(lambda: score_dataset(DATA, "el2n", {"logits": given}))
    assert says in said and "or give .to_numpy() if the order is right" in said


def test_embeddings_runs_and_scores_of_a_data_set_too():
    kwargs = {"n_clusters": 2}
    shuffled = TABLE.iloc[ORDER]
    assert "rows of embeddings are called" in _refused(
        lambda: score_dataset(DATA, "prototypes", {"embeddings": shuffled}, **kwargs)
    )
    assert "the columns of correct are called" in _refused(
        lambda: score_dataset(DATA, "forgetting", {"correct": RUNS.iloc[:, ORDER]})
    )
    same = Scores("m", pd.Series(POINTS[:, 0], IDS), IDS, LABELS, "set", "x")
    np.testing.assert_array_equal(same.scores, POINTS[:, 0])
    for scores, labels in (
        (pd.Series(POINTS[:, 0], IDS[::-1]), LABELS),
        (POINTS[:, 0], pd.Series(LABELS)[::-1]),
    ):
        said = _refused(lambda s=scores, y=labels: Scores("m", s, IDS, y, "set", "x"))
        assert "the examples '0.png'" in said
    assert "rows of set: feature vectors are called" in _refused(
        lambda: Points("set", shuffled, LABELS, IDS, CLASSES)
    )


CALLS = {
    "select": lambda order: select(SCORES[order], 0.5, seed=0),
    "select beside": lambda order: select(
        SCORES[order], 0.5, seed=0, labels=LABELS, per_class=True
    ),
    "labels": lambda order: select(
        SCORES.to_numpy(), 0.5, seed=0, labels=pd.Series(LABELS)[order], per_class=True
    ),
    "spearman": lambda order: spearman(SCORES[order], LABELS),
    "matrix": lambda order: spearman_matrix({"a": SCORES[order], "b": LABELS}, key=0),
    "extremes": lambda order: extremes(SCORES[order], LABELS, per_class=2, seed=0),
    "balance": lambda order: class_balance({"a": SCORES[order]}, LABELS, [0.5], seed=0),
    "el2n": lambda order: el2n(LOGITS.reset_index(drop=True).loc[order], LABELS),
    "kmeans": lambda order: kmeans(TABLE.loc[order], 2, key=0),
    "components": lambda order: projected(TABLE.loc[order], 2),
    "forgetting": lambda order: forgetting(RUNS[order]),
    "memorization": lambda order: memorization(
        RUNS.to_numpy(), RUNS[order], unknown="nan"
    ),
    "probe": lambda order: linear_probe(
        TABLE.loc[order], LABELS, POINTS, LABELS, seed=0
    ),
    "examples": lambda order: examples_of(TABLE.loc[order], LABELS),
    "features": lambda order: Features(DATA, DATA, TABLE.loc[order], POINTS),  # type: ignore[arg-type] # Points have labels, too
}


@pytest.mark.parametrize("name", CALLS)
def test_rows_that_are_numbered_in_another_order_are_refused(name):
    for order in (ORDER, np.arange(COUNT)[::-1]):
        said = _refused(lambda o=order: CALLS[name](o))
        assert "are numbered" in said and "by position: give .to_numpy()" in said
    CALLS[name](np.arange(COUNT))


def test_rows_with_names_beside_rows_without_are_refused():
    named = pd.Series(SCORES.to_numpy(), IDS)
    said = _refused(lambda: spearman(named, LABELS))
    assert "have names, such as '0.png', those of" in said and "have none" in said
    found = select(named, 0.5, seed=0)  # nothing that it could be paired with
    assert list(found.indices) == list(select(SCORES, 0.5, seed=0).indices)


def test_columns_of_a_training_and_a_test_set_are_the_same():
    frame = pd.DataFrame(POINTS, columns=list("uvwx"))
    for other, says in (
        (frame[list("xwvu")], "the columns of test have another order than those of t"),
        (frame.rename(columns={"u": "t"}), "have other names than those of train"),
    ):
        assert says in _refused(
            lambda o=other: linear_probe(frame, LABELS, o, LABELS, seed=0)
        )
        assert "columns of test_points have" in _refused(
            lambda o=other: Features(DATA, DATA, frame, o)  # type: ignore[arg-type] # as above
        )
    linear_probe(frame, LABELS, frame, LABELS, seed=0)
    assert "are numbered 3, 2, 1, ...: sort them" in _refused(
        lambda: kmeans(TABLE[[3, 2, 1, 0]], 2, key=0)
    )
