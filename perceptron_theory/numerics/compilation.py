"""Programs for many points at once; for few points compiled in the quick way.

Compiling is most of the time to a first result.  On a CPU the older emitters of loops
without LLVM's optimisation take an eighth of the time, for programs that are a few
times slower: the choice for one point, and for the first few hundred.  They differ by
rounding.

Where compiled programs are kept (:func:`.keep_compiled`), the executable of a program
is, whole: the next process neither traces nor compiles it.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import kept_programs

FEW = 512  # points for which the quick way is the shorter one, in later calls too
QUICK = {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 0}
_WATCHING = "jax_default_device", "jax_disable_jit", "jax_debug_nans", "jax_debug_infs"
_IN_USE: dict[Any, Any] = {}  # executables of this process


@lru_cache
def _quick() -> dict[str, Any] | None:
    """The options, if this version of XLA knows them and has a use for them."""
    flags = os.environ.get("XLA_FLAGS", "")
    if jax.default_backend() != "cpu" or all(name in flags for name in QUICK):
        return None  # where everything is compiled so there is no other way
    try:
        jax.jit(lambda x: x, compiler_options=QUICK).lower(0.0).compile()
    except jax.errors.JaxRuntimeError:
        return None
    return QUICK


class Batched:
    """A function of one point as programs: of one point, and of many at once."""

    def __init__(self, function: Callable[..., Any], in_axes: Any) -> None:
        self._function, self._in_axes = function, in_axes
        self._mapped = jax.vmap(function, in_axes)
        self._seen = 0  # points so far

    def __call__(self, *arguments: Any) -> Any:
        """For arrays of points, all at once."""
        count = len(jax.tree.leaves(arguments)[0])
        self._seen += count
        return self.run(count == 1 or self._seen <= FEW, arguments)

    def one_by_one(self, count: int, few: int) -> bool:
        """Whether the program of one point is the shorter way for so many more.

        A program for many takes seconds to compile.
        """
        self._seen += count
        return count == 1 or (self._seen <= few and jax.default_backend() == "cpu")

    def run(self, quick: bool, arguments: tuple[Any, ...]) -> Any:
        """The program for arguments of this form, compiled in the quick way or not."""
        leaves, tree = jax.tree.flatten(arguments)
        alone = len(leaves[0]) == 1
        quick = quick and _quick() is not None
        program = self._program(alone, quick)
        folder = kept_programs.programs()
        if folder is None or not _can_be_kept(leaves):
            return program(*arguments)
        forms = tuple((x.shape, x.dtype) for x in leaves)
        where = self, quick, tree, forms, jax.config.read("jax_enable_x64")
        if where not in _IN_USE:
            options = _quick() if quick else None
            made_of = self._function, self._in_axes, _alone if alone else None
            _IN_USE[where] = _executable(program, made_of, arguments, options, folder)
        return _IN_USE[where](*arguments)

    @lru_cache  # noqa: B019 # these live as long as the process
    def _program(self, alone: bool, quick: bool) -> Any:
        made = _alone(self._function, self._in_axes) if alone else self._mapped
        return jax.jit(made, compiler_options=_quick() if quick else None)


def batched(function: Callable[..., Any], in_axes: Any = 0) -> Batched:
    """``function`` of one point for arrays of points, to be called eagerly.

    Args:
        function: of one point; its arguments and result are pytrees of arrays.
        in_axes: 0, or for each argument 0 or None: the same for all points.
    """
    return Batched(function, in_axes)


def _alone(function: Callable[..., Any], in_axes: Any) -> Callable[..., Any]:
    """What vmap computes for one point, which is traced in half the time without it."""

    def call(*arguments: Any) -> Any:
        axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(arguments)
        point = (
            x if axis is None else jax.tree.map(lambda leaf: leaf[0], x)
            for axis, x in zip(axes, arguments, strict=True)
        )
        return jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], function(*point))

    return call


def forget() -> None:
    """Let go of the executables of this process, as ``jax.clear_caches`` does."""
    _IN_USE.clear()


def _can_be_kept(leaves: list[Any]) -> bool:
    """Eager arguments without a device of their own, and nothing that watches JAX."""
    return (
        all(isinstance(x, np.ndarray | np.generic) for x in leaves)
        and jax.default_backend() == "cpu"
        and not any(getattr(jax.config, name) for name in _WATCHING)
    )


def _executable(
    program: Any, made_of: Any, arguments: Any, options: Any, folder: Path
) -> Callable[..., Any]:
    """The program compiled for arguments of this form, from the folder if it is there.

    A program without a key is left to JAX.
    """
    from .program_keys import program_key

    key = program_key(made_of, arguments, options)
    if key is None:
        return program
    kept = kept_programs.read(folder, key)
    if kept is not None:
        with suppress(Exception):  # whatever is wrong with it, it is compiled anew
            compiled = _loaded(kept, arguments)
            jax.block_until_ready(compiled(*arguments))
            return compiled
    with _without_jax_cache():
        compiled = program.lower(*arguments).compile()
    with suppress(Exception):  # not all programs can be written down
        kept_programs.write(folder, key, _written(compiled, arguments))
    return compiled


@contextmanager
def _without_jax_cache() -> Iterator[None]:
    """XLA compiles: an executable that it read from JAX's cache it cannot write."""
    from jax.experimental.compilation_cache import compilation_cache

    name = "jax_enable_compilation_cache"
    before = getattr(jax.config, name)
    jax.config.update(name, False)
    compilation_cache.reset_cache()  # it decides once whether there is a cache
    try:
        yield
    finally:
        jax.config.update(name, before)
        compilation_cache.reset_cache()


def _written(compiled: Any, arguments: Any) -> bytes:
    """An executable in bytes; its result is described by a result of numbers."""
    from jax.experimental.serialize_executable import serialize

    code, tree, out_tree = serialize(compiled)
    result = jax.tree.unflatten(out_tree, range(out_tree.num_leaves))
    content = pickle.dumps((code, result))
    again = jax.tree.structure(pickle.loads(content)[1])
    if tree != jax.tree.structure((arguments, {})) or again != out_tree:
        raise ValueError("not a tree of plain values")
    return content


def _loaded(content: bytes, arguments: Any) -> Any:
    from jax.experimental.serialize_executable import deserialize_and_load

    code, result = pickle.loads(content)
    if b"lapack" in code:
        _find_lapack()
    trees = jax.tree.structure((arguments, {})), jax.tree.structure(result)
    return deserialize_and_load(code, *trees, execution_devices=jax.local_devices()[:1])


def _find_lapack() -> None:
    """Let jaxlib look up SciPy's LAPACK, as it does when it lowers a call of it.

    Until then its kernels are null pointers: an executable that was not lowered in
    this process would crash it (https://github.com/jax-ml/jax/issues/28908).
    """
    try:
        from jaxlib import lapack

        lapack.prepare_lapack_call("getrf", np.float64)
    except (ImportError, AttributeError, TypeError):  # moved, in another version
        matrix = jax.ShapeDtypeStruct((1, 1), np.float32)
        jax.jit(jax.lax.linalg.lu).lower(matrix)
