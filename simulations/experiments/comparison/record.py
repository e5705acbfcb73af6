"""What a folder says of the comparison in it, and what is written there in the end."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from perceptron_theory import InputError
from perceptron_theory.text_files import read_record

from ...files import write_whole
from ...vision.data import DataSet, Images
from .answer import Answer
from .data_sets import Opened
from .question import Question

_FORMAT = "pruning-laws compare 1"
_PACKAGES = ("pruning-laws", "jax", "numpy", "scikit-learn")


@dataclass
class Record:
    """What a folder says of the comparison in it."""

    folder: Path
    question: Question
    data: Opened

    def __post_init__(self) -> None:
        path = self.folder / "compare.json"
        self.about: dict[str, Any] = {
            "format": _FORMAT,
            "data": self.data.whole.name,
            "train": self.data.train.fingerprint,
            "test": self.data.test.fingerprint,
            "keep_fraction": self.question.keep_fraction,
            "metrics": list(self.question.metrics),
            "model": self.question.model,
        }
        if isinstance(self.data.train, Images):  # which may be made from files
            self.about["image_shape"] = list(self.data.train.images.shape[1:])
        if path.exists():
            self._check(path)
        elif self.folder.exists():
            if not self.folder.is_dir():
                raise InputError(f"{self.folder} is a file: give a folder")
            if any(self.folder.iterdir()):
                raise InputError(
                    f"{self.folder} holds something else: give a new folder"
                )
        self._new = not self.folder.exists()
        self.about.setdefault("seconds", {})
        (self.folder / "scores").mkdir(parents=True, exist_ok=True)
        self.save()

    def _check(self, path: Path) -> None:
        try:
            there = read_record(path)
        except (OSError, InputError) as error:
            raise InputError(f"{path} is damaged ({error}): remove it") from error
        for name, ours in self.about.items():
            if there.get(name) == ours:
                continue
            if name in ("train", "test"):  # fingerprints, which say nothing to anybody
                raise InputError(
                    f"{self.folder} is of another comparison: its {name}ing examples "
                    "are not those of this one (other images or labels, another "
                    "--resize or --test-split): give the same, or another folder"
                )
            raise InputError(
                f"{self.folder} is of another comparison, with {name} "
                f"{there.get(name)!r}, not {ours!r}: give another folder"
            )
        self.about |= {
            name: there[name] for name in ("seconds", "size") if name in there
        }

    def save(self) -> None:
        """Write it, whole or not at all."""
        text = json.dumps(self.about, indent=2)
        _write(self.folder / "compare.json", text + "\n")

    def remove_if_empty(self) -> None:
        """Remove a new folder in which nothing was computed yet but copies."""
        scores = self.folder / "scores"
        runs = (self.folder / "runs").exists()
        if self._new and not runs and not self.about["seconds"]:
            for copy in scores.glob("*.parquet"):
                copy.unlink()
            (self.folder / "compare.json").unlink()
            scores.rmdir()
            self.folder.rmdir()

    def score_files(self, dataset: DataSet) -> dict[str, Path]:
        """Where the scores of a data set are, by metric."""
        # of all examples beside those of a part, which the test set is held out of
        extra = "_all" if self.data.held_out and dataset is self.data.whole else ""
        folder = self.folder / "scores"
        return {key: folder / f"{key}{extra}.parquet" for key in self.question.keys}

    def finish(self, answer: Answer, rows: pd.DataFrame) -> None:
        """Write the results beside it."""
        lines = [*answer.sentences, *(f"Warning: {one}." for one in answer.warnings)]
        self.about |= {
            "seeds": sorted(int(one) for one in rows["seed"].unique()),
            "keep_fractions": sorted(
                float(one) for one in answer.costs["keep_fraction"].unique()
            ),
            "budget": self.question.budget,
            "keep": {
                "metric": answer.choice.metric,
                "strategy": answer.choice.strategy,
            },
            "versions": {name: version(name) for name in _PACKAGES},
            "answer": lines,
        }
        self.save()
        answer.about.update(self.about)
        for name, table in (("costs", answer.costs), ("classes", answer.classes)):
            _write(self.folder / f"{name}.csv", table.to_csv(index=False))
        answer.kept.save(self.folder / "keep.txt", self.data.whole.ids)
        _write(self.folder / "answer.txt", "".join(f"{line}\n" for line in lines))


def _write(path: Path, text: str) -> None:
    write_whole(path, lambda part: part.write_text(text, "utf-8"))
