"""Rank correlations of metrics, with bootstrap intervals over the examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float
from scipy.stats import rankdata

from perceptron_theory import InputError
from perceptron_theory.choices.attributes import text
from perceptron_theory.errors import out_of_percent

from . import inputs


def spearman(one: Float[np.ndarray, " P"], two: Float[np.ndarray, " P"]) -> float:
    """Spearman's rank correlation; ties get their mean rank.

    Raises:
        InputError: different lengths, NaN, scores that are all equal.
    """
    return float(_correlations(_ranks({"the first": one, "the second": two}))[0, 1])


def spearman_matrix(
    scores: Mapping[str, Float[np.ndarray, " P"]],
    *,
    key: Any,
    resamples: int = 200,
    level: float = 0.95,
) -> xr.Dataset:
    """Spearman's correlation of every pair of metrics, and percentile intervals.

    The bootstrap draws examples with replacement and correlates the *ranks among all*
    examples, which need no second sorting: an approximation that is good where there
    are many.  It says nothing about the noise of the metrics themselves.

    Args:
        scores: of the same examples in the same order, by the name of their metric.
        key: of ``jax.random``, or a seed.
        resamples: bootstrap draws.
        level: of the intervals.

    Returns:
        ``correlation``, ``lower`` and ``upper`` over (metric, other).

    Raises:
        InputError: fewer than two metrics, different lengths, NaN, scores all equal, or
            in every draw.
    """
    if not hasattr(scores, "items"):  # a data frame has them, too
        raise InputError(
            "scores must be a dictionary of scores by the name of their metric, got "
            f"{type(scores).__name__}"
        )
    if len(scores) < 2:
        raise InputError(f"a correlation takes two metrics or more, got {len(scores)}")
    resamples = inputs.positive_integer("resamples", resamples)
    if not 0 < inputs.real_number("level", level) < 1:
        hint = out_of_percent(level)
        raise InputError(f"level must be inside (0, 1), got {level}{hint}")
    ranks, rng = _ranks(scores), inputs.generator(key)
    count = ranks.shape[1]
    draws = np.empty((resamples, len(ranks), len(ranks)))
    for i in range(resamples):
        weights = np.bincount(rng.integers(count, size=count), minlength=count)
        draws[i] = _correlations(ranks, weights / count)
    if np.isnan(draws).all(axis=0).any():
        raise InputError(
            f"in none of {resamples} bootstrap draws do all metrics have a ranking: "
            f"too few of the {count} examples do for an interval"
        )
    tail = (1 - level) / 2
    lower, upper = np.nanquantile(draws, [tail, 1 - tail], axis=0)
    names = {"metric": list(scores), "other": list(scores)}
    values = {"correlation": _correlations(ranks), "lower": lower, "upper": upper}
    return xr.Dataset(
        {name: (tuple(names), value, text(name)) for name, value in values.items()},
        coords=names,
        attrs={"examples": count, "resamples": resamples, "level": level},
    )


def _ranks(scores: Mapping[str, Any]) -> Float[np.ndarray, "n P"]:
    inputs.refuse_other_order({f"scores of {name}": x for name, x in scores.items()})
    rows = {
        name: inputs.real_array(f"scores of {name}", values, "P")
        for name, values in scores.items()
    }
    lengths = {len(row) for row in rows.values()}
    if len(lengths) > 1:
        raise InputError(f"scores of {lengths} examples: give the same examples to all")
    for name, row in rows.items():
        if row.min() == row.max():
            raise InputError(f"scores of {name} are all equal: they have no ranking")
    return np.stack([rankdata(row) for row in rows.values()])


def _correlations(ranks: np.ndarray, weights: Any = None) -> np.ndarray:
    count = ranks.shape[1]
    weights = np.full(count, 1 / count) if weights is None else weights
    centred = ranks - (ranks @ weights)[:, None]
    covariance = (centred * weights) @ centred.T
    spread = np.sqrt(np.diag(covariance))
    with np.errstate(invalid="ignore"):  # a draw of equal scores has none
        return np.clip(covariance / np.outer(spread, spread), -1, 1)
