r"""Laws of error against the number of training examples P, fitted and compared.

power               a P^-c
power_floor         a P^-c + b       with an irreducible error b
exponential_floor   a exp(-k P) + b  what pruning promises at best (Sorscher et al.)
stretched_floor     a exp(-k P^(1/2)) + b

Errors are means over seeds, weighted by their standard errors; intervals are from
resampling seeds, which keeps the correlation of the sizes (pools of one seed are
nested).  Models are compared by Akaike's criterion with its correction for few points
(AICc, Hurvich & Tsai 1989), and by predicting the largest sizes from the others.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.optimize import OptimizeWarning, curve_fit

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name

from ..vision import inputs
from .curves import POINT

ENOUGH_SIZES = 8  # for a verdict on a law
ENOUGH_SEEDS = 6  # for an envelope: three to choose by, three to measure by


def _power(p, log_a, c):
    return np.exp(log_a) * p**-c


def _power_floor(p, log_a, c, b):
    return _power(p, log_a, c) + b


def _exponential_floor(p, log_a, log_k, b):
    return np.exp(log_a - np.exp(log_k) * p) + b


def _stretched_floor(p, log_a, log_k, b):
    return np.exp(log_a - np.exp(log_k) * np.sqrt(p)) + b


MODELS: dict[str, Callable] = {
    "power": _power,
    "power_floor": _power_floor,
    "exponential_floor": _exponential_floor,
    "stretched_floor": _stretched_floor,
}


@dataclass(frozen=True)
class Law:
    """A model fitted to errors at several sizes."""

    model: str
    parameters: tuple[float, ...]
    """The parameters of its function in ``MODELS``."""
    chi2: float
    """Sum of squared differences in standard errors."""
    points: int

    @property
    def aicc(self) -> float:
        """Akaike's criterion, corrected for few points; infinite for too few."""
        k = len(self.parameters)
        left = self.points - k - 1
        return self.chi2 + 2 * k + 2 * k * (k + 1) / left if left > 0 else math.inf

    @property
    def exponent(self) -> float:
        """The c of a power law.

        Raises:
            InputError: of another model.
        """
        if not self.model.startswith("power"):
            raise InputError(f"{self.model} has no exponent")
        return self.parameters[1]

    def __call__(self, sizes: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """The error that the law predicts."""
        return MODELS[self.model](np.asarray(sizes, float), *self.parameters)


def fit_law(
    model: str,
    sizes: Any,
    errors: Any,
    standard_errors: Any,
) -> Law:
    """Fit by weighted least squares, from several starts.

    Raises:
        InputError: an unknown model, arrays of other lengths, numbers that are not
            finite, fewer points than parameters, a size that is not positive, an error
            without positive standard error.
    """
    if model not in MODELS:
        raise unknown_name("model", model, MODELS)
    named = {"sizes": sizes, "errors": errors, "standard_errors": standard_errors}
    p, e, s = (inputs.real_array(*one, "n").astype(float) for one in named.items())
    count = _count(model)
    if not len(p) == len(e) == len(s):
        raise InputError(
            f"{len(p)} sizes, {len(e)} errors and {len(s)} standard errors: give as "
            "many of each"
        )
    if len(p) < count:
        raise InputError(f"{model} has {count} parameters: {len(p)} sizes are too few")
    if not (p > 0).all():
        raise InputError(f"sizes must be positive, got {p.min():g}")
    if not (s > 0).all():
        raise InputError("every error needs a positive standard error")
    low, high = [-50.0, 1e-3, 0.0], [50.0, 10.0, 1.0]
    if not model.startswith("power"):
        low[1], high[1] = -30.0, 5.0
    starts = _starts(model, p, e)
    best = None
    for start in starts:
        inside = np.clip(start[:count], low[:count], high[:count])
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore", OptimizeWarning)  # of the covariance
                found, _ = curve_fit(
                    MODELS[model],
                    p,
                    e,
                    p0=inside,
                    sigma=s,
                    bounds=(low[:count], high[:count]),
                    max_nfev=5_000,
                )
        except (RuntimeError, ValueError):  # it did not settle, or met no number
            continue
        with np.errstate(over="ignore"):
            chi2 = float((((MODELS[model](p, *found) - e) / s) ** 2).sum())
        if chi2 < (math.inf if best is None else best.chi2):
            best = Law(model, tuple(map(float, found)), chi2, len(p))
    if best is None:
        raise InputError(f"{model} could not be fitted to {len(p)} errors")
    return best


def _count(model: str) -> int:
    return 2 if model == "power" else 3


def _starts(model: str, p: np.ndarray, e: np.ndarray) -> list[list[float]]:
    """Starts of log a, the rate, and a floor at several parts of the least error."""
    found = []
    for part in (0.0, 0.5, 0.9):
        floor = part * e.min()
        rest = np.log(np.maximum(e - floor, 1e-12))
        if model.startswith("power"):
            slope, offset = np.polyfit(np.log(p), rest, 1)
            found.append([offset, max(-slope, 0.01), floor])
        else:
            x = p if model == "exponential_floor" else np.sqrt(p)
            slope, offset = np.polyfit(x, rest, 1)
            found.append([offset, math.log(max(-slope, 1e-12)), floor])
    return found


def means(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean error over seeds, its standard error and the number of seeds, a row a group.

    The standard error is that of the spread over seeds, and at least that of the
    number of tested examples, which all seeds share.

    Raises:
        InputError: a group of fewer than three seeds.
    """
    groups = rows.groupby(list(by), sort=True)
    found = groups.agg(
        error=("error", "mean"),
        spread=("error", "std"),
        seeds=("seed", "nunique"),
        kept=("kept", "first"),
        tested=("tested", "mean"),
    ).reset_index()
    few = found["seeds"].to_numpy() < 3
    if few.any():
        where = found.loc[few, list(by)].iloc[0].to_dict()
        raise InputError(f"fewer than 3 seeds of {where}: run them first")
    variance = found["error"] * (1 - found["error"]) / found["tested"]
    by_test = np.sqrt(np.maximum(variance, 0.25 / found["tested"] ** 2))
    found["standard_error"] = np.maximum(
        found["spread"] / np.sqrt(found["seeds"]), by_test
    )
    return found.drop(columns=["spread"])


COSTS = ("kept", "presentations", "flops", "seconds")


def by_cost(rows: pd.DataFrame, cost: str) -> pd.DataFrame:
    """The table with a cost of training in place of the number of kept examples.

    All laws are then of that cost: the mean over seeds of each point.

    Args:
        rows: of a table.
        cost: one of ``COSTS``.

    Raises:
        InputError: another cost, or one that the table does not have.
    """
    if cost not in COSTS:
        raise unknown_name("cost", cost, COSTS)
    if cost not in rows:
        raise InputError(f"the table has no {cost}: make the runs again")
    return rows.assign(kept=rows.groupby(POINT)[cost].transform("mean"))


def exponents(
    rows: pd.DataFrame, model: str = "power_floor", *, resamples: int = 100, seed: int
) -> pd.DataFrame:
    """The exponent of error against kept size at each f, strategy and metric.

    Args:
        rows: of a table; several sizes of each.
        model: a power law of ``MODELS``.
        resamples: of the seeds, for 95 % intervals.
        seed: of the resampling.

    Returns:
        A row a (metric, strategy, keep_fraction): ``exponent``, ``lower``, ``upper``,
        ``floor``, ``sizes``, ``chi2``.
    """
    rng = np.random.default_rng(seed)
    found = []
    names = ["metric", "strategy", "keep_fraction"]
    for key, part in rows.groupby(names):
        law = _fitted(model, part)
        draws = [
            _fitted(model, _resampled(part, rng)).exponent for _ in range(resamples)
        ]
        lower, upper = np.quantile(draws, [0.025, 0.975])
        found.append(
            {
                **dict(zip(names, key, strict=True)),  # type: ignore[arg-type] # a tuple
                "exponent": law.exponent,
                "lower": lower,
                "upper": upper,
                "floor": law.parameters[2] if len(law.parameters) > 2 else 0.0,
                "sizes": law.points,
                "chi2": law.chi2,
            }
        )
    return pd.DataFrame(found)


def envelope(rows: pd.DataFrame) -> pd.DataFrame:
    """The Pareto lower envelope over (initial size, f): least error for a kept size.

    Which of them is least is seen on the seeds of even number, and what its error is
    on the others, so that the least of noisy numbers is not taken for the truth.

    Returns:
        Rows by rising ``kept`` and falling error: ``size``, ``keep_fraction``,
        ``strategy``, ``metric``, ``error``, ``standard_error``.

    Raises:
        InputError: a group of fewer than three seeds of even or of odd number.
    """
    odd = rows["seed"].to_numpy() % 2 == 1
    chosen = means(rows.loc[~odd], POINT).sort_values(["kept", "error"])
    measured = means(rows.loc[odd], POINT).set_index(POINT)
    best, lowest = [], math.inf
    for row in chosen.to_dict("records"):
        if row["error"] < lowest:
            lowest = row["error"]
            best.append({name: row[name] for name in POINT} | {"kept": row["kept"]})
    front = pd.DataFrame(best)
    # the best of each kept size
    front = front.drop_duplicates("kept", keep="last")
    return front.join(measured[["error", "standard_error"]], on=POINT).reset_index(
        drop=True
    )


def compare_laws(points: pd.DataFrame, sizes: int, held_out: int = 2) -> pd.DataFrame:
    """Every model on one curve: AICc, and how well it predicts the largest sizes.

    Args:
        points: ``kept``, ``error``, ``standard_error``, by rising ``kept``.
        sizes: initial sizes of the experiment, of which a verdict needs enough.
        held_out: number of the largest sizes to predict from the others.

    Returns:
        A row a model: ``aicc`` less that of the best, ``chi2``, ``points``,
        ``prediction`` (rms of the differences at the held-out sizes, in standard
        errors) and ``verdict``: "best", "possible" (AICc within 6), "not confirmed",
        or "cannot tell" with fewer than ``ENOUGH_SIZES`` sizes.  Infinite or NaN where
        there are too few sizes for the model.
    """
    names = ("kept", "error", "standard_error")
    values = [points[name].to_numpy(float) for name in names]
    early = [x[:-held_out] for x in values]
    late = [x[-held_out:] for x in values]
    found = []
    for model in MODELS:
        law = {"aicc": math.inf, "chi2": math.nan, "prediction": math.nan}
        if len(points) > _count(model):
            whole = fit_law(model, *values)
            law |= {"aicc": whole.aicc, "chi2": whole.chi2}
        if len(early[0]) >= _count(model):
            misses = (fit_law(model, *early)(late[0]) - late[1]) / late[2]
            law["prediction"] = float(np.sqrt(np.mean(misses**2)))
        found.append({"model": model, "points": len(points)} | law)
    table = pd.DataFrame(found)
    least = min(one["aicc"] for one in found)
    if math.isfinite(least):
        table["aicc"] -= least
    few = min(sizes, len(points)) < ENOUGH_SIZES
    table["verdict"] = ["cannot tell" if few else _verdict(x) for x in table["aicc"]]
    return table


def _verdict(behind: float) -> str:
    if behind == 0:
        return "best"
    return "possible" if behind < 6 else "not confirmed"


def _fitted(model: str, rows: pd.DataFrame) -> Law:
    found = means(rows, ["size"])
    return fit_law(model, found["kept"], found["error"], found["standard_error"])


def _resampled(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Seeds drawn with replacement; numbered anew, so that twice counts twice."""
    seeds = np.unique(rows["seed"].to_numpy())
    drawn = rng.choice(seeds, len(seeds))
    each = rows["seed"].to_numpy()
    parts = [rows.loc[each == one].assign(seed=i) for i, one in enumerate(drawn)]
    return pd.concat(parts)
