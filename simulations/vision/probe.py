"""A linear probe: how much of the labels a linear classifier reads off embeddings."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from perceptron_theory import InputError

from . import inputs
from .optional import require

_STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)  # scikit-learn's C
_LARGEST = 1e15
_SPREAD = 1e-4  # of a dimension's deviation is at least that of its nearest 9 of 10
_HELD_OUT = 5  # a part of this many of the training set chooses among them
_LIMITS: dict[str, Any] = {"passes": 300, "tolerance": 1e-3}


@dataclass(frozen=True)
class Probe:
    """What came of a probe."""

    accuracy: float
    """On the test set."""
    standard_error: float
    """The standard error of the accuracy over draws of the test set (binomial)."""
    strength: float
    """C, the inverse of the ridge, chosen on the training set only."""
    held_out_accuracy: float
    """With it, on the part of the training set that chose it: slightly too high."""
    converged: bool
    seen: int
    """Test points that are training points, exactly: 0 if the images are others."""


def linear_probe(
    train: Float[np.ndarray, "P d"],
    labels: Int[np.ndarray, " P"],
    test: Float[np.ndarray, "Q d"],
    test_labels: Int[np.ndarray, " Q"],
    *,
    seed: Any = 0,
) -> Probe:
    """Logistic regression on standardised embeddings, its ridge chosen by a part.

    A fifth of the training set, at random, chooses the ridge among five; the probe is
    then fitted to all of the training set.

    Args:
        train: embeddings.
        labels: theirs.
        test: embeddings that are looked at once, in the end.
        test_labels: theirs.
        seed: of the held-out part: a seed, or a key of jax.random.

    Raises:
        InputError: bad shapes, NaN, numbers whose squares are no float32, a row beside
            which the others are one number, fewer than two classes, in all or in the
            part that does not choose.
    """
    require("sklearn", "a linear probe")
    inputs.refuse_other_order({"train": train, "labels": labels})
    inputs.refuse_other_order({"test": test, "test_labels": test_labels})
    inputs.refuse_other_columns(("train", train), ("test", test))
    train, test = _points("train", train, "P"), _points("test", test, "Q")
    labels = inputs.label_array("labels", labels, count=len(train))
    test_labels = inputs.label_array("test_labels", test_labels, count=len(test))
    if train.shape[1] != test.shape[1]:
        raise InputError(
            f"train has {train.shape[1]} dimensions and test {test.shape[1]}: give "
            "embeddings of one network"
        )
    if len(np.unique(labels)) < 2:
        raise InputError("labels are of one class: there is nothing to tell apart")
    known = {row.tobytes() for row in train}
    seen = sum(row.tobytes() in known for row in test)
    _refuse_far_rows(train)
    mean, deviation = train.mean(0), train.std(0)
    deviation[deviation == 0] = 1  # a dimension that does not vary
    train, test = (train - mean) / deviation, (test - mean) / deviation
    order = inputs.generator(seed).permutation(len(train))
    held, rest = np.split(order, [max(1, len(order) // _HELD_OUT)])
    if len(np.unique(labels[rest])) < 2:
        raise InputError(
            f"without the {len(held)} examples that choose the ridge, labels are of "
            "one class: give more examples of each"
        )
    found = {}
    for strength in _STRENGTHS:
        model, _ = logistic(train[rest], labels[rest], strength, **_LIMITS)
        found[strength] = float(model.score(train[held], labels[held]))
    best = max(found, key=found.__getitem__)
    model, converged = logistic(train, labels, best, **_LIMITS)
    accuracy = float(model.score(test, test_labels))
    error = math.sqrt(accuracy * (1 - accuracy) / len(test))
    return Probe(accuracy, error, best, found[best], converged, seen)


def _points(name: str, value: Any, rows: str) -> Float[np.ndarray, "P d"]:
    """Embeddings as float32, of numbers whose squares are float32, too.

    Raises:
        InputError: they are none, or of another size.
    """
    array = inputs.real_array(name, value, rows, "d")
    largest = max(float(array.max()), -float(array.min()))
    if largest > _LARGEST or 0 < largest < 1 / _LARGEST:
        raise InputError(
            f"the largest number of {name} is {largest:.3g}: scale the embeddings to "
            f"between {1 / _LARGEST:g} and {_LARGEST:g}"
        )
    return array.astype(np.float32)


def _refuse_far_rows(train: Float[np.ndarray, "P d"]) -> None:
    """Refuse rows so far off that, standardised, all others are the same number.

    Raises:
        InputError: there are some; the farthest is named.
    """
    off = abs(train.astype(np.float64) - np.median(train, axis=0))
    near = np.quantile(off, 0.9, axis=0)
    lost = (0 < near) & (near < _SPREAD * train.std(0, dtype=np.float64))
    if lost.any():
        column = int(lost.argmax())
        row = int(off[:, column].argmax())
        raise InputError(
            f"train[{row}, {column}] is {train[row, column]:.3g}, nine of ten others "
            f"are within {near[column]:.3g} of their median, and would become one "
            "number: mend or leave out that row"
        )


def logistic(
    points: Float[np.ndarray, "P d"],
    labels: Int[np.ndarray, " P"],
    strength: float,
    *,
    passes: int,
    tolerance: float,
) -> tuple[Any, bool]:
    """scikit-learn's logistic regression by L-BFGS, and whether it has converged.

    Args:
        points: one per row.
        labels: of two classes or more.
        strength: C, the inverse of the ridge.
        passes: of L-BFGS, at most.
        tolerance: of its gradient.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, max_iter=passes, tol=tolerance)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(points, labels)
    return model, not any(issubclass(w.category, ConvergenceWarning) for w in said)
