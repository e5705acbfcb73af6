"""Starts beside points that are solved: those of the same call, and of those before.

What is known of a student is smooth in the logs of the inputs, and known with its
derivatives, so that the next point can be told from the nearest ones to several digits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

from ..numerics.batching import take
from ..numerics.scattered import interpolated, nearest
from ..students.state import Point, State
from ..students.student import Student

MOST = 4096  # points of earlier calls
SAMPLE = 64  # points that are asked how near their neighbours are
NEAR = 0.5  # so near that a start beside one is better than a guess

_EARLIER: ContextVar[dict[Any, Known] | None] = ContextVar("earlier", default=None)


class Known(NamedTuple):
    """Solved points: where they are, and the slopes of their values there."""

    places: Float[np.ndarray, "n k"]
    slopes: Float[np.ndarray, "n m g"]
    state: State

    def starts(
        self, student: Student, places: Float[np.ndarray, "n k"]
    ) -> tuple[Float[np.ndarray, "n x"], Int[np.ndarray, " n"]]:
        """Starts at places, and these in the order of the work that they will take."""
        (distance,), (near,) = (x.T for x in nearest(self.places, places, 1))
        value = np.asarray(self.state.value)
        straight, moved = interpolated(self.places, value, self.slopes, places, near)
        bent = np.max(np.abs(moved - straight), axis=1, initial=0.0)
        order = np.lexsort((bent, self.state.work[near]))
        return student.near(take(near, self.state), moved, distance), order


def joined(
    known: Known | None,
    at: Point,
    places: Float[np.ndarray, "n k"],
    found: Int[np.ndarray, " m"],
    state: State,
) -> Known | None:
    """What is known, with the points ``found`` among those of a call."""
    if not found.size:
        return known
    some, state = take(found, (at, state))
    by_log = np.where(_logarithmic(at.student), _inputs(some), 1.0)
    slopes = np.asarray(state.rates) * by_log[:, None]
    more = Known(places[found], slopes, state)
    if known is None:
        return more
    return jax.tree.map(lambda x, y: np.concatenate([x, y]), known, more)


@contextmanager
def remembering() -> Iterator[None]:
    """Points that are solved inside begin beside those that were before them.

    For searches: the digits may depend on their course, by rounding.
    """
    before = _EARLIER.set({})
    try:
        yield
    finally:
        _EARLIER.reset(before)


def earlier(kind: Any) -> Known | None:
    """The last points of this kind that are remembered."""
    return (_EARLIER.get() or {}).get(kind)


def remember(kind: Any, known: Known) -> None:
    """Remember the last of these points, if that is wanted."""
    kept = _EARLIER.get()
    if kept is not None:
        kept[kind] = take(slice(-MOST, None), known)


def dense(places: Float[np.ndarray, "n k"]) -> bool:
    """Whether points are so near to each other that one tells of the next."""
    distance, _ = nearest(places, places[:SAMPLE], 2)
    return bool(np.median(distance[:, 1]) < NEAR)


def places_of(at: Point, rule: Any) -> Float[np.ndarray, "n k"]:
    """The inputs, or their logs, on which the student depends smoothly; the rule's."""
    values = _inputs(at)
    logs = np.log(np.maximum(values, 1e-300))
    inputs = np.where(_logarithmic(at.student), logs, values)
    return np.column_stack([inputs, *jax.tree.leaves(rule)])


def _inputs(at: Point) -> Float[np.ndarray, "n k"]:
    """The inputs that the rates are derivatives with respect to."""
    return np.stack([*at.inputs, *jax.tree.leaves(at.student)], axis=1)


def _logarithmic(student: Student) -> np.ndarray:
    own = [name in student.logarithmic for name in student.numbers()]
    return np.array([True, True, True, *own])
