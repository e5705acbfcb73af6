"""A data set with the labels of another file, such as human ones: a set of its own.

Ids and images stay the same; labels, and with them the fingerprint, are others.  Only
the training set has them: test sets keep their own labels, which are taken as true.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name
from perceptron_theory.paths import expanded

from .. import inputs
from .array_files import ArrayFile
from .beside import check_columns_beside
from .class_labels import is_missing, one_a_row
from .classes import OfSource
from .contract import loaded
from .encoded import DataSet
from .label_files import CLEAN, labels_named, open_labels
from .named_rows import names_in, rows_of, whole_numbers
from .official_order import official_rows
from .row_splits import refuse_other_split

OFFICIAL = "cifar10n"
"""What stands before a file whose labels are in the official order of the data set."""
SPLIT = "train"
"""The split that gets the labels."""
FORM = f"[{OFFICIAL}:]FILE[#NAME]"


def relabelled(dataset: DataSet, text: str) -> Any:
    """A data set with other labels of its classes.

    Numbers are those of the classes, from 0 on, or their names, where these are whole
    numbers, too.  A file that has ids is matched by them; another one is in the order
    of the data set, or in the official one, which the ids of the data set tell (see
    :mod:`.official_order`).  Where a file has clean labels as well, these must be those
    of the data set.

    Args:
        dataset: Of any kind.
        text: A file of labels, FILE or FILE#NAME of which of several arrays or columns,
            with "cifar10n:" before it for the official order.

    Raises:
        InputError: A file that is missing or damaged, another number of labels, a label
            of no class, ids that are foreign or missing, another order than the data
            set has.
    """
    official, path, name = parts_of(text)
    file = open_labels(path)
    chosen, labels = labels_named(file, name)
    numbers = _numbers(dataset, labels, f"{path}: {chosen or 'labels'}")
    clean = file.named(CLEAN)
    true = None
    if clean is not None:
        true = _numbers(dataset, file.labels(clean), f"{path}: {clean}")
        if len(true) != len(numbers):
            raise InputError(
                f"{path}: {len(numbers)} {chosen or 'labels'} and {len(true)} {clean}"
            )
    if official:
        if true is None:
            raise InputError(
                f"{path} has no clean_label: without them it cannot be told whether "
                f"its order is that of {dataset.name}; a file in its order "
                f"goes without {OFFICIAL}:"
            )
        rows = official_rows(dataset, true)
    else:
        taken = {chosen, clean}
        rows = _rows(dataset, file, len(numbers), path, taken)
        if true is not None:
            _check_clean(dataset, true[rows], path)
    of = f"{chosen} of {path.name}" if chosen else path.name
    return replace(dataset, name=f"{dataset.name} ({of})", labels=numbers[rows])


def parts_of(text: str) -> tuple[bool, Path, str | None]:
    """Whether the order is the official one, the file, and which labels of it."""
    rest = text.removeprefix(f"{OFFICIAL}:")
    path = expanded(rest)
    head, mark, name = rest.rpartition("#")
    if not mark:
        head, mark, name = rest.rpartition(":")
    if path.exists() or not mark or not head or "/" in name:
        return rest != text, path, None
    return rest != text, expanded(head), name


@dataclass(frozen=True)
class Relabelled(OfSource):
    """Another source whose training set has the labels of a file."""

    labels: str
    """As :func:`relabelled` takes it; written with a colon for #."""

    def load(self, split: str) -> DataSet:
        dataset = loaded(self.source, split)
        return relabelled(dataset, self.labels) if split == SPLIT else dataset


def _numbers(dataset: DataSet, labels: np.ndarray, where: str) -> Int[np.ndarray, " O"]:
    """Labels of a file as numbers of the classes of a data set."""
    names = dataset.class_names
    labels = whole_numbers(one_a_row(labels))
    if labels.ndim != 1 or labels.dtype.kind not in "iuU":
        raise InputError(
            f"{where} must be a list of whole numbers or of names of classes, got "
            f"{labels.dtype} of shape {labels.shape}"
        )
    if labels.dtype.kind != "U" and not all(one.isdecimal() for one in names):
        return inputs.label_array(where, labels, n_classes=len(names))
    number = {name: i for i, name in enumerate(names)}
    found = np.array([number.get(one, -1) for one in labels.astype(str).tolist()], int)
    if (found < 0).any():
        i = int((found < 0).argmax())
        if is_missing(labels[i]):
            none = f"is empty ({labels[i]})" if labels[i].strip() else "is empty"
            raise InputError(f"{where}[{i}] {none}: give every example a label")
        what = f"{where}[{i}]: class of {dataset.name}"
        raise unknown_name(what, str(labels[i]), names)
    return found


def _rows(
    dataset: DataSet, file: ArrayFile, count: int, path: Path, taken: set[str | None]
) -> Int[np.ndarray, " P"]:
    """The row of the file that each example has."""
    total, names = len(dataset), names_in(file, of=dataset, taken=taken)
    refuse_other_split(file, names, dataset.name)
    if names is None:
        if count != total:
            raise InputError(
                f"{path} has {count} labels and no ids, {dataset.name} has {total} "
                "examples: give one label per example, or a column of ids"
            )
        check_columns_beside(file, taken, dataset)
        return np.arange(count)
    ids = names.names
    if len(ids) != count:
        raise InputError(f"{path}: {count} labels and {len(ids)} ids")
    places = rows_of(names, dataset, path)
    known, times = np.unique(places[places >= 0], return_counts=True)
    if (times > 1).any():
        twice = dataset.ids[known[times > 1][0]]
        raise InputError(
            f"{path}: {twice!r} has several labels: give one label per example"
        )
    missing = np.setdiff1d(np.arange(total), known)
    foreign = np.flatnonzero(places < 0)
    if len(missing) or len(foreign):
        other = f", and {ids[foreign[0]]!r} is not one of them" if len(foreign) else ""
        first = f", such as {dataset.ids[missing[0]]!r}" if len(missing) else ""
        raise InputError(
            f"{path}: {len(missing)} of {total} examples of {dataset.name} have no "
            f"label{first}{other}: give each example one"
        )
    return np.argsort(places)


def _check_clean(dataset: DataSet, clean: Int[np.ndarray, " P"], path: Path) -> None:
    wrong = np.flatnonzero(clean != dataset.labels)
    if len(wrong):
        raise InputError(
            f"{path}: {len(wrong)} of its {len(clean)} clean labels are not those of "
            f"{dataset.name}, the first of {dataset.ids[int(wrong[0])]!r}: it is in "
            f"another order; {OFFICIAL}:{path.name} is read in the official one"
        )
