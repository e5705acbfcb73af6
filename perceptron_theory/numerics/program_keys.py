"""The name under which a compiled program is kept: all that it was compiled from.

That is the function, with the values that it closes over, all functions, classes and
values of this project that its code names, and what these name in their turn, as they
are now in memory; the form of the arguments, with the classes that they are of; and
JAX, its settings and the processor.  Whatever this cannot see through (a user's loss,
an import inside a function, an object of another library) gives no key: such a program
is not kept.
"""

from __future__ import annotations

import dis
import enum
import functools
import hashlib
import os
import sys
import sysconfig
import types
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import jax
import numpy as np

from .kept_programs import processor

PACKAGES = {__name__.split(".")[0], "simulations"}
# named by where they are defined: their versions are a part of the key
LIBRARIES = sys.stdlib_module_names | {"jax", "jaxlib", "numpy", "jaxtyping", "scipy"}
IMPORT = dis.opmap["IMPORT_NAME"]
PLAIN = (bool, int, float, complex, str, bytes, types.NoneType, types.EllipsisType)
# settings of JAX that change what it prints or keeps, not what it compiles
_SILENT = (
    "jax_compilation_cache",
    "jax_persistent_cache",
    "jax_enable_compilation_cache",
    "jax_log",
    "jax_explain",
    "jax_traceback",
    "jax_tracer_error",
)


class _Foreign(Exception):
    """Something that is neither ours nor a library's nor plain data."""


def program_key(function: Any, arguments: Any, options: Any) -> str | None:
    """The key of ``function`` compiled for arguments of this form; None: it has none.

    Args:
        function: of one point, perhaps with how it is mapped over many.
        arguments: a pytree of NumPy arrays, or of their forms.
        options: of the compiler.
    """
    leaves, tree = jax.tree.flatten(arguments)
    forms = [(str(x.shape), x.dtype.str) for x in leaves]
    description = _Description()
    try:
        description.add(function, tree, forms, options)
    except Exception:  # whatever cannot be described is not kept
        return None
    settings = sorted(
        f"{name}={value!r}"
        for name, value in jax.config.values.items()
        if not name.startswith(_SILENT)
    )
    words = [*description.words, *_machine(), *settings]
    return hashlib.sha256(repr(words).encode()).hexdigest()


@lru_cache
def _machine() -> tuple[str, ...]:
    client = jax.devices()[0].client
    return (
        sys.version,
        np.__version__,
        jax.__version__,
        version("jaxlib"),
        version("scipy"),
        client.platform_version,
        processor(),
        str(os.cpu_count()),
        os.environ.get("XLA_FLAGS", ""),
    )


class _Description:
    """What a thing is made of, in words; each object once, by its number after."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.seen: dict[int, tuple[int, Any]] = {}

    def add(self, *things: Any) -> None:
        for thing in things:
            if isinstance(thing, PLAIN):
                self.words.append(f"{type(thing).__name__} {thing!r}")
            elif id(thing) in self.seen:
                self.words.append(f"seen {self.seen[id(thing)][0]}")
            else:  # kept alive, so that no other has its id
                self.seen[id(thing)] = len(self.seen), thing
                self.words.append(type(thing).__qualname__)
                self._parts(thing)
        self.words.append("end")

    def _parts(self, thing: Any) -> None:
        root = _root(thing)
        match thing:
            case dict():
                self.add(*thing.items())
            case set() | frozenset():
                self.add(*sorted(thing, key=repr))
            case tuple() | list():
                self.add(type(thing), *thing)
            case np.ndarray() | np.generic() if not thing.dtype.hasobject:
                self.add(thing.dtype.str, thing.shape, thing.tobytes())
            case jax.Array():
                self.add(np.asarray(thing))
            case np.dtype():
                self.add(thing.str)
            case types.CodeType():
                self.words.append(_code(thing))
            case jax.tree_util.PyTreeDef():
                self.add(thing.node_data(), thing.num_leaves, thing.children())
            case functools.partial():
                self.add(thing.func, thing.args, thing.keywords)
            case types.MethodType():
                self.add(thing.__func__, thing.__self__)
            case staticmethod() | classmethod():
                self.add(thing.__func__)
            case property():
                self.add(thing.fget, thing.fset)
            case types.ModuleType() if root in PACKAGES:
                self.add(thing.__name__)  # the code that uses it says what is used
            case _ if _root(type(thing)) in PACKAGES and hasattr(thing, "made_of"):
                self.add(thing.made_of)  # a program, and not how it is called
            case types.FunctionType() if root in PACKAGES:
                self._function(thing)
            case type() if root in PACKAGES:
                fields = getattr(thing, "_fields", ())
                members = {
                    name: value
                    for name, value in vars(thing).items()
                    if name not in fields and _is_member(name, value)
                }
                self.add(thing.__module__, thing.__qualname__, thing.__bases__, members)
            case type() if thing in PLAIN:  # that of None has no name to find it by
                self.add(thing.__name__)
            case enum.Enum():
                self.add(type(thing), thing.name)
            case _ if root in PACKAGES and hasattr(thing, "__wrapped__"):
                # jax.jit, custom_jvp or lru_cache around a function of ours
                self.add(thing.__wrapped__, _state(thing))
            case _ if _root(type(thing)) in PACKAGES:
                self.add(type(thing), _state(thing))
            case _ if root in LIBRARIES:
                self.add(*_place_in_library(thing))
            case _:
                raise _Foreign

    def _function(self, function: types.FunctionType) -> None:
        """Its code, what it was given when it was made, and what its code names."""
        self.add(function.__module__, function.__qualname__, function.__code__)
        self.add(function.__defaults__, function.__kwdefaults__)
        self.add(*(cell.cell_contents for cell in function.__closure__ or ()))
        spaces = [function.__globals__]
        for space in spaces:
            for name in _names(function.__code__):
                if name in space:
                    value = space[name]
                    self.add(name, value)
                    if isinstance(value, types.ModuleType) and _root(value) in PACKAGES:
                        spaces.append(vars(value))


@functools.cache  # the keys of all programs share most of it
def _code(code: types.CodeType) -> str:
    """What code does, wherever it stands: it holds plain data and more code only."""
    if IMPORT in code.co_code[::2]:  # to take it apart takes long
        for step in dis.get_instructions(code):
            # what another import brings is not known before it runs
            if step.opname == "IMPORT_NAME":
                if str(step.argval).split(".")[0] not in LIBRARIES:
                    raise _Foreign
    own = _Description()
    own.add(code.co_code, code.co_exceptiontable, code.co_flags, code.co_consts)
    own.add(code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)
    own.add(code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return hashlib.sha256(repr(own.words).encode()).hexdigest()


def _place_in_library(thing: Any) -> tuple[str, str]:
    """The module and the name under which a library offers a thing.

    What only says that it is from there (decorators copy the names of what they wrap)
    is somebody's own.
    """
    if isinstance(thing, types.ModuleType):
        module, name, found = thing.__name__, "", sys.modules.get(thing.__name__)
    else:
        name = getattr(thing, "__qualname__", None) or getattr(thing, "__name__", None)
        module = getattr(thing, "__module__", None) or type(thing).__module__
        found = sys.modules.get(module)
        for part in str(name).split("."):
            found = getattr(found, part, None)
    if found is not thing or not _is_library(module.split(".")[0]):
        raise _Foreign(thing)
    return module, str(name)


@lru_cache
def _is_library(root: str) -> bool:
    """Whether a module of the standard library is not somebody's file of its name."""
    if root not in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(root), "__file__", None)
    folders = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
    return file is None or file.startswith(folders)


def _root(thing: Any) -> str:
    """The package that it is from."""
    if isinstance(thing, types.ModuleType):
        return thing.__name__.split(".")[0]
    module = getattr(thing, "__module__", None) or type(thing).__module__
    return module.split(".")[0]


def _is_member(name: str, value: Any) -> bool:
    """Whether it is of the class's own text: not made by dataclass or NamedTuple."""
    value = getattr(value, "__func__", value)
    if isinstance(value, types.FunctionType):
        made = value.__code__.co_filename.startswith("<")
        return not made and value.__module__ != "collections"
    return isinstance(value, property) or not name.startswith("_")


def _state(thing: Any) -> dict[str, Any]:
    """The attributes of an object, but for what Python and decorators add."""
    state = {name: getattr(thing, name, None) for name in _slots(type(thing))}
    state |= getattr(thing, "__dict__", {})
    state.pop("cache_parameters", None)  # of lru_cache
    return {k: v for k, v in sorted(state.items()) if not k.startswith("__")}


def _slots(kind: type) -> Iterator[str]:
    for base in kind.__mro__:
        slots = vars(base).get("__slots__", ())
        yield from (slots,) if isinstance(slots, str) else slots


@functools.cache
def _names(code: types.CodeType) -> list[str]:
    """The names in code, and in the code in it, in the order of the alphabet."""
    inner = (x for x in code.co_consts if isinstance(x, types.CodeType))
    return sorted({*code.co_names, *(name for x in inner for name in _names(x))})
