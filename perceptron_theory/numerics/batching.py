"""Functions of one point as programs for any number of points.

Many points are computed in batches of a few fixed sizes, the first few one by one:
each new shape is another program, and compiling it takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .compilation import compiled, quick_options

FEW = 512  # points for which the quick way is the shorter one, in later calls too
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
        return self._run(count == 1 or self._seen <= FEW, arguments)

    def in_batches(
        self, sizes: tuple[int, ...], *arguments: Any, few: int = FEW
    ) -> Any:
        """For all points of the arguments, which are arrays of points.

        Args:
            sizes: of the batches: the smallest that holds all points is taken, or the
                largest as often as it takes.
            arguments: pytrees of arrays.
            few: the first so many points are computed one by one on a CPU.
        """
        count = len(jax.tree.leaves(arguments)[0])
        self._seen += count
        few_so_far = self._seen <= few and jax.default_backend() == "cpu"
        alone = count == 1 or few_so_far
        size = 1 if alone else next((s for s in sizes if s >= count), sizes[-1])

        def run(start: int) -> Any:
            index: Any = slice(start, start + size)
            if start + size > count:
                index = np.minimum(np.arange(start, start + size), count - 1)
            with jax.enable_x64(True):
                out = self._run(alone, take(index, arguments))
                return jax.tree.map(np.asarray, out)

        starts = range(0, count, size)
        program = size, alone, jax.tree.structure(arguments)
        first = 0 if program in self._ready else 1  # compile once, not once a thread
        parts = [run(start) for start in starts[:first]]
        self._ready.add(program)
        if len(starts) > first:
            with ThreadPoolExecutor(WORKERS) as pool:
                parts += pool.map(run, starts[first:])
        return jax.tree.map(lambda *x: np.concatenate(x)[:count], *parts)

    def _run(self, quick: bool, arguments: tuple[Any, ...]) -> Any:
        """The program for arguments of this form, compiled in the quick way or not."""
        alone = len(jax.tree.leaves(arguments)[0]) == 1
        options = quick_options() if quick else None
        program = self._program(alone, options is not None)
        made_of = *self.made_of, _alone if alone else None
        return compiled(program, made_of, arguments, options)(*arguments)

    @lru_cache  # noqa: B019 # these live as long as the process
    def _program(self, alone: bool, quick: bool) -> Any:
        made = _alone(self._function, self._in_axes) if alone else self._mapped
        return jax.jit(made, compiler_options=quick_options() if quick else None)


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
        axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(arguments)
        point = (
            x if axis is None else take(0, x)
            for axis, x in zip(axes, arguments, strict=True)
        )
        return jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], function(*point))

    return call


def take(points: Any, tree: Any) -> Any:
    """The rows of some points, of every array of a tree."""
    return jax.tree.map(lambda x: x[points], tree)


def put(part: Any, points: np.ndarray, whole: Any) -> None:
    """Write the rows of some points into every array of a tree."""
    for target, piece in zip(
        jax.tree.leaves(whole), jax.tree.leaves(part), strict=True
    ):
        np.asarray(target)[points] = piece
