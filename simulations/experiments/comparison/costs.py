"""What pruning costs: errors of runs on the same test examples, compared one by one.

Runs that share a seed share the examples that they choose from, and all runs share the
test examples.  A difference of two errors is a mean over seeds and over test examples,
which are crossed; its standard error has a part of each, with the variance that both
contain counted once: the analysis of variance of two random factors, in econometrics
two-way clustering (Cameron, Gelbach and Miller 2011).  Where fewer than three test
examples make a difference it is at least 1.5 over their number, see ``few_errors``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats

from ..answers import wrong_of
from ..cells import NO_METRIC
from ..few_errors import least_standard_error

KEYS = ["keep_fraction", "metric", "strategy"]
_ALL, _RANDOM = "unpruned", "random"
DOUBT = 0.05  # of the choice as a whole


class Estimate(NamedTuple):
    """A mean over seeds and test examples."""

    value: float
    standard_error: float
    freedom: float
    """Degrees of freedom of the standard error, by Satterthwaite's approximation."""
    few: bool = False
    """Whether so few test examples differ that the least standard error is taken."""


def crossed_mean(values: Float[np.ndarray, "S T"]) -> Estimate:
    """The mean of a table over seeds and test examples, both drawn at random.

    Args:
        values: A row a seed, a column a test example; at least two of each.  Where
            they are shares or their differences, a column that is 0, 1 or -1 in all
            rows is one of the examples of which hardly any may differ.
    """
    seeds, tests = values.shape
    rows, columns, mean = values.mean(1), values.mean(0), float(values.mean())
    by_seed, by_test = rows.var(ddof=1) / seeds, columns.var(ddof=1) / tests
    rest = values - rows[:, None] - columns + mean
    both = (rest**2).sum() / ((seeds - 1) * (tests - 1)) / (seeds * tests)
    least = least_standard_error(_differing(values), tests)
    few, by_test = by_test < least**2, max(by_test, least**2)
    variance = max(by_seed + by_test - both, by_seed, by_test)
    parts = by_seed**2 / (seeds - 1) + by_test**2 / (tests - 1)
    freedom = (by_seed + by_test) ** 2 / parts if parts > 0 else float(seeds - 1)
    return Estimate(mean, math.sqrt(variance), float(freedom), bool(few))


def _differing(values: Float[np.ndarray, "S T"]) -> int:
    """Test examples that are not as most are: right, or wrong, in all rows."""
    usual = max(int((values == one).all(0).sum()) for one in (0.0, 1.0, -1.0))
    return values.shape[1] - usual


def costs_of(rows: pd.DataFrame) -> pd.DataFrame:
    """What each way to prune costs, in shares of wrong answers.

    Args:
        rows: Of one size before pruning, with ``wrong_examples``; the seeds of a way to
            prune are those that were run without pruning.

    Returns:
        A row a kept fraction, metric and strategy: ``kept``, ``runs``, ``error``;
        ``cost``, the error minus that without pruning; ``gain``, the error of as many
        random examples minus that of these; each with its standard error ``_se``;
        ``doubt``, the probability that such a gain or a larger one comes by chance
        where there is none (Student's t, one-sided); and ``few``, whether one of the
        standard errors is the least that so many test examples allow.

    Raises:
        InputError: The rows do not say which test examples were wrong.
    """
    rows = rows.assign(row=np.arange(len(rows)))
    wrong = wrong_of(rows).astype(float)
    place: dict[tuple, dict[int, int]] = {}
    for key, part in rows.groupby(KEYS, sort=True):
        place[tuple(key)] = dict(zip(part["seed"], part["row"], strict=True))  # type: ignore[arg-type]
    unpruned = place[(1.0, NO_METRIC, _ALL)]
    found = []
    for key, mine in place.items():
        f = key[0]
        seeds = sorted(set(mine) & set(unpruned))
        here = wrong[[mine[one] for one in seeds]]
        full = wrong[[unpruned[one] for one in seeds]]
        at_random = place.get((f, NO_METRIC, _RANDOM), unpruned)
        shared = [one for one in seeds if one in at_random]
        compared = wrong[[at_random[one] for one in shared]]
        error = crossed_mean(here)
        cost = _difference(here, full, same=mine is unpruned)
        also = wrong[[mine[one] for one in shared]]
        gain = _difference(compared, also, same=mine is at_random)
        found.append(
            dict(zip(KEYS, key, strict=True))
            | {
                "kept": int(rows["kept"].iloc[next(iter(mine.values()))]),
                "runs": len(seeds),
                "error": error.value,
                "error_se": error.standard_error,
                "cost": cost.value,
                "cost_se": cost.standard_error,
                "gain": gain.value,
                "gain_se": gain.standard_error,
                "doubt": _by_chance(gain),
                "few": error.few or cost.few or gain.few,
            }
        )
    return pd.DataFrame(found).sort_values(KEYS, ignore_index=True)


def _difference(
    left: Float[np.ndarray, "S T"], right: Float[np.ndarray, "S T"], *, same: bool
) -> Estimate:
    """The mean of a difference, which is surely 0 between the same runs."""
    if same:
        return Estimate(0.0, 0.0, float(len(left) - 1))
    return crossed_mean(left - right)


def _by_chance(gain: Estimate) -> float:
    if gain.standard_error == 0:
        return 1.0
    return float(stats.t.sf(gain.value / gain.standard_error, gain.freedom))


class Choice(NamedTuple):
    """What to keep."""

    metric: str
    strategy: str
    surely: bool
    """Whether it is better than random examples beyond doubt."""


def at_fraction(costs: pd.DataFrame, keep_fraction: float) -> pd.DataFrame:
    """The rows of one kept fraction."""
    return costs.loc[np.isclose(costs["keep_fraction"], keep_fraction)]


def best_choice(costs: pd.DataFrame, keep_fraction: float) -> Choice:
    """The best way to prune, if it is surely better than at random; else random.

    Surely: if nothing were better, another choice than random would come up by chance
    with a probability of 5 % at most, by Bonferroni's bound over all that are compared.
    """
    here = at_fraction(costs, keep_fraction)
    tried = here.loc[(here["metric"] != NO_METRIC).to_numpy()]
    best = tried.iloc[int(np.argmin(tried["error"]))]
    if best["doubt"] * len(tried) < DOUBT:
        return Choice(str(best["metric"]), str(best["strategy"]), True)
    return Choice(NO_METRIC, _RANDOM, False)
