"""Arrays in files of other programs, by name: .npy, .npz, .parquet, .csv, .txt.

Nothing in a file is run: arrays of objects, which are pickles, may hold text and plain
values only.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from perceptron_theory import InputError
from perceptron_theory.errors import first_line
from perceptron_theory.paths import expanded
from perceptron_theory.text_files import read_text

from ...csv_files import read_csv
from ...parquet_files import read_schema, read_table
from ..optional import require
from .class_labels import labels_of_cells
from .file_kinds import kind_of_file
from .safe_pickle import safe_load

SUFFIXES = (".npy", ".npz", ".parquet", ".csv", ".tsv", ".txt")
_INDEX = "__index_level_"  # pandas writes an index without a name so
INDEX = "column 0"
"""What an index without a name is called here: a first column without one."""


@dataclass(frozen=True)
class ArrayFile(Mapping[str, np.ndarray]):
    """The arrays of a file by name, each read when it is asked for.

    The one array of a .npy, and the lines of a .txt, have the name "".
    """

    path: Path
    readers: Mapping[str, Callable[[], np.ndarray]]
    written: Mapping[str, Callable[[], Sequence[str]]] = field(default_factory=dict)
    """Of a file of text, the cells as they stand in it."""

    def __getitem__(self, name: str) -> np.ndarray:
        return self.readers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self.readers)

    def __len__(self) -> int:
        return len(self.readers)

    def named(self, names: Collection[str]) -> str | None:
        """The one array that has one of some names, in small letters or large.

        Raises:
            InputError: Several have.
        """
        found = [name for name in self if plain_names(name) & set(names)]
        if len(found) > 1:
            raise InputError(
                f"{self.path} has both {found[0]!r} and {found[1]!r}: leave one of "
                "them out"
            )
        return found[0] if found else None

    def labels(self, name: str) -> np.ndarray:
        """An array as labels, which no rounding makes the same.

        Raises:
            InputError: As for the array, or as of :func:`.labels_of_cells`.
        """
        if name not in self.written:
            return self[name]
        where = f"{self.path}: {name or 'labels'}"
        return labels_of_cells(where, self.written[name]())

    def readable(self, name: str) -> np.ndarray | None:
        """An array; None if it cannot be read, which nobody has to know who asks.

        A column that nothing is taken from may have gaps, or lists of words.
        """
        try:
            return self[name]
        except InputError:
            return None

    def without(self, *names: str | None) -> ArrayFile:
        """The file without some of its arrays."""
        left = {name: read for name, read in self.readers.items() if name not in names}
        return ArrayFile(self.path, left, self.written)

    def says(self) -> str:
        """The names of the first arrays, for messages."""
        names = [repr(name) for name in self if name]
        some = ", ".join(names[:6]) + f" and {len(names) - 6} more" * (len(names) > 6)
        return f"has {some}" if some else "has one array"


def plain_names(name: str) -> set[str]:
    """A name in small letters, and as one word: "Sample ID" as sample_id."""
    low = name.lower()
    return {low, re.sub(r"[ -]+", "_", low)}


def open_arrays(path: Path | str) -> ArrayFile:
    """The arrays in a file, of which the kind is told by the end of its name.

    Raises:
        InputError: There is no such file, it is of another kind, or it is damaged.
    """
    path = expanded(path)
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise InputError(
            f"{path}: arrays are read from {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        )
    if not path.is_file():
        why = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(f"{path} {why}: give a {kind} file")
    if kind == ".npy":
        return ArrayFile(path, {"": partial(_npy, path)})
    if kind == ".txt":
        lines = partial(_lines, path)
        return ArrayFile(path, {"": lambda: _cells(lines())}, {"": lines})
    if kind == ".npz":
        return ArrayFile(path, _npz(path))
    if kind == ".parquet":
        return ArrayFile(path, _parquet(path))
    table = read_csv(path, "table with a header")
    columns = {name: partial(_cells, cells) for name, cells in table.columns.items()}
    written = {name: partial(list, cells) for name, cells in table.columns.items()}
    return ArrayFile(path, columns, written)


def read_array(path: Path | str) -> np.ndarray:
    """A .npy file, mapped into memory; objects, which would be run, are refused.

    Raises:
        InputError: There is no such file, it has another format, it is truncated, or
            there is more in it, as of two ``numpy.save``.
    """
    path = expanded(path)
    try:
        found = np.lib.format.open_memmap(path, mode="r")
        _check_end(path, path.stat().st_size - found.offset - found.nbytes)
        return found
    except InputError:
        raise
    except Exception as error:  # a damaged header raises anything; none is run
        kind = kind_of_file(path)
        line = first_line(error)
        why = f"it is {kind}; {line}" if kind else line
        raise InputError(f"{path} is not a .npy file of numbers ({why})") from error


def read_npy(content: bytes, where: str) -> np.ndarray:
    """The array in the bytes of a .npy file, which may hold objects.

    Raises:
        InputError: The objects are no plain values, or damaged; there is more behind.
        Exception: Whatever a damaged header raises.
    """
    stream = io.BytesIO(content)
    major, _ = np.lib.format.read_magic(stream)
    header = getattr(np.lib.format, f"read_array_header_{major}_0")
    shape, _, dtype = header(stream)
    if not dtype.hasobject:
        behind = len(content) - stream.tell() - math.prod(shape) * dtype.itemsize
        _check_end(where, behind)
        return np.load(io.BytesIO(content), allow_pickle=False)
    array = safe_load(stream.read(), where)
    return np.asarray(array).reshape(shape)


def _check_end(where: object, behind: int) -> None:
    """Refuse bytes behind an array: most readers would leave them out unseen."""
    if behind > 0:
        raise InputError(
            f"{where} has {behind} bytes after its array, as of several numpy.save "
            "into one file: save each array in its own file, or all by numpy.savez"
        )


def _npy(path: Path) -> np.ndarray:
    try:
        return plain_values(read_array(path))
    except InputError as error:
        try:
            return plain_values(read_npy(path.read_bytes(), str(path)))
        except InputError:
            raise
        except Exception:  # a damaged header raises anything
            raise error from None


def _npz(path: Path) -> dict[str, Callable[[], np.ndarray]]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".npy")]
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        kind = kind_of_file(path)
        why = f"it is {kind}" if kind else first_line(error)
        raise InputError(f"{path} is not a complete .npz file ({why})") from error
    if not names:
        raise InputError(f"{path} has no arrays in it: give a file of numpy.savez")
    return {name[:-4]: partial(_member, path, name) for name in names}


def _member(path: Path, name: str) -> np.ndarray:
    try:
        with zipfile.ZipFile(path) as archive:
            return plain_values(read_npy(archive.read(name), f"{path}: {name}"))
    except InputError:
        raise
    except Exception as error:  # a damaged archive raises anything; none is run
        raise InputError(
            f"{path}: {name} is not a complete array ({first_line(error)})"
        ) from error


def _parquet(path: Path) -> dict[str, Callable[[], np.ndarray]]:
    require("pyarrow", "a parquet file")
    import pyarrow as pa

    try:
        schema = read_schema(path)
        names = schema.names
    except (pa.ArrowException, OSError) as error:
        kind = kind_of_file(path)
        why = f"it is {kind}" if kind else first_line(error)
        raise InputError(f"{path} is not a complete parquet file ({why})") from error
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path} has several columns called {twice!r}: rename them")
    shown = [name for name in names if not name.startswith(_INDEX)]
    if not shown:
        raise InputError(f"{path} has no columns")
    readers = {name: partial(_column, path, name) for name in shown}
    if names.count(f"{_INDEX}0__") == len(names) - len(shown) == 1:
        # as the same table is called in a .csv; written where it is not 0, 1, 2, ...
        readers.setdefault(INDEX, partial(_column, path, f"{_INDEX}0__"))
    elif len(names) > len(shown):  # an index of several levels, as in a .csv
        for level, name in enumerate(one for one in names if one.startswith(_INDEX)):
            readers.setdefault(f"column {level}", partial(_column, path, name))
    elif (index := _range_of(schema)) is not None:
        readers.setdefault(INDEX, partial(np.copy, index))
    return readers


def _range_of(schema: Any) -> np.ndarray | None:
    """An index of pandas that is stored as a range, unless it is 0, 1, 2, ..."""
    about = schema.pandas_metadata or {}
    for one in about.get("index_columns", []):
        if isinstance(one, dict) and one.get("kind") == "range":
            index = np.arange(one["start"], one["stop"], one["step"])
            return None if np.array_equal(index, np.arange(len(index))) else index
    return None


def _column(path: Path, name: str) -> np.ndarray:
    """A column of parquet: numbers, text, or lists of as many numbers each."""
    import pyarrow as pa

    where = f"{path}: the column {name!r}"
    try:
        table = read_table(path, columns=[name])
        table.validate(full=True)  # text that is none, indices beyond the end
        values = table.column(0).combine_chunks()
        if pa.types.is_dictionary(values.type):  # a pandas category
            values = values.dictionary_decode()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{where} cannot be read ({first_line(error)}): is the file complete?"
        ) from error
    if values.null_count:
        row = values.is_null().to_numpy(zero_copy_only=False).argmax()
        raise InputError(f"{where} has no value in row {row}: give every example one")
    kind = values.type
    listed = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if not (listed or pa.types.is_fixed_size_list(kind)):
        return plain_values(values.to_numpy(zero_copy_only=False))
    numbers = kind.value_type
    if not (pa.types.is_integer(numbers) or pa.types.is_floating(numbers)):
        raise InputError(f"{where} has lists of {numbers}: give lists of numbers")
    flat = values.flatten()
    if flat.null_count:
        raise InputError(f"{where} has lists with missing numbers: fill them in")
    lengths = np.asarray(values.value_lengths())
    if len(lengths) and (lengths != lengths[0]).any():
        row = int((lengths != lengths[0]).argmax())
        raise InputError(
            f"{where} has {lengths[0]} numbers in row 0 and {lengths[row]} in row "
            f"{row}: give rows of one length"
        )
    return flat.to_numpy(zero_copy_only=False).reshape(len(values), -1)


def _lines(path: Path) -> list[str]:
    try:
        lines = read_text(path).split("\n")
    except (OSError, InputError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be read ({why})") from error
    if lines and not lines[-1]:
        lines.pop()
    return lines


def _cells(cells: Sequence[str]) -> np.ndarray:
    """Cells of text, as numbers if all of them are; 007 is a name."""
    cells = [cell.strip() for cell in cells]
    if all(cell.isdecimal() for cell in cells):
        if all(len(cell) < 19 and str(int(cell)) == cell for cell in cells):
            return np.array(cells, np.int64)
    elif not any("_" in cell for cell in cells):  # 1_000: in Python only
        with suppress(ValueError):
            return np.array([float(cell) for cell in cells])
    return np.array(cells, str)


def plain_values(array: np.ndarray) -> np.ndarray:
    """Objects and bytes that are text as text; numbers as they are.

    Objects that no other type holds without a loss stay what they are, and are refused
    where they are used: text beside None or NaN, whole numbers that would be rounded.
    """
    if array.dtype.kind == "S":
        return _text(array.tolist())
    if array.dtype.kind != "O":
        return array
    values = array.ravel().tolist()
    if all(isinstance(one, str | bytes) for one in values):
        if any(one[-1:] in ("\0", b"\0") for one in values):  # which NumPy drops
            return array
        return _text(values).reshape(array.shape)
    try:
        found = np.array(array.tolist())
    except ValueError:  # rows of different lengths; refused where it is used
        return array
    return array if _lost(values, found) else found


def _lost(values: list[Any], found: np.ndarray) -> bool:
    """Whether objects that differ are the same in an array of one type."""
    if found.dtype.kind == "U":
        kinds = (isinstance(x, str | bytes | int | np.integer) for x in values)
        return not all(kinds) or len(set(values)) > len(np.unique(found))
    whole = (x for x in values if isinstance(x, int | np.integer))
    return found.dtype.kind == "f" and any(abs(int(x)) >= 2**53 for x in whole)


def _text(values: list[Any]) -> np.ndarray:
    return np.array(
        [
            one.decode("utf-8", "backslashreplace") if isinstance(one, bytes) else one
            for one in values
        ],
        str,
    )
