"""What SciPy's reader of MATLAB files of version 5 takes for granted, checked first.

Such a file is a header and a list of variables, each of nested elements: a tag that
says the type and the number of bytes, and then these.  SciPy looks a type up in a table
without asking whether it is one, so a damaged byte there ends the whole process.
(MAT-File Format, The MathWorks, chapter 1.)
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 16, 17, 18})  # and texts
_CELL, _STRUCT, _CHAR, _SPARSE = 1, 2, 4, 5
_NUMERIC = frozenset(range(6, 16))
_COMPLEX = 0x0800
_BEGIN = [6, 5, 1]  # types of the class, the sizes and the name of a matrix


class DamagedError(ValueError):
    """The elements of a .mat file are not what their tags say."""


class _Element(NamedTuple):
    kind: int
    content: memoryview
    end: int


def is_mat_5(content: bytes) -> bool:
    """Whether SciPy would read the file as one of version 5 to 7."""
    mark = content[HEADER - 4 : HEADER]
    # a file of version 4 has no text at its start, but a small number
    return len(mark) == 4 and 0 not in content[:4] and 1 in (mark[0], mark[1])


def checked_mat_5(content: bytes, names: Sequence[str]) -> bytes:
    """A file with these variables only, whose elements are what their tags say.

    Variables that are neither numbers, text, cells nor structs are checked for
    nothing and kept out.

    Raises:
        DamagedError: An element is of no known type, ends after its file or matrix,
            or is not of the type that its place asks for.
    """
    order = "little" if content[HEADER - 2 : HEADER] == b"IM" else "big"
    kept = [content[:HEADER]]
    for matrix in _matrices(content, order):
        if _name(matrix.content, order) in names and _check(matrix.content, order):
            tag = _MATRIX.to_bytes(4, order)
            kept += [tag, len(matrix.content).to_bytes(4, order), matrix.content]
    return b"".join(kept)


def names_of_mat_5(content: bytes) -> list[str]:
    """What the variables of a file are called.

    Raises:
        DamagedError: An element ends after its file, or a variable is not a matrix.
    """
    order = "little" if content[HEADER - 2 : HEADER] == b"IM" else "big"
    return [_name(one.content, order) for one in _matrices(content, order)]


def _matrices(content: bytes, order) -> Iterator[_Element]:
    for element in _elements(memoryview(content)[HEADER:], order, padded=False):
        matrix = element
        if element.kind == _COMPRESSED:
            matrix = _element(memoryview(zlib.decompress(element.content)), 0, order)
        if matrix.kind != _MATRIX:
            raise DamagedError("a variable is not a matrix")
        yield matrix


def _element(content: memoryview, start: int, order, padded: bool = True) -> _Element:
    """The element that starts at a byte; short ones hold their bytes in the tag."""
    tag = content[start : start + 8]
    if len(tag) < 8:
        raise DamagedError("a tag is cut off")
    kind = int.from_bytes(tag[:4], order)
    if kind >> 16:  # the upper half is the number of bytes
        kind, size = kind & 0xFFFF, kind >> 16
        if size > 4:
            raise DamagedError("a short element is longer than its tag")
        return _Element(kind, tag[4 : 4 + size], start + 8)
    size = int.from_bytes(tag[4:], order)
    end = start + 8 + size
    if end > len(content):
        raise DamagedError("an element is cut off")
    return _Element(kind, content[start + 8 : end], end + (-size % 8 if padded else 0))


def _elements(content: memoryview, order, padded: bool = True) -> Iterator[_Element]:
    start = 0
    while start < len(content):
        element = _element(content, start, order, padded)
        yield element
        start = element.end


def _name(matrix: memoryview, order) -> str:
    parts = _elements(matrix, order)
    try:
        _, _, name = next(parts), next(parts), next(parts)
    except StopIteration:
        raise DamagedError("a matrix has no name") from None
    return bytes(name.content).decode("latin-1")


def _check(matrix: memoryview, order) -> bool:
    """Look through a matrix; False if it is of a class that is not read."""
    if not len(matrix):
        return True  # an empty cell
    parts = list(_elements(matrix, order))
    if [part.kind for part in parts[:3]] != _BEGIN:
        raise DamagedError("a matrix does not begin with its class, sizes and name")
    flags, sizes = parts[0].content, parts[1].content
    if len(flags) != 8 or not len(sizes) or len(sizes) % 4:
        raise DamagedError("the class or the sizes of a matrix are cut off")
    word = int.from_bytes(flags[:4], order)
    kind, parts = word & 0xFF, parts[3:]
    shape = [
        int.from_bytes(sizes[i : i + 4], order, signed=True)
        for i in range(0, len(sizes), 4)
    ]
    if min(shape) < 0:
        raise DamagedError("a size of a matrix is negative")
    if kind in _NUMERIC or kind == _CHAR:
        _are(parts, 1 + bool(word & _COMPLEX), _NUMBERS)
    elif kind == _SPARSE:
        _are(parts, 3 + bool(word & _COMPLEX), _NUMBERS)
    elif kind == _CELL:
        _check_all(parts, math.prod(shape), order)
    elif kind == _STRUCT:
        _are(parts[:2], 2, _NUMBERS)
        width, names = (part.content for part in parts[:2])
        length = int.from_bytes(width, order)
        if len(width) != 4 or length < 1 or len(names) % length:
            raise DamagedError("the names of a struct's fields are cut off")
        _check_all(parts[2:], math.prod(shape) * (len(names) // length), order)
    else:
        return False
    return True


def _are(parts: Sequence[_Element], many: int, kinds: frozenset[int]) -> None:
    if len(parts) != many or not all(part.kind in kinds for part in parts):
        raise DamagedError("the numbers of a matrix are of no known type")


def _check_all(parts: Sequence[_Element], many: int, order) -> None:
    _are(parts, many, frozenset({_MATRIX}))
    if not all(_check(part.content, order) for part in parts):
        raise DamagedError("a part of a matrix is of a class that is not read")
