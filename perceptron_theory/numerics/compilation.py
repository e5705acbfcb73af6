"""How programs come to be: as text for NumPy, or compiled by XLA, and kept.

Compiling takes seconds, so a few points are solved by NumPy (:mod:`.in_numpy`).
Where that cannot be, their program is compiled in the quick way: on a CPU the older
emitters of loops without LLVM's optimisation take an eighth of the time for programs
that are a few times slower.  All of them differ by rounding.

Where programs are kept (:func:`.keep_compiled`), they are whole: the next process
neither traces nor compiles.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import numpy as np

from . import in_numpy, kept_programs
from .quadrature import at_once

QUICK = {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 0}
_WATCHING = "jax_disable_jit", "jax_debug_nans", "jax_debug_infs"
MOST = 2000  # programs that a process holds on to
_IN_USE: dict[Any, Any] = {}  # the oldest first


@lru_cache
def quick_options() -> dict[str, Any] | None:
    """The options, if this version of XLA knows them and has a use for them."""
    flags = os.environ.get("XLA_FLAGS", "")
    if jax.default_backend() != "cpu" or all(name in flags for name in QUICK):
        return None  # where everything is compiled so there is no other way
    try:
        jax.jit(lambda x: x, compiler_options=QUICK).lower(0.0).compile()
    except jax.errors.JaxRuntimeError:
        return None
    return QUICK


def forget() -> None:
    """Let go of the programs of this process, as ``jax.clear_caches`` does."""
    _IN_USE.clear()


def compiled(
    program: Any, made_of: Any, arguments: tuple[Any, ...], options: Any
) -> Callable[..., Any]:
    """A jitted program for arguments of this form, from the kept ones if it is there.

    A program without a key, or with arguments of which none is kept, is left to JAX.
    """
    if _folder(arguments) is None:
        return program
    where = _form(program, arguments)
    if where not in _IN_USE:
        _remember(where, executable(program, made_of, arguments, options))
    return _IN_USE[where]


def _folder(arguments: tuple[Any, ...]) -> Path | None:
    """Where executables for these arguments are kept; others' are left to JAX."""
    on_cpu = jax.default_backend() == "cpu"
    return kept_programs.programs() if on_cpu and is_plain(arguments) else None


def for_numpy(
    function: Callable[..., Any], forms: tuple[Any, ...], many: tuple[bool, ...]
) -> Callable[..., Any] | None:
    """A function of one point as a NumPy program for any number of points.

    None if a part of it has no form in NumPy.

    Args:
        function: a JAX function.
        forms: of its arguments at one point, ``jax.ShapeDtypeStruct``.
        many: for each array of them whether it differs between the points.
    """
    where = _form((function, many), forms)
    if where not in _IN_USE:
        _remember(where, written(function, forms, many))
    return _IN_USE[where]


def _remember(where: Any, program: Any) -> None:
    _IN_USE[where] = program
    if len(_IN_USE) > MOST:  # somebody makes losses in a loop
        with suppress(KeyError, StopIteration):  # another thread was sooner
            del _IN_USE[next(key for key in _IN_USE if key != where)]


def is_plain(arguments: tuple[Any, ...]) -> bool:
    """Eager arrays of NumPy, and nothing that watches JAX."""
    device = getattr(jax.config, "jax_default_device")  # noqa: B009 - unknown to pyright
    return (
        all(isinstance(x, np.ndarray | np.generic) for x in jax.tree.leaves(arguments))
        and not any(getattr(jax.config, name) for name in _WATCHING)
        and (device in (None, "cpu") or device == jax.local_devices()[0])
    )


def _form(function: Any, arguments: tuple[Any, ...]) -> Any:
    leaves, tree = jax.tree.flatten(arguments)
    forms = tuple((x.shape, x.dtype) for x in leaves)
    return function, tree, forms, jax.config.read("jax_enable_x64")


def written(
    function: Callable[..., Any], forms: tuple[Any, ...], many: tuple[bool, ...]
) -> Callable[..., Any] | None:
    """Do what :func:`for_numpy` does, for a caller that holds on to the program."""
    from .program_keys import program_key

    folder = kept_programs.programs()
    writer = folder and _writer()
    key = writer and program_key((function, many, writer), forms, None)
    kept = kept_programs.read(folder, key) if folder and key else None
    if kept is not None:
        with suppress(Exception):  # whatever is wrong with it, it is written anew
            return _callable(*pickle.loads(kept))
    with at_once():  # a function of its own: JAX remembers what it has traced
        own = lambda *arguments: function(*arguments)  # noqa: E731
        traced, result = jax.make_jaxpr(own, return_shape=True)(*forms)
    try:
        text = in_numpy.numpy_program(traced, many)
    except Exception:  # NoNumpyForm, or a JAX that names things otherwise
        return None
    tree = jax.tree.structure(result)
    places = jax.tree.unflatten(tree, range(tree.num_leaves))
    if folder and key:
        with suppress(Exception):  # not all results can be written down
            content = pickle.dumps((text, places))
            if jax.tree.structure(pickle.loads(content)[1]) == tree:
                kept_programs.write(folder, key, content)
    return _callable(text, places)


def _callable(text: in_numpy.NumpyProgram, places: Any) -> Callable[..., Any]:
    run, tree = text.function(), jax.tree.structure(places)

    def call(*arguments: Any) -> Any:
        return jax.tree.unflatten(tree, run(*jax.tree.leaves(arguments)))

    return call


@lru_cache
def _writer() -> str | None:
    """What the text of a NumPy program is made by, and calls.

    None if it cannot be read, as in an archive: such programs have no key.
    """
    here = Path(in_numpy.__file__).parent
    parts = [*here.glob("*.py"), here.parent / "polynomials.py"]
    with suppress(OSError):
        content = b"".join(x.read_bytes() for x in sorted(parts))
        return hashlib.sha256(content).hexdigest()
    return None


def executable(
    program: Any, made_of: Any, arguments: tuple[Any, ...], options: Any
) -> Callable[..., Any]:
    """Do what :func:`compiled` does, for a caller that holds on to the program."""
    from .program_keys import program_key

    folder = _folder(arguments)
    key = folder and program_key(made_of, arguments, options)
    if folder is None or key is None:
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
