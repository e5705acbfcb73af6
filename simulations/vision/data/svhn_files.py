"""SVHN, cropped digits (Netzer et al. 2011): the official .mat files, and parquet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name
from perceptron_theory.paths import expanded

from .contract import DataSource
from .images import Images
from .mat_file import read_mat
from .shards import find_shards
from .small_parquet import small_images

SPLITS = ("train", "test", "extra")
CLASSES = tuple("0123456789")


def svhn(path: Path | str, split: str = "train") -> Images:
    """SVHN from the folder that holds ``train_32x32.mat`` and the like, or parquet.

    The label 10 of the .mat files, which stands for the digit 0, becomes 0; in parquet
    it is 0.  Ids are "train/000000" and so on, in the order of the file; those of
    parquet files that have paths are these.

    Raises:
        InputError: the file is missing, truncated or something else.
    """
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    file = expanded(path) / f"{split}_32x32.mat"
    if not file.is_file():
        shards = find_shards(expanded(path), split, SPLITS)
        if shards:
            found = small_images(shards, split, CLASSES, digits=6)
            return replace(found.images, name=f"SVHN {split}")
        raise InputError(
            f"{file} does not exist: give the folder of the .mat files, or of "
            f"{split}.parquet"
        )
    content = read_mat(file, ("X", "y"))
    images, labels = content["X"], content["y"].ravel()
    if images.ndim != 4 or images.shape[:3] != (32, 32, 3):
        raise InputError(f"{file}: X has shape {images.shape}, not (32, 32, 3, P)")
    bad = labels[~np.isin(labels, np.arange(1, 11))]
    if bad.size:
        raise InputError(f"{file}: the label {bad[0]} is not one of 1 to 10")
    labels = labels.astype(np.int64) % 10
    ids = tuple(f"{split}/{i:06d}" for i in range(len(labels)))
    images = images.transpose(3, 0, 1, 2)
    return Images(f"SVHN {split}", images, labels, ids, CLASSES)


@dataclass(frozen=True)
class SVHN(DataSource):
    """SVHN: 73,257 small photographs of house numbers."""

    name: ClassVar[str] = "svhn"
    says: ClassVar[str] = "the folder of the official .mat files, or of parquet"
    place: ClassVar[str] = "FOLDER"
    splits: ClassVar = SPLITS

    path: Path | str

    def load(self, split: str) -> Images:
        return svhn(self.path, split)
