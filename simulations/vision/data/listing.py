"""Which files below a folder are images, and which names are not part of the data.

Links are followed.  Names that begin with a dot, and those that systems and notebooks
leave behind, are passed over; what Pillow reads is an image; the rest is counted.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from perceptron_theory import InputError
from perceptron_theory.errors import DataWarning
from perceptron_theory.wording import counted

from ..optional import require

UNFINISHED = (
    ".part",
    ".partial",
    ".crdownload",
    ".tmp",
    ".download",
    ".incomplete",
    ".aria2",
)
_OF_SYSTEMS = {
    "__macosx",
    "__pycache__",
    "@eadir",
    "@recently-snapshot",
    "@recycle",
    "#recycle",
    "#snapshot",
    "@sharebin",
    "@tmp",
    "$recycle.bin",
    "desktop.ini",
    "ehthumbs.db",
    "icon\r",
    "lost+found",
    "network trash folder",
    "recycler",
    "system volume information",
    "temporary items",
    "thumbs.db",
}
# Pillow knows these by name, and reads no pixels without other programs
_NO_PIXELS = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}


@dataclass(frozen=True)
class Listed:
    """What is in a folder and below, in the order of the parts of the paths."""

    images: dict[Path, int]
    """And their sizes in bytes."""
    others: list[Path]
    """Files that are no images."""


def is_data(name: str) -> bool:
    """Whether a file or folder of this name may be part of the data."""
    return not name.startswith(".") and name.lower() not in _OF_SYSTEMS


def is_data_path(path: str) -> bool:
    """:func:`is_data` of all parts of a path with forward slashes."""
    return all(is_data(part) for part in PurePosixPath(path).parts)


def image_suffixes() -> frozenset[str]:
    """The ends of the names of files that Pillow reads, in small letters.

    Raises:
        InputError: Pillow is not installed.
    """
    require("PIL", "reading images")
    from PIL import Image

    known = Image.registered_extensions().items()
    return frozenset(
        suffix
        for suffix, kind in known
        if kind in Image.OPEN and kind not in _NO_PIXELS
    )


def text_of_name(name: str) -> str:
    r"""The name of a file as text for files: bytes that are not UTF-8 as ``\xe9``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def sub_folders(folder: Path) -> list[str]:
    """The names of the folders in a folder, sorted as text.

    Raises:
        InputError: It cannot be read.
    """
    names = [entry.name for entry in _entries(folder) if entry.is_dir()]
    return sorted(names, key=text_of_name)


def files_in(folder: Path) -> list[Path]:
    """The files that lie in a folder, not below it.

    Raises:
        InputError: It cannot be read.
    """
    return [folder / entry.name for entry in _entries(folder) if not entry.is_dir()]


def list_images(folder: Path) -> Listed:
    """Images in a folder and below, and other files.

    Raises:
        InputError: No images, an empty one, a link to nothing, the remains of an
            interrupted download, a folder that cannot be read.
    """
    suffixes, images, others = image_suffixes(), {}, []
    above = tuple(_identity(one) for one in folder.absolute().parents)
    for path in _walk(folder, above):
        suffix = path.suffix.lower()
        if suffix in UNFINISHED:
            raise InputError(f"{path}: an interrupted download; finish it first")
        if suffix not in suffixes:
            others.append(path)
            continue
        try:
            images[path] = path.stat().st_size
        except OSError as error:
            raise InputError(
                f"{path} cannot be read ({error.strerror}): is it a link to what is "
                "not there?"
            ) from error
        if images[path] == 0:
            raise InputError(f"{path} is empty: is the download complete?")
    if not images:
        among = f" among {len(others)} files" * bool(others)
        raise InputError(f"{folder} has no images{among}: is the download complete?")
    return Listed(images, others)


def say_left_out(where: object, others: Iterable[object]) -> None:
    """Warn that files were left out, how many, and name the first."""
    others = list(others)
    if others:
        warnings.warn(
            f"{where}: left out {counted(len(others), 'file')} without the name of an "
            f"image or outside the classes, such as {others[0]}",
            DataWarning,
            stacklevel=3,
        )


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if is_data(entry.name)]
    except OSError as error:
        raise InputError(f"{folder} cannot be read ({error.strerror})") from error


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _walk(folder: Path, above: tuple[tuple[int, int], ...]) -> Iterator[Path]:
    """Files below a folder; a link to a folder that it is in is not followed."""
    here = _identity(folder)
    if here in above:
        return
    for entry in sorted(_entries(folder), key=lambda entry: entry.name):
        path = folder / entry.name
        if entry.is_dir():
            yield from _walk(path, (*above, here))
        else:
            yield path
