"""Regions of the plane: keep hard, easy or random, with their boundaries."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.tri import LinearTriInterpolator, Triangulation
from scipy.ndimage import distance_transform_edt, label, uniform_filter

from perceptron_theory.errors import InputError

from .. import style
from . import simulated

FINE = (480, 360)  # cells of the fill
SMALLEST = 0.002  # part of the plane from which on a region is named
# width and height of a name in two lines and in one, as parts of a panel of a slide
BOXES = {"\n": (0.08, 0.16), " ": (0.16, 0.07)}
_LABELS = style.LABELS | {"flip_probability": r"wrong labels  $p$"}


def draw(
    data: xr.Dataset, *, size: str = "slide", simulation: xr.Dataset | None = None
) -> Figure:
    """The map of a ``phase_diagram`` or ``noise_diagram``, each region with its name.

    The fill is interpolated between the points of the grid and those of the boundaries,
    where two errors are equal: it ends where the lines are.  Simulated points have the
    colour of the rule that was the best of those that were simulated at the place.
    """
    figure = style.canvas_of(size)
    (axes,) = style.panels(figure, 1)
    name = "alpha_tot" if "alpha_tot" in data.dims else "flip_probability"
    x, f = (data[one].values for one in (name, "keep_fraction"))
    if min(len(x), len(f)) < 2:
        return _points(figure, axes, data, name)
    fill(axes, data, name)
    for line in lines(data, name):
        axes.plot(*line, color=style.BLACK, linewidth=1.4, solid_capstyle="round")
    axes.set(xlim=(x.min(), x.max()), ylim=(f.min(), f.max()))
    axes.set(xlabel=_LABELS[name], ylabel=style.LABELS["keep_fraction"])
    if simulation is not None:
        _simulated(axes, simulation, data, name)
    for axis in (axes.xaxis, axes.yaxis):
        style.plain_numbers(axis)
    return figure


def _points(figure: Figure, axes: Axes, data: xr.Dataset, name: str) -> Figure:
    """Draw one mark a point for a single row or column, which has no regions."""
    at = np.meshgrid(data[name].values, data["keep_fraction"].values, indexing="ij")
    for rule, (color, _, mark) in style.RULES.items():
        here = data["best"].values == rule
        if here.any():
            axes.plot(
                at[0][here], at[1][here], mark, color=color, label=style.KEEP[rule]
            )
    axes.set(xlabel=_LABELS[name], ylabel=style.LABELS["keep_fraction"])
    _legend(axes)
    return figure


def fill(axes: Axes, data: xr.Dataset, name: str) -> None:
    """The colour of the best rule everywhere, and the names of the regions."""
    values = [data[one].values for one in (name, "keep_fraction")]
    for axis, one in zip((axes.xaxis, axes.yaxis), values, strict=True):
        style.scale(axis, one)
    edges, centres = [], []
    for which, (one, count) in enumerate(zip(values, FINE, strict=True)):
        space = np.geomspace if _is_log(axes, which) else np.linspace
        all_of = space(one.min(), one.max(), 2 * count + 1)
        edges.append(all_of[::2])
        centres.append(all_of[1::2])
    best = _up_to_lines(_best(data, name, *centres, axes), data, name, edges)
    light = [_light(rule) for rule in style.RULES]
    axes.pcolormesh(
        *edges, best, cmap=ListedColormap(light), vmin=0, vmax=2, rasterized=True
    )
    _names(axes, best, centres)


def lines(data: xr.Dataset, name: str) -> list[np.ndarray]:
    """The crossings that bound a region, each (2, n), NaN where they do not.

    One that stops to bound a region does so at a triple point, and is drawn up to it.
    """
    found = []
    names = f"boundary_{name}", "boundary_keep_fraction"
    meet = [data[f"triple_{one.partition('_')[2]}"].values for one in names]
    for branch in np.unique(data["boundary_branch"].values):
        part = data.isel(boundary_point=data["boundary_branch"].values == branch)
        line = np.array([part[one].values for one in names], float)
        best = part["boundary_best"].values.astype(bool)
        line = np.where(best, line, np.nan)
        for n in np.flatnonzero(np.diff(best.astype(int)))[::-1]:
            if meet[0].size:
                side = line[:, n if best[n] else n + 1, None]
                near = np.argmin(np.abs(np.log(np.array(meet) / side)).sum(0))
                line = np.insert(line, n + 1, np.array(meet)[:, near], axis=1)
        found.append(line)
    return found


def _best(data: xr.Dataset, name: str, x, y, axes: Axes) -> np.ndarray:
    """The number of the best rule at every cell, (len(y), len(x))."""
    at = np.meshgrid(data[name].values, data["keep_fraction"].values, indexing="ij")
    errors = np.array([data[f"error_{rule}"].values for rule in style.RULES])
    logs = np.log(np.maximum(errors, 1e-300)).reshape(3, -1)
    # a kept fraction of 1 leaves no choice: what is told apart there is rounding
    logs[:, at[1].ravel() == 1.0] = logs[2, at[1].ravel() == 1.0]
    low = [float(axis.min()) for axis in at]
    high = [float(axis.max()) for axis in at]

    def place(values: np.ndarray, which: int) -> np.ndarray:
        """On the axis as it is drawn, from 0 to 1."""
        scale = np.log if _is_log(axes, which) else np.asarray
        ends = scale(np.array([low[which], high[which]]))
        span = ends[1] - ends[0] or 1.0
        return (scale(np.asarray(values, float)) - ends[0]) / span

    nodes = [place(one.ravel(), i) for i, one in enumerate(at)]
    grid = Triangulation(*nodes)
    if data.sizes["boundary_point"]:
        more = [
            place(data[f"boundary_{one}"].values, i)
            for i, one in enumerate((name, "keep_fraction"))
        ]
        known = np.array(
            [LinearTriInterpolator(grid, one)(*more).filled(np.nan) for one in logs]
        )
        same = np.log(np.maximum(data["boundary_error"].values, 1e-300))
        for i, rule in enumerate(style.RULES):
            of = [rule in kind.split("/") for kind in data["boundary_kind"].values]
            known[i] = np.where(of, same, known[i])
        inside = np.isfinite(known).all(axis=0)
        nodes = [np.r_[a, b[inside]] for a, b in zip(nodes, more, strict=True)]
        nodes, first = np.unique(np.round(nodes, 12), axis=1, return_index=True)
        logs = np.c_[logs, known[:, inside]][:, first]
        grid = Triangulation(*nodes)
    fine = np.meshgrid(place(x, 0), place(y, 1))
    found = [LinearTriInterpolator(grid, one)(*fine).filled(np.inf) for one in logs]
    return np.argmin(found, axis=0)


def _up_to_lines(
    best: np.ndarray, data: xr.Dataset, name: str, edges: list[np.ndarray]
) -> np.ndarray:
    """The cells without what interpolation leaves on the wrong side of a line.

    Between the lines a patch of a rule counts if it is the largest part there, or if a
    point of the grid lies in it that says so.
    """

    def cells(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        i, j = (np.searchsorted(e, v) - 1 for e, v in zip(edges, (x, y), strict=True))
        shape = best.shape
        return np.clip(j, 0, shape[0] - 1), np.clip(i, 0, shape[1] - 1)

    wall = np.zeros(best.shape, bool)
    for line in lines(data, name):
        step = np.arange(0, line.shape[1] - 1 + 1e-9, 0.005)
        dense = [np.interp(step, np.arange(line.shape[1]), one) for one in line]
        good = np.isfinite(dense[0])
        wall[cells(dense[0][good], dense[1][good])] = True
    at = np.meshgrid(data[name].values, data["keep_fraction"].values, indexing="ij")
    place, said = cells(at[0].ravel(), at[1].ravel()), data["best"].values.ravel()
    parts, count = label(~wall)  # type: ignore[misc]
    best = best.copy()
    for part in range(1, count + 1):
        inside = parts == part
        most = np.bincount(best[inside], minlength=3).argmax()
        for number, rule in enumerate(style.RULES):
            if number == most:
                continue
            patches, patched = label(inside & (best == number))  # type: ignore[misc]
            told = set(patches[place][said == rule])
            for patch in set(range(1, patched + 1)) - told:
                best[patches == patch] = most
    if wall.any() and not wall.all():
        near = distance_transform_edt(wall, return_distances=False, return_indices=True)
        best = best[tuple(near)]  # type: ignore[arg-type]
    return best


def _light(rule: str) -> list[float]:
    """The colour of a rule as a ground for lines and names."""
    return [0.45 + 0.55 * c for c in to_rgb(style.RULES[rule][0])]


def _is_log(axes: Axes, which: int) -> bool:
    return (axes.get_xscale(), axes.get_yscale())[which] == "log"


def _names(axes: Axes, best: np.ndarray, centres: list[np.ndarray]) -> None:
    """Every region has its name where it is widest, or an entry in a legend."""
    for number, rule in enumerate(style.RULES):
        parts, count = label(best == number)  # type: ignore[misc]
        sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:] / best.size
        named = False
        for part in 1 + np.flatnonzero(sizes > SMALLEST):
            named |= _name(axes, parts == part, style.KEEP[rule], centres)
        if not named and sizes.sum() > SMALLEST:
            axes.plot([], [], "s", color=_light(rule), label=style.KEEP[rule])
    _legend(axes)


def _legend(axes: Axes) -> None:
    """Above the map, where it hides nothing."""
    if axes.get_legend_handles_labels()[1]:
        where = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "ncols": 3}
        axes.legend(**where, handlelength=1.0, borderaxespad=0.2)


def _name(axes: Axes, region: np.ndarray, name: str, centres: list[np.ndarray]) -> bool:
    """Write the name where the region is widest, if it fits there."""
    far = distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]  # type: ignore[index]
    for gap, (width, height) in BOXES.items():
        box = int(height * FINE[1]), int(width * FINE[0])
        inside: Any = region.astype(float)
        sides: Any = box
        fits = uniform_filter(inside, sides, mode="constant") > 0.999
        if fits.any():
            i, j = np.unravel_index(np.argmax(np.where(fits, far, -1.0)), far.shape)
            how = {"ha": "center", "va": "center", "linespacing": 1.1}
            text = name.replace(" ", gap)
            axes.text(centres[0][j], centres[1][i], text, fontweight="bold", **how)
            return True
    return False


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
