"""Many students of convex losses at once, eagerly (as :mod:`.batches`)."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..numerics.compilation import batched
from ..solving.batches import _in_batches, _put, _take
from ..solving.solution import Status
from .equations import Setting
from .losses import square
from .path import LONG, Point, Start, sure_start
from .point import Found, settle
from .solution import ConvexSolution, describe

# points in a compiled batch: few sizes, few compilations
SIZES = {True: (1, 64), False: (1, 16)}
FEW = {
    True: 8,
    False: 4,
}  # points of the small size that take less time than a whole batch
SHORT = 12  # steps beside a solved point before the path is taken
FAR = 3.0  # from a solved point, in the logs of the inputs


def solve_many(point: Point, setting: Setting) -> ConvexSolution:
    """Solve flat arrays of points that share a setting."""
    found = find_many(point, setting)
    return _in_batches(_described(setting), SIZES[True], point, found)


def find_many(point: Point, setting: Setting) -> Found:
    """The roots of flat arrays of points that share a setting.

    Of many points a few are followed from a large ridge; the others start next to them.
    """
    count = len(point.ridge)
    order = np.random.default_rng(0).permutation(count)
    cuts = [n for n in (count // 64, count // 8) if n >= 8]
    if setting.loss is square:  # where the start is all but the root
        cuts = []
    first, *later = (np.sort(part) for part in np.split(order, cuts))
    found = _followed(first, point, setting)
    blank = lambda x: np.zeros((count, *x.shape[1:]), x.dtype)  # noqa: E731
    state = jax.tree.map(blank, found)
    _put(found, first, state)
    known = first
    for todo in later:
        start, todo = _nearby(point, known[state.found[known]], todo, state)
        _put(_settled(start, SHORT, _take(todo, point), setting), todo, state)
        rest = todo[~state.found[todo]]
        if rest.size:
            _put(_followed(rest, point, setting), rest, state)
        known = np.concatenate([known, todo])
    return state


def _followed(points: np.ndarray, point: Point, setting: Setting) -> Found:
    some, sizes = _take(points, point), _sizes(points.size, setting)
    start = _in_batches(_compiled("sure", setting), sizes, some)
    return _settled(start, LONG, some, setting)


def _settled(start: Start, most: int, point: Point, setting: Setting) -> Found:
    count = len(point.ridge)
    sizes, limit = _sizes(count, setting), np.full(count, most)
    return _in_batches(_compiled("settle", setting), sizes, start, limit, point)


def _sizes(count: int, setting: Setting) -> tuple[int, ...]:
    sizes = SIZES[setting.mode.on_line]
    return sizes[:1] if count <= FEW[setting.mode.on_line] else sizes


def _nearby(
    point: Point, known: np.ndarray, todo: np.ndarray, state: Found
) -> tuple[Start, np.ndarray]:
    """Starts of the points ``todo``, extrapolated from the nearest ``known`` ones.

    Also the points, like ones together.
    """
    if not known.size:
        return Start(np.full((todo.size, 4), np.nan), np.zeros(todo.size, int)), todo
    from scipy.spatial import KDTree

    inputs = *point.inputs, point.ridge, point.flipped
    scaled = [np.log(np.maximum(v, 1e-300)) for v in inputs[:4]]
    features = np.stack([*scaled, inputs[4], *jax.tree.leaves(point.rule)], axis=1)
    distance, nearest = KDTree(features[known]).query(features[todo])
    near = known[nearest]
    # d(input) for a step in its log
    step = [v[near] * (x[todo] - x[near]) for v, x in zip(inputs, scaled, strict=False)]
    step = np.stack([*step, inputs[4][todo] - inputs[4][near]], axis=1)
    moved = np.einsum("nij,nj->ni", state.rates[near], step)
    value = state.value[near] + np.clip(moved, -2.0, 2.0)
    value[:, 2] = state.value[near, 2] + moved[:, 2]
    value[distance > FAR] = np.nan
    order = np.lexsort((distance, near))
    return _start(value[order]), todo[order]


def _start(value: np.ndarray) -> Start:
    """Values of the unknowns as a start: b turned into its ratio."""
    x = np.array(value)
    x[:, 2] /= np.cosh(x[:, 1])
    return Start(x, np.zeros(len(x), int))


def settled_near(value: Any, point: Point, setting: Setting) -> Found:
    """The roots next to these values, where a few steps lead there."""
    return _settled(_start(value), SHORT, point, setting)


@lru_cache(maxsize=64)
def _compiled(stage: str, setting: Setting) -> Any:
    stages = {"sure": sure_start, "settle": settle}
    return batched(partial(stages[stage], setting=setting))


@lru_cache(maxsize=64)
def _described(setting: Setting) -> Any:
    def one(point, found):
        status = jnp.where(found.found, Status.CONVERGED, Status.NOT_CONVERGED)
        return describe(point, found, status, setting.mode.total)

    return batched(one)
