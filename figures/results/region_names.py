"""The name of every region of a map, inside it or beside it with a line to it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from scipy.ndimage import distance_transform_edt, label, uniform_filter

SMALLEST = 0.002  # part of the plane from which on a region is named
_MARGINS = (0.85, 0.85)  # inches of a figure that its one panel leaves to its labels
_AIR = 0.06  # inches between a name and what is around it, of both sides together
_LINE = {"arrowstyle": "-", "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0}
_TRIED = 1000  # places for a name, about
_POINTS = 8.0  # size of the letters


def write(axes: Axes, number: np.ndarray, names: list[str], centres: Any) -> None:
    """Name the regions of a map, the only panel of its figure.

    Args:
        axes: of the map.
        number: at every cell (row, column) the place of its name in the next.
        names: of two words each.
        centres: where the cells lie along x and along y.
    """
    free = np.ones(number.shape, bool)  # of other names
    small = []
    for n in range(len(names)):
        parts, count = label(number == n)  # type: ignore[misc]
        sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:] / number.size
        for part in 1 + np.flatnonzero(sizes > SMALLEST):
            region = parts == part
            if not _inside(axes, region, names[n], centres, free):
                small.append((region, names[n]))
    for region, name in small:
        _beside(axes, region, number, name, centres, free)


def _box(axes: Axes, text: str, shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of cells that a name takes."""
    font = FontProperties(family="DejaVu Sans", weight="bold", size=_POINTS)
    widths = [
        TextPath((0, 0), one, prop=font).get_extents().width for one in text.split("\n")
    ]
    inches = np.array([1.25 * _POINTS * len(widths), max(widths)]) / 72 + _AIR
    panel = np.subtract(axes.figure.get_size_inches(), _MARGINS)[::-1]  # type: ignore[union-attr]
    rows, columns = np.ceil(inches / panel * shape).astype(int)
    return int(rows), int(columns)


def _fits(ground: np.ndarray, box: tuple[int, int]) -> np.ndarray:
    """Where a box about a cell lies within the ground."""
    inside: Any = ground.astype(float)
    sides: Any = box
    return uniform_filter(inside, sides, mode="constant") > 1 - 0.5 / (box[0] * box[1])


def _depth(region: np.ndarray) -> np.ndarray:
    """Cells from the border of a region."""
    far: Any = distance_transform_edt(np.pad(region, 1))
    return far[1:-1, 1:-1]


def _inside(
    axes: Axes, region: np.ndarray, name: str, centres: Any, free: np.ndarray
) -> bool:
    """Write the name where the region is widest, if it fits there."""
    far = _depth(region)
    for text in (name.replace(" ", "\n"), name):
        box = _box(axes, text, region.shape)
        fits = _fits(region & free, box)
        if fits.any():
            place = np.unravel_index(np.argmax(np.where(fits, far, -1.0)), far.shape)
            _text(axes, text, place, centres, box, free)
            return True
    return False


def _beside(
    axes: Axes,
    region: np.ndarray,
    number: np.ndarray,
    name: str,
    centres: Any,
    free: np.ndarray,
) -> None:
    """Write the name where there is room close to the region, and a line into it."""
    far = _depth(region)
    i, j = np.unravel_index(np.argmax(far), far.shape)
    box = _box(axes, name, region.shape)
    fits = np.zeros(region.shape, bool)
    for other in np.unique(number):
        fits |= _fits((number == other) & ~region & free, box)
    if not fits.any():
        return
    rows, columns = np.ogrid[: far.shape[0], : far.shape[1]]
    gap = np.hypot((rows - i) / far.shape[0], (columns - j) / far.shape[1])
    place = _nearest(np.where(fits, gap, np.inf), number, (i, j))
    _text(axes, name, place, centres, box, free, to=(centres[0][j], centres[1][i]))
    axes.plot(centres[0][j], centres[1][i], ".", color="black", markersize=3)


def _nearest(gap: np.ndarray, number: np.ndarray, to: Any) -> tuple[int, int]:
    """The nearest place from which a line crosses no border but that of its region.

    If there is none, the nearest; places at a gap of infinity are none.
    """
    order = np.argsort(gap, axis=None)[: np.isfinite(gap).sum()]
    places = np.stack(np.unravel_index(order, gap.shape), 1)
    for place in places[:: max(len(places) // _TRIED, 1)]:
        row, column = np.linspace(place, to, 200).round().astype(int).T
        if np.count_nonzero(np.diff(number[row, column])) == 1:
            return int(place[0]), int(place[1])
    return int(places[0][0]), int(places[0][1])


def _text(
    axes: Axes,
    text: str,
    place: Any,
    centres: Any,
    box: tuple[int, int],
    free: np.ndarray,
    to: tuple[float, float] | None = None,
) -> None:
    """Write a name, with a line from its edge to a point if one is told."""
    (i, j), (rows, columns) = place, box
    top, left = max(i - rows // 2, 0), max(j - columns // 2, 0)
    free[top : i + rows // 2, left : j + columns // 2] = False
    at = centres[0][j], centres[1][i]
    axes.annotate(
        text,
        at if to is None else to,
        at,
        ha="center",
        va="center",
        linespacing=1.1,
        fontweight="bold",
        fontsize=_POINTS,
        bbox={"pad": 1.0, "fill": False, "edgecolor": "none"},
        arrowprops=None if to is None else _LINE,
    )
