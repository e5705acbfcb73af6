"""How many runs of a comparison its budget allows."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from perceptron_theory import InputError

from ..cells import Cell, cells_of
from ..configuration import Experiment
from ..runner import forecast, run_experiment
from .data_sets import Opened
from .models import Bar, Model
from .question import Question
from .record import Record

_SLACK = 1.5  # of a forecast, in the budget that is said to do
_PER_CLASS = 2  # kept examples a class, on the average, at least


def affordable_runs(
    question: Question,
    model: Model,
    record: Record,
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
            size = _smaller(question, model, record, cost.seconds, spent)
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
    question: Question, model: Model, record: Record, seconds: float, spent: float
) -> int:
    """The number of examples that the budget allows, to two digits.

    Raises:
        InputError: Too few to answer.
    """
    left = max(question.budget - spent, 0.0)
    size = 0.8 * model.largest * left / seconds  # of a forecast
    digits = 10 ** max(len(str(int(size))) - 2, 0)
    size = int(size) // digits * digits
    enough = max(model.least, 20)
    if round(question.keep_fraction * size) < enough:
        needed = _time(_SLACK * (spent + seconds))
        raise InputError(
            f"a budget of {_time(question.budget)} is too little: the scores took "
            f"{_time(spent)}, and the runs take about {_time(seconds)} more here: the "
            f"same command with --budget {needed} answers in {record.folder}; or give "
            "fewer metrics or a smaller model, in another folder"
        )
    return size


def _time(seconds: float) -> str:
    """Whole seconds, minutes or hours, rounded up, as --budget takes them."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 10 * length:
            return f"{math.ceil(seconds / length)}{unit}"
    return f"{math.ceil(seconds)}s"


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
