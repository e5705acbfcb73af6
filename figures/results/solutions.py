"""Results that are no datasets, as datasets."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import xarray as xr

from perceptron_theory.choices.advice import Advice
from perceptron_theory.choices.best_rule import OptimalRule
from perceptron_theory.errors import InputError

_LOADS = ("alpha_prune", "alpha_tot")


def solution_dataset(solution: Any) -> xr.Dataset:
    """A solution over a grid of inputs, each along a dimension of its own.

    Raises:
        InputError: two inputs change along one dimension of it in no regular way.
    """
    names = (*_LOADS, "keep_fraction", "theta")
    shape = np.shape(solution.error)
    inputs = {
        name: np.broadcast_to(np.asarray(getattr(solution, name), float), shape)
        for name in names
    }
    load = _load(inputs)
    axes, coords = [], {}
    for axis in range(len(shape)):
        along = [
            n for n in (load, "keep_fraction", "theta") if _changes(inputs[n], axis)
        ]
        if len(along) > 1:
            raise InputError(
                f"{' and '.join(along)} change together along dimension {axis} of this "
                "solution: solve a grid, with each along its own, for a picture"
            )
        free = [n for n in (load, "keep_fraction", "theta") if n not in coords]
        free = [
            n
            for n in free
            if not any(_changes(inputs[n], k) for k in range(len(shape)))
        ]
        if not along and not free:
            raise InputError("this solution has more dimensions than inputs")
        name = along[0] if along else free[0]
        if name in coords:
            raise InputError(f"{name} changes along two dimensions of this solution")
        place = tuple(slice(None) if k == axis else 0 for k in range(len(shape)))
        axes.append(name)
        coords[name] = (name, inputs[name][place])
    for name in (load, "keep_fraction", "theta"):
        if name not in coords and inputs[name].size:
            coords[name] = inputs[name].ravel()[0]
    fields = [n for n in ("error", "information_gain") if hasattr(solution, n)]
    data = {name: (tuple(axes), np.asarray(getattr(solution, name))) for name in fields}
    found = xr.Dataset(data, coords)
    missing = [n for n in (load, "keep_fraction") if n not in found.dims]
    return found.expand_dims(missing[:1]) if not axes else found


def _load(inputs: dict[str, np.ndarray]) -> str:
    """Which of the two loads was given: the one that does not follow f."""
    f = inputs["keep_fraction"]
    for axis in range(f.ndim):
        if _changes(f, axis):
            steady = [name for name in _LOADS if not _changes(inputs[name], axis)]
            if steady:
                return steady[0]
    return _LOADS[0]


def _changes(values: np.ndarray, axis: int) -> bool:
    first = np.take(values, [0], axis) if values.shape[axis] else values
    # a load that is computed from the other and f comes back within rounding
    return not np.allclose(values, first, rtol=1e-12, atol=0, equal_nan=True)


def advice_dataset(advice: Advice) -> xr.Dataset:
    """The choices side by side; the rest as attributes."""
    rows = [dataclasses.asdict(choice) for choice in advice.choices.values()]
    data = {name: ("choice", [row[name] for row in rows]) for name in rows[0]}
    said = ("alpha_tot", "theta", "margin", "pool_error", "tolerance")
    attrs = {name: getattr(advice, name) for name in said}
    return xr.Dataset(data, {"choice": list(advice.choices)}, attrs)


def best_rule_dataset(best: OptimalRule) -> xr.Dataset:
    """Its errors, those of simpler rules, and the kept quantiles."""
    names = [f.name for f in dataclasses.fields(best) if f.name.endswith("error")]
    data: dict[str, Any] = {name: getattr(best, name) for name in names}
    for i, end in enumerate(("quantile_from", "quantile_to")):
        data[end] = ("kept", np.asarray(best.quantiles)[:, i])
    said = ("theta", "margin", "student")
    return xr.Dataset(data, attrs={name: getattr(best, name) for name in said})
