"""SVHN, cropped digits (Netzer et al. 2011): the official .mat files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name
from perceptron_theory.paths import expanded

from .contract import DataSource
from .images import Images
from .mat_file import read_mat

SPLITS = ("train", "test", "extra")


def svhn(path: Path | str, split: str = "train") -> Images:
    """SVHN from the folder that holds ``train_32x32.mat`` and the like.

    The label 10, which stands for the digit 0, becomes 0.  Ids are "train/000000" and
    so on, in the order of the file.

    Raises:
        InputError: the file is missing, truncated or something else.
    """
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    file = expanded(path) / f"{split}_32x32.mat"
    if not file.is_file():
        raise InputError(f"{file} does not exist: give the folder of the .mat files")
    content = read_mat(file, ("X", "y"))
    images, labels = content["X"], content["y"].ravel()
    if images.ndim != 4 or images.shape[:3] != (32, 32, 3):
        raise InputError(f"{file}: X has shape {images.shape}, not (32, 32, 3, P)")
    bad = labels[~np.isin(labels, np.arange(1, 11))]
    if bad.size:
        raise InputError(f"{file}: the label {bad[0]} is none of 1 to 10")
    labels = labels.astype(np.int64) % 10
    ids = tuple(f"{split}/{i:06d}" for i in range(len(labels)))
    names = tuple("0123456789")
    return Images(f"SVHN {split}", images.transpose(3, 0, 1, 2), labels, ids, names)


@dataclass(frozen=True)
class SVHN(DataSource):
    """SVHN: 73,257 small photographs of house numbers."""

    name: ClassVar[str] = "svhn"
    says: ClassVar[str] = "the folder of the official .mat files"
    place: ClassVar[str] = "FOLDER"
    splits: ClassVar = SPLITS

    path: Path | str

    def load(self, split: str) -> Images:
        return svhn(self.path, split)
