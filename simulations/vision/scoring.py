"""Scores of a data set by a metric, with a record of what they were computed from."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from perceptron_theory import InputError
from perceptron_theory.errors import DataWarning
from perceptron_theory.numerics.precision import own_settings

from . import inputs
from .contracts import options_of
from .data.array_files import read_array as read_array
from .data.encoded import DataSet
from .data.points import Points
from .embedding_files import NO_NETWORK
from .logits import check_logits
from .metrics import PIXELS, Given, Metric, Needed, Scored, metric_of
from .score_files import Scores, scores_of


@own_settings()
def score_dataset(
    dataset: DataSet,
    metric: str | Metric,
    arrays: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    sources: Mapping[str, Any] | None = None,
    **options: Any,
) -> Scores:
    """Scores of ``dataset`` by a metric, with what they were computed from as recipe.

    Args:
        dataset: What the arrays are of, in its order.
        metric: A name of ``metrics.METRICS``, such text with options as
            :func:`.metrics.metric_of` takes, or a metric as an object.
        arrays: What the metric needs, by name; for "influence" ``correct`` is on the
            test set.  Embeddings that are missing are the feature vectors of the data
            set, or the pixels of its images, scaled to [0, 1], as the recipe then says.
        seed: The seed of what is random.
        sources: Where arrays are from, by name, for the recipe.
        **options: Options of the metric, where it is given by its name.

    Warns:
        DataWarning: The scores are of raw pixels.

    Raises:
        InputError: An unknown metric or option, an object that lacks a part of the
            contract, an array that is missing or of no use, what the metric refuses,
            scores that are not one finite number an example.
    """
    chosen = metric_of(metric, **options)
    given = dict(arrays or {})
    known = {one.name: one for one in chosen.needs}
    for name in given:
        if name not in known:
            raise InputError(f"{chosen.name} takes no {name}: leave it out")
    origin = dict.fromkeys(given, "given") | dict(sources or {})
    for name, one in known.items():
        if name in given:
            continue
        if one.otherwise is None:
            raise InputError(f"{chosen.name} needs {one.says}: give {name}")
        origin[name], make = one.otherwise
        given[name] = make(dataset)
        if origin[name] == PIXELS and isinstance(dataset, Points):
            origin[name] = "feature vectors"
    _check_examples(dataset, chosen, given)
    found = chosen.score(Given(dataset, given, seed))
    scored = found if isinstance(found, Scored) else Scored(found)
    numbers = _numbers(dataset, chosen, scored.scores)
    each = scored.per_model
    if each is not None:
        each = inputs.real_array(f"per_model of {chosen.name}", each, "K", "P")
    if chosen.high_is == "easy":
        numbers = -numbers
        each = None if each is None else -each
    if any(_are_pixels(one) for one in origin.values()):
        warn_of_pixels(dataset.name)
    recipe = {**options_of(chosen), "computed_from": origin, **scored.recipe}
    return scores_of(
        dataset,
        chosen.name,
        numbers,
        per_model=each,
        standard_errors=scored.standard_errors,
        recipe=recipe,
        seeds=(seed,) if scored.seeds is None else scored.seeds,
    )


def warn_of_pixels(name: str) -> None:
    """Warn that scores of a data set are scores of raw pixels."""
    warnings.warn(
        f"scores of {name} are of raw pixels, which rank photographs by background and "
        "brightness, not by what they show: give embeddings of a network (`embed`)",
        DataWarning,
        stacklevel=3,
    )


def _are_pixels(origin: Any) -> bool:
    """Whether what an array is from says that no network made it."""
    if isinstance(origin, Mapping):
        return origin.get("network") == NO_NETWORK
    return origin == PIXELS


def _numbers(dataset: DataSet, metric: Metric, scores: Any) -> np.ndarray:
    """What a metric returned, as floats, whose sign can be turned.

    The negative of an unsigned integer is a large positive one, which would turn the
    order of the scores upside down.

    Raises:
        InputError: They are not one finite number an example.
    """
    name = f"scores of {metric.name}"
    array = inputs.of_examples(name, scores, dataset.ids)
    if array.shape != (len(dataset),):
        came = "None as scores" if scores is None else f"scores of shape {array.shape}"
        raise InputError(
            f"{metric.name} gave {came}: return one number per example, {len(dataset)} "
            f"of {dataset.name}"
        )
    return inputs.real_array(name, array, "P")


def _array(dataset: DataSet, needed: Needed, value: Any) -> np.ndarray:
    """What is given as an array, whose names of rows and columns must be our own."""
    if needed.examples is None:
        return inputs.plain_array(needed.name, value)
    classes = needed.classes
    names = None if classes is None else (classes, dataset.class_names)
    axis = needed.examples
    return inputs.of_examples(
        needed.name, value, dataset.ids, examples=axis, classes=names
    )


def _check_examples(dataset: DataSet, metric: Metric, given: dict[str, Any]) -> None:
    """Refuse, before any work is done, arrays of other examples, or of other classes.

    Raises:
        InputError: An array has another number of them, is none, or what
            is given as logits is none; the message says which.
    """
    for one in metric.needs:
        if one.is_array:
            given[one.name] = _array(dataset, one, given[one.name])
        shape = np.shape(given[one.name]) if one.examples is not None else ()
        if len(shape) > 1 and shape[one.examples] != len(dataset):  # type: ignore[index] # it has an axis of examples
            raise InputError(
                f"{one.name} has {shape[one.examples]} examples, {dataset.name} "  # type: ignore[index] # as above
                f"{len(dataset)}: its shape is {shape}"
            )
        numbers = len(shape) in (2, 3) and given[one.name].dtype.kind in "iuf"
        if one.classes is not None and numbers:
            check_logits(one.name, given[one.name], len(dataset.class_names))
