"""The data of a comparison: what to choose from, and what to test on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from perceptron_theory import InputError
from perceptron_theory.paths import expanded

from ...vision.data import DataSet, DataSource, EncodedImages, Images, load, source_of
from ...vision.data.classes import OfSource, matched
from ...vision.data.contract import loaded
from ...vision.data.folder import Folder
from ...vision.data.folder_splits import folder_of_split
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
    data: str | DataSource, *, size: int = 32, test_split: str | None = None
) -> Opened:
    """Read a data set; where it has no test set, a fifth of each class becomes that.

    Args:
        data: As ``simulations.vision.data.load`` takes it.
        size: Of the sides in pixels that images in files become: the shorter side is
            resized, the centre cut out.  Images in memory stay as they are.
        test_split: The name of the test set; None for that of the source, or of a
            folder the first of test, val, valid and validation that it has.

    Raises:
        InputError: Data that are missing or damaged, or one example of each class.
    """
    source = source_of(data)
    train = _at_one_size(load(source), size)
    split = test_split or _test_split(source)
    if split is None:
        return Opened(train, *held_out(train, HELD_OUT, seed=_SEED))
    test = matched(_at_one_size(loaded(source, split), size), train)
    return Opened(train, train, test)


def _test_split(source: Any) -> str | None:
    """The name of the split to test on; None if there is none."""
    named = getattr(source, "test_split", "test")
    if named is not None:
        return named
    place = source
    while isinstance(place, OfSource):
        place = place.source
    return next((one for one in _TESTS if _has(place, one)), None)


def _has(source: Any, split: str) -> bool:
    if not isinstance(source, Folder):
        return split in (getattr(source, "splits", None) or ())
    try:
        return bool(folder_of_split(expanded(source.path), split))
    except InputError:  # names of the splits that are there
        return False


def _at_one_size(dataset: DataSet, size: int) -> Any:
    if not isinstance(dataset, EncodedImages):
        return dataset
    return dataset.images(size)[0]


def is_pictures(dataset: DataSet) -> bool:
    """Whether it is of images, not of feature vectors."""
    return isinstance(dataset, Images)
