"""What a command has computed, before it is printed or written.

A light stand-in for a dataset of xarray, which takes as long to import as a point takes
to solve: only files need the real one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from perceptron_theory.choices.attributes import (
    KEPT,
    PER_DIMENSION,
    POOL,
    Variable,
    text,
)

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

Columns = dict[str, list[Any]]
# what the inputs of a grid are, for whoever draws a file
INPUTS = {
    "alpha_prune": text(KEPT, PER_DIMENSION),
    "alpha_tot": text(POOL, PER_DIMENSION),
    "keep_fraction": text("kept fraction"),
    "theta": text("probe angle", "rad"),
}


@dataclass(frozen=True)
class Results:
    """Variables over the dimensions of a grid, with coordinates and attributes."""

    variables: Mapping[str, Variable]
    coords: Mapping[str, Variable]
    attrs: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def over(
        axes: Mapping[str, Iterable[Any]],
        variables: Mapping[str, Variable],
        attrs: dict[str, Any],
    ) -> Results:
        """Over axes, each with its values."""
        coords = {
            name: ((name,), list(values), INPUTS.get(name, {}))
            for name, values in axes.items()
        }
        return Results(variables, coords, attrs)

    @staticmethod
    def of(dataset: xr.Dataset) -> Results:
        """The results that a dataset holds."""
        parts = dataset.data_vars, dataset.coords
        variables, coords = (
            {str(k): (tuple(map(str, v.dims)), v.values, v.attrs) for k, v in p.items()}
            for p in parts
        )
        return Results(variables, coords, dict(dataset.attrs))

    def dataset(self) -> xr.Dataset:
        """The same as a dataset, for files."""
        import xarray as xr

        return xr.Dataset(self.variables, self.coords, self.attrs)

    def tables(self) -> dict[str, Columns]:
        """One table for the variables of every shape; the main one is called points."""
        shapes: dict[tuple[str, ...], dict[str, Variable]] = {}
        for name, variable in self.variables.items():
            shapes.setdefault(variable[0], {})[name] = variable
        tables: dict[str, Columns] = {}
        for dims, variables in shapes.items():
            label = "points" if not tables else "_".join(dims) or "scalars"
            tables[label] = self._columns(dims, variables)
        return tables

    def _columns(
        self, dims: tuple[str, ...], variables: dict[str, Variable]
    ) -> Columns:
        """The coordinates first, one row for each point of the grid."""
        import numpy as np

        first = np.asarray(next(iter(variables.values()))[1])
        sizes = dict(zip(dims, first.shape, strict=True))
        along = {name: self.coords[name] for name in dims if name in self.coords}
        others = {
            name: variable
            for name, variable in self.coords.items()
            if name not in dims and set(variable[0]) <= set(dims)
        }
        return {
            name: _spread(np.asarray(values), own, sizes)
            for name, (own, values, _) in {**along, **variables, **others}.items()
        }


def _spread(
    values: np.ndarray, own: tuple[str, ...], sizes: dict[str, int]
) -> list[Any]:
    """Values over some of the dimensions as a column of the table over all."""
    import numpy as np

    order = sorted(own, key=list(sizes).index)
    values = np.transpose(values, [own.index(name) for name in order])
    shape = [size if name in own else 1 for name, size in sizes.items()]
    return np.broadcast_to(values.reshape(shape), list(sizes.values())).ravel().tolist()


def is_constant(column: list[Any]) -> bool:
    """Whether all values are one; a NaN is like another NaN."""
    first = column[0]
    missing = isinstance(first, float) and math.isnan(first)
    return all(value == first or (missing and value != value) for value in column)
