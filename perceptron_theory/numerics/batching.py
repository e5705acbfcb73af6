"""Functions of one point as programs for any number of points.

The first few are computed by NumPy, for which nothing is compiled, the many that may
follow by XLA: in batches of few sizes, as each shape is another program.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any

import jax
import numpy as np

from .compilation import compiled, for_numpy, is_plain, quick_options
from .precision import own_settings

FEW = 8192  # points that NumPy solves about as soon as XLA has compiled
A_CALL = 16  # and as many a call takes by itself
TOGETHER = 256  # points that NumPy takes at once: more of them leave the cache
WORKERS = 2


class Program:
    """A function of one point as programs of many: NumPy's and XLA's."""

    def __init__(self, function: Callable[..., Any], in_axes: Any) -> None:
        self.made_of = self._function, self._in_axes = function, in_axes
        # points so far, and what the calls were worth, of each program of XLA's
        self._seen: Counter[Any] = Counter()
        self._ready: set[Any] = set()  # shapes and trees that are compiled

    def __call__(self, *arguments: Any) -> Any:
        """For arrays of points, all at once."""
        soon = self._counted(FEW, arguments)
        program = (soon and self._in_numpy(arguments)) or self._in_xla(soon)
        return program(*arguments)

    def announce(self, *arguments: Any) -> None:
        """These points are to come, in parts: they are not few."""
        self._seen[_kind(arguments)] += _count(arguments)

    def are_few(self, few: int, *arguments: Any) -> bool:
        """Whether these points, with those of their kind so far, are left to NumPy."""
        return self._seen[_kind(arguments)] + _count(arguments) + A_CALL <= few

    def _counted(self, few: int, arguments: tuple[Any, ...]) -> bool:
        """Whether they are few, and count them."""
        soon = self.are_few(few, *arguments)
        self._seen[_kind(arguments)] += _count(arguments) + A_CALL
        return soon

    def in_batches(
        self, sizes: tuple[int, ...], *arguments: Any, few: int = FEW
    ) -> Any:
        """For all points of the arguments, which are arrays of points.

        Args:
            sizes: of the batches: the smallest that holds all points is taken, or the
                largest as often as it takes.
            arguments: pytrees of NumPy arrays.
            few: so many points of a kind are left to NumPy, calls counted as points.
        """
        count, soon = _count(arguments), self._counted(few, arguments)
        numpy = self._in_numpy(arguments) if soon else None
        program = numpy or self._in_xla(soon)
        sizes = (min(count, TOGETHER),) if numpy else (1, *sizes) if soon else sizes
        size = next((size for size in sizes if size >= count), sizes[-1])

        def run(start: int) -> Any:
            index: Any = slice(start, start + size)
            if start + size > count and not numpy:
                index = np.minimum(np.arange(start, start + size), count - 1)
            with own_settings(x64=True):
                out = program(*take(index, arguments))
                return jax.tree.map(np.asarray, out)

        starts = range(0, count, size)
        ready = size, soon, jax.tree.structure(arguments)
        first = 0 if ready in self._ready else 1  # compile once, not once a thread
        parts = [run(start) for start in starts[:first]]
        self._ready.add(ready)
        if numpy:  # it has no use for threads on small arrays
            parts += map(run, starts[first:])
        elif len(starts) > first:
            with ThreadPoolExecutor(WORKERS) as pool:
                parts += pool.map(run, starts[first:])
        return jax.tree.map(lambda *x: np.concatenate(x)[:count], *parts)

    def _in_numpy(self, arguments: tuple[Any, ...]) -> Callable[..., Any] | None:
        if not is_plain(arguments):
            return None
        with own_settings(x64=True):
            return for_numpy(self._function, *self._of_one(arguments))

    def _in_xla(self, quick: bool) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            options = quick_options() if quick else None
            program = self._jitted(quick)
            return compiled(program, self.made_of, arguments, options)(*arguments)

        return run

    def _of_one(
        self, arguments: tuple[Any, ...]
    ) -> tuple[tuple[Any, ...], tuple[bool, ...]]:
        """The forms of the arguments at one point, and which arrays are of many."""
        many: list[bool] = []

        def form(x: Any, axis: Any) -> Any:
            many.append(axis is not None)
            return jax.ShapeDtypeStruct(x.shape[many[-1] :], x.dtype)

        given = isinstance(self._in_axes, tuple)
        axes = self._in_axes if given else (self._in_axes,) * len(arguments)
        forms = tuple(
            jax.tree.map(partial(form, axis=axis), x)
            for axis, x in zip(axes, arguments, strict=True)
        )
        return forms, tuple(many)

    @lru_cache  # noqa: B019 # these live as long as the process
    def _jitted(self, quick: bool) -> Any:
        mapped = jax.vmap(self._function, self._in_axes)
        return jax.jit(mapped, compiler_options=quick_options() if quick else None)


def batched(function: Callable[..., Any], in_axes: Any = 0) -> Program:
    """``function`` of one point for arrays of points, to be called eagerly.

    Args:
        function: of one point; its arguments and result are pytrees of arrays.
        in_axes: 0, or for each argument 0 or None: the same for all points.
    """
    return Program(function, in_axes)


def _count(arguments: Any) -> int:
    return len(jax.tree.leaves(arguments)[0])


def _kind(arguments: Any) -> Any:
    """What XLA has a program of its own for: a loss, a rule, so many cells."""
    leaves, tree = jax.tree.flatten(arguments)
    return tree, tuple(np.shape(x)[1:] for x in leaves)


def take(points: Any, tree: Any) -> Any:
    """The rows of some points, of every array of a tree."""
    return jax.tree.map(lambda x: x[points], tree)


def put(part: Any, points: np.ndarray, whole: Any) -> None:
    """Write the rows of some points into every array of a tree."""
    for target, piece in zip(
        jax.tree.leaves(whole), jax.tree.leaves(part), strict=True
    ):
        np.asarray(target)[points] = piece
