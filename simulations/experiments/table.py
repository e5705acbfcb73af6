"""The results of an experiment: one row a run, in a folder and as one tidy table.

A folder holds ``about.json`` and a file a run in ``cells``, each written whole or not
at all, so that any number of processes can add to it and nothing is lost when one is
killed.  ``results.csv`` has all of them, and is enough to go on from, on another day or
machine.  Every row carries the hash of what decides it (data, features, learner) and a
checksum of its own: a table that was edited, or mixed from two experiments, is refused.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from perceptron_theory import InputError
from perceptron_theory.paths import expanded
from perceptron_theory.text_files import read_record

from ..csv_files import read_csv
from ..files import write_whole
from .cells import Cell
from .configuration import Experiment
from .curves import RUN

_FORMAT = "pruning-laws experiment 1"
_RESULTS = "results.csv"
_PACKAGES = ("pruning-laws", "jax", "numpy", "scikit-learn")
_REMOVE = "remove it, and it is made again"
_CHECK, _CONFIGURATION = "checksum", "configuration"
# columns of words, some of which look like numbers: a digest may be 12e4567890123456
_WORDS = (
    "strategy",
    "metric",
    "scores",
    "wrong_examples",
    "versions",
    _CONFIGURATION,
)


class Table:
    """Rows of one experiment in a folder; nothing is written before :meth:`create`."""

    def __init__(
        self,
        folder: Path | str,
        experiment: Experiment,
        found: dict[str, str],
        scores: dict[str, str],
        data: str = "",
    ) -> None:
        """Check the folder.

        Args:
            folder: new, empty, or of the same experiment; its ``results.csv`` alone
                will do.
            experiment: what is run.
            found: fingerprints of what it reads.
            scores: digests of the score files of metrics; more may be added later.
            data: name of the data set, for readers.

        Raises:
            InputError: the folder is of something else.
        """
        self.folder, self.experiment = expanded(folder), experiment
        self.configuration = experiment.hash(found)
        self._about = about = {
            "format": _FORMAT,
            "data": data,
            "configuration": self.configuration,
            "inputs": found,
            "scores": scores,
            "experiment": experiment.as_dict(),
        }
        path = self.folder / "about.json"
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"{folder} is a file: give a folder")
        if path.exists():
            there = _json(path)
            before = there.get("scores", {})
            if not isinstance(before, dict):
                raise InputError(f"{path} is damaged (scores): {_REMOVE}")
            if there.get("configuration") != self.configuration:
                raise InputError(
                    f"{folder} holds the results of other data, features or learner "
                    f"({there.get('configuration')}, not {self.configuration}): give "
                    "another folder"
                )
            for metric in set(before) & set(scores):
                if before[metric] != scores[metric]:
                    raise InputError(
                        f"{folder} holds runs by other scores of {metric}: give the "
                        "score file that it was begun with, or another folder"
                    )
            about["scores"] = before | scores
        elif self.folder.exists() and not self._begun():
            raise InputError(f"{folder} holds no experiment: give another folder")
        self.cells = self.folder / "cells"
        self._kept = self._rows_of_results()

    def _rows_of_results(self) -> dict[Path, dict[str, Any]]:
        """The rows of ``results.csv`` where nothing else is left, by their files."""
        path = self.folder / _RESULTS
        if self.cells.exists() or not path.exists():
            return {}
        rows = read_table(path).to_dict("records")
        kept = {self._path(_cell_of(row)): row for row in rows}
        for file, row in kept.items():
            self._check(row, f"{path}: {file.stem}")
        return kept

    def _begun(self) -> bool:
        """Whether it is empty, or has runs whose about.json was lost or never written.

        Each of them is checked when it is read.
        """
        there = {path.name for path in self.folder.iterdir()}
        return not there or not there.isdisjoint({"cells", _RESULTS})

    def create(self) -> None:
        """Make the folder if it is not there, and say in it what it is of."""
        self.cells.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self._about, indent=2)
        write_whole(self.folder / "about.json", lambda part: part.write_text(text))
        for path, row in self._kept.items():
            _write(path, row)

    def has(self, cell: Cell) -> bool:
        """Whether the run has been made.

        Raises:
            InputError: its file is damaged.
        """
        path = self._path(cell)
        return path in self._kept or (path.exists() and bool(self._row(path)))

    def add(self, cell: Cell, row: dict[str, Any]) -> None:
        """Write a row."""
        versions = " ".join(f"{name}={version(name)}" for name in _PACKAGES)
        whole = row | {"versions": versions, _CONFIGURATION: self.configuration}
        whole[_CHECK] = _checksum(whole)
        _write(self._path(cell), whole)

    def gather(self, cells: Sequence[Cell]) -> pd.DataFrame:
        """The rows of these cells that have been made; ``results.csv`` is written, too.

        Raises:
            InputError: a damaged row, or rows with other columns than the first.
        """
        paths = [self._path(cell) for cell in cells]
        found = [path for path in paths if path.exists()]
        rows = [self._row(path) for path in found]
        for path, row in zip(found, rows, strict=True):
            if set(row) != set(rows[0]):
                raise InputError(
                    f"{path} and {found[0]} are of two versions, with other columns: "
                    "remove one of them, and the run is made again"
                )
        table = pd.DataFrame(rows)
        if rows:
            write_whole(
                self.folder / _RESULTS,
                lambda part: table.to_csv(part, index=False),
            )
        return table

    def _path(self, cell: Cell) -> Path:
        return self.cells / f"{cell.key}.json"

    def _row(self, path: Path) -> dict[str, Any]:
        row = _json(path)
        self._check(row, str(path))
        return row

    def _check(self, row: dict[str, Any], where: str) -> None:
        """Refuse a row that was edited, or made from something else."""
        _check_row(row, where)
        if row[_CONFIGURATION] != self.configuration:
            raise InputError(f"{where} is of another experiment: remove it")
        digest = self._about["scores"].get(row["metric"], "")
        if row.get("scores", "") != digest:
            raise InputError(
                f"{where} is by other scores of {row['metric']}: give the score file "
                "that it was made with, or another folder"
            )
        if "kept_by_class" not in row:
            raise InputError(
                f"{where} is of an older version, without counts by class: give "
                "another folder, or remove it, and the run is made again"
            )


def read_table(path: Path | str) -> pd.DataFrame:
    """A table of results: ``results.csv``, or the folder that holds it.

    Raises:
        InputError: no such file, no table of this kind, a row that was edited, rows of
            two configurations, or one run twice.
    """
    path = expanded(path)
    path = path / _RESULTS if path.is_dir() else path
    columns, lines = read_csv(path, "table of results")
    if not {_CHECK, _CONFIGURATION} <= columns.keys():
        raise InputError(f"{path} is not a table of results: it lacks {_CHECK}")
    rows = [
        {
            name: text if name in _WORDS else _value(text)
            for name, text in zip(columns, cells, strict=True)
        }
        for cells in zip(*columns.values(), strict=True)
    ]
    for line, row in zip(lines, rows, strict=True):
        _check_row(row, f"{path}, line {line}")
    table = pd.DataFrame(rows)
    found = table[_CONFIGURATION].unique()
    if len(found) > 1:
        raise InputError(
            f"{path} mixes rows of {len(found)} configurations ({', '.join(found)}): "
            "give one table for each"
        )
    twice = table.duplicated(RUN)
    if twice.any():
        raise InputError(f"{path} has a run twice: line {lines[int(twice.argmax())]}")
    if "scores" in table:
        for metric, part in table.groupby("metric"):
            if len(part["scores"].unique()) > 1:
                raise InputError(
                    f"{path} mixes two score files of {metric}: give one table for each"
                )
    return table


def _cell_of(row: dict[str, Any]) -> Cell:
    """The run that a row is of."""
    return Cell(**{one.name: row[one.name] for one in fields(Cell)})


def _write(path: Path, row: dict[str, Any]) -> None:
    """Write a row, whole or not at all."""
    text = json.dumps(row, allow_nan=False)
    write_whole(path, lambda part: part.write_text(text))


def _value(text: str) -> Any:
    """What was written, to the last bit; pandas' reader rounds."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # whole numbers beyond floats
        return math.inf


def _checksum(row: dict[str, Any]) -> int:
    """The checksum of all other columns; numbers count by value, not by spelling."""
    parts = [
        f"{name}={_float(value)!r}"
        if isinstance(value, int | float)
        else f"{name}={value}"
        for name, value in sorted(row.items())
        if name != _CHECK
    ]
    return zlib.crc32("|".join(parts).encode())


def _check_row(row: dict[str, Any], where: str) -> None:
    expected = row.get(_CHECK)
    numbers = [v for v in row.values() if isinstance(v, float)]
    if not all(map(math.isfinite, numbers)) or expected != _checksum(row):
        raise InputError(
            f"{where}: the row does not match its checksum, it was edited or damaged; "
            "run the experiment again, or leave the row out"
        )


def _json(path: Path) -> dict[str, Any]:
    try:
        return read_record(path)
    except (OSError, InputError) as error:
        raise InputError(f"{path} is damaged ({error}): {_REMOVE}") from error
