"""Errors, or information, over loads, kept fractions and angles."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from perceptron_theory.errors import InputError

from .. import style
from . import simulated

DIMENSIONS = ("alpha_prune", "alpha_tot", "keep_fraction", "theta")
MOST_CURVES, MOST_PANELS = 12, 6
QUANTITIES = {
    "error": style.LABELS["error"],
    "information_gain": r"information gain  $I$  (nats/example)",
}


def is_one(data: xr.Dataset) -> bool:
    """Whether the errors are over inputs alone, each along a dimension of its own."""
    dims = set(map(str, data["error"].dims))
    return bool(dims) and dims <= set(DIMENSIONS) and dims <= set(map(str, data.coords))


def draw(
    data: xr.Dataset, *, size: str = "slide", simulation: xr.Dataset | None = None
) -> Figure:
    """A curve for each value of one input against another, a panel for each third.

    Args:
        data: ``error`` and maybe ``information_gain`` over loads, ``keep_fraction``
            and ``theta``.
        size: "slide" or "column".
        simulation: of ``simulated_errors``, to be drawn over the errors.

    Raises:
        InputError: more panels than a picture has room for.
    """
    dims = sorted(map(str, data["error"].dims), key=lambda name: -data.sizes[name])
    loads = [name for name in dims if name.startswith("alpha") and data.sizes[name] > 2]
    x, *others = loads + [name for name in dims if name not in loads]
    family, *rest = [*others, None, None]
    third = rest[0] if rest[0] and data.sizes[rest[0]] > 1 else None
    values = data[third].values if third else [None]
    if len(values) > MOST_PANELS:
        raise InputError(
            f"{len(values)} values of {third} are too many for one picture, "
            f"{MOST_PANELS} at most: choose some"
        )
    names = [name for name in QUANTITIES if name in data]
    count = len(names) * len(values)
    figure = style.canvas_of(size, width=1.9 * count if count > 2 else 0.0)
    panels = style.panels(figure, count)
    for i, axes in enumerate(panels):
        value, name = values[i // len(names)], names[i % len(names)]
        one = data.sel({third: value}) if third else data
        one = one.assign_attrs({third: value} if third else {}).squeeze()
        _panel(axes, one, name, x, family, simulation)
        if third:
            axes.set_title(style.setting(str(third), value))
    return figure


def _panel(
    axes: Axes, data: xr.Dataset, name: str, x: str, family: Any, simulation: Any
) -> None:
    data = data.expand_dims([d for d in (x, family) if d and d not in data.dims])
    count = data.sizes[family] if family else 1
    if count > MOST_CURVES:
        _map(axes, data, name, x, family)
        return
    curves(axes, data, x, family, name)
    y = data[name].values
    if simulation is not None and name == "error":
        _over(axes, simulation, data, x, family)
    if count > 1 or (simulation is not None and name == "error"):
        beside = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
        axes.legend(**beside if count > len(style.FAMILY) else {"loc": "best"})
    style.error_axes(axes, x, data[x].values, y)
    axes.set_ylabel(QUANTITIES[name])


def curves(
    axes: Axes, data: xr.Dataset, x: str, family: str | None, name: str = "error"
) -> None:
    """A curve a value of ``family``, with its label."""
    values = data[family].values if family else [None]
    for value, look in zip(values, _looks(len(values)), strict=True):
        one = data[name].sel({family: value}) if family else data[name]
        at = np.rad2deg(data[x]) if x == "theta" else data[x]
        mark = look[2] if len(at) == 1 else None
        label = style.setting(str(family), value) if family else "theory"
        options = {"color": look[0], "linestyle": look[1], "marker": mark}
        axes.plot(at, one.squeeze(), label=label, **options)
        if len(at) == len(values) == 1:
            style.number_beside(axes, at[0], one.squeeze(), look[0])


def _looks(count: int) -> list[tuple]:
    """One of the family each; of more than there are, colours along a scale."""
    if count <= len(style.FAMILY):
        return list(style.FAMILY[:count])
    scale = mpl.colormaps["viridis"]
    return [(scale(0.92 * i / (count - 1)), "-", "o") for i in range(count)]


def _over(axes: Axes, simulation: xr.Dataset, data: xr.Dataset, x: str, family) -> None:
    """Simulated points in the colour of their curve; those of no curve are left out.

    Raises:
        InputError: all are.
    """
    rows: Any = simulated.matching(simulation, data)
    drawn = False
    values: Any = data[family].values if family else [None]
    fixed = {
        n: float(data[n])
        for n in DIMENSIONS
        if n in data.coords and n != x and n != family and data[n].size == 1
    }
    for name, value in fixed.items():
        rows = rows.loc[np.isclose(rows[name], value, rtol=1e-6, atol=1e-9)]
    for value, look in zip(values, _looks(len(values)), strict=True):
        part = rows
        if family:
            part = rows.loc[np.isclose(rows[family], value, rtol=1e-6, atol=1e-9)]
        if part.empty:
            continue
        at = np.rad2deg(part[x]) if x == "theta" else part[x]
        style.simulated(axes, at, part["mean"], part["bar"], look)
        drawn = True
    if not drawn:
        raise InputError(
            "no simulated point lies on a curve of this picture: simulate points of "
            f"the same {' and '.join([*fixed, *([family] if family else [])])}"
        )
    axes.errorbar(
        [], [], yerr=[], fmt="o", color=style.BLACK, mfc="white", label="simulation"
    )


def _map(axes: Axes, data: xr.Dataset, name: str, x: str, y: str) -> None:
    """Draw a map of many values of two inputs."""
    values = data[name].transpose(y, x)
    seen = values.values[np.isfinite(values.values) & (values.values > 0)]
    norm = LogNorm(seen.min(), seen.max()) if seen.size else None
    at = [np.rad2deg(data[d]) if d == "theta" else data[d] for d in (x, y)]
    drawn = axes.pcolormesh(
        *at, values, norm=norm, cmap="viridis", shading="nearest", rasterized=True
    )
    if norm is not None:
        lines = axes.contour(*at, values, colors="white", linewidths=0.6, norm=norm)
        axes.clabel(lines, fmt="%.3g", fontsize=6)
    axes.figure.colorbar(drawn, ax=axes, label=QUANTITIES[name])  # type: ignore[union-attr]
    axes.set(xlabel=style.LABELS[x], ylabel=style.LABELS[y])
    for axis, name in ((axes.xaxis, x), (axes.yaxis, y)):
        style.scale(axis, data[name].values)
