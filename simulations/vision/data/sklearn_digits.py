"""Handwritten digits that come with scikit-learn: real data without a download."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perceptron_theory.errors import unknown_name

from ..optional import require
from .contract import DataSource
from .images import Images

SPLITS = ("train", "test", "all")


def digits(split: str = "train") -> Images:
    """1,797 digits of 8 x 8 pixels (Alpaydin & Kaynak 1998); every fifth is a test.

    Raises:
        InputError: an unknown split, or scikit-learn is not installed.
    """
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    require("sklearn", "the set of digits")
    from sklearn.datasets import load_digits

    pixels, target = load_digits(return_X_y=True)
    # 0 to 16 as shades of grey
    images = np.rint(pixels * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
    numbers = np.arange(len(images))
    test = numbers % 5 == 4
    kept = numbers[{"all": test | True, "test": test, "train": ~test}[split]]
    return Images(
        f"digits {split}",
        images[kept],
        np.asarray(target)[kept],
        tuple(f"digits/{i:04d}" for i in kept),
        tuple("0123456789"),
    )


@dataclass(frozen=True)
class Digits(DataSource):
    """The built-in digits of scikit-learn, 1,438 to train on and 359 to test."""

    name: ClassVar[str] = "digits"
    says: ClassVar[str] = "scikit-learn's 1,797 digits: the default, no download"
    splits: ClassVar = SPLITS

    def load(self, split: str) -> Images:
        return digits(split)
