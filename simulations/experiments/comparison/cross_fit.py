"""Logits of linear heads for examples that they were not trained on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from perceptron_theory import InputError
from perceptron_theory.numerics.cpu_threads import one_blas_thread

from ..features import conditioning
from ..logistic_head import RIDGES, fitted, wrong_answers

FOLDS = 5
HEADS = len(RIDGES) + FOLDS - 1
"""That are trained in all."""


def cross_fitted_logits(
    points: Float[np.ndarray, "P d"],
    labels: Int[np.ndarray, " P"],
    classes: int,
    *,
    seed: int,
    advance: Callable[[int], Any] = lambda heads: None,
) -> Float[np.ndarray, "P C"]:
    """Logits of each example by a head that was trained on four fifths without it.

    A head with more dimensions than examples has no training error, and its logits say
    little of what it was trained on.  The ridge is that with the least error on the
    first fifth.

    Args:
        points: Features, whose scale is set first, by ``features.conditioning``.
        labels: Of the examples.
        classes: Their number.
        seed: Of the cut into fifths.
        advance: Told of each head that was trained.

    Raises:
        InputError: Fewer examples than fifths, or features that do not vary.
        ConvergenceError: A head did not settle.
    """
    if len(points) < FOLDS:
        raise InputError(f"{len(points)} examples: give {FOLDS} or more")
    points = np.asarray(points, np.float64)
    mean, back = conditioning(points)
    points = (points - mean) @ back
    fold = _folds(labels, seed)

    def head(one: int, ridge: float) -> Float[np.ndarray, "d1 C"]:
        weights, _ = fitted(points[fold != one], labels[fold != one], classes, ridge)
        advance(1)
        return weights

    logits = np.empty((len(points), classes))
    with one_blas_thread():  # small matrices: more threads wait for each other
        first = fold == 0
        heads = [head(0, ridge) for ridge in RIDGES]
        errors = [
            wrong_answers(one, points[first], labels[first]).mean() for one in heads
        ]
        best = int(np.argmin(errors))  # the first of equals, the largest ridge
        for one in range(FOLDS):
            weights = head(one, RIDGES[best]) if one else heads[best]
            mine = fold == one
            logits[mine] = points[mine] @ weights[:-1] + weights[-1]
    # the same head, whose numbers no one can take for probabilities
    return logits - logits.mean(1, keepdims=True)


def _folds(labels: Int[np.ndarray, " P"], seed: int) -> Int[np.ndarray, " P"]:
    """The fifth of each example: every class is spread over all as evenly as can be."""
    order = np.random.default_rng(seed).permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    fold = np.empty(len(labels), int)
    fold[by_class] = np.arange(len(labels)) % FOLDS
    return fold
