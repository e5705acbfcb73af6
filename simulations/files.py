"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np


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


def write_npy(path: Path, array: np.ndarray) -> None:
    """Write an array as .npy, whole or not at all, whatever the path ends with."""

    def write(part: Path) -> None:
        with part.open("wb") as file:  # np.save would add .npy to a path
            np.save(file, array, allow_pickle=False)

    write_whole(path, write)
