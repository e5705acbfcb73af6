"""Images in parquet shards, as Hugging Face stores them: read a row group at a time.

A row group (100 rows in the public ImageNet) is the least that can be read.  In order,
each is read once; at random, once an image, which the benchmark counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from perceptron_theory import InputError
from perceptron_theory.errors import first_line
from perceptron_theory.text_files import record_of

from ...parquet_files import parquet_file
from ..optional import require
from .file_kinds import PARQUET, instead

_COLUMNS = ("image", "img")


@dataclass(frozen=True)
class Rows:
    """Rows of parquet shards, an image each."""

    shards: tuple[Path, ...]
    column: str
    ends: tuple[Int[np.ndarray, " groups"], ...]
    """The row of the whole set after each row group, for each shard."""

    def read(self, row: int) -> bytes:
        shard = self._shard(row)
        group = int(np.searchsorted(self.ends[shard], row, "right"))
        path = self.shards[shard]
        values = _row_group(path, group, self.column, _stamp(path))
        # counted from the end, for which no start is needed
        content = values[row - int(self.ends[shard][group])].as_py()
        if not content:
            raise InputError(f"{self.where(row)} holds no image")
        return content

    def where(self, row: int) -> str:
        """The shard, and the row in it."""
        shard = self._shard(row)
        start = int(self.ends[shard - 1][-1]) if shard else 0
        return f"{self.shards[shard]}: row {row - start}"

    def _shard(self, row: int) -> int:
        last = [ends[-1] for ends in self.ends]
        return int(np.searchsorted(last, row, "right"))


@dataclass(frozen=True)
class Listing:
    """What shards say without their images being read."""

    labels: Int[np.ndarray, " P"]
    paths: tuple[str | None, ...]
    class_names: tuple[str, ...] | None
    """The names of the classes in Hugging Face's metadata, if it is there."""
    sizes: Int[np.ndarray, " groups"]
    """Bytes of the images of each row group, before compression."""
    reader: Rows

    def check_labels(self, classes: int) -> None:
        """Refuse a label that is none of so many, and name its shard and row.

        Raises:
            InputError: There is one.
        """
        bad = np.flatnonzero((self.labels < 0) | (self.labels >= classes))
        if len(bad):
            i = int(bad[0])
            raise InputError(
                f"{self.reader.where(i)}: labels[{i}] is {self.labels[i]}: labels must "
                f"be 0 to {classes - 1}"
            )


def list_shards(shards: Sequence[Path], label_name: str = "label") -> Listing:
    """Labels and paths of all rows, in the order of the files.

    Args:
        shards: of one split.
        label_name: the column of the labels.

    Raises:
        InputError: a file that is truncated or lacks a column, a row without a label.
    """
    require("pyarrow", "parquet")
    import pyarrow as pa

    labels, paths, sizes, ends, names = [], [], [], [], None
    read, column, total = [], "", 0
    for path in shards:
        try:
            with parquet_file(path) as file:
                schema = file.schema_arrow
                column = _column(path, schema, column, label_name)
                named = _class_names(schema.metadata, label_name)
                if names and named and names != named:
                    raise InputError(
                        f"{path} has other classes, or another order of them, than "
                        f"{shards[0].name}: give shards of one set"
                    )
                names = names or named
                label = file.read([label_name], use_threads=False)[label_name]
                _check_numbers(path, label)
                if not len(label):
                    continue
                labels.append(label.to_numpy())
                if "path" in _fields(schema.field(column)):
                    table = file.read([f"{column}.path"], use_threads=False)
                    paths += table[column].combine_chunks().field("path").to_pylist()
                else:
                    paths += [None] * len(label)
                counts, group_sizes = _row_groups(file.metadata, column)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"{path} is not a complete parquet file ({first_line(error)})"
                f"{instead(path, PARQUET)}"
            ) from error
        read.append(path)
        ends.append(total + np.cumsum(counts))
        total += sum(counts)
        sizes += group_sizes
    if not total:
        raise InputError(f"{shards[0]} has no rows")
    reader = Rows(tuple(read), column, tuple(ends))
    return Listing(np.concatenate(labels), tuple(paths), names, np.array(sizes), reader)


def _check_numbers(path: Path, label: Any) -> None:
    import pyarrow as pa

    if pa.types.is_integer(label.type) and not label.null_count:
        return
    at = ""
    if label.null_count:
        at = f", the first in row {label.is_null().to_pylist().index(True)}"
    raise InputError(
        f"{path}: labels must be whole numbers, none missing; got {label.type} with "
        f"{label.null_count} missing{at}"
    )


def _column(path: Path, schema: Any, column: str, label_name: str) -> str:
    """The name of the column of images, the same in all shards."""
    names = schema.names
    found = next((name for name in _COLUMNS if name in names), "")
    fields = _fields(schema.field(found)) if found else []
    if label_name not in names or "bytes" not in fields:
        wanted, other = ("image", "img") if found == "image" else ("img", "image")
        raise InputError(
            f"{path} has the columns {', '.join(names)}; {wanted}{{bytes, path}} (or "
            f"{other}) and {label_name} are needed"
        )
    if column and found != column:
        raise InputError(f"{path} calls its images {found}, other shards {column}")
    return found


def _fields(column: Any) -> list[str]:
    import pyarrow as pa

    if not pa.types.is_struct(column.type):
        return []
    return [column.type.field(i).name for i in range(column.type.num_fields)]


def _row_groups(metadata: Any, column: str) -> tuple[list[int], list[int]]:
    """Rows and bytes of images of each row group that has any."""
    counts, sizes = [], []
    for i in range(metadata.num_row_groups):
        group = metadata.row_group(i)
        chunks = [group.column(j) for j in range(group.num_columns)]
        sizes += [
            chunk.total_uncompressed_size
            for chunk in chunks
            if chunk.path_in_schema == f"{column}.bytes"
        ]
        counts.append(group.num_rows)
    return counts, sizes


def _class_names(
    metadata: dict[bytes, bytes] | None, label_name: str
) -> tuple[str, ...] | None:
    try:
        features = record_of((metadata or {})[b"huggingface"])["info"]["features"]
        return tuple(map(str, features[label_name]["names"]))
    except (KeyError, TypeError, ValueError):
        return None


def _stamp(path: Path) -> tuple[int, ...]:
    """Another one when the file is written anew."""
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error
    return status.st_ino, status.st_size, status.st_mtime_ns


@lru_cache(maxsize=2)  # of about 11 MB: rows are read in order, or at random
def _row_group(path: Path, group: int, column: str, stamp: tuple[int, ...]) -> Any:
    import pyarrow as pa

    try:
        with parquet_file(path) as file:
            table = file.read_row_group(group, [f"{column}.bytes"], use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read ({first_line(error)})") from error
    return table[column].combine_chunks().field("bytes")
