"""Images in a folder a class, ImageNet's layout."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from perceptron_theory import InputError
from perceptron_theory.paths import expanded

from .contract import DataSource
from .encoded import EncodedImages
from .file_kinds import kind_of_file
from .folder_splits import folder_of_split
from .listing import (
    files_in,
    list_images,
    refuse_dangling,
    say_left_out,
    sub_folders,
    text_of_name,
)


@dataclass(frozen=True)
class Files:
    """A file an image: names below ``root``, as bytes, which pickle fast."""

    root: Path
    names: np.ndarray

    @classmethod
    def of(cls, root: Path, names: Iterable[str]) -> Files:
        """From names as the system has them."""
        return cls(root, np.array([os.fsencode(name) for name in names]))

    def read(self, row: int) -> bytes:
        path = self.root / os.fsdecode(self.names[row])
        try:
            return path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror})") from error


def image_folder(root: Path | str) -> EncodedImages:
    r"""List a folder that has a sub-folder a class.

    Ids are paths below the root, with forward slashes; they and the classes are sorted
    as text, see :mod:`.class_order` for another order.  Bytes of names that are not
    UTF-8 are written ``\xe9``.  What is listed is said in :mod:`.listing`; a warning
    says how many files were left out.

    Raises:
        InputError: no such folder, no classes, a class without images, an empty file or
            the remains of an interrupted download.
    """
    root = expanded(root)
    if not root.is_dir():
        kind = kind_of_file(root)
        but = f" but {kind}: unpack it and" if kind else ":"
        raise InputError(
            f"{root} is not a folder{but} give one with a sub-folder per class"
        )
    classes = sub_folders(root)
    if not classes:
        raise InputError(f"{root} has no sub-folders: images need one per class")
    beside = files_in(root)
    refuse_dangling(beside)
    for path in beside:
        if path.suffix == ".tar" and path.stem not in classes:
            raise InputError(f"{path} is not unpacked, other classes are: unpack it")
    names, labels, sizes, others = [], [], [], list(beside)
    depth = len(root.parts)
    for label, name in enumerate(classes):
        found = list_images(root / name)
        # relative_to takes longer than all else
        names += ["/".join(path.parts[depth:]) for path in found.images]
        labels += [label] * len(found.images)
        sizes += found.images.values()
        others += found.others
    say_left_out(root, [path.relative_to(root) for path in others])
    return EncodedImages(
        text_of_name(root.absolute().name),
        tuple(map(text_of_name, names)),
        np.array(labels),
        tuple(map(text_of_name, classes)),
        np.array(sizes),
        Files.of(root, names),
    )


@dataclass(frozen=True)
class Folder(DataSource):
    """Your own images: a folder with one sub-folder per class.

    A split is the sub-folder of that name; a folder of classes is the split "train",
    see :mod:`.folder_splits`.
    """

    name: ClassVar[str] = "folder"
    says: ClassVar[str] = "one sub-folder per class"
    place: ClassVar[str] = "FOLDER"
    test_split: ClassVar[str | None] = None

    path: Path | str

    def load(self, split: str) -> EncodedImages:
        return image_folder(folder_of_split(expanded(self.path), split))
