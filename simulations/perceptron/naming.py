"""Names and numbers that identify draws: equal for what is equal, and only then."""

from __future__ import annotations

import operator
import zlib
from collections.abc import Callable
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np

from perceptron_theory import InputError
from perceptron_theory.numerics.checks import real_number
from perceptron_theory.numerics.precision import own_settings


def as_number(value: object, name: str) -> float:
    """A real number as a float, -0.0 as 0.0; an InputError for anything else."""
    return real_number(name, value) + 0.0


def whole_number(value: object, name: str) -> int:
    """A number of any integer type, NumPy's too, as an int; else an InputError."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)  # type: ignore[arg-type] # refused below
    except TypeError:
        raise InputError(f"{name} must be a whole number, got {value!r}") from None


def settle(settings: object, number: Callable[[object, str], object], *names: str):
    """Bring fields of a frozen dataclass into one form: 8, 8.0 and NumPy's 8 are one.

    ``number`` is :func:`as_number` or :func:`whole_number`, which refuse other values.
    """
    for name in names:
        object.__setattr__(settings, name, number(getattr(settings, name), name))


def require(good: bool, what: str, got: object) -> None:
    """Raise an InputError that says ``what`` is wanted, unless all is good."""
    if not good:
        raise InputError(f"{what}, got {got!r}")


@lru_cache(maxsize=256)
def function_name(function: Callable, breakpoints: tuple[float, ...] = ()) -> str:
    """Name of a function of one number, with a mark of its values.

    Two functions of one name (every lambda has the same) are told apart by what they
    give at 241 margins from -6 to 6 and beside the ``breakpoints``.
    """
    ends = np.asarray(breakpoints, float)
    at = np.concatenate([np.linspace(-6.0, 6.0, 241), ends - 1e-9, ends + 1e-9])
    with own_settings(x64=True):
        values = np.asarray(jax.vmap(function)(jnp.asarray(at)), np.float64)
    name = getattr(function, "__qualname__", "function")
    return f"{name}#{numbers_mark(values)}"


def numbers_mark(*arrays: object) -> str:
    """A mark of numbers, in eight digits: the last ones depend on the machine."""
    values = np.concatenate([np.asarray(x, np.float64).ravel() for x in arrays])
    digits = ",".join(f"{value:.8g}" for value in values)
    return f"{zlib.crc32(digits.encode()):08x}"
