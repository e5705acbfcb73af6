"""Run a comparison into a folder; the same call goes on where it was interrupted.

The folder gets ``compare.json`` (what is compared, versions), ``scores`` (a score file
a metric), ``runs`` (an experiment, a row a training run) and, in the end,
``costs.csv``, ``classes.csv``, ``keep.txt`` (ids) and ``answer.txt``.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from perceptron_theory import InputError
from perceptron_theory.errors import DataWarning
from perceptron_theory.numerics.precision import own_settings
from perceptron_theory.paths import expanded
from perceptron_theory.text_files import read_record

from ...files import write_whole
from ...vision.data import DataSet, Images
from ...vision.metrics import metric_of
from ...vision.own_scores import scores_in
from ...vision.score_files import Scores, read_scores, scores_of, write_scores
from ...vision.scoring import score_dataset
from ..cells import Cell, cells_of
from ..configuration import Experiment
from ..runner import forecast, run_experiment
from .answer import Answer, class_table, select_by, sentences_of
from .costs import best_choice, costs_of
from .data_sets import Opened
from .models import Bar, LinearHeads, Model
from .question import LINEAR, Question, is_file

_FORMAT = "pruning-laws compare 1"
_PACKAGES = ("pruning-laws", "jax", "numpy", "scikit-learn")
_PER_CLASS = 2  # kept examples a class, on the average, at least


def _silent(total: int, what: str) -> AbstractContextManager[Callable[..., None]]:
    return nullcontext(lambda count, text="": None)


@own_settings()
def compare(
    question: Question,
    data: Opened,
    folder: Path | str,
    *,
    features: tuple[str, str] | None = None,
    device: str | None = None,
    say: Callable[[str], Any] = lambda line: None,
    bar: Bar = _silent,
) -> Answer:
    """Train on all examples, and on the hard, easy, middle and random ones.

    First at the kept fraction that is asked about, with three seeds; then, as far as
    the budget goes, with more seeds and at other kept fractions.

    Args:
        question: What to keep, by which metrics, for which model.
        data: What to choose from, and what to test on.
        folder: New, empty, or of the same comparison.
        features: Files (.npy) of features of the training and the test set, for linear
            heads in place of the pixels; of data with a test set of their own.
        device: For networks: "cpu", "gpu" or "tpu".
        say: Told what goes on, a line at a time.
        bar: Makes a function that is told of what was done, see ``models.Bar``.

    Returns:
        The answer, which is also written into the folder.

    Raises:
        InputError: The folder is of something else, data that do not fit the question,
            or a budget in which nothing can be answered.
        ConvergenceError: A run failed; all others are in the folder.
    """
    model = _model_of(question, data, expanded(folder), features, device)
    # before anything is written
    own = {one: scores_in(one, data.whole) for one in question.metrics if is_file(one)}
    record = _Record(expanded(folder), question, data)
    scores = _scored(question, data.train, model, record, own, say, bar)
    rows, size = _runs(question, model, record, list(scores), say, bar)
    costs = costs_of(rows)
    choice = best_choice(costs, question.keep_fraction)
    if data.held_out:  # the list to keep is of all examples, and so are its scores
        scores = _scored(question, data.whole, model, record, own, say, bar)
    f = question.keep_fraction
    kept = select_by(
        scores.get(choice.metric), choice.strategy, f, count=len(data.whole)
    )
    files = _score_files(question, data.whole, record)
    classes, warned = class_table(scores, f, data.whole.class_names, files)
    said = sentences_of(costs, choice, f, model=model.says, data=data.whole.name)
    said[:0] = _conditions(data, size, model)
    answer = Answer(f, costs, choice, kept, classes, scores, said, warned, {})
    record.finish(answer, rows)
    return answer


def _model_of(
    question: Question,
    data: Opened,
    folder: Path,
    features: tuple[str, str] | None,
    device: str | None,
) -> Model:
    if features is not None and data.held_out:
        raise InputError(
            f"{data.whole.name} has no test set, for which there are features: give it "
            "as arrays:FEATURES.npy,LABELS.npy"
        )
    if question.model == LINEAR:
        if features is None and isinstance(data.train, Images):
            warnings.warn(
                "linear heads on raw pixels: photographs rank by their background more "
                "than by what is on them; give features of a network, or a network as "
                "the model",
                DataWarning,
                stacklevel=3,
            )
        return LinearHeads(data, features)
    if features is not None:
        raise InputError("features are for the model linear: leave them out")
    from .networks import networks_of  # flax may be missing

    fewest = round(question.keep_fraction * len(data.train))
    return networks_of(question.model, data, fewest, folder, question.budget, device)


@dataclass
class _Record:
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
        self.about.setdefault("seconds", {})
        (self.folder / "scores").mkdir(parents=True, exist_ok=True)
        self.save()

    def _check(self, path: Path) -> None:
        try:
            there = read_record(path)
        except (OSError, InputError) as error:
            raise InputError(f"{path} is damaged ({error}): remove it") from error
        for name, ours in self.about.items():
            if there.get(name) != ours:
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


def _scored(
    question: Question,
    dataset: DataSet,
    model: Model,
    record: _Record,
    given: dict[str, Scores],
    say: Callable[[str], Any],
    bar: Bar,
) -> dict[str, Scores]:
    """Scores by every metric, from the folder where they were made before."""
    paths = _score_files(question, dataset, record)
    missing = {
        key: metric for key, metric in question.keys.items() if not paths[key].exists()
    }
    own = {key: one for key, one in missing.items() if one not in given}
    took = _clock()
    names = {need.name for one in own.values() for need in metric_of(one).needs}
    arrays: dict[str, Any] = {}
    if own:
        say(f"scoring {len(dataset):,} examples by {', '.join(own.values())}")
        arrays = model.arrays(dataset, names, bar)
    for key, metric in missing.items():
        if key in own:
            needs = {need.name for need in metric_of(metric).needs}
            mine = {name: arrays[name] for name in needs}
            sources = dict.fromkeys(mine, f"{model.says}, of `compare`")
            found = score_dataset(dataset, metric, mine, sources=sources)
        else:
            found = _of_part(given[metric], dataset)
        write_scores(paths[key], found, overwrite=True)
    if own:
        seconds = record.about["seconds"]
        seconds[dataset.name] = seconds.get(dataset.name, 0.0) + took()
        record.save()
    return {key: read_scores(path, dataset) for key, path in paths.items()}


def _score_files(
    question: Question, dataset: DataSet, record: _Record
) -> dict[str, Path]:
    """Where the scores of a data set are, by metric."""
    # of all examples beside those of a part, which the test set is held out of
    extra = "_all" if record.data.held_out and dataset is record.data.whole else ""
    folder = record.folder / "scores"
    return {key: folder / f"{key}{extra}.parquet" for key in question.keys}


def _clock() -> Callable[[], float]:
    """Seconds since now."""
    started = time.perf_counter()
    return lambda: time.perf_counter() - started


def _of_part(scores: Scores, dataset: DataSet) -> Scores:
    """Scores of a data set, or of a part of it, from those of all examples."""
    place = {one: i for i, one in enumerate(scores.ids)}
    rows = np.array([place[one] for one in dataset.ids])
    recipe = {"part_of": scores.dataset, **scores.recipe}
    return scores_of(
        dataset, scores.metric, scores.scores[rows], recipe=recipe, seeds=scores.seeds
    )


def _runs(
    question: Question,
    model: Model,
    record: _Record,
    metrics: list[str],
    say: Callable[[str], Any],
    bar: Bar,
) -> tuple[pd.DataFrame, int]:
    """The rows of all runs that the budget allows, and how many examples they see."""
    source, folder = model.source(record.folder / "scores"), record.folder / "runs"
    stages = question.stages()
    spent = sum(record.about["seconds"].values())
    size = record.about.get("size")
    if size is None:
        (f, *_), seeds = stages[0]
        first = model.experiment(model.largest, (f,), seeds, metrics)
        _, cost = forecast(first, source, folder)
        left = max(question.budget - spent, 0.0)
        size = model.largest
        if cost is not None and cost.seconds > left:
            size = _smaller(question, model, cost.seconds, left, metrics)
            say(
                f"the budget allows {seeds} seeds on {size:,} of the "
                f"{model.largest:,} examples"
            )
        record.about["size"] = size
        record.save()
    rows, made = pd.DataFrame(), None
    for fractions, seeds in stages:
        enough = _fewest(question, model, record.data)
        fractions = tuple(one for one in fractions if round(one * size) >= enough)
        if question.keep_fraction not in fractions:
            fractions = (question.keep_fraction, *fractions)
        experiment = model.experiment(size, fractions, seeds, metrics)
        cells = cells_of(experiment)
        if made is not None:
            total = spent + float(np.sum(rows["seconds"]))
            if total + _prediction(rows, cells) > question.budget:
                break
        rows = _run(experiment, source, folder, bar)
        made = experiment
    return rows, size


def _run(experiment: Experiment, source: Any, folder: Path, bar: Bar) -> pd.DataFrame:
    total = len(cells_of(experiment))
    with bar(total, "runs") as advance:

        def on_cell(cell: Cell | None, left: int) -> None:
            if cell is None:
                advance(total - left)
            else:
                advance(1, cell.key)

        return run_experiment(experiment, source, folder, on_cell=on_cell)


def _fewest(question: Question, model: Model, data: Opened) -> int:
    return max(model.least, _PER_CLASS * len(data.train.class_names))


def _smaller(
    question: Question, model: Model, seconds: float, left: float, metrics: list[str]
) -> int:
    """As many examples as the budget allows, to two digits.

    Raises:
        InputError: Too few to answer.
    """
    size = 0.8 * model.largest * left / seconds  # of a forecast
    digits = 10 ** max(len(str(int(size))) - 2, 0)
    size = int(size) // digits * digits
    enough = max(model.least, 20)
    if round(question.keep_fraction * size) < enough:
        raise InputError(
            f"the runs take about {seconds:.0f} s here, and of the budget of "
            f"{question.budget:.0f} s {left:.0f} s are left: raise the budget, or give "
            "fewer metrics or a smaller model"
        )
    return size


def _prediction(rows: pd.DataFrame, cells: list[Cell]) -> float:
    """Seconds of the cells that are not among the rows, by those that are."""
    made = set(
        zip(
            rows["keep_fraction"],
            rows["strategy"],
            rows["metric"],
            rows["seed"],
            strict=True,
        )
    )
    missing = [
        cell.kept
        for cell in cells
        if (cell.keep_fraction, cell.strategy, cell.metric, cell.seed) not in made
    ]
    slope, start = np.polyfit(rows["kept"], rows["seconds"], 1)
    least = float(np.min(rows["seconds"]))
    return sum(max(least, start + slope * kept) for kept in missing)


def _conditions(data: Opened, size: int, model: Model) -> list[str]:
    """What the numbers hold for, where it is not what one would expect."""
    said = []
    if data.held_out:
        said.append(
            f"{data.whole.name} has no test set: {len(data.test):,} of its "
            f"{len(data.whole):,} examples were held out to test on."
        )
    if size < model.largest:
        said.append(
            f"The budget allows {size:,} of {model.largest:,} examples to choose from: "
            "with all of them harder ones may do better than they do here."
        )
    return said
