"""Paths that a caller gives, as a shell would write them out."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import InputError


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path with ``~``, ``$NAME`` and ``${NAME}`` written out.

    A shell leaves them alone after a colon and between quotes.  What exists as it
    stands is taken as it stands; a variable that is not set is part of a name.

    Raises:
        InputError: It has a zero byte, which no path has.
    """
    if "\0" in os.fsdecode(path):
        raise InputError(f"the path {os.fsdecode(path)!r} has a zero byte: remove it")
    if os.path.lexists(path):
        return Path(path)
    return Path(os.path.expandvars(os.path.expanduser(path)))
