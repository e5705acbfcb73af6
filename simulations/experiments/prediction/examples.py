"""The examples of a prediction: features, labels, and one score or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

import perceptron_theory as pt
from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name
from perceptron_theory.numerics.checks import plain_array
from perceptron_theory.numerics.frames import refuse_other_order

from ...vision.data import DataSet, DataSource, load
from ...vision.data.array_files import read_array
from ...vision.data.array_source import Arrays
from ...vision.data.encoded import vectors_of
from ...vision.embedding_files import check_record
from ...vision.own_scores import scores_in
from ...vision.principal_components import projected
from .fresh_probe import MARGINS, probe_examples, probe_scores

PROBE = "probe"
"""The name of the score that a fresh probe gives."""


@dataclass(frozen=True, eq=False)
class Examples:
    """What predictions are made from; made by :func:`examples_of`.

    Attributes:
        name: of the data set.
        law: of all examples but those of the probe, without a score.
        scores: by name, (P,) each, high = hard.
        about: how it came about: the examples of the probe, components, seed.
    """

    name: str
    law: pt.FieldLaw
    scores: Mapping[str, Float[np.ndarray, " P"]]
    about: Mapping[str, Any] = field(default_factory=dict)

    def by(self, score: str | None) -> pt.FieldLaw:
        """The law with a score of a name, or without any."""
        if score is None:
            return self.law
        if score not in self.scores:
            raise unknown_name("score", score, self.scores)
        return replace(self.law, score=self.scores[score])


def examples_of(
    features: Any,
    labels: Any,
    scores: Mapping[str, Any] | None = None,
    *,
    components: int | None = None,
    probe: int | None = None,
    margin: str = "absolute",
    ridge: float = 0.01,
    seed: int = 0,
    name: str = "data",
) -> Examples:
    """The examples of a prediction, from arrays.

    Args:
        features: (P, N) numbers, as the head sees them.
        labels: (P,) of two classes or more.
        scores: by name, (P,) each, high = hard = kept by "hard".
        components: take the first so many principal components for features.
        probe: train a logistic probe on so many random examples, score the others by
            its margin under the name "probe", and leave its own examples out.
        margin: of the probe: "absolute", of its first answer over the second, or
            "signed", of the true class over the best of the others.
        ridge: of the probe.
        seed: of the examples of the probe.
        name: of the data.

    Raises:
        InputError: as of :meth:`perceptron_theory.FieldLaw.from_data`, or a number out
            of range.
    """
    if margin not in MARGINS:
        raise unknown_name("margin", margin, MARGINS)
    scores = {} if scores is None else scores
    if not isinstance(scores, Mapping):
        raise InputError("scores must be given by names, as {'el2n': array}")
    paired = {f"the score {one}": values for one, values in scores.items()}
    refuse_other_order({"features": features, "labels": labels} | paired)
    if components is not None:
        features = projected(features, components)
    law = pt.FieldLaw.from_data(features, labels)
    given = {one: _score(one, values, law.size) for one, values in scores.items()}
    about: dict[str, Any] = {} if components is None else {"components": components}
    if probe is None:
        return Examples(name, law, given, about)
    if PROBE in given:
        raise InputError(f"there is a score of the name {PROBE!r}: rename it")
    mine = probe_examples(law, probe, seed)
    rest = np.setdiff1d(np.arange(law.size), mine)
    found = probe_scores(law, mine, margin, ridge)
    left = {one: values[rest] for one, values in given.items()}
    # the same units need no second look at the features
    labelled = law.part(rest)
    if labelled.size < 2 * law.width:
        raise InputError(
            f"the probe takes {probe} of {law.size} examples and leaves too few for "
            f"{law.width} features: {2 * law.width} or more must be left"
        )
    lost = np.setdiff1d(np.arange(len(law.classes)), labelled.labels)
    if len(lost):
        raise InputError(
            f"the probe takes all examples of the class {law.classes[lost[0]]}: give "
            "it fewer, or another seed"
        )
    about |= {"probe": probe, "margin": margin, "seed": seed}
    return Examples(name, labelled, left | {PROBE: found[rest]}, about)


def _score(name: str, values: Any, count: int) -> Float[np.ndarray, " P"]:
    array = plain_array(f"the score {name}", values)
    if array.shape != (count,) or array.dtype.kind not in "iufb":
        raise InputError(
            f"the score {name} must be {count} numbers, one an example, got "
            f"{array.dtype} of the shape {array.shape}"
        )
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        row = int(np.flatnonzero(~np.isfinite(array))[0])
        raise InputError(f"the score {name} must be finite, got {array[row]} at {row}")
    return array


def read_examples(
    data: str | DataSource | None = None,
    score_files: Sequence[Path | str] = (),
    *,
    features: Path | str | None = None,
    labels: Path | str | None = None,
    split: str = "train",
    **how: Any,
) -> Examples:
    """The examples of a prediction, from files.

    Args:
        data: a data set as ``simulations.vision.data.load`` takes it; its feature
            vectors, or the pixels of its images, are the features if no others are
            given.
        score_files: as ``simulations.vision.own_scores.scores_in`` reads them, each of
            these examples; matched by ids where they have them.
        features: a file of features, as ``pruning-laws embed`` writes it.
        labels: a file of labels of these, in place of a data set.
        split: of the data set.
        **how: ``components``, ``probe``, ``margin``, ``ridge`` and ``seed`` of
            :func:`examples_of`.

    Raises:
        InputError: files that are missing, damaged, or do not fit each other.
    """
    dataset, points = _opened(data, features, labels, split)
    scores: dict[str, Any] = {}
    for file in score_files:
        found = scores_in(file, dataset)
        name = found.metric if found.metric not in scores else str(file)
        scores[name] = found.scores
    return examples_of(points, dataset.labels, scores, name=dataset.name, **how)


def _opened(
    data: Any, features: Any, labels: Any, split: str
) -> tuple[DataSet, Float[np.ndarray, "P N"]]:
    if labels is not None:
        if features is None or data is not None:
            raise InputError(
                "labels go with features: give both and no data set, or a data set "
                "with or without features"
            )
        dataset = load(Arrays(f"{features},{labels}"), split)
        return dataset, vectors_of(dataset)
    if data is None:
        raise InputError("give features and labels, or a data set")
    dataset = load(data, split)
    if features is None:
        return dataset, vectors_of(dataset)
    check_record(Path(features), dataset)
    points = read_array(features)
    if points.ndim != 2 or len(points) != len(dataset):
        raise InputError(
            f"{features} has shape {points.shape}: {dataset.name} needs "
            f"({len(dataset)}, d)"
        )
    return dataset, points
