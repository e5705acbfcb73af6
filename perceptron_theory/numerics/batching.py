"""A vmapped function on any number of points, in batches of a few fixed sizes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

from .compilation import FEW, Batched

WORKERS = 2
_READY: set[Any] = set()  # programs that are compiled


def in_batches(
    function: Batched, sizes: tuple[int, ...], *arguments: Any, few: int = FEW
) -> Any:
    """The function of one point for all points of the arguments.

    Compiling takes seconds, so the first ``few`` points are computed one by one, and
    there are few ``sizes`` of a batch: the smallest that holds all points, or the
    largest as often as it takes.
    """
    count = len(jax.tree.leaves(arguments)[0])
    alone = function.one_by_one(count, few)
    size = 1 if alone else next((s for s in sizes if s >= count), sizes[-1])

    def run(start: int) -> Any:
        index: Any = slice(start, start + size)
        if start + size > count:
            index = np.minimum(np.arange(start, start + size), count - 1)
        with jax.enable_x64(True):
            out = function.run(alone, jax.tree.map(lambda x: x[index], arguments))
            return jax.tree.map(np.asarray, out)

    starts = range(0, count, size)
    compiled = function, alone, size, jax.tree.structure(arguments)
    first = 0 if compiled in _READY else 1  # compile once, not once a thread
    parts = [run(start) for start in starts[:first]]
    _READY.add(compiled)
    if len(starts) > first:
        with ThreadPoolExecutor(WORKERS) as pool:
            parts += pool.map(run, starts[first:])
    return jax.tree.map(lambda *x: np.concatenate(x)[:count], *parts)


def take(points: Any, tree: Any) -> Any:
    """The rows of some points, of every array of a tree."""
    return jax.tree.map(lambda x: x[points], tree)


def put(part: Any, points: np.ndarray, whole: Any) -> None:
    """Write the rows of some points into every array of a tree."""
    for target, piece in zip(
        jax.tree.leaves(whole), jax.tree.leaves(part), strict=True
    ):
        np.asarray(target)[points] = piece
