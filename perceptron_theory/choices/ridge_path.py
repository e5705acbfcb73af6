"""Students of a convex loss along ln(ridge): each starts from the one before it."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..convex.student import Convex
from ..errors import ConvergenceError
from ..kept.problem import Mode
from ..numerics.batching import batched, put, take
from ..solving.states import find_many, settled, tabulated
from ..students.state import Point, Start, State, error_of
from ..students.student import Student

Rows = Float[np.ndarray, " n"]
Table = Float[np.ndarray, "n k"]


class RidgePath(NamedTuple):
    """Students at ``places`` in ln(ridge), of a leading axis for the points.

    ``error`` and ``slope`` = d ln(error)/d ln(ridge) are theirs.
    """

    point: Point
    mode: Mode
    places: Table
    found: State
    error: Table
    slope: Table


def followed(point: Point, mode: Mode, places: Table) -> RidgePath:
    """Follow every point from the last of its (increasing) places to the first.

    Raises:
        ConvergenceError: a student was not found.
    """
    columns = places.T[::-1]
    found = [_sure(find_many(_at(point, columns[0]), mode), columns[0])]
    for last, here in pairwise(columns):
        found.append(_beside(found[-1], here - last, _at(point, here), mode))
    students = [_at(point, column).student for column in columns]
    pairs = zip(found, students, strict=True)
    sizes = np.array([_measured(*pair) for pair in pairs])  # (places, 2, points)
    error, slope = np.moveaxis(sizes[::-1], 0, -1)
    stacked = jax.tree.map(lambda *x: np.stack(x[::-1], axis=1), *found)
    return RidgePath(point, mode, places, stacked, error, slope)


def along(path: RidgePath, log_ridge: Rows, rows: np.ndarray) -> tuple[Rows, Rows]:
    """The error of some points at some ridges, and d ln(error)/d ln(ridge)."""
    steps = log_ridge[:, None] - path.places[rows]
    near = np.argmin(np.abs(steps), axis=1)
    known = jax.tree.map(lambda x: x[rows, near], path.found)
    step = np.take_along_axis(steps, near[:, None], axis=1)[:, 0]
    some = _at(take(rows, path.point), log_ridge)
    found = _beside(known, step, some, path.mode)
    return _measured(found, some.student)


def ridge_of(point: Point) -> Rows:
    """The ridges of the points of a path."""
    assert isinstance(point.student, Convex)
    return np.asarray(point.student.ridge)


def _at(point: Point, log_ridge: Rows) -> Point:
    """The same points with other ridges."""
    return point._replace(student=point.student.replaced(ridge=np.exp(log_ridge)))


def _beside(known: State, step: Rows, point: Point, mode: Mode) -> State:
    """The students of points that lie a step in ln(ridge) off known ones."""
    student = point.student
    assert isinstance(student, Convex)
    ridge = ridge_of(point)
    if student.loss.linear:  # where the start is all but the root
        return _sure(find_many(point, mode), np.log(ridge))
    before = ridge * np.exp(-step)
    moved = known.rates[:, :, 3] * (before * step)[:, None]
    x = student.start_at(known.value + moved)
    at, here = tabulated(point, mode)
    near = student.near_steps[0]
    found = settled(Start(x, np.zeros(len(x), int)), near, at, here)
    rest = np.nonzero(~found.found)[0]
    if rest.size:
        found = jax.tree.map(np.array, found)
        put(find_many(take(rest, point), mode), rest, found)
    return _sure(found, np.log(ridge))


def _sure(found: State, log_ridge: Rows) -> State:
    if not found.found.all():
        i = int(np.argmin(found.found))
        raise ConvergenceError(
            f"{(~found.found).sum()} of {found.found.size} students were not found, "
            f"the first at ridge = {np.exp(log_ridge[i]):.6g} of point {i}"
        )
    return found


def _measured(found: State, student: Student) -> tuple[Rows, Rows]:
    return _error_and_slope.in_batches((64,), found, student)


@batched
def _error_and_slope(
    found: State, student: Convex
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    def error(value: Float[Array, " 4"]) -> Float[Array, ""]:
        return error_of(student.direction(value))

    value, by = error(found.value), jax.grad(error)(found.value)
    return value, student.ridge * jnp.dot(by, found.rates[:, 3]) / value
