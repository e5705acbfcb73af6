"""The data of a comparison: what to choose from, and what to test on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from perceptron_theory import InputError

from ...vision.data import (
    DataSet,
    DataSource,
    EncodedImages,
    NoSuchSplit,
    load,
    source_of,
)
from ...vision.data.classes import check_classes, matched
from ...vision.data.contract import loaded
from ...vision.data.encoded import FILE_SIDE
from ...vision.data.parts import held_out

HELD_OUT = 0.2
_SEED = 0  # of what is held out
_TESTS = ("test", "val", "valid", "validation")


@dataclass(frozen=True, eq=False)
class Opened(DataSource):
    """A training and a test set that were read, and all examples there are."""

    name: ClassVar[str] = "opened"
    splits: ClassVar = ("train", "test")

    whole: DataSet
    """That a keep list is of."""
    train: DataSet
    test: DataSet

    def load(self, split: str) -> DataSet:
        return self.train if split == "train" else self.test

    @property
    def held_out(self) -> bool:
        """Whether the test set is a part of the examples, for there was no other."""
        return self.whole is not self.train


def opened(
    data: str | DataSource, *, size: int = FILE_SIDE, test_split: str | None = None
) -> Opened:
    """Read a data set; where it has no test set, a fifth of each class becomes that.

    Args:
        data: As ``simulations.vision.data.load`` takes it.
        size: Of the sides in pixels that images in files become: the shorter side is
            resized, the centre cut out.  Images in memory stay as they are.
        test_split: The name of the test set; None for that of the source, or where it
            names none, of folders and arrays say, the first of test, val, valid and
            validation that there is.

    Raises:
        InputError: Data that are missing or damaged, of one class, or with one example
            of each class.
    """
    source = source_of(data)
    listed = load(source)
    check_classes(listed)
    test = loaded(source, test_split) if test_split else _test_set(source)
    if test is not None and test.fingerprint == listed.fingerprint:
        raise InputError(
            f"{listed.name} and its test set are the same: give another test set"
        )
    train = _at_one_size(listed, size)
    if test is None:
        return Opened(train, *held_out(train, HELD_OUT, seed=_SEED))
    return Opened(train, train, matched(_at_one_size(test, size), train))


def _test_set(source: DataSource) -> DataSet | None:
    """That of the source; None if there is none."""
    named = getattr(source, "test_split", "test")
    for split in _TESTS if named is None else (named,):
        try:
            return loaded(source, split)
        except NoSuchSplit:
            if named is not None:
                raise
    return None


def _at_one_size(dataset: DataSet, size: int) -> Any:
    if not isinstance(dataset, EncodedImages):
        return dataset
    return dataset.at_size(size)
