"""Heads that are trained, to be held against predictions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import perceptron_theory as pt
from perceptron_theory import InputError
from perceptron_theory.convex.losses import LOSSES, resolve_loss

from ...vision.selection import select
from ..few_errors import least_standard_error
from .trained_heads import train_head

TESTED = 0.1  # of the examples, at least, are outside of a pool


@dataclass(frozen=True)
class Measured:
    """The mean error of trained heads, and its standard error over their pools.

    Where hardly an example was wrong, or right, the standard error is at least
    that of :func:`..few_errors.least_standard_error`.
    """

    error: float
    standard_error: float

    def z(self, predicted: float) -> float:
        """How far a prediction is off, in standard errors of the measurement."""
        if self.standard_error == 0:
            return 0.0 if self.error == predicted else np.inf
        return (self.error - predicted) / self.standard_error


def largest_pool(law: pt.FieldLaw) -> int:
    """The largest pool that leaves enough examples to test on."""
    return int((1.0 - TESTED) * law.size)


def measured_errors(
    law: pt.FieldLaw,
    pool: int,
    keep_fraction: float,
    strategy: Any,
    *,
    loss: Any,
    ridge: float,
    intercept: bool,
    per_class: bool = False,
    repeats: int = 20,
    seed: int = 0,
    advance: Callable[..., None] = lambda count, text="": None,
) -> Measured:
    """Train heads on pruned random pools, and test them on all other examples.

    All that have the same seed prune the same pools.

    Args:
        law: features, labels and score of the examples.
        pool: examples before pruning, at most :func:`largest_pool`.
        keep_fraction: the part that is kept.
        strategy: as :func:`..vision.selection.select` takes it.
        loss: of the heads, by name.
        ridge: of the heads.
        intercept: whether they have a constant term.
        per_class: whether the strategy is applied within each class.
        repeats: pools.
        seed: of the pools.
        advance: told of each head.

    Raises:
        InputError, ConvergenceError: as :func:`.trained_heads.train_head`.
    """
    classes, errors = len(law.classes), []
    name = trained_loss(loss)
    scores = np.zeros(law.size) if law.score is None else law.score
    for one in range(repeats):
        order = np.random.default_rng([seed, one, 2]).permutation(law.size)
        mine, others = order[:pool], order[pool:]
        chosen = select(
            scores[mine],
            keep_fraction,
            seed=one,
            rule=strategy,
            labels=law.labels[mine] if per_class else None,
            per_class=per_class,
            allow_empty_classes=True,
        )
        kept = mine[chosen.indices]
        head = train_head(
            law.features[kept],
            law.labels[kept],
            classes,
            loss=name,
            ridge=ridge,
            intercept=intercept,
        )
        errors.append(head.wrong(law.features[others], law.labels[others]))
        advance(1)
    spread = float(np.std(errors, ddof=1) / np.sqrt(repeats))
    mean, tested = float(np.mean(errors)), law.size - pool
    # each example is tested in several repeats: at least so many were wrong, or right
    seen = round(min(max(errors), 1.0 - min(errors)) * tested)
    return Measured(mean, max(spread, least_standard_error(seen, tested)))


def trained_loss(loss: Any) -> str:
    """The name of a loss of the package; one of a user's own may have the same.

    Raises:
        InputError: a loss of a user's own, which no head is trained with.
    """
    known = resolve_loss(loss)
    if known not in LOSSES.values():
        raise InputError(
            f"heads are trained with {', '.join(LOSSES)}, got the loss {known.name} of "
            "your own: leave the check out"
        )
    return known.name
