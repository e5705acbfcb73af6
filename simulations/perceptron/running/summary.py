"""Statistics of many draws, with their standard errors."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import xarray as xr

from ..naming import require


class Summary(NamedTuple):
    """Statistics of the errors of many draws at one N."""

    mean: float
    standard_error: float
    median: float
    median_error: float
    """Half the distance of the order statistics at n/2 -+ sqrt(n)/2 (one sigma)."""
    quantile_05: float
    quantile_25: float
    quantile_75: float
    quantile_95: float
    alpha_prune: float
    """Realised P/N: where the theory is to be evaluated."""
    keep_fraction: float
    """Realised P/P_tot."""
    draws: int


def _two_or_more(draws: xr.Dataset) -> int:
    """How many draws there are, if they are enough for a standard error."""
    n = draws.sizes["draw"]
    require(n >= 2, "a standard error needs at least 2 draws", n)
    return n


def averages(draws: xr.Dataset) -> xr.Dataset:
    """Mean and standard error over ``draw`` of every column, along ``statistic``.

    Raises:
        InputError: there are fewer than two draws.
    """
    n = _two_or_more(draws)
    parts = [draws.mean("draw"), draws.std("draw", ddof=1) / math.sqrt(n)]
    names = xr.DataArray(["mean", "standard_error"], dims="statistic", name="statistic")
    return xr.concat(parts, dim=names).assign_attrs(draws.attrs)


def summarize(draws: xr.Dataset) -> Summary:
    """Mean, median and quantiles of the errors of the draws of ``simulate``.

    Where a student gives the ``mean_error`` of each set (a version space sampled), the
    statistics are those of it.

    Raises:
        InputError: there are fewer than two draws.
    """
    column = draws["mean_error"] if "mean_error" in draws else draws["error"]
    errors = np.sort(column.values)
    n = _two_or_more(draws)
    half = math.sqrt(n) / 2
    low, high = np.interp([n / 2 - half - 0.5, n / 2 + half - 0.5], range(n), errors)
    kept = float(draws.kept.mean())
    return Summary(
        float(errors.mean()),
        float(errors.std(ddof=1) / math.sqrt(n)),
        float(np.median(errors)),
        float(high - low) / 2,
        *map(float, np.quantile(errors, [0.05, 0.25, 0.75, 0.95])),
        alpha_prune=kept / draws.attrs["N"],
        keep_fraction=kept / draws.attrs["pool"],
        draws=n,
    )
