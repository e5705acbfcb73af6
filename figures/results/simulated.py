"""Errors of trained students with their error bars, alone or over a picture."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perceptron_theory.errors import InputError

from .. import style

_AXES = ("alpha_prune", "keep_fraction", "theta")
_KINDS = ("rule", "margin", "student")


def rows_of(simulation: xr.Dataset) -> pd.DataFrame:
    """A row a point: where it is, its error, its standard error, and its N.

    With several N the extrapolated errors are taken if there are any, else the largest
    N.  A report of ``run_validation`` is taken, too.

    Raises:
        InputError: no dataset of simulated errors.
    """
    found = simulation
    if "error_at_infinity" in found:
        names = {"error_at_infinity": "mean", "error_at_infinity_error": "bar"}
        found = found.drop_vars(["mean", "standard_error"]).rename(names)
        found = found.drop_dims("size").assign(N=np.inf)
    elif {"mean", "standard_error"} <= set(found) and "size" in found.dims:
        last = int(np.argmax(found["size"].values))
        found = found.isel(size=last).rename(standard_error="bar")
        found = found.assign(N=found["size"]).drop_vars("size")
    else:
        raise InputError(
            "the simulation must be a dataset of simulated_errors (of `pruning-laws "
            "simulate --table FILE.nc`) or the report of a validation"
        )
    rows = found[["mean", "bar", "N"]].to_dataframe().reset_index()
    rows["alpha_tot"] = rows["alpha_prune"] / rows["keep_fraction"]
    return rows


def over(axes: Axes, simulation: xr.Dataset, data: xr.Dataset, x: str) -> None:
    """The simulated points of the same rule, student and angle, each with its f.

    Raises:
        InputError: there are none.
    """
    rows = matching(simulation, data)
    parts = _by_label(rows, ["keep_fraction"])
    for (label, part), (*_, mark) in zip(parts, cycle(style.FAMILY), strict=False):
        look = (style.BLACK, "none", mark)
        style.simulated(
            axes, part[x], part["mean"], part["bar"], look, label=f"simulated, {label}"
        )


def matching(simulation: xr.Dataset, data: xr.Dataset) -> pd.DataFrame:
    """The rows that belong to what ``data`` says of itself.

    Raises:
        InputError: there are none.
    """
    rows: Any = rows_of(simulation)
    keep = np.ones(len(rows), bool)
    said = {}
    for name in (*_KINDS, "theta"):
        wanted = data.attrs.get(name)
        if wanted is None or name not in rows:
            continue
        said[name] = wanted
        if name == "theta":
            keep &= np.isclose(rows[name], float(wanted), atol=1e-6)
        elif name == "rule":
            keep &= (rows[name].map(style.spoken) == style.spoken(wanted)).to_numpy()
        else:
            keep &= (rows[name] == wanted).to_numpy()
    if not keep.any():
        where = ", ".join(f"{name} {value}" for name, value in said.items())
        raise InputError(
            f"none of the {len(rows)} simulated points is of {where}: simulate some, "
            "or leave them out"
        )
    return rows.loc[keep]


def draw(
    data: xr.Dataset, *, size: str = "slide", simulation: xr.Dataset | None = None
) -> Figure:
    """The errors against whatever varies most, a colour for each other setting."""
    rows: Any = rows_of(data)
    figure = style.canvas_of(size)
    (axes,) = style.panels(figure, 1)
    x = max(_AXES, key=lambda name: rows[name].nunique())
    series = [name for name in (*_AXES, *_KINDS) if name != x]
    series = [name for name in series if _varies(rows, name, x)]
    others = [name for name in series if name != "rule"]
    count: dict[Any, int] = {}
    for label, part in _by_label(rows, series):
        key = tuple(part[others].iloc[0])
        look = style.FAMILY[count.setdefault(key, len(count)) % len(style.FAMILY)]
        if "rule" in series:  # its colour tells the rule, the mark all else
            color, line, mark = style.RULES.get(str(part["rule"].iloc[0]), look)
            look = (color, line, mark if not others else look[2])
        part = part.sort_values(x)
        at = np.rad2deg(part[x]) if x == "theta" else part[x]
        style.simulated(axes, at, part["mean"], part["bar"], look, label=label)
        axes.plot(at, part["mean"], color=look[0], linestyle=look[1], linewidth=0.8)
        if len(rows) == 1:
            style.number_beside(axes, at.iloc[0], part["mean"].iloc[0], look[0])
    if series:
        axes.legend(loc="best")
    style.error_axes(axes, x, rows[x].to_numpy(float), rows["mean"].to_numpy(float))
    return figure


def _varies(rows: Any, name: str, x: str) -> bool:
    """Whether points differ in it otherwise than along x."""
    if rows[name].nunique() == rows[x].nunique():  # one of each at each x: no series
        return bool(rows.groupby(x)[name].nunique().max() > 1)
    return bool(rows[name].nunique() > 1)


def sizes(simulation: xr.Dataset) -> str:
    """At which N, in words."""
    numbers = sorted(set(rows_of(simulation)["N"]))
    if numbers == [np.inf]:
        return "extrapolated to infinite N"
    return "N = " + ", ".join(f"{number:g}" for number in numbers)


def _by_label(rows: Any, by: list[str]) -> Iterator[tuple[str, Any]]:
    """The parts of equal settings, and what legends call them."""
    if not by:
        yield "simulation", rows
        return
    for key, part in rows.groupby(by, sort=True):
        names = zip(by, key, strict=True)
        yield ", ".join(style.setting(name, value) for name, value in names), part
