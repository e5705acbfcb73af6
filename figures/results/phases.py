"""Regions of the plane: keep hard, easy or random, with their boundaries."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure

from perceptron_theory.errors import InputError

from .. import style
from . import region_names, regions, simulated

FINE = (480, 360)  # cells of the fill
_LABELS = style.LABELS | {"flip_probability": r"wrong labels  $p$"}


def draw(
    data: xr.Dataset, *, size: str = "slide", simulation: xr.Dataset | None = None
) -> Figure:
    """The map of a ``phase_diagram`` or ``noise_diagram``, each region with its name.

    The fill ends where the lines are, on which two errors are equal, and has between
    them the rule that :mod:`.regions` finds.  Simulated points have the colour of the
    rule that was the best of those that were simulated at the place.
    """
    figure = style.canvas_of(size)
    (axes,) = style.panels(figure, 1)
    name = _horizontal(data)
    data = _with_both_axes(data, name)
    x, f = (data[one].values for one in (name, "keep_fraction"))
    if min(len(x), len(f)) < 2:
        return _points(figure, axes, data, name)
    fill(axes, data, name)
    for line in regions.lines(data, name):
        axes.plot(
            *line.points, color=style.BLACK, linewidth=1.4, solid_capstyle="round"
        )
    axes.set(xlim=(x.min(), x.max()), ylim=(f.min(), f.max()))
    axes.set(xlabel=_LABELS[name], ylabel=style.LABELS["keep_fraction"])
    if simulation is not None:
        _simulated(axes, simulation, data, name)
    for axis in (axes.xaxis, axes.yaxis):
        style.plain_numbers(axis)
    return figure


def _horizontal(data: xr.Dataset) -> str:
    """The name of the axis along, which a cut diagram may have as a single value."""
    for where in (data.dims, data.coords):
        for name in ("alpha_tot", "flip_probability"):
            if name in where:
                return name
    raise InputError(
        "a diagram needs its alpha_tot or flip_probability, and this one has neither: "
        "cut it without drop=True"
    )


def _with_both_axes(data: xr.Dataset, name: str) -> xr.Dataset:
    """A diagram of which one row, column or point was cut, as a grid of length one.

    Raises:
        InputError: the coordinate that was cut is gone.
    """
    for one in (name, "keep_fraction"):
        if one not in data.coords:
            raise InputError(
                f"a diagram needs its {one}, which was dropped: cut it without "
                "drop=True"
            )
        if one not in data.dims:
            data = data.expand_dims(one)
    return data.transpose(name, "keep_fraction", ...)


def _points(figure: Figure, axes: Axes, data: xr.Dataset, name: str) -> Figure:
    """Draw one mark a point for a single row or column, which has no regions."""
    at = np.meshgrid(data[name].values, data["keep_fraction"].values, indexing="ij")
    looks = {rule: (*style.RULES[rule][::2], style.KEEP[rule]) for rule in style.RULES}
    looks["equal"] = (style.BLACK, "x", "all equal")
    for rule, (color, mark, text) in looks.items():
        here = data["best"].values == rule
        if here.any():
            axes.plot(at[0][here], at[1][here], mark, color=color, label=text)
    axes.set(xlabel=_LABELS[name], ylabel=style.LABELS["keep_fraction"])
    _legend(axes)
    return figure


def fill(axes: Axes, data: xr.Dataset, name: str) -> None:
    """The colour of the best rule everywhere, and the names of the regions."""
    values = [data[one].values for one in (name, "keep_fraction")]
    for axis, one in zip((axes.xaxis, axes.yaxis), values, strict=True):
        style.scale(axis, one)
    (low_x, high_x), (low_y, high_y) = ((one.min(), one.max()) for one in values)
    log = axes.get_xscale() == "log", axes.get_yscale() == "log"
    cells = regions.Cells((low_x, low_y), (high_x, high_y), log, FINE)
    best = regions.best_rule(data, name, cells)
    edges, centres = zip(*(cells.axis(which) for which in (0, 1)), strict=True)
    light = [_light(rule) for rule in style.RULES]
    axes.pcolormesh(
        *edges, best, cmap=ListedColormap(light), vmin=0, vmax=2, rasterized=True
    )
    region_names.write(axes, best, list(style.KEEP.values()), centres)


def _light(rule: str) -> list[float]:
    """The colour of a rule as a ground for lines and names."""
    return [0.45 + 0.55 * c for c in to_rgb(style.RULES[rule][0])]


def _legend(axes: Axes) -> None:
    """Above the map, where it hides nothing."""
    if axes.get_legend_handles_labels()[1]:
        where = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "ncols": 3}
        axes.legend(**where, handlelength=1.0, borderaxespad=0.2)


def _simulated(axes: Axes, simulation: xr.Dataset, data: xr.Dataset, name: str) -> None:
    """A mark at every simulated place, of the rule that had the least error there."""
    if name != "alpha_tot":
        raise InputError("simulated points have no place in a diagram of wrong labels")
    rows: Any = simulated.matching(simulation, data)
    chosen = []
    for (at, f), part in rows.groupby([rows[name].round(9), "keep_fraction"]):
        first = part.sort_values("mean").iloc[0]
        chosen.append((at, f, str(first["rule"]), len(part) > 1))
    for rule, compared in dict.fromkeys((rule, more) for *_, rule, more in chosen):
        here = [(at, f) for at, f, *what in chosen if tuple(what) == (rule, compared)]
        color, _, mark = style.RULES.get(rule, (style.BLACK, "", "o"))
        keep = style.setting("rule", rule)
        text = f"best of the simulated: {keep}" if compared else f"simulated: {keep}"
        axes.plot(
            *zip(*here, strict=True),
            mark,
            color=color,
            markeredgecolor=style.BLACK,
            markersize=5,
            label=text,
            clip_on=False,
            zorder=5,
        )
    _legend(axes)
