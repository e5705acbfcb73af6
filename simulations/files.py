"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name
from perceptron_theory.paths import expanded
from perceptron_theory.text_files import read_text


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside ``path``, then move it there: never half a file.

    Raises:
        OSError: full disk, no permission; what was at ``path`` is still there.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        write(partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()


def filled_rows(
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
    count: int,
    path: Path | None = None,
) -> np.ndarray:
    """A table of ``count`` rows, float32, from batches of row numbers and rows.

    With a path it is a memory map of that file, a .npy that is written as they come.
    """
    table = None
    for rows, values in batches:
        if table is None:
            shape = count, values.shape[1]
            table = np.empty(shape, np.float32)
            if path is not None:
                table = np.lib.format.open_memmap(path, "w+", np.float32, shape)
        table[rows] = values
    assert table is not None
    if isinstance(table, np.memmap):
        table.flush()
    return table


def write_npy_rows(
    path: Path, batches: Iterable[tuple[np.ndarray, np.ndarray]], count: int
) -> None:
    """Write the table of :func:`filled_rows` as .npy, whole or not at all.

    It is never all in memory.
    """
    write_whole(path, lambda part: filled_rows(batches, count, part))


def write_npy(path: Path, array: np.ndarray) -> None:
    """Write an array as .npy, whole or not at all, whatever the path ends with."""

    def write(part: Path) -> None:
        with part.open("wb") as file:  # np.save would add .npy to a path
            np.save(file, array, allow_pickle=False)

    write_whole(path, write)


def shipped_names(folder: Path) -> list[str]:
    """The names of the .toml files in a folder of the package."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def read_toml(name: str | Path, folder: Path, kind: str) -> tuple[Path, dict[str, Any]]:
    """The path and the contents of a shipped .toml file, or of a user's own.

    Args:
        name: one of :func:`shipped_names`, or a path that ends in .toml.
        folder: of those that are shipped.
        kind: what they are, for the message.

    Raises:
        InputError: no such name or file, no TOML.
    """
    path = expanded(name)
    if path.suffix != ".toml":
        if str(name) not in shipped_names(folder):
            raise unknown_name(kind, name, shipped_names(folder))
        path = folder / f"{name}.toml"
    try:
        return path, tomllib.loads(read_text(path))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not a readable {kind} ({error})") from error
    except RecursionError:
        raise InputError(
            f"{path} is not a readable {kind} (it is nested too deeply)"
        ) from None
