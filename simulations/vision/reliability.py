"""How far scores of subset models can be trusted: errors, and split halves."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from perceptron_theory import InputError

from . import metrics

_GROUPS = 20  # of models, each left out once


@dataclass(frozen=True)
class Reliability:
    """Of memorization or influence, from M models."""

    models: int
    standard_errors: Float[np.ndarray, " P"]
    """NaN where too few models have, or lack, an example."""
    split_half_correlation: float | None
    """None of fewer than four models, or where a half knows too little."""
    precision: float
    """The standard error that is wanted."""

    @property
    def mean_standard_error(self) -> float:
        """Over the examples of which it is known."""
        return float(np.nanmean(self.standard_errors))

    @property
    def models_needed(self) -> int:
        """For the wanted standard error, in the mean over examples."""
        return metrics.models_for_precision(
            self.mean_standard_error, self.models, self.precision
        )

    @property
    def correlation(self) -> float | None:
        """Of the ranks by all models with those by as many others, Spearman-Brown's.

        None where the halves do not agree at all, of which the formula knows nothing.
        """
        half = self.split_half_correlation
        if half is None or half <= 0:
            return None
        return metrics.spearman_brown(half)

    def as_dict(self) -> dict[str, Any]:
        """Values of JSON."""
        return {
            "models": self.models,
            "mean_standard_error": self.mean_standard_error,
            "split_half_correlation": self.split_half_correlation,
            "correlation_of_all": self.correlation,
            "precision": self.precision,
            "models_for_precision": self.models_needed,
        }


def reliability(
    metric: str,
    correct: Bool[np.ndarray, "M any"],
    member: Bool[np.ndarray, "M P"],
    seed: int,
    precision: float,
    **options: Any,
) -> Reliability:
    """Of "memorization" or "influence" with its options.

    Args:
        metric: one of the two.
        correct: its first argument.
        member: its second.
        seed: deals the models to halves and groups.
        precision: the standard error that is wanted.
        **options: of the metric.

    Raises:
        InputError: what the metric refuses, a precision that is not positive.
    """
    models = len(correct)
    metrics.models_for_precision(1.0, models, precision)  # refuses
    if metric == "memorization":
        errors = metrics.memorization_standard_error(correct, member)
    else:
        groups = min(_GROUPS, models)
        errors = metrics.influence_standard_error(
            correct, member, key=seed, groups=groups, unknown="nan", **options
        )
    score = partial(getattr(metrics, metric), unknown="nan", **options)
    half = None
    with suppress(InputError):  # a half may know too little
        half = metrics.split_half_correlation(score, correct, member, key=seed)
    return Reliability(models, errors, half, precision)
