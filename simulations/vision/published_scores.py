"""Importers of published scores, which verify that they belong to the data set.

The order of rows is never taken on trust: ImageNet has no order of its own, and loaders
differ (tensorflow/datasets#1199).  Rows are matched by file name, or, where a file has
none, by all labels in the official order.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from perceptron_theory import InputError
from perceptron_theory.paths import expanded

from ..csv_files import CsvTable, last_part, read_csv
from . import inputs
from .data.encoded import DataSet
from .data.safe_pickle import safe_load
from .score_columns import check_filled, may_be_scores, numbers_of
from .score_files import Scores, scores_of


def import_csv(
    path: Path | str, dataset: DataSet, *, metric: str, column: str | None = None
) -> Scores:
    """Scores of a CSV file such as those of rgeirhos/dataset-pruning-metrics.

    There high = keep already.  The column of file names is found by what is in it, and
    so are columns of class labels or class names, which are then verified: those with
    label, class, target, wnid, synset or category in their name.

    Args:
        path: of the file, with a header; UTF-8 or UTF-16, with commas, semicolons or
            tabs between the cells.
        dataset: what they are scores of, an image folder as a rule.
        metric: the name of the metric, "self-supervised prototypes" say.
        column: of the scores, whatever its name; may be left out if only one is
            numeric, no label and no running number.

    Raises:
        InputError: no column of file names, two columns of one name, examples missing
            or foreign, a label that is another, several numeric columns, an empty cell,
            NaN.
    """
    path = expanded(path)
    table = read_csv(path, "CSV file of scores")
    known = _by_name(dataset)
    if column is not None and column not in table.columns:
        raise InputError(
            f"{path}: {column!r} is not a column of numbers; its columns are "
            f"{', '.join(table.columns)}"
        )
    ids = _id_column(table, known, column, path, dataset)
    check_filled(table, ids, path)
    names = [_stem(cell) for cell in table.columns[ids]]
    places = _match(names, known, path, dataset)
    found = []
    for name, cells in table.columns.items():
        if name in (ids, column):
            continue
        if any(word in name.lower() for word in _LABELS):
            _check_labels(table, name, dataset.labels[places], path, dataset)
        elif may_be_scores(name, cells):
            found.append(name)
    if column is None and len(found) != 1:
        raise InputError(
            f"{path}: which column holds the scores? Of numbers are "
            f"{', '.join(found) or 'none'}, of {', '.join(table.columns)}: give column"
        )
    values = numbers_of(table, found[0] if column is None else column, path)
    return _placed(dataset, metric, values, places, path)


def import_feldman_zhang(path: Path | str, dataset: DataSet) -> Scores:
    """Memorization from the npz of Feldman & Zhang (pluskid.github.io).

    ``imagenet_index.npz`` names its examples (``tr_filenames``);
    ``cifar100_infl_matrix.npz`` has the official order, verified by all of its labels.
    Influence cannot be had from them: the released matrices are within classes, or
    thresholded.

    Raises:
        InputError: another file, examples missing or foreign, labels that differ.
    """
    path = expanded(path)
    members = _read_npz(path, ("tr_mem", "tr_labels", "tr_filenames"))
    if not {"tr_mem", "tr_labels"} <= members.keys():
        raise InputError(f"{path} has no tr_mem and tr_labels: it is another file")
    labels = members["tr_labels"]
    if "tr_filenames" in members:
        names = [
            _stem(
                name.decode(errors="replace") if isinstance(name, bytes) else str(name)
            )
            for name in members["tr_filenames"]
        ]
        places = _match(names, _by_name(dataset), path, dataset)
        if not _same_classes(labels, dataset.labels[places]):
            raise InputError(f"{path}: tr_labels differ from those of {dataset.name}")
    else:
        places = np.arange(len(dataset.ids))
        if not np.array_equal(labels, dataset.labels):
            raise InputError(
                f"{path}: its {len(labels)} labels are not those of {dataset.name} in "
                "its order: give the data set in the official order"
            )
    return _placed(dataset, "memorization", members["tr_mem"], places, path)


def _placed(dataset, metric, values, places, path) -> Scores:
    try:
        values = inputs.real_array("scores", values, "P")
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if len(values) != len(places):
        raise InputError(f"{path}: {len(values)} scores for {len(places)} examples")
    scores = np.empty(len(places))
    scores[places] = values
    return scores_of(dataset, metric, scores, recipe={"imported": Path(path).name})


def _stem(name: str) -> str:
    """The file name without folders and suffix."""
    name = last_part(name)
    head, dot, tail = name.rpartition(".")
    return head if dot and tail.isalpha() else name


def _by_name(dataset: DataSet) -> dict[str, int]:
    known = {_stem(one): i for i, one in enumerate(dataset.ids)}
    if len(known) != len(dataset.ids):
        raise InputError(
            f"{dataset.name} has files of one name in several folders: published "
            "scores cannot be matched to them"
        )
    return known


def _match(
    names: Sequence[str], known: Mapping[str, int], path: Any, dataset: DataSet
) -> Int[np.ndarray, " P"]:
    """Where each row belongs; every example has exactly one."""
    foreign = [name for name in names if name not in known]
    if foreign:
        raise InputError(
            f"{path}: {len(foreign)} of {len(names)} rows are of no example of "
            f"{dataset.name}, the first {foreign[0]!r}"
        )
    places = np.array([known[name] for name in names])
    if len(np.unique(places)) != len(places):
        raise InputError(f"{path}: an example has several rows")
    if len(places) != len(known):
        missing = dataset.ids[int(np.setdiff1d(np.arange(len(known)), places)[0])]
        raise InputError(
            f"{path}: {len(known) - len(places)} examples of {dataset.name} have no "
            f"row, the first {missing!r}"
        )
    return places


def _same_classes(one: Any, two: Any) -> bool:
    """Whether labels are the same up to the names of the classes."""
    if len(one) != len(two):
        return False
    pairs = set(zip(np.asarray(one).tolist(), np.asarray(two).tolist(), strict=True))
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


_LABELS = ("label", "class", "target", "wnid", "synset", "category")


def _id_column(
    table: CsvTable,
    known: Mapping[str, int],
    scores: str | None,
    path: Path,
    dataset: DataSet,
) -> str:
    """The column, beside that of the scores, in which most cells name examples.

    Raises:
        InputError: no cell of any column is.
    """
    matches = {
        name: sum(_stem(cell) in known for cell in cells)
        for name, cells in table.columns.items()
        if name != scores
    }
    ids = max(matches, key=matches.__getitem__, default="")
    if not matches.get(ids):
        raise InputError(
            f"{path}: no column of {', '.join(table.columns)} names the examples of "
            f"{dataset.name}, such as {dataset.ids[0]!r}: the order cannot be verified"
        )
    return ids


def _check_labels(
    table: CsvTable, name: str, labels: Int[np.ndarray, " P"], path: Path, dataset: Any
) -> None:
    check_filled(table, name, path)
    if not _same_classes(table.columns[name], labels):
        raise InputError(
            f"{path}: the column {name} differs from the labels of {dataset.name}; if "
            f"it holds the scores, give column={name!r}"
        )


def _read_npz(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Arrays of an npz; those of objects, which are pickles, without running them."""
    if not path.is_file():
        raise InputError(f"{path} does not exist: give the npz of Feldman & Zhang")
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in {f"{n}.npy" for n in names} & set(archive.namelist()):
                with archive.open(name) as file:
                    found[name[:-4]] = _read_npy(file, f"{path}: {name}")
    except InputError:
        raise
    except Exception as error:  # a damaged archive raises anything; none is run
        raise InputError(f"{path} is not a complete npz file ({error})") from error
    for name in found.keys() - {"tr_mem"}:
        if found[name].ndim != 1:
            raise InputError(
                f"{path}: {name} has shape {found[name].shape}: it must be one per row"
            )
    return found


def _read_npy(file: Any, where: str) -> np.ndarray:
    content = file.read()
    stream = io.BytesIO(content)
    major, _ = np.lib.format.read_magic(stream)
    header = getattr(np.lib.format, f"read_array_header_{major}_0")
    shape, _, dtype = header(stream)
    if not dtype.hasobject:
        return np.load(io.BytesIO(content), allow_pickle=False)
    array = safe_load(stream.read(), where)
    return np.asarray(array).reshape(shape)
