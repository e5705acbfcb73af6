"""MNIST, Fashion-MNIST and what else comes as idx files (LeCun et al. 1998).

An idx file is two zero bytes, the type of its numbers, the number of its dimensions,
these as big-endian 32-bit numbers, and the numbers.
"""

from __future__ import annotations

import gzip
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import UInt8

from perceptron_theory import InputError
from perceptron_theory.errors import first_line, unknown_name
from perceptron_theory.paths import expanded

from .contract import DataSource
from .file_kinds import GZIP, instead_of, kind_of_file
from .images import Images

SPLITS = ("train", "test")
DEBIAN = "/usr/share/datasets/fashion-mnist"
"""Where Debian's package dataset-fashion-mnist has its files; MNIST has no package."""
_BYTES = b"\0\0\x08"
_STARTS = {"train": "train", "test": "t10k"}
_RATIO = 1032  # of deflate at best: a header that says more allocates no more
_SUB_FOLDERS = ("", "raw", "MNIST/raw", "FashionMNIST/raw", "KMNIST/raw")


def idx_set(
    path: Path | str, split: str, name: str, class_names: tuple[str, ...]
) -> Images:
    """A set of the layout of MNIST: images and labels in two idx files a split.

    Ids are "train/00000" and so on, in the order of the files.

    Args:
        path: The folder of ``train-images-idx3-ubyte`` and so on, with or without .gz;
            they may lie in ``raw`` or ``MNIST/raw`` below it, as torchvision has them.
        split: "train", or "test", whose files are called t10k.
        name: Of the data set.
        class_names: Of the labels from 0 on.

    Raises:
        InputError: An unknown split, a file that is missing, truncated or something
            else.
    """
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    root = expanded(path)
    if not root.is_dir():
        why = "is not a folder" if root.exists() else "does not exist"
        debian = root == Path(DEBIAN)
        more = ", or `apt install dataset-fashion-mnist`, which puts it there" * debian
        raise InputError(f"{root} {why}: give the folder of the idx files{more}")
    images = read_idx(_find(root, f"{_STARTS[split]}-images", 3), 3)
    labels = read_idx(_find(root, f"{_STARTS[split]}-labels", 1), 1)
    ids = tuple(f"{split}/{i:05d}" for i in range(len(images)))
    return Images(f"{name} {split}", images[..., None], labels, ids, class_names)


def read_idx(path: Path, dimensions: int) -> UInt8[np.ndarray, ...]:
    """The bytes of an idx file, packed by gzip or not, as an array.

    Raises:
        InputError: The file is damaged, too long, of other numbers than bytes, or has
            another number of dimensions.
    """
    packed = kind_of_file(path) == GZIP
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            start = file.read(4)
            if start != _BYTES + bytes([dimensions]):
                told = "" if packed else instead_of(start + file.read(512))
                raise InputError(
                    f"{path} is not an idx file of bytes in {dimensions} dimensions"
                    f"{told or ': download it again'}"
                )
            sizes = np.frombuffer(file.read(4 * dimensions), ">u4")
            shape = tuple(sizes.tolist())
            count = math.prod(shape)
            most = path.stat().st_size * (_RATIO if packed else 1)
            content = file.read(min(count, most) + 1)
    except InputError:
        raise
    except (OSError, EOFError, ValueError, zlib.error, OverflowError) as error:
        raise InputError(
            f"{path} is not a complete idx file ({first_line(error)}): download it "
            "again"
        ) from error
    if len(shape) != dimensions or len(content) != count:
        more = "more" if len(content) > count else f"{len(content)}"
        raise InputError(
            f"{path} is not a complete idx file: its header says {count} bytes, it has "
            f"{more}: download it again"
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _find(root: Path, start: str, dimensions: int) -> Path:
    """The file of a name, unpacked if it is there both ways."""
    end = f"idx{dimensions}-ubyte"
    names = [f"{start}{dot}{end}{gz}" for gz in ("", ".gz") for dot in "-."]
    folders = [root / one for one in _SUB_FOLDERS if (root / one).is_dir()]
    having = [
        found
        for folder in folders
        if (found := [folder / name for name in names if (folder / name).is_file()])
    ]
    if len(having) > 1:
        raise InputError(
            f"{root} has both {having[0][0]} and {having[1][0]}: give the folder of one"
        )
    if not having:
        raise InputError(
            f"{root} has no {names[0]} (or .gz): give the folder of the idx files"
        )
    return having[0][0]


@dataclass(frozen=True)
class MNIST(DataSource):
    """MNIST: 70,000 handwritten digits, from idx files."""

    name: ClassVar[str] = "mnist"
    says: ClassVar[str] = "MNIST, the folder of the idx files, gzipped or not"
    place: ClassVar[str] = "FOLDER"
    splits: ClassVar = SPLITS
    title: ClassVar[str] = "MNIST"
    class_names: ClassVar[tuple[str, ...]] = tuple("0123456789")

    path: Path | str

    def load(self, split: str) -> Images:
        return idx_set(self.path, split, self.title, self.class_names)


@dataclass(frozen=True)
class FashionMNIST(MNIST):
    """Fashion-MNIST (Xiao et al. 2017): 70,000 pictures of clothes, from idx files."""

    name: ClassVar[str] = "fashion_mnist"
    says: ClassVar[str] = "Fashion-MNIST, the folder of the idx files, gzipped or not"
    title: ClassVar[str] = "Fashion-MNIST"
    class_names: ClassVar[tuple[str, ...]] = (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    )

    path: Path | str = DEBIAN
