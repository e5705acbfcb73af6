"""Importers of published scores, which verify that they belong to the data set.

The order of rows is never taken on trust: ImageNet has no order of its own, and loaders
differ (tensorflow/datasets#1199).  Rows are matched by file name, or, where a file has
none, by all labels in the official order.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from perceptron_theory import InputError
from perceptron_theory.paths import expanded

from ..csv_files import CsvTable, last_part, read_csv, stem_of
from . import inputs
from .data.array_files import read_npy
from .data.class_labels import same_classes
from .data.encoded import DataSet
from .data.named_rows import folders_of
from .score_columns import check_filled, may_be_scores, numbers_of
from .score_files import Scores, scores_of


def import_csv(
    path: Path | str, dataset: DataSet, *, metric: str, column: str | None = None
) -> Scores:
    """Scores of a CSV file such as those of rgeirhos/dataset-pruning-metrics.

    There high = keep already.  The column of file names is found by what is in it, and
    so are columns of class labels or class names, which are then verified: those with
    label, class, target, wnid, synset or category in their name.  Names of the data
    set's own classes, in such a column or as the folders of the files, must be those of
    the examples; other names and numbers need only part the examples in the same way.

    Args:
        path: of the file, with a header; UTF-8 or UTF-16, with commas, semicolons or
            tabs between the cells.
        dataset: what they are scores of, an image folder as a rule.
        metric: the name of the metric, "self-supervised prototypes" say.
        column: of the scores, whatever its name; may be left out if only one is
            numeric, no label and no running number.

    Raises:
        InputError: no column of file names or several that differ, two columns of one
            name, examples missing or foreign, a label that is another, several numeric
            columns, an empty cell, NaN.
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
    names = [stem_of(cell) for cell in table.columns[ids]]
    places = _match(names, known, path, dataset)
    _check_folders(table.columns[ids], dataset.labels[places], path, dataset)
    found, others = [], []
    for name, cells in table.columns.items():
        if name in (ids, column):
            continue
        if any(word in name.lower() for word in _LABELS):
            _check_labels(table, name, dataset.labels[places], path, dataset)
        else:
            (found if may_be_scores(name, cells) else others).append(name)
    if column is None and not found and len(others) == 1:
        numbers_of(table, others[0], path)  # names the cell that is no number, if any
    if column is None and len(found) != 1:
        none = "none but running numbers" if others else "none"
        raise InputError(
            f"{path}: which column holds the scores? Of numbers are "
            f"{', '.join(found) or none}, of {', '.join(table.columns)}: give column"
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
            stem_of(
                name.decode(errors="replace") if isinstance(name, bytes) else str(name)
            )
            for name in members["tr_filenames"]
        ]
        places = _match(names, _by_name(dataset), path, dataset)
        if not same_classes(labels, dataset.labels[places]):
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


def _by_name(dataset: DataSet) -> dict[str, int]:
    known = {stem_of(one): i for i, one in enumerate(dataset.ids)}
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
            f"{path}: {len(foreign)} of {len(names)} rows belong to no example of "
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


_LABELS = ("label", "class", "target", "wnid", "synset", "category")


def _id_column(
    table: CsvTable,
    known: Mapping[str, int],
    scores: str | None,
    path: Path,
    dataset: DataSet,
) -> str:
    """The column, beside that of the scores, in which most cells name examples.

    A whole file name counts for more than one without its suffix, which the number of a
    row or a rank may be as well.

    Raises:
        InputError: no cell of any column is, or two columns name all, in other orders.
    """
    files = set(map(last_part, dataset.ids))
    matches: dict[str, tuple[int, int, int]] = {}
    for name, cells in table.columns.items():
        if name != scores:
            stems = [stem for stem in map(stem_of, cells) if stem in known]
            whole = sum(last_part(cell) in files for cell in cells)
            matches[name] = whole, len(stems), len(set(stems))
    ids = max(matches, key=matches.__getitem__, default="")
    if ids not in matches or not matches[ids][1]:
        raise InputError(
            f"{path}: no column of {', '.join(table.columns)} names the examples of "
            f"{dataset.name}, such as {dataset.ids[0]!r}: the order cannot be verified"
        )
    stems = list(map(stem_of, table.columns[ids]))
    for name, found in matches.items():
        same = found == matches[ids] and found[2] == len(stems)
        if same and list(map(stem_of, table.columns[name])) != stems:
            raise InputError(
                f"{path}: the columns {ids} and {name} both name all examples, in "
                "different orders: leave one of them"
            )
    return ids


def _of_own_classes(names: Sequence[str], dataset: DataSet) -> bool:
    """Whether all are names of the data set's classes, and no mere numbers."""
    some = set(names)
    numbers = all(one.strip().isdecimal() for one in some)
    return some <= set(dataset.class_names) and not numbers


def _check_folders(
    cells: Sequence[str], labels: Int[np.ndarray, " P"], path: Path, dataset: DataSet
) -> None:
    """Refuse files that lie in the folder of another class than the examples are of."""
    known = {one.lower() for one in dataset.class_names if not one.strip().isdecimal()}
    for cell, label in zip(cells, labels, strict=True):
        given, own = folders_of(cell) & known, dataset.class_names[label]
        if given and own.lower() not in given:
            raise InputError(
                f"{path}: {cell} is in the folder of another class than that example "
                f"of {dataset.name}, which is of {own!r}"
            )


def _check_labels(
    table: CsvTable, name: str, labels: Int[np.ndarray, " P"], path: Path, dataset: Any
) -> None:
    check_filled(table, name, path)
    cells = [cell.strip() for cell in table.columns[name]]
    named = _of_own_classes(cells, dataset)
    own = [dataset.class_names[label] for label in labels]
    if cells != own if named else not same_classes(cells, labels):
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
                    found[name[:-4]] = read_npy(file.read(), f"{path}: {name}")
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
