"""Names of rows and columns of tables in memory, as of pandas, that order decides.

Everything here is paired by position.  A table whose own names say that its order is
another one is refused in place of being read in that order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from . import checks

_EXAMPLES = ("P", "Q", "T")  # what dimensions of examples are called
_PLAIN = "give .to_numpy() if the order is right"


def refuse_other_order(named: Mapping[str, Any]) -> None:
    """Refuse arrays of the same examples whose names say that they do not go together.

    Args:
        named: What is paired, as it was given: arrays of any kind, by name; None is
            none.

    Raises:
        InputError: As :func:`perceptron_theory.numerics.checks.refuse_other_order`; an
            index of numbers that is not 0, 1, 2, ...; one of names beside an array that
            has none.
    """
    checks.refuse_other_order(named)
    tables = {name: one for name, one in named.items() if _index(one) is not None}
    plain = [
        name
        for name, one in named.items()
        if name not in tables and (isinstance(one, list | tuple) or np.ndim(one) > 0)
    ]
    for name, one in tables.items():
        _check_numbers(f"the rows of {name}", _index(one))
        if plain and not _is_default(_index(one)):
            raise InputError(
                f"the rows of {name} have names, such as {_index(one)[0]!r}, those of "
                f"{plain[0]} have none: {_PLAIN}, or both with one index"
            )


def refuse_other_columns(one: tuple[str, Any], two: tuple[str, Any]) -> None:
    """Refuse two tables, such as a training and a test set, of other columns.

    Raises:
        InputError: Both name their columns, and the names or their order differ.
    """
    (first, here), (second, there) = one, two
    ours, theirs = _columns(here), _columns(there)
    if ours is None or theirs is None or list(ours) == list(theirs):
        return
    what = "another order" if set(ours) == set(theirs) else "other names"
    raise InputError(
        f"the columns of {second} have {what} than those of {first}: give "
        f"{second}[list({first}.columns)], or .to_numpy() of both"
    )


def check_axes(name: str, value: Any, dimensions: Sequence[str]) -> None:
    """Refuse a table whose rows or columns are numbered in another order.

    Args:
        name: What it is called, for messages.
        value: An array or a table of any kind.
        dimensions: What its axes are, in order: "P", "Q" or "T" of examples.

    Raises:
        InputError: Examples are numbered otherwise than 0, 1, 2, ..., or other columns
            not from the least on.
    """
    index, columns = _index(value), _columns(value)
    if index is not None and dimensions and dimensions[0] in _EXAMPLES:
        _check_numbers(f"the rows of {name}", index)
    if columns is None or len(dimensions) < 2:
        return
    if dimensions[1] in _EXAMPLES:
        _check_numbers(f"the columns of {name}", columns)
    numbers = _numbers(columns)
    if numbers is not None and (np.diff(numbers) < 0).any():
        raise InputError(
            f"the columns of {name} are numbered {_some(columns)}: sort them, or "
            f"{_PLAIN}"
        )


def of_examples(
    name: str,
    value: Any,
    ids: Sequence[str],
    *,
    examples: int = 0,
    classes: tuple[int, Sequence[str]] | None = None,
) -> np.ndarray:
    """An array of the examples of a data set, whose names, if any, must be theirs.

    Args:
        name: What it is called, for messages.
        value: An array or a table of any kind.
        ids: Of the examples, in their order.
        examples: The axis of examples.
        classes: The axis of classes, if there is one, and their names.

    Raises:
        InputError: Names of rows are not the ids in their order, or names of columns
            not those of the classes; it cannot be read as an array.
    """
    axes = [_index(value), _columns(value)]
    if _index(value) is not None and np.ndim(value) == 1:
        axes = axes[:1]
    wanted = [(examples, ids, "examples", "ids")]
    if classes is not None:
        wanted.append((*classes, "classes", "names"))  # type: ignore[arg-type] # an axis and names
    for axis, names, what, called in wanted:
        given = axes[axis] if -len(axes) <= axis < len(axes) else None
        if given is None or _is_default(given):
            continue
        if [str(one) for one in given] == list(names):
            continue
        if what == "classes" and _are_numbered(given, names):
            continue
        side = "rows" if axis % len(axes) == 0 else "columns"
        raise InputError(
            f"the {side} of {name} are called {_some(given)}, the {what} "
            f"{_some(names)}: give them in the order of the {called}, or {_PLAIN}"
        )
    return checks.plain_array(name, value)


def _are_numbered(columns: Any, names: Sequence[str]) -> bool:
    """Whether columns have names with a number, from the least on, of no class."""
    words = [str(one) for one in columns]
    heads = {word.rstrip("0123456789") for word in words}
    tails = [word[len(word.rstrip("0123456789")) :] for word in words]
    if len(heads) > 1 or not all(tails) or set(words) & set(names):
        return False
    first = int(tails[0])
    return first in (0, 1) and [int(one) - first for one in tails] == list(
        range(len(tails))
    )


def _check_numbers(what: str, names: Any) -> None:
    if _numbers(names) is not None and not _is_default(names):
        raise InputError(
            f"{what} are numbered {_some(names)} in their pandas index, and are taken "
            f"by position: {_PLAIN}, else bring them into it (.sort_index, .loc)"
        )


def list_of(name: str, values: Any) -> list[Any]:
    """Names in a list, by their positions, whatever holds them; bytes are text.

    A column of pandas is no list: its brackets take names of rows.

    Raises:
        InputError: A single text, or a table.
    """
    shape = getattr(values, "shape", None)
    single = isinstance(values, str | bytes) or (shape is not None and len(shape) != 1)
    tolist = getattr(values, "tolist", None)
    listed = [] if single else list(values) if tolist is None else tolist()
    if single or any(isinstance(one, list | tuple | np.ndarray) for one in listed):
        raise InputError(
            f"{name} must be a list of one id an example, got {type(values).__name__}"
            + (f" of shape {shape}" if shape is not None else "")
        )
    return [
        one.decode("utf-8", "surrogateescape") if isinstance(one, bytes) else one
        for one in listed
    ]


def _index(value: Any) -> Any:
    """The names of the rows of a table, if it has some."""
    if hasattr(value, "indexes") and hasattr(value, "dims"):  # xarray
        return value.indexes.get(value.dims[0]) if value.dims else None
    index = getattr(value, "index", None)
    return index if hasattr(value, "iloc") and hasattr(index, "equals") else None


def _columns(value: Any) -> Any:
    """The names of the columns of a table, of pandas or another library."""
    if hasattr(value, "indexes") and hasattr(value, "dims"):  # xarray
        return value.indexes.get(value.dims[1]) if len(value.dims) > 1 else None
    columns = getattr(value, "columns", None)
    return None if columns is None or callable(columns) else columns


def _is_default(names: Any) -> bool:
    numbers = _numbers(names)
    return numbers is not None and np.array_equal(numbers, np.arange(len(numbers)))


def _numbers(names: Any) -> np.ndarray | None:
    """Names that are numbers, not words or dates."""
    array = np.asarray(names)
    if array.dtype.kind == "O" and all(isinstance(one, int) for one in array):
        array = array.astype(np.int64)
    return array if array.ndim == 1 and array.dtype.kind in "iuf" else None


def _some(names: Any) -> str:
    words = [repr(one) if isinstance(one, str) else str(one) for one in names[:3]]
    return ", ".join(words) + ", ..." * (len(names) > 3)
