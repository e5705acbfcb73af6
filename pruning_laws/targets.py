"""Files that results go to: which kinds there are, and whether they can be written."""

from __future__ import annotations

import os
from pathlib import Path

from . import options

PICTURES = (".png", ".pdf", ".svg")
SUFFIXES = (".nc", ".csv", *PICTURES)


def check_output(
    path: Path | None, overwrite: bool, suffixes: tuple[str, ...] = SUFFIXES
) -> None:
    """Refuse, before any work is done, a file that could not be written after it.

    Raises:
        typer.BadParameter: another suffix than those.
        OSError: the file exists and may not be replaced, or its folder does not exist
            or cannot be written.
    """
    if path is None:
        return
    if path.suffix not in suffixes:
        raise options.bad(
            "--output", f"{path.name!r} must end in {' or '.join(suffixes)}"
        )
    check_new(path, overwrite)


def check_new(path: Path | None, overwrite: bool) -> None:
    """Refuse, before any work is done, to replace a file or to write into no folder.

    Raises:
        OSError: the file exists and may not be replaced, or its folder does not exist
            or cannot be written.
    """
    if path is None:
        return
    if path.exists() and not overwrite:
        raise FileExistsError(0, "exists; --overwrite replaces it", str(path))
    folder = path.parent
    if not folder.is_dir():
        raise FileNotFoundError(0, "no such folder", str(folder))
    if not os.access(folder, os.W_OK):
        raise PermissionError(0, "this folder cannot be written", str(folder))
