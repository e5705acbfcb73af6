"""What a file is, by its first bytes: for messages about one that is something else."""

from __future__ import annotations

from pathlib import Path

ZIP, TAR = "a .zip archive", "a .tar archive"
GZIP, BZIP2, XZ = "a gzip file (.gz)", "a bzip2 file (.bz2)", "an xz file (.xz)"
MAT_5 = "a .mat file of version 5"
HDF5 = "an HDF5 file (.h5, or .mat of version 7.3)"
MAT_7 = "a .mat file of version 7.3 (HDF5)"
PARQUET = "a parquet file"

_STARTS = {
    b"PK\x03\x04": ZIP,
    b"PK\x05\x06": "an empty .zip archive",
    b"7z\xbc\xaf\x27\x1c": "a .7z archive",
    b"Rar!": "a .rar archive",
    b"\x1f\x8b": GZIP,
    b"BZh": BZIP2,
    b"\xfd7zXZ\x00": XZ,
    b"\x28\xb5\x2f\xfd": "a Zstandard file (.zst)",
    b"\x89HDF": HDF5,
    b"MATLAB 7.3": MAT_7,
    b"MATLAB 5.0": MAT_5,
    b"PAR1": PARQUET,
    b"ARROW1": "an Arrow file",
    b"\x93NUMPY": "a .npy file",
    b"\x80\x02": "a pickle",
    b"\x80\x03": "a pickle",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
    b"version https://git-lfs": "a pointer of Git LFS in place of the file",
    b"%PDF": "a PDF file",
    b"# Created by Octave": "text of Octave: save it there with -v7",
    b"Octave-1-": "a binary file of Octave: save it there with -v7",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
}
_TAR = slice(257, 262)  # where a tar archive says that it is one


def kind_of(content: bytes) -> str | None:
    """What a file that starts like this is, "a .zip archive" say; None if not known."""
    for start, kind in _STARTS.items():
        if content.startswith(start):
            return kind
    if content[_TAR] == b"ustar":
        return TAR
    text = content[:200].lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html", b"<?xml")):
        return "a page of the web: was the download refused?"
    return None


def kind_of_file(path: Path) -> str | None:
    """:func:`kind_of` a file; None also if it cannot be read."""
    try:
        with path.open("rb") as file:
            return kind_of(file.read(512))
    except OSError:
        return None


def instead(path: Path, *expected: str) -> str:
    """What a file is instead, like :func:`instead_of`."""
    return _instead(kind_of_file(path), expected)


def instead_of(content: bytes, *expected: str) -> str:
    """The end of a message on a file that is not what it should be.

    Args:
        content: Of the file, or its first bytes.
        *expected: What it may be, as :func:`kind_of` calls it: damaged, then.

    Returns:
        ": it is a .zip archive" and what to do, or ": download it again".
    """
    return _instead(kind_of(content), expected)


def _instead(kind: str | None, expected: tuple[str, ...]) -> str:
    if kind is None or kind in expected:
        return ": download it again"
    packed = any(word in kind for word in ("archive", "gzip", "bzip2", "xz ", ".zst"))
    return f": it is {kind}" + "; unpack it" * packed
