"""Which rule is best in every cell of a diagram: as its points and its boundaries say.

The boundaries cut the plane into parts, and in each of them one rule is best.  A point
of the grid inside tells which; where none lies, the neighbour across a boundary does:
where hard is best on one side of a crossing of hard and easy, easy is on the other.
Nothing is interpolated, so that a grid may be as coarse as it likes.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float, Int
from scipy.ndimage import binary_dilation, distance_transform_edt, label

from perceptron_theory.choices.crossings import NEAREST

from .. import style

RULES = list(style.RULES)
_EDGE = 1e-6  # of the range of an axis: a point so close to its end lies on it
_ASIDE = (1.5, 2.5)  # cells from a boundary to its sides


class Line(NamedTuple):
    """A crossing of two errors: points (2, n), NaN where a third is the best."""

    pair: tuple[str, ...]
    points: Float[np.ndarray, "2 n"]


class Cells(NamedTuple):
    """A plane in cells of equal size as it is drawn, linear or logarithmic axes."""

    low: tuple[float, float]
    high: tuple[float, float]
    log: tuple[bool, bool]
    shape: tuple[int, int]  # along x and along y

    def place(self, points: Any) -> Float[np.ndarray, "2 n"]:
        """Points (2, n) in cells from the lower left corner, without bounds."""
        found = []
        for at, low, high, log, count in zip(points, *self, strict=True):
            ends, values = np.array([low, high]), np.asarray(at, float)
            if log:
                ends, values = np.log(ends), np.log(values)
            found.append((values - ends[0]) / (ends[1] - ends[0]) * count)
        return np.array(found)

    def numbers(self, placed: Float[np.ndarray, "2 n"]) -> tuple[Any, Any]:
        """The cells (row, column) at places, the nearest ones for those outside."""
        kept = np.nan_to_num(placed)
        i, j = (
            np.clip(np.floor(one).astype(int), 0, count - 1)
            for one, count in zip(kept, self.shape, strict=True)
        )
        return j, i

    def axis(self, which: int) -> tuple[np.ndarray, np.ndarray]:
        """Edges and centres of the cells along one axis."""
        space = np.geomspace if self.log[which] else np.linspace
        all_of = space(self.low[which], self.high[which], 2 * self.shape[which] + 1)
        return all_of[::2], all_of[1::2]


def lines(data: xr.Dataset, name: str) -> list[Line]:
    """The crossings that bound a region.

    One that stops to bound a region does so at a triple point, and is drawn up to it;
    one that is looked for up to almost f = 1 goes on to f = 1; a closed one is closed.
    """
    found = []
    names = name, "keep_fraction"
    ends = np.array([[data[n].values.min(), data[n].values.max()] for n in names])
    triple = np.array([data[f"triple_{n}"].values for n in names])
    for branch in np.unique(data["boundary_branch"].values):
        part = data.isel(boundary_point=data["boundary_branch"].values == branch)
        line = np.array([part[f"boundary_{n}"].values for n in names], float)
        best = part["boundary_best"].values.astype(bool)
        pair = tuple(str(part["boundary_kind"].values[0]).split("/"))
        line, best = _completed(line, best, ends)
        line = np.where(best, line, np.nan)
        for n in np.flatnonzero(np.diff(best.astype(int)))[::-1]:
            if triple.size:
                side = line[:, n if best[n] else n + 1, None]
                near = np.argmin(np.abs(np.log(triple / side)).sum(0))
                line = np.insert(line, n + 1, triple[:, near], axis=1)
        found.append(Line(pair, line))
    return found


def best_rule(data: xr.Dataset, name: str, cells: Cells) -> Int[np.ndarray, "y x"]:
    """The number in ``style.RULES`` of the best rule at every cell."""
    drawn = [(one.pair, *_dense(cells.place(one.points))) for one in lines(data, name)]
    wall = np.zeros(cells.shape[::-1], bool)
    for _, at, _ in drawn:
        wall[cells.numbers(at)] = True
    parts, count = label(~wall)  # type: ignore[misc]
    number = np.full(wall.shape, -1)
    said = np.array(
        [RULES.index(r) if r in RULES else -1 for r in data["best"].values.ravel()]
    )
    points = np.meshgrid(data[name].values, data["keep_fraction"].values, indexing="ij")
    place = cells.numbers(cells.place([one.ravel() for one in points]))
    # of a point on a boundary a cell does not know the side
    beside: Any = binary_dilation(wall, np.ones((3, 3)))
    clear = ~beside[place] & (said >= 0)
    of = parts[place]
    known: dict[int, int] = {}
    for part in range(1, count + 1):
        told = clear & (of == part)
        if not told.any():
            continue
        known[part] = int(np.bincount(said[told], minlength=3).argmax())
        if (said[told] == known[part]).all():
            number[parts == part] = known[part]
        else:  # a boundary is missing: the nearest point says it
            seen = np.full(wall.shape, -1)
            seen[place[0][told], place[1][told]] = said[told]
            number[parts == part] = _nearest(seen)[parts == part]
    for part, rule in _across(known, parts, drawn, cells).items():
        number[parts == part] = rule
    if (number < 0).all():  # no point speaks: they lie on boundaries
        number[place[0][said >= 0], place[1][said >= 0]] = said[said >= 0]
    return _nearest(number) if (number >= 0).any() else number


def _completed(line: np.ndarray, best: np.ndarray, ends: np.ndarray) -> Any:
    """A curve with its last step, to f = 1 or to where it began."""
    span = _EDGE * (ends[:, 1] - ends[:, 0])
    inside = [
        bool(
            ((line[:, n] > ends[:, 0] + span) & (line[:, n] < ends[:, 1] - span)).all()
        )
        for n in (0, -1)
    ]
    top = ends[1, 1]
    if all(inside) and len(best) > 2 and not _looked_up_to(line[1, -1], top):
        return np.c_[line, line[:, 0]], np.r_[best, best[0]]
    if inside[0] and _looked_up_to(line[1, 0], top):
        line, best = np.c_[[line[0, 0], top], line], np.r_[best[0], best]
    if inside[1] and _looked_up_to(line[1, -1], top):
        line, best = np.c_[line, [line[0, -1], top]], np.r_[best, best[-1]]
    return line, best


def _looked_up_to(f: float, top: float) -> bool:
    """Whether a curve ends because differences of errors above are rounding."""
    return top == 1.0 and abs(f - NEAREST) < 1e-9


def _dense(line: Float[np.ndarray, "2 n"]) -> tuple[np.ndarray, np.ndarray]:
    """Points of a line of cells, four a cell, and the directions across it."""
    step = np.diff(line, axis=1)
    long = np.hypot(*step)
    at, across = [np.zeros((2, 0))], [np.zeros((2, 0))]
    for n in np.flatnonzero(np.isfinite(long) & (long > 0)):
        share = np.linspace(0, 1, int(4 * long[n]) + 2)
        at.append(line[:, n, None] + step[:, n, None] * share)
        normal = np.array([[-step[1, n]], [step[0, n]]]) / long[n]
        across.append(np.broadcast_to(normal, at[-1].shape))
    return np.hstack(at), np.hstack(across)


def _across(
    known: dict[int, int], parts: np.ndarray, drawn: list[Any], cells: Cells
) -> dict[int, int]:
    """The rules of the parts without a point, from their neighbours across lines."""
    touch: Counter[tuple[int, int, tuple[int, ...]]] = Counter()
    for pair, at, across in drawn:
        numbers = tuple(RULES.index(rule) for rule in pair)
        sides = [_side(at, sign * across, parts, cells) for sign in (-1, 1)]
        for one, other in zip(*sides, strict=True):
            if one and other and one != other:
                touch[int(one), int(other), numbers] += 1
                touch[int(other), int(one), numbers] += 1
    found: dict[int, int] = {}
    while True:
        votes: Counter[tuple[int, int]] = Counter()
        rules = known | found
        for (new, old, numbers), length in touch.items():
            if new not in rules and rules.get(old) in numbers:
                votes[new, numbers[1 - numbers.index(rules[old])]] += length
        if not votes:
            return found
        (part, rule), _ = votes.most_common(1)[0]
        found[part] = rule


def _side(at: np.ndarray, across: np.ndarray, parts: np.ndarray, cells: Cells) -> Any:
    """The parts beside a line: 0 where there is none within the plane."""
    found = np.zeros(at.shape[1], int)
    for far in _ASIDE[::-1]:
        place = at + far * across
        inside = ((place >= 0) & (place < np.array(cells.shape)[:, None])).all(axis=0)
        here = np.where(inside, parts[cells.numbers(place)], 0)
        found = np.where(here > 0, here, found)
    return found


def _nearest(number: np.ndarray) -> np.ndarray:
    """Every cell without a rule (-1) has that of the nearest cell with one."""
    near: Any = distance_transform_edt(
        number < 0, return_distances=False, return_indices=True
    )
    return number[tuple(near)]
