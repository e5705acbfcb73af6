"""Some of the classes of a data set, as a data set of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Int

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name

from .contract import DataSource, loaded
from .encoded import DataSet, Reader
from .images import Images
from .points import Points


@dataclass(frozen=True)
class Chosen:
    """Some of the images of another reader, from 0 on."""

    reader: Reader
    rows: Int[np.ndarray, " P"]

    def read(self, row: int) -> bytes:
        return self.reader.read(int(self.rows[row]))

    def where(self, row: int) -> str:
        """Where a row is, in the words of the other reader, if it has any."""
        where = getattr(self.reader, "where", None)
        return where(int(self.rows[row])) if where else ""


def of_classes(dataset: DataSet, names: Sequence[str]) -> DataSet:
    """The examples of some classes, in the order of the data set, with their ids.

    Args:
        dataset: in memory, or streamed.
        names: of two classes or more; the first is label 0, and so on.

    Raises:
        InputError: an unknown class, one twice, fewer than two, no examples of them.
    """
    names = tuple(names)
    place = {name: i for i, name in enumerate(dataset.class_names)}
    for name in names:
        if name not in place:
            raise unknown_name(f"class of {dataset.name}", name, place)
        if names.count(name) > 1:
            raise InputError(f"the class {name!r} comes twice: give each once")
        if dataset.class_names.count(name) > 1:
            raise InputError(
                f"{dataset.name} has several classes of the name {name!r}, such as "
                f"label {dataset.class_names.index(name)}: it is not clear which"
            )
    if len(names) < 2:
        raise InputError(
            f"{len(names)} of the classes of {dataset.name}: give two or more"
        )
    label = np.full(len(place), -1)
    label[[place[name] for name in names]] = np.arange(len(names))
    rows = np.flatnonzero(label[dataset.labels] >= 0)
    same = {
        "name": f"{dataset.name}#{','.join(names)}",
        "labels": label[dataset.labels[rows]],
        "ids": tuple(dataset.ids[i] for i in rows),
        "class_names": names,
    }
    if isinstance(dataset, Images):
        return replace(dataset, images=dataset.images[rows], **same)
    if isinstance(dataset, Points):
        return replace(dataset, points=dataset.points[rows], **same)
    sizes = dataset.sizes  # of row groups, they stay what they are
    if len(sizes) == len(dataset):
        sizes = sizes[rows]
    return replace(dataset, sizes=sizes, reader=Chosen(dataset.reader, rows), **same)


def check_classes(dataset: DataSet) -> None:
    """Refuse a data set of which all examples are of one class.

    Raises:
        InputError: There is nothing to tell apart.
    """
    present = np.unique(dataset.labels)
    if len(present) < 2:
        raise InputError(
            f"all {len(dataset):,} examples of {dataset.name} are of one class, "
            f"{dataset.class_names[present[0]]!r}, so that there is nothing to tell "
            "apart: give two classes or more"
        )


def matched(dataset: DataSet, to: DataSet) -> DataSet:
    """A data set with the labels of another one, by the names of their classes.

    Args:
        dataset: such as a test set, which may lack classes.
        to: such as the training set, whose numbers the labels become.

    Returns:
        The data set itself if its classes are the same in the same order.

    Raises:
        InputError: it has examples of classes that the other one lacks, or names stand
            for several classes; the difference is named.
    """
    ours, theirs = to.class_names, dataset.class_names
    if ours == theirs:
        return dataset
    there = sorted({theirs[label] for label in np.unique(dataset.labels)})
    place = {name: i for i, name in enumerate(ours)}
    foreign = [name for name in there if name not in place]
    if foreign:
        lacking = [name for name in ours if name not in theirs]
        also = f", and none of {_some(lacking)}" * bool(lacking)
        raise InputError(
            f"{dataset.name} has examples of {_some(foreign)}, of which {to.name} has "
            f"none{also}: give sets of the same classes"
        )
    if len(place) < len(ours) or len(set(theirs)) < len(theirs):
        raise InputError(
            f"{dataset.name} and {to.name} have other classes, and several of one "
            "name: they cannot be matched"
        )
    label = np.array([place.get(name, -1) for name in theirs])
    return replace(dataset, labels=label[dataset.labels], class_names=ours)


def _some(names: Sequence[str]) -> str:
    """The first few of some names, and how many more there are."""
    more = f" and {len(names) - 3} more" * (len(names) > 3)
    return ", ".join(map(repr, names[:3])) + more


@dataclass(frozen=True)
class OfSource(DataSource):
    """Another source, of whose data sets something is made."""

    source: DataSource

    @property
    def name(self) -> str:  # type: ignore[override] # that of the source
        return self.source.name

    @property
    def splits(self) -> Any:  # type: ignore[override] # those of the source
        return getattr(self.source, "splits", None)

    @property
    def test_split(self) -> str | None:  # type: ignore[override] # that of the source
        return getattr(self.source, "test_split", "test")


@dataclass(frozen=True)
class OfClasses(OfSource):
    """Some of the classes of another source, as :func:`of_classes` chooses them."""

    classes: tuple[str, ...]

    def load(self, split: str) -> DataSet:
        return of_classes(loaded(self.source, split), self.classes)
