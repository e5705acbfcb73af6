"""Students of a convex loss along ln(ridge): each starts from the one before it."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..convex.batches import find_many, settled_near
from ..convex.equations import Setting
from ..convex.losses import square
from ..convex.path import Point
from ..convex.point import Found
from ..errors import ConvergenceError
from ..numerics.compilation import batched
from ..solving.batches import _in_batches, _put, _take

Rows = Float[np.ndarray, " n"]
Table = Float[np.ndarray, "n k"]


class RidgePath(NamedTuple):
    """Students at ``places`` in ln(ridge), of a leading axis for the points.

    ``error`` and ``slope`` = d ln(error)/d ln(ridge) are theirs.
    """

    point: Point
    setting: Setting
    places: Table
    found: Found
    error: Table
    slope: Table


def ridge_path(point: Point, setting: Setting, places: Table) -> RidgePath:
    """Follow every point from the last of its (increasing) places to the first.

    Raises:
        ConvergenceError: a student was not found.
    """
    columns = places.T[::-1]
    found = [_sure(find_many(_at(point, columns[0]), setting), columns[0])]
    for last, here in pairwise(columns):
        found.append(_beside(found[-1], here - last, _at(point, here), setting))
    pairs = zip(found, columns, strict=True)
    sizes = np.array([_measured(*pair) for pair in pairs])  # (places, 2, points)
    error, slope = np.moveaxis(sizes[::-1], 0, -1)
    stacked = jax.tree.map(lambda *x: np.stack(x[::-1], axis=1), *found)
    return RidgePath(point, setting, places, stacked, error, slope)


def along(path: RidgePath, log_ridge: Rows, rows: np.ndarray) -> tuple[Rows, Rows]:
    """The error of some points at some ridges, and d ln(error)/d ln(ridge)."""
    steps = log_ridge[:, None] - path.places[rows]
    near = np.argmin(np.abs(steps), axis=1)
    known = jax.tree.map(lambda x: x[rows, near], path.found)
    step = np.take_along_axis(steps, near[:, None], axis=1)[:, 0]
    some = _at(_take(rows, path.point), log_ridge)
    found = _beside(known, step, some, path.setting)
    return _measured(found, log_ridge)


def _at(point: Point, log_ridge: Rows) -> Point:
    return point._replace(ridge=np.exp(log_ridge))


def _beside(known: Found, step: Rows, point: Point, setting: Setting) -> Found:
    """The students of points that lie a step in ln(ridge) off known ones."""
    if setting.loss is square:  # where the start is all but the root
        return _sure(find_many(point, setting), np.log(point.ridge))
    before = point.ridge * np.exp(-step)
    moved = known.rates[:, :, 3] * (before * step)[:, None]
    found = settled_near(known.value + moved, point, setting)
    rest = np.nonzero(~found.found)[0]
    if rest.size:
        found = jax.tree.map(np.array, found)
        _put(find_many(_take(rest, point), setting), rest, found)
    return _sure(found, np.log(point.ridge))


def _sure(found: Found, log_ridge: Rows) -> Found:
    if not found.found.all():
        i = int(np.argmin(found.found))
        raise ConvergenceError(
            f"{(~found.found).sum()} of {found.found.size} students were not found, "
            f"the first at ridge = {np.exp(log_ridge[i]):.6g} of point {i}"
        )
    return found


def _measured(found: Found, log_ridge: Rows) -> tuple[Rows, Rows]:
    return _in_batches(_error_and_slope, (1, 64), found, np.exp(log_ridge))


@batched
def _error_and_slope(
    found: Found, ridge: Float[Array, ""]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    def angle(x):
        return jnp.arctan2(jnp.sqrt(1.0 + x[2] ** 2), jnp.sinh(x[1]))

    value, by = angle(found.value), jax.grad(angle)(found.value)
    return value / jnp.pi, ridge * jnp.dot(by, found.rates[:, 3]) / value
