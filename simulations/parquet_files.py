"""Parquet files on any path: pyarrow takes none that is not UTF-8, but open files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def read_schema(path: Path) -> Any:
    """The schema of a file, as pyarrow has it, which says what may be raised."""
    import pyarrow.parquet as pq

    with path.open("rb") as file:
        return pq.read_schema(file)


def read_table(path: Path, **options: Any) -> Any:
    """The table in a file; ``options`` are those of pyarrow."""
    import pyarrow.parquet as pq

    with path.open("rb") as file:
        return pq.read_table(file, **options)


def write_table(path: Path, table: Any, **options: Any) -> None:
    """Write a table to a file; ``options`` are those of pyarrow."""
    import pyarrow.parquet as pq

    with path.open("wb") as file:
        pq.write_table(table, file, **options)


@contextmanager
def parquet_file(path: Path) -> Iterator[Any]:
    """A file that is read in row groups, while it is open."""
    import pyarrow.parquet as pq

    with path.open("rb") as opened, pq.ParquetFile(opened) as file:
        yield file
