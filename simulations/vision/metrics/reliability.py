"""How far scores from subset models can be trusted, and how many models they need."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Array, Bool, Float

from perceptron_theory import InputError

from .. import inputs
from ..correlation import spearman


def split_half_correlation(
    score: Callable[..., Float[np.ndarray, " P"]],
    correct: Bool[Array, "M any"] | Bool[np.ndarray, "M any"],
    member: Bool[Array, "M P"] | Bool[np.ndarray, "M P"],
    *,
    key: Any,
    repeats: int = 1,
) -> float:
    """Spearman correlation of the scores of one half of the models with the other's.

    Over the examples that both halves know, where ``score`` gives NaN for unknown ones
    (``unknown="nan"``).  The scores of *all* models are better than that: see
    :func:`spearman_brown`.

    Args:
        score: :func:`memorization`, or :func:`influence` with its options bound by
            ``functools.partial``.
        correct: its first argument.
        member: its second.
        key: of ``jax.random``, or a seed; deals the models to the halves.
        repeats: random splits to average over.

    Raises:
        InputError: fewer than four models, or what ``score`` refuses of a half.
    """
    right = inputs.truth_array("correct", correct, "M", "any")
    array = inputs.truth_array("member", member, "M", "P")
    repeats = inputs.positive_integer("repeats", repeats)
    if len(right) < 4 or len(right) != len(array):
        raise InputError(
            f"correct has {len(right)} models and member {len(array)}: give the same, "
            "at least 4"
        )
    rng = inputs.generator(key)
    found = []
    for _ in range(repeats):
        first, second = np.array_split(rng.permutation(len(right)), 2)
        one, two = (score(right[half], array[half]) for half in (first, second))
        known = np.isfinite(one) & np.isfinite(two)
        found.append(spearman(one[known], two[known]))
    return float(np.mean(found))


def models_for_standard_error(
    standard_error: float,
    *,
    keep_fraction: float = 0.7,
    correct_inside: float = 0.5,
    correct_outside: float = 0.5,
) -> int:
    """Subset models that give memorization or one influence this standard error.

    M = [p (1 - p) / f + q (1 - q) / (1 - f)] / SE^2 for the probabilities p, q of being
    right with and without the example and the share f of the data a model is trained
    on.  The defaults p = q = 1/2 are the worst case.

    Raises:
        InputError: a standard error that is not positive, a fraction not inside (0, 1).
    """
    error = _positive("standard_error", standard_error)
    f = _inside("keep_fraction", keep_fraction)
    p = inputs.real_number("correct_inside", correct_inside)
    q = inputs.real_number("correct_outside", correct_outside)
    if not (0 <= p <= 1 and 0 <= q <= 1):
        raise InputError(f"probabilities must be in [0, 1], got {p} and {q}")
    return _whole((p * (1 - p) / f + q * (1 - q) / (1 - f)) / error / error)


def spearman_brown(correlation: float, times: float = 2.0) -> float:
    """The correlation that ``times`` as many models have with as many others.

    n r / (1 + (n - 1) r), which holds for linear correlations and is an approximation
    for ranks; of all models, from :func:`split_half_correlation`, with n = 2.

    Raises:
        InputError: a correlation outside (-1, 1], a number that is not positive, or
            both where n r / (1 + (n - 1) r) is no correlation.
    """
    r = inputs.real_number("correlation", correlation)
    n = _positive("times", times)
    if not -1 < r <= 1:
        raise InputError(f"correlation must be in (-1, 1], got {r}")
    if not 1 + (n - 1) * r > abs(n * r) * (1 - 1e-12):
        raise InputError(
            f"a correlation of {r} between halves is too negative: none of {n} times "
            "as many models follows from it"
        )
    return n * r / ((1 - r) + n * r)  # in this order a rounded one is not above 1


def models_for_precision(standard_error: float, n_models: int, wanted: float) -> int:
    """Subset models that bring a standard error seen with some to the wanted one.

    It falls as 1 / sqrt(models).

    Raises:
        InputError: an error or a number that is not positive.
    """
    inputs.positive_integer("n_models", n_models)
    ratio = _positive("standard_error", standard_error) / _positive("wanted", wanted)
    return _whole(n_models * ratio * ratio)


def models_for_correlation(split_half: float, n_models: int, wanted: float) -> int:
    """Subset models whose scores correlate by ``wanted`` with those of as many others.

    By :func:`spearman_brown`.

    Args:
        split_half: what :func:`split_half_correlation` gave.
        n_models: the number of models it was given, two halves together.
        wanted: the correlation, below 1.

    Raises:
        InputError: a correlation not inside (0, 1).
    """
    half, wanted = _inside("split_half", split_half), _inside("wanted", wanted)
    inputs.positive_integer("n_models", n_models)
    times = wanted / half * (1 - half) / (1 - wanted)
    return _whole(times * n_models / 2)


def _whole(models: float) -> int:
    """A number of models, two or more.

    Raises:
        InputError: it is beyond all numbers.
    """
    if not math.isfinite(models):
        raise InputError("that takes more models than any number: ask for less")
    return max(2, math.ceil(models))


def _positive(name: str, value: float) -> float:
    value = inputs.real_number(name, value)
    if not 0 < value < math.inf:
        raise InputError(f"{name} must be positive and finite, got {value}")
    return value


def _inside(name: str, value: float) -> float:
    value = inputs.real_number(name, value)
    if not 0 < value < 1:
        raise InputError(f"{name} must be inside (0, 1), got {value}")
    return value
