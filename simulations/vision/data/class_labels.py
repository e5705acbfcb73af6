"""Labels that tell the classes of examples: told apart exactly, and none missing.

A label is a whole number or a name.  Two that differ never become one class by
rounding: numbers that were rounded before they came here are refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

import numpy as np
from jaxtyping import Int
from numpy.typing import ArrayLike

from perceptron_theory import InputError

from ..score_columns import EMPTY

_MISSING = (*EMPTY, "nan", "<na>")
_NUMBER = re.compile(
    r"[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|nan|inf|infinity)",
    re.ASCII | re.IGNORECASE,
)
_END = 2**63
_DIGITS = 400  # of a whole number; beyond float64 it is a name


def classes_of(
    where: str, labels: np.ndarray
) -> tuple[Int[np.ndarray, " P"], tuple[str, ...]]:
    """Labels from 0 on, and the names of their classes: the different ones, sorted.

    Args:
        where: what they are called, for messages.
        labels: one per example.

    Raises:
        InputError: They are no list of whole numbers or of names, one is missing, or
            they are floating-point numbers so large that others may have become them.
    """
    labels = one_a_row(labels)
    if labels.ndim != 1:
        hint = ""
        if labels.ndim == 2 and 1 in labels.shape:
            hint = ": they lie in one row, give ravel()"
        elif labels.ndim == 2:
            hint = ": for one-hot rows give argmax(1)"
        raise InputError(
            f"{where} have shape {labels.shape}, one label per example has (P,){hint}"
        )
    if labels.dtype.kind in "OfU":
        _refuse_missing(where, labels)
    if labels.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(labels) | (labels != np.rint(labels)))
        if bad.size:
            raise InputError(
                f"{where}: label {bad[0]} is {labels[bad[0]]}: labels must be whole "
                "numbers or names"
            )
        end = 2 ** min(np.finfo(labels.dtype).nmant + 1, 62)
        large = np.flatnonzero(abs(labels.astype(np.longdouble)) >= end)
        if large.size:
            raise InputError(
                f"{where}: label {large[0]} is {labels[large[0]]:g}: numbers of "
                f"{labels.dtype} are told apart below {end} only: give integers or "
                "names"
            )
        labels = labels.astype(np.int64)
    big = labels.dtype.kind == "O" and all(type(one) is int for one in labels.tolist())
    if labels.dtype.kind not in "iubU" and not big:
        raise InputError(f"{where} must be whole numbers or names, got {labels.dtype}")
    names, numbers = np.unique(labels, return_inverse=True)
    return numbers.reshape(-1), tuple(map(str, names.tolist()))


def same_classes(one: ArrayLike, two: ArrayLike) -> bool:
    """Whether labels are the same up to the names of the classes."""
    one, two = np.asarray(one), np.asarray(two)
    if len(one) != len(two):
        return False
    pairs = set(zip(one.tolist(), two.tolist(), strict=True))
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def one_a_row(labels: np.ndarray) -> np.ndarray:
    """A column (P, 1) as a list (P,); anything else as it is."""
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels


def is_missing(label: object) -> bool:
    """Whether this stands where there is no label: nothing, None, NaN, or NA as text.

    A folder of such a name is a class all the same: it is not asked here.
    """
    if isinstance(label, str):
        return label.strip().lower() in _MISSING
    return label is None or (isinstance(label, float | np.floating) and label != label)


def _refuse_missing(where: str, labels: np.ndarray) -> None:
    missing = next((i for i, one in enumerate(labels.tolist()) if is_missing(one)), -1)
    if missing < 0:
        return
    one = labels[missing]
    what = "is empty"
    if str(one).strip():
        what = f"is missing ({one})"
    other = ", or another name if it is a class" if isinstance(one, str) and one else ""
    raise InputError(f"{where}: label {missing} {what}: give every example one{other}")


def labels_of_cells(where: str, cells: Sequence[str]) -> np.ndarray:
    """Labels as text has them: whole numbers as they count, to all digits, or names.

    1, +1 and 1.0 are one number; 007 is a name, and all others beside it are.

    Args:
        where: what they are called, for messages.
        cells: one a label.

    Returns:
        int64 where all are whole numbers, Python's where these do not fit; float64
        where all are numbers and some are not whole, which are no labels; else text.

    Raises:
        InputError: One number is written in two ways with an exponent, as 0e1 and 0e2,
            which may be names of two.
    """
    cells = [cell.strip() for cell in cells]
    number = {cell: _number(cell) for cell in cells}
    found = [one for one in number.values() if one is not None]
    padded = any(re.match(r"[+-]?0\d", cell) for cell in number)
    if not found or len(found) < len(number) or padded:
        return np.array(cells, str)
    if any(not one.is_finite() or one != one.to_integral_value() for one in found):
        return np.array([float(cell) for cell in cells])
    first: dict[Decimal, str] = {}
    for cell, one in zip(number, found, strict=True):
        other = first.setdefault(one, cell)
        if other != cell and "e" in (other + cell).lower():
            raise InputError(
                f"{where}: {other!r} and {cell!r} are one number, or two names: write "
                "numbers without exponents, or names that are none"
            )
    whole = {cell: int(one) for cell, one in zip(number, found, strict=True)}
    fit = all(-_END <= one < _END for one in whole.values())
    return np.array([whole[cell] for cell in cells], np.int64 if fit else object)


def _number(cell: str) -> Decimal | None:
    if not _NUMBER.fullmatch(cell):
        return None
    try:
        number = Decimal(cell)
    except InvalidOperation:  # an exponent of twenty digits
        return None
    return number if not number.is_finite() or number.adjusted() < _DIGITS else None
