"""Checks of arrays that a caller gives: one clear line for each way to go wrong.

All arrays may be NumPy's or JAX's; what comes back is NumPy's, of float32 or float64,
int64 or bool.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from perceptron_theory import InputError
from perceptron_theory.numerics.checks import in_float64 as in_float64
from perceptron_theory.numerics.checks import is_real as is_real
from perceptron_theory.numerics.checks import plain_array as plain_array
from perceptron_theory.numerics.checks import real_number as real_number
from perceptron_theory.numerics.checks import truth_value as truth_value
from perceptron_theory.numerics.frames import check_axes as check_axes
from perceptron_theory.numerics.frames import list_of as list_of
from perceptron_theory.numerics.frames import of_examples as of_examples
from perceptron_theory.numerics.frames import (
    refuse_other_columns as refuse_other_columns,
)
from perceptron_theory.numerics.frames import refuse_other_order as refuse_other_order
from perceptron_theory.numerics.precision import own_settings


def real_array(name: str, value: Any, *shape: str) -> Float[np.ndarray, ...]:
    """A finite floating-point array with dimensions called ``shape``, none empty.

    float32 and float64 stay what they are, in the byte order of the machine; all else
    becomes float64, half precision float32.

    Raises:
        InputError: not numeric, masked, another number of dimensions, empty, NaN,
            infinity, or beyond float64; a table whose examples or columns are
            numbered in another order.
    """
    check_axes(name, value, shape)
    array = _floats(name, plain_array(name, value))
    _check_shape(name, array, shape)
    # the extremes are NaN where anything is, and need no second array
    if not (np.isfinite(array.min()) and np.isfinite(array.max())):
        bad = np.argwhere(~np.isfinite(array))[0]
        where = ", ".join(map(str, bad))
        raise InputError(
            f"{name}[{where}] is {array[tuple(bad)]}: give finite numbers "
            "(did the network diverge?)"
        )
    return array


def _floats(name: str, array: np.ndarray) -> np.ndarray:
    kind = array.dtype.kind
    if array.dtype.type in (np.float32, np.float64):
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    if kind == "f" and array.itemsize > 8:  # longer than double
        return in_float64(array)  # infinite or NaN what it does not hold, and refused
    if kind not in "iu" and is_real(array.dtype):  # half precision
        return array.astype(np.float32)
    if kind in "iu":
        floats = array.astype(np.float64)
        # whole numbers that differ would be ties
        if array.size and max(floats.max(), -floats.min()) >= 2.0**53:
            same = [int(x) == y for x, y in zip(floats.flat, array.flat, strict=True)]
            if not all(same):
                i = same.index(False)
                raise InputError(
                    f"{name} has the whole number {array.flat[i]}, which float64 "
                    "cannot hold: subtract or divide until all are below 2**53"
                )
        return floats
    raise InputError(f"{name} must be numbers, got {array.dtype}")


def model_axis(
    check: Callable[..., np.ndarray], name: str, value: Any, *shape: str
) -> np.ndarray:
    """An array of one model (of dimensions ``shape``) or K, always with an axis of K.

    Raises:
        InputError: as ``check``, which is one of the functions of this module.
    """
    array = plain_array(name, value)
    if array.ndim == len(shape) + 1:
        return check(name, value, "K", *shape)
    return check(name, value, *shape)[None]


def truth_array(name: str, value: Any, *shape: str) -> Bool[np.ndarray, ...]:
    """A boolean array with dimensions called ``shape``; 0 and 1 count as booleans.

    Raises:
        InputError: other values than 0 and 1, another number of dimensions, empty.
    """
    check_axes(name, value, shape)
    array = plain_array(name, value)
    _check_shape(name, array, shape)
    if array.dtype == bool:
        return array
    if not is_real(array.dtype) or not ((array == 0) | (array == 1)).all():
        raise InputError(f"{name} must be booleans (or 0 and 1), got {array.dtype}")
    return array.astype(bool)


def label_array(
    name: str, value: Any, *, count: int | None = None, n_classes: int | None = None
) -> Int[np.ndarray, " P"]:
    """``count`` integer labels from 0 on, below ``n_classes``, if those are given.

    Raises:
        InputError: not integers, masked, another number of them, or out of range.
    """
    check_axes(name, value, ("P",))
    array = plain_array(name, value)
    _check_shape(name, array, ("P",))
    if array.dtype.kind not in "iu":
        raise InputError(f"{name} must be integers, got {array.dtype}")
    if count is not None and len(array) != count:
        raise InputError(f"{name} has {len(array)} entries for {count} examples")
    end = 2**63 if n_classes is None else n_classes  # beyond it they would be negative
    bad = (array < 0) | (array > end - 1)
    if bad.any():
        i = int(bad.argmax())
        allowed = (
            f"0 to {end - 1}" if n_classes is not None or array[i] > 0 else "0 or more"
        )
        raise InputError(f"{name}[{i}] is {array[i]}: labels must be {allowed}")
    return array.astype(np.int64)


@own_settings()
def random_key(key: Any) -> jax.Array:
    """A key of ``jax.random`` from one, old style or new, or from an integer seed.

    Raises:
        InputError: anything else.
    """
    if isinstance(key, int | np.integer) and not isinstance(key, bool):
        if 0 <= key < 2**63:
            return jax.random.key(int(key))
    if isinstance(key, jax.Array | np.ndarray):
        if jax.numpy.issubdtype(key.dtype, jax.dtypes.prng_key) and key.ndim == 0:
            return jax.numpy.asarray(key)
        if key.dtype == np.uint32 and key.ndim == 1:
            return jax.random.wrap_key_data(jax.numpy.asarray(key))
    raise InputError(
        "key must be a key such as jax.random.key(0), or a seed >= 0 and < 2**63; "
        f"got {key!r}"
    )


@own_settings()
def generator(key: Any) -> np.random.Generator:
    """NumPy's generator seeded by a key or a seed, see :func:`random_key`."""
    data = jax.random.key_data(random_key(key))
    return np.random.default_rng(np.asarray(data).tolist())


def positive_integer(name: str, value: Any) -> int:
    """A whole number of at least one.

    Raises:
        InputError: anything else.
    """
    return whole_number(name, value, 1)


def whole_number(name: str, value: Any, least: int = 0) -> int:
    """A whole number that is not less than another.

    Raises:
        InputError: anything else.
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least:
        raise InputError(
            f"{name} must be a whole number of at least {least}, got {value!r}"
        )
    return int(value)


def _check_shape(name: str, array: np.ndarray, shape: tuple[str, ...]) -> None:
    if array.ndim != len(shape):
        wanted = f"({', '.join(shape)}{',' if len(shape) == 1 else ''})"
        raise InputError(f"{name} must have shape {wanted}, got {array.shape}")
    if array.size == 0:
        raise InputError(f"{name} is empty: its shape is {array.shape}")
