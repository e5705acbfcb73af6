"""Images in a folder a class, ImageNet's layout."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from perceptron_theory import InputError
from perceptron_theory.paths import expanded

from .contract import DataSource
from .encoded import EncodedImages

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm")
UNFINISHED = (
    ".part",
    ".partial",
    ".crdownload",
    ".tmp",
    ".download",
    ".incomplete",
    ".aria2",
)


@dataclass(frozen=True)
class Files:
    """A file an image: names below ``root``, as bytes, which pickle fast."""

    root: Path
    names: np.ndarray

    @classmethod
    def of(cls, root: Path, names: Iterable[str]) -> Files:
        """From names as text."""
        return cls(root, np.array([name.encode() for name in names]))

    def read(self, row: int) -> bytes:
        path = self.root / self.names[row].decode()
        try:
            return path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror})") from error


def image_folder(root: Path | str) -> EncodedImages:
    """List a folder that has a sub-folder a class.

    Ids are paths below the root, with forward slashes; they and the classes are sorted.

    Raises:
        InputError: no such folder, no classes, a class without images, an empty file or
            the remains of an interrupted download.
    """
    root = expanded(root)
    if not root.is_dir():
        raise InputError(f"{root} is no folder: give one with a sub-folder a class")
    classes = sorted(
        path.name for path in root.iterdir() if path.is_dir() and path.name[0] != "."
    )
    if not classes:
        raise InputError(f"{root} has no sub-folders: images need one a class")
    for archive in root.glob("*.tar"):
        if archive.stem not in classes:
            raise InputError(f"{archive} is not unpacked, other classes are: unpack it")
    ids, labels, sizes = [], [], []
    for label, name in enumerate(classes):
        found = list_images(root / name)
        ids += [path.relative_to(root).as_posix() for path in found]
        labels += [label] * len(found)
        sizes += found.values()
    reader = Files.of(root, ids)
    return EncodedImages(
        root.absolute().name,
        tuple(ids),
        np.array(labels),
        tuple(classes),
        np.array(sizes),
        reader,
    )


def list_images(folder: Path) -> dict[Path, int]:
    """Images in a folder and below, sorted, and their sizes in bytes.

    Raises:
        InputError: none, one is empty, or the remains of an interrupted download.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        if path.suffix.lower() in UNFINISHED:
            raise InputError(f"{path}: an interrupted download; finish it first")
    images = {
        path: path.stat().st_size for path in files if path.suffix.lower() in SUFFIXES
    }
    if not images:
        raise InputError(f"{folder} has no images: is the download complete?")
    for path, size in images.items():
        if size == 0:
            raise InputError(f"{path} is empty: is the download complete?")
    return images


@dataclass(frozen=True)
class Folder(DataSource):
    """The source of :func:`image_folder`.

    A split is the sub-folder of that name, if there is one, and all of the folder
    otherwise.
    """

    name: ClassVar[str] = "folder"
    says: ClassVar[str] = "a folder a class"
    test_split: ClassVar[str | None] = None

    path: Path | str

    def load(self, split: str) -> EncodedImages:
        inside = expanded(self.path) / split
        return image_folder(inside if inside.is_dir() else self.path)
