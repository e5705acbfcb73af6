"""What is asked: how much to keep, by which metrics, for which model, in which time."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import PurePath

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name

from ...vision import inputs
from ...vision.data.array_files import SUFFIXES
from ...vision.metrics import METRICS, metric_of

LINEAR = "linear"
LEAST_SEEDS, USUAL_SEEDS, MOST_SEEDS = 3, 5, 10
_ARRAYS = ("logits", "embeddings")  # that a model can be made to give
_OTHERS = (0.1, 0.2, 0.3, 0.5, 0.7)  # kept fractions that are tried where there is time
_APART = 1.25  # factor


@dataclass(frozen=True, kw_only=True)
class Question:
    """What :func:`.run.compare` is asked; checked as it is made.

    Raises:
        InputError: A value out of range, an unknown metric, or one that needs more than
            logits or embeddings.
    """

    keep_fraction: float
    """The one that a decision is about, inside (0, 1)."""
    metrics: tuple[str, ...] = ("el2n", "prototypes")
    """Names of metrics, with options as ``prototypes:n_clusters=20``, or paths of files
    of scores, as :func:`simulations.vision.own_scores.scores_in` takes them."""
    model: str = LINEAR
    """"linear": heads on the feature vectors, or on the pixels.  Else a network, a key
    of ``simulations.vision.networks.NETWORKS``, or a recipe of ``pruning-laws train``
    by name or path."""
    seeds: int | None = None
    """Number of repetitions, 3 or more; None: what the budget allows, up to 10."""
    budget: float = 600.0
    """Seconds of training, about."""

    def __post_init__(self) -> None:
        f = inputs.real_number("keep_fraction", self.keep_fraction)
        if not 0 < f < 1:
            hint = f": for {f:g} % give {f / 100:g}" if 1 < f < 100 else ""
            raise InputError(f"keep_fraction must be inside (0, 1), got {f:g}{hint}")
        object.__setattr__(self, "keep_fraction", f)
        if not self.metrics:
            raise InputError("metrics must be given, one at least, such as el2n")
        object.__setattr__(self, "metrics", tuple(self.metrics))
        for one in self.metrics:
            _check_metric(one)
        if len(set(self.keys)) < len(self.metrics):
            raise InputError(
                f"metrics must have different names, got {', '.join(self.metrics)}"
            )
        seeds = self.seeds
        if seeds is not None and inputs.positive_integer("seeds", seeds) < LEAST_SEEDS:
            raise InputError(
                f"seeds must be {LEAST_SEEDS} or more, for error bars, got {seeds}"
            )
        if not 0 < inputs.real_number("budget", self.budget) < math.inf:
            raise InputError(f"budget must be positive seconds, got {self.budget:g}")

    @property
    def keys(self) -> dict[str, str]:
        """The metrics by the names that their score files and rows have."""
        return {_key(metric): metric for metric in self.metrics}

    def stages(self) -> list[tuple[tuple[float, ...], int]]:
        """Kept fractions and seeds, from the least that answers to more and more."""
        f = self.keep_fraction
        others = sorted(
            (one for one in _OTHERS if not 1 / _APART < one / f < _APART),
            key=lambda one: abs(math.log(one / f)),
        )
        first = self.seeds or LEAST_SEEDS
        usual, most = self.seeds or USUAL_SEEDS, self.seeds or MOST_SEEDS
        grown = [((f, *others[:i]), usual) for i in range(len(others) + 1)]
        return list(dict.fromkeys([((f,), first), *grown, ((f, *others), most)]))


def is_file(metric: str) -> bool:
    """Whether a metric is the path of a file of scores, and perhaps its column."""
    return metric.partition(":")[0].lower().endswith(SUFFIXES)


def _key(metric: str) -> str:
    name = metric
    if is_file(metric):
        path, _, column = metric.partition(":")
        name = column or PurePath(path).stem
    name = re.sub(r"[^\w.-]+", "_", name)
    return name if name[:1].isalpha() else f"scores_{name}"


def _check_metric(metric: str) -> None:
    if is_file(metric):
        return
    if metric.partition(":")[0] == "random":
        raise InputError(
            "random examples are always compared: leave random out of metrics"
        )
    lacking = [one.name for one in metric_of(metric).needs if one.name not in _ARRAYS]
    if lacking:
        known = [
            name
            for name, kind in METRICS.items()
            if kind.needs and all(one.name in _ARRAYS for one in kind.needs)
        ]
        raise InputError(
            f"{metric} needs {lacking[0]}, which a comparison does not make: "
            f"{unknown_name('metric', metric, known)}; or score by it with "
            "`pruning-laws score`, and give the score file"
        )
