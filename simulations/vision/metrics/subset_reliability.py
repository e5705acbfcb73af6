"""How far scores of subset models can be trusted: errors, and split halves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from perceptron_theory import InputError

from .reliability import (
    models_for_precision,
    spearman_brown,
    split_half_correlation,
)


@dataclass(frozen=True)
class Reliability:
    """How far memorization or influence from M subset models can be trusted."""

    models: int
    standard_errors: Float[np.ndarray, " P"]
    """NaN where too few models have, or lack, an example."""
    split_half_correlation: float | None
    """None of fewer than four models, or where a half knows too little."""
    precision: float
    """The standard error that is wanted."""

    @property
    def mean_standard_error(self) -> float:
        """The mean over the examples of which an error is known."""
        return float(np.nanmean(self.standard_errors))

    @property
    def models_needed(self) -> int:
        """How many models bring the mean over examples to the wanted standard error."""
        return models_for_precision(
            self.mean_standard_error, self.models, self.precision
        )

    @property
    def correlation(self) -> float | None:
        """The correlation of ranks by all models with those by as many others.

        None where the halves do not agree at all, of which the formula knows nothing.
        """
        half = self.split_half_correlation
        if half is None or half <= 0:
            return None
        return spearman_brown(half)

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


def check_precision(precision: float) -> None:
    """Refuse a wanted standard error that no number of models could have.

    Raises:
        InputError: it is not positive.
    """
    models_for_precision(1.0, 1, precision)


def reliability(
    score: Callable[..., Float[np.ndarray, " P"]],
    correct: Bool[np.ndarray, "M any"],
    member: Bool[np.ndarray, "M P"],
    *,
    standard_errors: Float[np.ndarray, " P"],
    seed: int,
    precision: float,
) -> Reliability:
    """How far the scores of M subset models can be trusted.

    Args:
        score: The metric as a function of ``correct`` and ``member``, which gives NaN
            for examples of which a half of the models knows too little.
        correct: The first argument of ``score``.
        member: The second argument of ``score``.
        standard_errors: Those of the scores, as the metric estimates them.
        seed: It deals the models to the two halves.
        precision: The standard error that is wanted.

    Raises:
        InputError: The precision is not positive.
    """
    check_precision(precision)
    half = None
    with suppress(InputError):  # a half of the models may know too little
        half = split_half_correlation(score, correct, member, key=seed)
    return Reliability(len(correct), standard_errors, half, precision)
