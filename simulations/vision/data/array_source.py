"""One's own arrays: feature vectors (or images as bytes), labels and ids in files."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Int

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name
from perceptron_theory.paths import expanded

from .array_files import SUFFIXES, ArrayFile, open_arrays
from .contract import DataSource, NoSuchSplit
from .images import Images
from .points import Points

SPLIT = "{split}"
"""It stands in a path for the name of a split."""
WHOLE = "train"
"""The split that files without ``SPLIT`` are."""
FEATURES = (
    *("embeddings", "embedding", "features", "feature", "points", "vectors"),
    *("x", "images", "data", "arr_0"),
)
LABELS = (
    *("labels", "label", "targets", "target", "classes", "class", "category"),
    *("y", "arr_1"),
)
IDS = (
    *("ids", "id", "example_id", "example_ids", "image_id", "names", "name"),
    *("paths", "path", "filenames", "filename", "file_name", "arr_2"),
    *("files", "file", "file_path", "filepath", "image_path", "image_name"),
)
_ENDS = "|".join(map(re.escape, SUFFIXES))


def arrays(path: Path | str, split: str = WHOLE) -> Points | Images:
    """Arrays of one file, or of one each for features, labels and, perhaps, ids.

    Feature vectors are an array (P, d) of numbers; one of bytes (P, height, width) or
    (P, height, width, channels) holds images.  In one .npz, .parquet or .csv the arrays
    are found by their names, see ``FEATURES``, ``LABELS`` and ``IDS``; in a table,
    feature vectors may also be columns whose names are numbered, as e0, e1, e2.

    Labels are numbers or names: the different ones, sorted, are the classes.  Ids are
    those of the files, else the row from 0 on, as "17", or "test/17" of a split.

    Args:
        path: Of the files, with commas between them.  "{split}" in it stands for the
            split; the names in an .npz may also have it, as x_train and y_train.
        split: "train" for files that name no split.

    Raises:
        InputError: Files that are missing, damaged, or do not fit each other; a split
            that there is none of.
    """
    text = str(path)
    files = [open_arrays(part) for part in _parts(text.replace(SPLIT, split))]
    name = files[0].path.stem
    if SPLIT in text:
        return _read(files, name, f"{split}/")
    if len(files) == 1 and (splits := _splits_in(files[0])):
        if split not in splits:
            raise NoSuchSplit(
                f"{files[0].path}: {unknown_name('split', split, splits)}"
            )
        return _read([splits[split]], f"{name} {split}", f"{split}/")
    if split != WHOLE:
        raise NoSuchSplit(
            f"arrays:{text} has no {split} set, all of it is the split {WHOLE!r}: "
            f"write {SPLIT} in the names of the files, as in x_{SPLIT}.npy"
        )
    return _read(files, name, "")


def classes_of(where: str, labels: np.ndarray) -> tuple[Int[np.ndarray, " P"], Any]:
    """Labels from 0 on, and the names of their classes: the different ones, sorted.

    Raises:
        InputError: They are no list of whole numbers or of names.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        hint = ": for one-hot rows give argmax(1)" * (labels.ndim == 2)
        raise InputError(
            f"{where} have shape {labels.shape}, one label per example has (P,){hint}"
        )
    if labels.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(labels) | (labels != np.rint(labels)))
        if bad.size:
            raise InputError(
                f"{where}: label {bad[0]} is {labels[bad[0]]}: labels must be whole "
                "numbers or names"
            )
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "iubU":
        raise InputError(f"{where} must be whole numbers or names, got {labels.dtype}")
    if labels.dtype.kind == "U" and not np.all(labels != ""):
        row = int((labels == "").argmax())
        raise InputError(f"{where}: label {row} is empty: give every example one")
    names, numbers = np.unique(labels, return_inverse=True)
    return numbers.reshape(-1), tuple(map(str, names.tolist()))


@dataclass(frozen=True)
class Arrays(DataSource):
    """Your own arrays: feature vectors or images, labels and maybe ids."""

    name: ClassVar[str] = "arrays"
    says: ClassVar[str] = "your own arrays: embeddings or images, labels, ids"
    place: ClassVar[str] = "EMBEDDINGS.npy,LABELS.npy[,IDS]"
    test_split: ClassVar[str | None] = None

    path: Path | str

    def load(self, split: str) -> Points | Images:
        return arrays(self.path, split)


def _parts(text: str) -> list[Path]:
    """Paths that commas separate: one behind the end of a name that we read."""
    marked = re.sub(rf"(?i)({_ENDS}),", "\\1\0", text)
    paths = [expanded(part.strip()) for part in marked.split("\0")]
    odd = [path for path in paths if "," in path.name and not path.exists()]
    if len(paths) > 3 or odd:
        raise InputError(
            f"arrays:{text} must name one to three files: give {Arrays.place}, or one "
            ".npz or .parquet; names end in " + ", ".join(SUFFIXES)
        )
    return paths


def _splits_in(file: ArrayFile) -> dict[str, ArrayFile]:
    """The arrays of each split, where the names have it: x_train or train_x."""
    found: dict[str, dict[str, Any]] = {}
    for name in file:
        low = name.lower()
        for known in (*FEATURES, *LABELS, *IDS):
            if low.startswith(f"{known}_") and len(known) + 1 < len(low):
                found.setdefault(name[len(known) + 1 :], {})[known] = name
            elif low.endswith(f"_{known}"):
                found.setdefault(name[: -len(known) - 1], {})[known] = name
    whole = {
        split: names
        for split, names in found.items()
        if any(one in names for one in FEATURES) and any(one in names for one in LABELS)
    }
    return {
        split: ArrayFile(file.path, {k: file.readers[v] for k, v in names.items()})
        for split, names in whole.items()
    }


def _read(files: list[ArrayFile], name: str, before: str) -> Points | Images:
    features, of_labels = files[0], files[min(1, len(files) - 1)]
    label_name = of_labels.named(LABELS)
    if label_name is None and len(files) == 1:
        raise InputError(
            f"{features.path} has no labels ({features.says()}): call them label, or "
            f"give {Arrays.place}"
        )
    id_names = [file.named(IDS) for file in files]
    labels, names = classes_of(
        f"labels of {of_labels.path}",
        _one(of_labels, label_name, "labels", id_names[:2][-1]),
    )
    points = _features(features, {id_names[0], label_name if len(files) == 1 else None})
    count = len(points)
    if count != len(labels):
        raise InputError(
            f"{count} examples in {features.path} and {len(labels)} labels in "
            f"{of_labels.path}: give one label per example"
        )
    found = [
        _ids(file.path, file[one], count)
        for file, one in zip(files[:2], id_names, strict=False)
        if one is not None
    ]
    if len(files) > 2:
        found.insert(0, _ids(files[2].path, _one(files[2], id_names[2], "ids"), count))
    ids = found[0] if found else tuple(f"{before}{row}" for row in range(count))
    if any(others != ids for others in found):
        raise InputError(
            f"the ids in {' and '.join(str(file.path) for file in files)} are not the "
            "same in the same order: sort the files alike"
        )
    if points.ndim == 2:
        return Points(name, points, labels, ids, names)
    if points.ndim == 3 and points.dtype == np.uint8:
        points = points[..., None]
    if points.ndim != 4 or points.dtype != np.uint8:
        raise InputError(
            f"{features.path} has {points.dtype} of shape {points.shape}: give feature "
            "vectors (P, d), or images as uint8 (P, height, width, channels)"
        )
    return Images(name, points, labels, ids, names)


def _one(
    file: ArrayFile, name: str | None, what: str, taken: str | None = None
) -> np.ndarray:
    """The array of a name, or the only one that is not taken."""
    left = [one for one in file if one != taken]
    if name is None and len(left) == 1:
        name = left[0]
    if name is None:
        raise InputError(
            f"{file.path} {file.says()}: which are the {what}? Call them {what}, or "
            "leave the others out"
        )
    return file[name]


def _features(file: ArrayFile, taken: Collection[str | None]) -> np.ndarray:
    name = file.named(FEATURES)
    others = [one for one in file if one not in taken]
    if name is None and len(others) == 1:
        name = others[0]
    if name is not None:
        return file[name]
    groups: dict[str, list[str]] = {}
    for one in others:
        if said := re.fullmatch(r"(.*?)\d+", one):
            groups.setdefault(said[1], []).append(one)
    numbered = {head: names for head, names in groups.items() if len(names) > 1}
    if len(numbered) != 1:
        raise InputError(
            f"{file.path} {file.says()}: which are the feature vectors? Call them "
            "embeddings, or number the columns e0, e1, e2"
        )
    (names,) = numbered.values()
    return np.stack([_numbers(file, one) for one in names], axis=1)


def _numbers(file: ArrayFile, name: str) -> np.ndarray:
    column = file[name]
    if column.ndim != 1 or column.dtype.kind not in "iufb":
        raise InputError(f"{file.path}: the column {name!r} does not hold numbers")
    return column


def _ids(path: Path, values: np.ndarray, count: int) -> tuple[str, ...]:
    if values.ndim != 1 or values.dtype.kind not in "iuU":
        raise InputError(
            f"{path}: ids must be a list of names or whole numbers, got {values.dtype} "
            f"of shape {values.shape}"
        )
    if len(values) != count:
        raise InputError(f"{path}: {len(values)} ids for {count} examples")
    return tuple(map(str, values.tolist()))
