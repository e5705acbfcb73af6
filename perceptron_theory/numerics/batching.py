"""Functions of one point as programs for any number of points.

The first few are computed by NumPy, for which nothing is compiled, the many that may
follow by XLA: in batches of few sizes, as each shape is another program.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .compilation import compiled, for_numpy, is_plain, quick_options

FEW = 4096  # points that NumPy solves about as soon as XLA has compiled
TOGETHER = 256  # points that NumPy takes at once: more of them leave the cache
WORKERS = 2


class Program:
    """A function of one point as programs: of one point, and of many at once."""

    def __init__(self, function: Callable[..., Any], in_axes: Any) -> None:
        self.made_of = self._function, self._in_axes = function, in_axes
        self._mapped = jax.vmap(function, in_axes)
        self._seen = 0  # points so far
        self._ready: set[Any] = set()  # shapes and trees that are compiled

    def __call__(self, *arguments: Any) -> Any:
        """For arrays of points, all at once."""
        count = len(jax.tree.leaves(arguments)[0])
        self._seen += count
        return self._run(count == 1, self._seen <= FEW, arguments)

    def in_batches(
        self, sizes: tuple[int, ...], *arguments: Any, few: int = FEW
    ) -> Any:
        """For all points of the arguments, which are arrays of points.

        Args:
            sizes: of the batches: the smallest that holds all points is taken, or the
                largest as often as it takes.
            arguments: pytrees of NumPy arrays.
            few: so many points in all are left to NumPy.
        """
        count = len(jax.tree.leaves(arguments)[0])
        self._seen += count
        soon, alone = self._seen <= few, count == 1
        sizes = (min(count, TOGETHER),) if soon else sizes
        size = 1 if alone else next((s for s in sizes if s >= count), sizes[-1])

        def run(start: int) -> Any:
            index: Any = slice(start, start + size)
            if start + size > count and not soon:
                index = np.minimum(np.arange(start, start + size), count - 1)
            with jax.enable_x64(True):
                out = self._run(alone, soon, take(index, arguments))
                return jax.tree.map(np.asarray, out)

        starts = range(0, count, size)
        program = size, soon, jax.tree.structure(arguments)
        first = 0 if program in self._ready else 1  # compile once, not once a thread
        parts = [run(start) for start in starts[:first]]
        self._ready.add(program)
        if soon:  # NumPy has no use for threads on small arrays
            parts += map(run, starts[first:])
        elif len(starts) > first:
            with ThreadPoolExecutor(WORKERS) as pool:
                parts += pool.map(run, starts[first:])
        return jax.tree.map(lambda *x: np.concatenate(x)[:count], *parts)

    def _run(self, alone: bool, soon: bool, arguments: tuple[Any, ...]) -> Any:
        """The program for arguments of this form: NumPy's where that is the sooner."""
        if soon and is_plain(arguments):
            program = for_numpy(self._function, *self._of_one(arguments))
            if program is not None:
                return program(*arguments)
        made_of = *self.made_of, _alone if alone else None
        options = quick_options() if alone else None
        program = compiled(self._jitted(alone), made_of, arguments, options)
        return program(*arguments)

    def _of_one(
        self, arguments: tuple[Any, ...]
    ) -> tuple[tuple[Any, ...], tuple[bool, ...]]:
        """The forms of the arguments at one point, and which arrays are of many."""
        many: list[bool] = []

        def form(x: Any, axis: Any) -> Any:
            many.append(axis is not None)
            return jax.ShapeDtypeStruct(x.shape[many[-1] :], x.dtype)

        axes = _axes(self._in_axes, arguments)
        forms = tuple(
            jax.tree.map(partial(form, axis=axis), x)
            for axis, x in zip(axes, arguments, strict=True)
        )
        return forms, tuple(many)

    @lru_cache  # noqa: B019 # these live as long as the process
    def _function_of(self, alone: bool) -> Any:
        return _alone(self._function, self._in_axes) if alone else self._mapped

    @lru_cache  # noqa: B019
    def _jitted(self, alone: bool) -> Any:
        options = quick_options() if alone else None
        return jax.jit(self._function_of(alone), compiler_options=options)


def batched(function: Callable[..., Any], in_axes: Any = 0) -> Program:
    """``function`` of one point for arrays of points, to be called eagerly.

    Args:
        function: of one point; its arguments and result are pytrees of arrays.
        in_axes: 0, or for each argument 0 or None: the same for all points.
    """
    return Program(function, in_axes)


def _alone(function: Callable[..., Any], in_axes: Any) -> Callable[..., Any]:
    """What vmap computes for one point, which is traced in half the time without it."""

    def call(*arguments: Any) -> Any:
        axes = _axes(in_axes, arguments)
        point = (
            x if axis is None else take(0, x)
            for axis, x in zip(axes, arguments, strict=True)
        )
        return jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], function(*point))

    return call


def _axes(in_axes: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(arguments)


def take(points: Any, tree: Any) -> Any:
    """The rows of some points, of every array of a tree."""
    return jax.tree.map(lambda x: x[points], tree)


def put(part: Any, points: np.ndarray, whole: Any) -> None:
    """Write the rows of some points into every array of a tree."""
    for target, piece in zip(
        jax.tree.leaves(whole), jax.tree.leaves(part), strict=True
    ):
        np.asarray(target)[points] = piece
