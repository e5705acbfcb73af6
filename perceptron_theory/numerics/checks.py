"""Checks of what a caller gives: one clear line for each way to go wrong."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from jaxtyping import Float

from ..errors import InputError, first_line, out_of_percent, unknown_name

HALF_PI = math.pi / 2
SMALLEST = 1e-8  # the least keep fraction that is solved
MARGINS = ("absolute", "signed")
_ROUNDED = 1e-6  # above pi/2: what half of a float32 turn may be
_PERCENT = 1.5  # from which on a part may be meant in hundredths


def plain_array(name: str, value: Any) -> np.ndarray:
    """What NumPy makes of a value, of any type.

    Raises:
        InputError: as :func:`refuse_masked`; rows of different lengths.
    """
    refuse_masked(name, value)
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{name} cannot be read as one array: {first_line(error)}"
        ) from error


def refuse_masked(name: str, *values: Any) -> None:
    """Refuse arrays with masked entries, which no conversion of NumPy's keeps masked.

    Raises:
        InputError: one has some, or is a list of arrays of which one has.
    """
    if _is_masked(values):
        raise InputError(
            f"{name} has masked entries, whose values mean nothing: fill them "
            "(.filled) or leave them out (.compressed)"
        )


def _is_masked(value: Any) -> bool:
    """Whether an array, or one in a list, has masked entries."""
    if isinstance(value, list | tuple):
        # numbers and words cannot be, and there may be many of them
        return any(_is_masked(x) for x in value if not isinstance(x, int | float | str))
    return np.ma.is_masked(value)


def refuse_other_order(named: Mapping[str, Any]) -> None:
    """Refuse arrays whose own names of rows or axes say that they do not go together.

    NumPy pairs by position what pandas and xarray would pair by name, so that a sorted
    column is paired with another that is not, and two axes that are meant to be crossed
    are run through in step, without a word.

    Args:
        named: what is paired, as it was given: arrays of any kind, by name.

    Raises:
        InputError: two indices of pandas differ, or two arrays of xarray of as many
            axes have others, or other coordinates.
    """
    rows = {name: x.index for name, x in named.items() if _has_index(x)}
    axes = {name: x for name, x in named.items() if hasattr(x, "get_index")}
    for one, index in list(rows.items())[:1]:
        other = next((name for name in rows if not index.equals(rows[name])), None)
        if other is not None:
            raise InputError(
                f"the rows of {one} and of {other} have other names, or another order, "
                "in their pandas index: bring them into one order (.reindex), or give "
                ".to_numpy() of both"
            )
    for one, first in axes.items():
        for other, second in axes.items():
            if first.ndim != second.ndim:
                continue
            same = first.dims == second.dims and all(
                first.get_index(dim).equals(second.get_index(dim)) for dim in first.dims
            )
            if not same:
                raise InputError(
                    f"{one} has the axes {first.dims} and {other} {second.dims}, or "
                    "they have other coordinates: bring them into one form "
                    "(xarray.align, xarray.broadcast), or give .to_numpy() of both"
                )


def _has_index(value: Any) -> bool:
    """Whether rows are named, as those of pandas."""
    return hasattr(value, "iloc") and hasattr(getattr(value, "index", None), "equals")


def truth_value(name: str, value: Any) -> bool:
    """A single truth value; words such as "no", which Python takes for true, are none.

    Raises:
        InputError: anything else than True and False.
    """
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def is_real(dtype: np.dtype) -> bool:
    """Whether a type is of real numbers: bfloat16 is, records and truth values not."""
    return dtype.kind in "iuf" or (dtype.kind == "V" and dtype.type != np.void)


def in_float64(array: np.ndarray) -> Float[np.ndarray, ...]:
    """Numbers in double precision, without a word of those that it does not hold.

    What is beyond it is infinite, and bytes that are no number (a signalling NaN, long
    doubles of a damaged file) are NaN: callers refuse both.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return array.astype(np.float64, copy=False)


def as_array(name: str, value: Any) -> np.ndarray:
    """A non-empty float64 array without NaN.

    Raises:
        InputError: not numeric, masked, empty, or NaN somewhere.
    """
    given = plain_array(name, value)
    try:
        # None, times and truth values would pass as floats
        if given.dtype.kind == "O" and all(map(_is_number, given.flat)):
            pass  # integers beyond 64 bits, fractions
        elif not is_real(given.dtype):
            raise TypeError
        array = np.array(in_float64(given))  # not the caller's own memory
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{name} must be a real number or an array of them, got {shown(value)}"
        ) from error
    if array.size == 0:
        raise InputError(f"{name} is empty: give at least one value")
    if np.isnan(array).any():
        raise InputError(f"{name} contains NaN: remove or replace those values")
    return array


def one_number(name: str, value: Any) -> Float[np.ndarray, ""]:
    """A single number, as an array without dimensions.

    Raises:
        InputError: not a number, or more than one.
    """
    array = as_array(name, value)
    if array.size != 1:
        raise InputError(f"{name} must be one number here, got {array.size}")
    return array.reshape(())


def real_number(name: str, value: Any) -> float:
    """A single number of any type, NumPy's and JAX's too, as a float.

    Raises:
        InputError: anything else: text, truth values, arrays with an axis, masked.
    """
    try:
        if np.ndim(value) == 0 and not np.ma.is_masked(value):
            if _is_number(value) or is_real(np.asarray(value).dtype):
                return float(value)
    except (TypeError, ValueError, OverflowError):  # ragged rows; tracers; 10**400
        pass
    raise InputError(f"{name} must be a number, got {shown(value)}")


def _is_number(value: object) -> bool:
    return isinstance(value, Real | Decimal) and not isinstance(value, bool | np.bool_)


def shown(value: object) -> str:
    """A value that came, for a message of one line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:80]}..."


def refuse(name: str, array: np.ndarray, bad: Any, allowed: str) -> None:
    """Raise an InputError that shows the first of the ``bad`` values, if any."""
    if bad.any():
        raise InputError(f"{name} must be {allowed}, got {_digits(array[bad].flat[0])}")


def refuse_part(name: str, array: np.ndarray, bad: Any, allowed: str) -> None:
    """Refuse a part of a whole like :func:`refuse`: 30 may have meant 30 %."""
    if bad.any():
        value = array[bad].flat[0]
        # what is a little above one is no percentage
        hint = out_of_percent(value) if value >= _PERCENT else ""
        raise InputError(f"{name} must be {allowed}, got {_digits(value)}{hint}")


def _digits(value: float) -> str:
    """A number with as many digits as tell it from those that are near."""
    short = f"{value:g}"
    return short if float(short) == value else f"{value:.17g}"


def check_load(name: str, array: np.ndarray) -> None:
    """A load is positive and finite."""
    bad = ~(array > 0) | np.isinf(array)
    refuse(name, array, bad, "positive and finite (examples per input dimension)")


def check_fraction(name: str, array: np.ndarray) -> None:
    """A fraction lies in (0, 1]."""
    refuse_part(name, array, ~((array > 0) & (array <= 1)), "in (0, 1]")


def check_theta(array: np.ndarray) -> None:
    """An angle lies in [0, pi/2]; what looks like degrees is said to."""
    bad = ~((array >= 0) & (array <= HALF_PI))
    if bad.any():
        value = array[bad].flat[0]
        hint = ""
        if HALF_PI < value < HALF_PI + _ROUNDED:
            hint = "; as pi/2 rounded up to float32: give numpy.pi / 2, in float64"
        elif value > HALF_PI:
            hint = (
                f"; if you meant {value:g} degrees, give numpy.deg2rad({value:g})"
                if value <= 90
                else ""
            )
        got = _digits(value)
        raise InputError(f"theta must be in [0, pi/2] radians, got {got}{hint}")


def check_margin(margin: str) -> str:
    """Return ``margin`` if it names a convention.

    Raises:
        InputError: it is neither "absolute" nor "signed".
    """
    if margin not in MARGINS:
        raise unknown_name("margin", margin, MARGINS)
    return margin


def one_load(alpha_prune: Any, alpha_tot: Any) -> tuple[str, Any]:
    """The name and the value of the one load that is given.

    Raises:
        InputError: both are given, or neither.
    """
    if (alpha_prune is None) == (alpha_tot is None):
        raise InputError("give exactly one of alpha_prune and alpha_tot")
    if alpha_prune is None:
        return "alpha_tot", alpha_tot
    return "alpha_prune", alpha_prune


def broadcast(
    named: Mapping[str, Any], others: Iterable[Any] = ()
) -> tuple[np.ndarray, ...]:
    """The arrays of one shape; ``others`` are parameters, named by nobody.

    Raises:
        InputError: the shapes do not broadcast; the message names each of them.
    """
    arrays = [np.asarray(x, dtype=np.float64) for x in (*named.values(), *others)]
    try:
        return tuple(np.broadcast_arrays(*arrays))
    except ValueError as error:
        names = [*named, *(["a parameter"] * (len(arrays) - len(named)))]
        shapes = ", ".join(f"{n} {x.shape}" for n, x in zip(names, arrays, strict=True))
        raise InputError(f"shapes do not broadcast: {shapes}") from error
