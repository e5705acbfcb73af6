"""How likely each example of a law is to be kept, by its rank in the score."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ..errors import InputError, first_line
from ..numerics.precision import own_settings
from ..rules.names import resolve_rule
from ..rules.rule import check_rule

Levels = Float[np.ndarray, " P"]


def kept_levels(
    score: Levels | None,
    keep_fraction: float,
    rule: Any,
    labels: Int[np.ndarray, " P"] | None = None,
    *,
    count: int | None = None,
) -> Levels:
    """The probability of each example to be kept of a pool that holds it.

    Args:
        score: (P,) high = hard, ranked over the whole law; None for random pruning.
        keep_fraction: f, the mean of what is returned.
        rule: "hard", "easy", "random", or a rule of the theory such as
            :class:`.Window`, whose quantile 0 is the hardest example; or a function of
            (score, keep_fraction) that returns the levels themselves.
        labels: (P,) the classes, to rank within each; None to rank all together.
        count: P, where there is no score to tell.

    Raises:
        InputError: a rule that does not fit, or one that needs a score without it.
    """
    count = count if score is None else len(score)
    if callable(rule) and not isinstance(rule, type) and not hasattr(rule, "cells"):
        if labels is None or score is None:
            return _of_function(rule, score, keep_fraction, count)
        return _within(
            labels, score, lambda mine: _of_function(rule, mine, keep_fraction)
        )
    rule = resolve_rule(rule)  # pyright: ignore[reportArgumentType]
    if not rule.takes_fraction:
        raise InputError(f"{type(rule).__name__} keeps by margins, not by a fraction")
    check_rule(rule, np.asarray(keep_fraction), "signed")
    if rule.indifferent and count is not None:
        return np.full(count, keep_fraction)
    if score is None:
        raise InputError(
            "the law has no score to prune by: give FieldLaw.from_data(score=), or the "
            "strategy 'random'"
        )
    with own_settings(x64=True):
        cells = rule.cells(jnp.asarray(keep_fraction, jnp.float64))
        below, level = np.asarray(cells.below), np.asarray(cells.level)
    if labels is None:
        return _of_cells(score, below, level)
    return _within(labels, score, lambda mine: _of_cells(mine, below, level))


def _within(
    labels: Int[np.ndarray, " P"], score: Levels, levels: Callable[[Levels], Levels]
) -> Levels:
    """The levels of each class by the scores of its own examples."""
    kept = np.empty(len(score))
    for one in np.unique(labels):
        mine = labels == one
        kept[mine] = levels(score[mine])
    return kept


def _of_cells(
    score: Levels, below: Float[np.ndarray, "n 2"], level: Float[np.ndarray, " n"]
) -> Levels:
    """The mean level over the quantiles of each example; equal scores share theirs."""
    _, place, many = np.unique(-score, return_inverse=True, return_counts=True)
    ends = np.concatenate([[0.0], np.cumsum(many)]) / len(score)
    low, high = ends[:-1], ends[1:]
    kept = np.zeros(len(many))
    for (start, end), height in zip(below, level, strict=True):
        shared = np.minimum(high, end) - np.maximum(low, start)
        kept += height * np.maximum(shared, 0.0) / (high - low)
    return np.clip(kept, 0.0, 1.0)[place.reshape(-1)]


def _of_function(
    rule: Any, score: Levels | None, keep_fraction: float, count: int | None = None
) -> Levels:
    name = getattr(rule, "__name__", type(rule).__name__)
    given = None if score is None else score.copy()  # it may sort them in place
    try:
        kept = np.asarray(rule(given, keep_fraction), np.float64)
    except Exception as error:  # whatever a user's function raises
        raise InputError(
            f"{name} must take (score, keep_fraction) and return levels in [0, 1], got "
            f"a {type(error).__name__} from it: {first_line(error)}"
        ) from error
    if kept.ndim != 1 or (score is not None and kept.shape != score.shape):
        raise InputError(
            f"{name} must return one level for each score, got the shape {kept.shape}"
        )
    if score is None and count is not None and len(kept) != count:
        raise InputError(
            f"strategy must return one level for each of the {count} examples, got "
            f"{len(kept)}"
        )
    if not ((kept >= 0) & (kept <= 1)).all():
        raise InputError(f"{name} must return levels in [0, 1]")
    if abs(kept.mean() - keep_fraction) > 1e-3 + 1.0 / len(kept):
        raise InputError(
            f"{name} must keep the fraction {keep_fraction:g}, its levels have the "
            f"mean {kept.mean():g}"
        )
    return kept
