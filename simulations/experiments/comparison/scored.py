"""Scores in a comparison: made by a model, or of one's own, and kept in the folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ...vision.data import DataSet
from ...vision.metrics import metric_of
from ...vision.score_files import Scores, read_scores, scores_of, write_scores
from ...vision.scoring import score_dataset
from .models import Bar, Model
from .question import Question
from .record import Record


def scores_by(
    question: Question,
    dataset: DataSet,
    model: Model,
    record: Record,
    given: dict[str, Scores],
    say: Callable[[str], Any],
    bar: Bar,
) -> dict[str, Scores]:
    """Scores by every metric, from the folder where they were made before."""
    paths = record.score_files(dataset)
    missing = {
        key: metric for key, metric in question.keys.items() if not paths[key].exists()
    }
    own = {key: one for key, one in missing.items() if one not in given}
    started = time.perf_counter()
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
        seconds[dataset.name] = (
            seconds.get(dataset.name, 0.0) + time.perf_counter() - started
        )
        record.save()
    return {key: read_scores(path, dataset) for key, path in paths.items()}


def _of_part(scores: Scores, dataset: DataSet) -> Scores:
    """Scores of a data set, or of a part of it, from those of all examples."""
    place = {one: i for i, one in enumerate(scores.ids)}
    rows = np.array([place[one] for one in dataset.ids])
    recipe = {"part_of": scores.dataset, **scores.recipe}
    return scores_of(
        dataset, scores.metric, scores.scores[rows], recipe=recipe, seeds=scores.seeds
    )
