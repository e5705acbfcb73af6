"""The official order of a data set that was shuffled, from the ids of its examples.

Published scores and labels of CIFAR-10 come as bare arrays in the order of its official
files.  Ids say where an example stands in it: "train/00017" is the 18th of all, and
"train/cat/0017.jpg", as in copies that are folders of images, the 18th cat.
"""

from __future__ import annotations

import re

import numpy as np
from jaxtyping import Int

from perceptron_theory import InputError

from .. import inputs
from .encoded import DataSet

_OF_ALL = re.compile(r"(?:.*/)?(\d+)")
_OF_CLASS = re.compile(r"(?:.*/)?([^/]+)/(\d+)\.\w+")


def official_rows(dataset: DataSet, labels: Int[np.ndarray, " O"]) -> np.ndarray:
    """The place of each example of a data set in the official order, (P,).

    Args:
        dataset: All of the data set, or a part of it, in any order.
        labels: Those of all examples, in the official order and by the numbers that
            classes have in ``dataset``.

    Raises:
        InputError: An id that says no place, or one beyond the end; two examples of one
            place; an example whose label there is another one, so that the labels are
            in another order or of another data set.
    """
    name = f"labels in the official order of {dataset.name}"
    classes = dataset.class_names
    official = inputs.label_array(name, labels, n_classes=len(classes))
    of_class = [np.flatnonzero(official == i) for i in range(len(classes))]
    number = {name: i for i, name in enumerate(classes)}
    rows = np.array([_place(one, official, of_class, number) for one in dataset.ids])
    if (rows < 0).any():
        one = dataset.ids[int((rows < 0).argmax())]
        raise InputError(
            f"{dataset.name}: the id {one!r} is not one of the {len(official)} in "
            "the official order: ids such as train/00017, or train/cat/0017.jpg for "
            "the 18th cat, say which it is"
        )
    if len(np.unique(rows)) < len(rows):
        raise InputError(
            f"{dataset.name}: two of its ids name the same place in the official order"
        )
    wrong = np.flatnonzero(official[rows] != dataset.labels)
    if len(wrong):
        i = int(wrong[0])
        raise InputError(
            f"{len(wrong)} of {len(rows)} labels are not those of {dataset.name}, the "
            f"first of {dataset.ids[i]!r}, {classes[official[rows[i]]]!r} for "
            f"{classes[dataset.labels[i]]!r}: they are in another order, or of another "
            "data set"
        )
    return rows


def _place(one: str, official, of_class, number: dict[str, int]) -> int:
    """The place that an id says; -1 if it says none."""
    if found := _OF_CLASS.fullmatch(one):
        places = of_class[number[found[1]]] if found[1] in number else ()
        nth = int(found[2])
        return int(places[nth]) if nth < len(places) else -1
    found = _OF_ALL.fullmatch(one)
    return int(found[1]) if found and int(found[1]) < len(official) else -1
