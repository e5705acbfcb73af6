"""Means over draws, with their standard errors."""

from __future__ import annotations

import math

import xarray as xr

from perceptron_theory import InputError


def averages(draws: xr.Dataset) -> xr.Dataset:
    """Mean and standard error over ``draw`` of every column, along ``statistic``.

    Raises:
        InputError: fewer than two draws.
    """
    n = draws.sizes["draw"]
    if n < 2:
        raise InputError(f"a standard error needs at least 2 draws, got {n}")
    parts = [draws.mean("draw"), draws.std("draw", ddof=1) / math.sqrt(n)]
    names = xr.DataArray(["mean", "standard_error"], dims="statistic", name="statistic")
    return xr.concat(parts, dim=names).assign_attrs(draws.attrs)
