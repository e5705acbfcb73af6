"""The contract of a pruning metric: what it is computed from, and one score an example.

A metric is an object of a few words and one method.  To add one, write a subclass of
:class:`Metric` in a file of your own, as a frozen dataclass whose fields are the
options of the metric; nothing of this package has to be touched.  Everything that
scores data sets (:func:`simulations.vision.scoring.score_dataset`, ``pruning-laws
score``) takes the object, or the text ``package.module:Name``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Int

from perceptron_theory import InputError

from ..contracts import check_parts, object_path, option_names, options_of
from ..contracts import text_of_options as _written
from ..data.encoded import DataSet, vectors_of

NAME = re.compile(r"[A-Za-z][\w.-]*")


@dataclass(frozen=True)
class Needed:
    """Something that a metric is computed from, as it is given: an array as a rule."""

    name: str
    """It is the key among the arrays, and ``--NAME FILE`` or ``--array NAME=FILE``."""
    examples: int | None
    """The axis along which the examples of the data set lie; None if there is none."""
    says: str
    """What it is, for messages: "the logits, (P, C) or (models, P, C)" say."""
    otherwise: tuple[str, Callable[[DataSet], np.ndarray]] | None = None
    """What is taken where it is not given, and its name in the recipe."""
    is_array: bool = True
    """Whether its file is a .npy; otherwise the metric is handed the path itself."""
    classes: int | None = None
    """The axis of logits along which the classes lie; None of everything else."""
    check_file: Callable[[Path], None] | None = None
    """It refuses, by InputError, a file that is known to hold something else."""


PIXELS = "pixels"
"""What embeddings that are missing are called in a recipe."""
EMBEDDINGS = Needed("embeddings", 0, "embeddings (P, d)", (PIXELS, vectors_of))
LOGITS = Needed("logits", -2, "logits, (P, C) or (models, P, C)", classes=-1)
CORRECT = Needed("correct", -1, "correct, booleans (models, P)")
MEMBER = Needed("member", -1, "member, booleans (models, P)")
TEST_CORRECT = Needed("correct", None, "correct, booleans (models, test examples)")
RUN = Needed("run", None, "the folder of a run", is_array=False)


@dataclass(frozen=True)
class Given:
    """What a metric is handed: a data set, and what it said it needs."""

    dataset: DataSet
    arrays: Mapping[str, Any]
    """What is needed, by name; all is there, with the right number of examples."""
    seed: int = 0
    """The seed of everything that is random."""

    def __getitem__(self, name: str) -> Any:
        return self.arrays[name]

    @property
    def labels(self) -> Int[np.ndarray, " P"]:
        """The class of each example, from 0 on."""
        return self.dataset.labels


@dataclass(frozen=True)
class Scored:
    """The scores of a metric, where there is more to say than the scores."""

    scores: Float[np.ndarray, " P"]
    per_model: Float[np.ndarray, "K P"] | None = None
    """The scores by each model, where ``scores`` are a mean over models."""
    standard_errors: Float[np.ndarray, " P"] | None = None
    """Those of the scores, from the spread of the models; NaN where not known."""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """What else decided the scores or says how good they are; values of JSON."""
    seeds: Sequence[int] | None = None
    """The seeds of the models, if the metric found them; else the seed it was given."""


class Metric:
    """A pruning metric.  A subclass is a frozen dataclass whose fields are its options.

    ``name``, ``needs`` and ``score`` are the parts that a subclass brings.  The others
    have a value here that is right for most metrics.
    """

    name: ClassVar[str]
    """One word: on the command line, in score files and in tables of experiments."""
    needs: ClassVar[tuple[Needed, ...]]
    """What it is computed from, beside the labels and ids of the data set."""
    high_is: ClassVar[str] = "hard"
    """What a high score of :meth:`score` is, "hard" or "easy".  Score files always
    have high = hard = keep: scores of a metric with "easy" are negated."""
    variant_option: ClassVar[str | None] = None
    """The option that chooses among published variants: ``--variant`` sets it."""
    cost: ClassVar[str] = ""
    """What it takes to get what it needs, for a person who chooses a metric."""

    def score(self, given: Given) -> Float[np.ndarray, " P"] | Scored:
        """One finite score an example, in the order of the data set.

        Raises:
            InputError: What was given is of no use.
        """
        raise NotImplementedError


PARTS = {
    "name": "one word",
    "needs": "a tuple of what it is computed from, such as metrics.LOGITS",
    "high_is": '"hard" or "easy"',
    "score": "a method of (given) that returns one score an example",
}


def check_metric(metric: Any) -> Metric:
    """The object itself, if it has all parts of a metric.

    Raises:
        InputError: It lacks a part, which is named, or a part is of another kind.
    """
    check_parts("metric", metric, PARTS)
    kind = type(metric).__name__
    if getattr(type(metric), "score", None) is Metric.score:
        raise InputError(f"{kind} is not a metric: it lacks score, {PARTS['score']}")
    if not isinstance(metric.name, str) or not NAME.fullmatch(metric.name):
        raise InputError(
            f"{kind}.name must be one word of letters, digits and _ . -, got "
            f"{metric.name!r}"
        )
    if not isinstance(metric.needs, tuple) or not all(
        isinstance(one, Needed) for one in metric.needs
    ):
        raise InputError(
            f"{kind}.needs must be a tuple of metrics.Needed, got {metric.needs!r}"
        )
    if metric.high_is not in ("hard", "easy"):
        raise InputError(
            f'{kind}.high_is must be "hard" or "easy", got {metric.high_is!r}'
        )
    variant = getattr(metric, "variant_option", None)
    if variant is not None and variant not in option_names(metric):
        raise InputError(
            f"{kind}.variant_option is {variant!r}, which is not one of its options"
        )
    return metric


def text_of(metric: Metric, *, ours: bool) -> str:
    """The text that names a metric with its options; ``catalog.metric_of`` reads it.

    Args:
        metric: The metric.
        ours: Whether its name is enough to find it; otherwise its class is named.
    """
    head = metric.name if ours else object_path(metric)
    options = options_of(metric)
    return f"{head}:{_written(options)}" if options else head
