"""Run a comparison into a folder; the same call goes on where it was interrupted.

The folder gets ``compare.json`` (what is compared, versions), ``scores`` (a score file
a metric), ``runs`` (an experiment, a row a training run) and, in the end,
``costs.csv``, ``classes.csv``, ``keep.txt`` (ids) and ``answer.txt``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from perceptron_theory import InputError
from perceptron_theory.errors import DataWarning
from perceptron_theory.numerics.precision import own_settings
from perceptron_theory.paths import expanded

from ...vision.data import Images
from ...vision.own_scores import scores_in
from .answer import (
    Answer,
    class_table,
    select_by,
    sentences_of,
    too_few_kept,
    what_few_say,
)
from .budget import affordable_runs
from .costs import best_choice, costs_of
from .data_sets import Opened
from .feature_files import own_features
from .models import Bar, LinearHeads, Model
from .question import LINEAR, Question, is_file
from .record import Record
from .scored import scores_by


def _silent(total: int, what: str) -> AbstractContextManager[Callable[..., None]]:
    return nullcontext(lambda count, text="": None)


@own_settings()
def compare(
    question: Question,
    data: Opened,
    folder: Path | str,
    *,
    features: tuple[Path | str, Path | str | None] | None = None,
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
            heads in place of the pixels.  Of data without a test set the first has all
            examples, and the second is None.
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
    record = Record(expanded(folder), question, data)
    try:
        scores = scores_by(question, data.train, model, record, own, say, bar)
        rows, size = affordable_runs(question, model, record, list(scores), say, bar)
    except InputError:
        record.remove_if_empty()
        raise
    costs = costs_of(rows)
    choice = best_choice(costs, question.keep_fraction)
    if data.held_out:  # the list to keep is of all examples, and so are its scores
        scores = scores_by(question, data.whole, model, record, own, say, bar)
    f = question.keep_fraction
    kept = select_by(
        scores.get(choice.metric), choice.strategy, f, count=len(data.whole)
    )
    files = record.score_files(data.whole)
    at_random = None if choice.metric in scores else kept
    names = data.whole.class_names
    classes, warned = class_table(scores, f, names, files, at_random)
    said = sentences_of(
        costs,
        choice,
        f,
        model=model.says,
        data=data.whole.name,
        count=len(data.whole),
        others=_others(data, size, model),
    )
    said[:0] = _conditions(data, size, model)
    said[-1:-1] = what_few_say(costs, f, len(data.test))
    warned[:0] = too_few_kept(len(kept.indices), len(np.unique(data.whole.labels)))
    answer = Answer(f, costs, choice, kept, classes, scores, said, warned, {})
    record.finish(answer, rows)
    return answer


def _model_of(
    question: Question,
    data: Opened,
    folder: Path,
    features: tuple[Path | str, Path | str | None] | None,
    device: str | None,
) -> Model:
    if question.model == LINEAR:
        if features is None and isinstance(data.train, Images):
            warnings.warn(
                "linear heads on raw pixels: photographs rank by their background more "
                "than by what is on them; give features of a network, or a network as "
                "the model",
                DataWarning,
                stacklevel=3,
            )
        own = None if features is None else own_features(data, *features)
        return LinearHeads(data, own)
    if features is not None:
        raise InputError("features are for the model linear: leave them out")
    from .networks import networks_of  # flax may be missing

    fewest = round(question.keep_fraction * len(data.train))
    return networks_of(question.model, data, fewest, folder, question.budget, device)


def _others(data: Opened, size: int, model: Model) -> str:
    """What examples are for that are not trained on without pruning."""
    reasons = {
        "to test on": data.held_out,
        "to choose the ridge": model.largest < len(data.train),
        "for the budget": size < model.largest,
    }
    return " and ".join(reason for reason, holds in reasons.items() if holds)


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
