"""Forgetting: how often an example that was right becomes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Array, Bool, Float

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name

from .. import inputs
from .contract import Given, Metric, Needed

NEVER_LEARNED = ("presentations", "zero", "infinity")


def forgetting(
    correct: Bool[Array, "*K T P"] | Bool[np.ndarray, "*K T P"],
    *,
    never_learned: str | float = "presentations",
) -> Float[np.ndarray, " P"]:
    """Transitions from right to wrong at consecutive presentations; sum over runs.

    Toneva et al. 2019 (arXiv 1812.05159), Sec. 3: ``correct`` is recorded as the
    example is presented in training, augmented and in training mode, once an epoch.
    They sum over 5 runs of 200 epochs.  High = often forgotten = hard = keep.

    Args:
        correct: (presentations, P) of one run or (K, presentations, P) of K.
        never_learned: the count of an example that was right at no presentation of a
            run: "presentations", their number, as Toneva's code has it, so that these
            rank hardest; "zero", the bare transitions, as in DeepCore, CCS and DRoP,
            which ranks them *easiest*; "infinity" as in data_diet, but only of an
            example that no run ever learned: one bad run counts its presentations
            (data_diet's mean over runs is infinite after one).  Or the count itself, a
            number of at least 0.

    Raises:
        InputError: not booleans, another shape, an unknown rule, a negative count.
    """
    runs = inputs.model_axis(inputs.truth_array, "correct", correct, "T", "P")
    value = _value(never_learned, presentations=runs.shape[1])
    if value == np.inf:
        finite = forgetting(runs)
        return np.where(runs.any((0, 1)), finite, np.inf)
    return np.sum([_counts(run, value) for run in runs], axis=0)


def _value(rule: str | float, *, presentations: int) -> float:
    if not isinstance(rule, str):
        try:
            value = inputs.real_number("never_learned", rule)
        except InputError:
            raise InputError(
                f"never_learned must be a rule or number, got {rule!r}"
            ) from None
        if not value >= 0:
            raise InputError(f"never_learned must be at least 0, got {value}")
        return value
    if rule not in NEVER_LEARNED:
        raise unknown_name("never_learned", rule, NEVER_LEARNED)
    return {"presentations": presentations, "zero": 0.0, "infinity": np.inf}[rule]


def _counts(correct: Bool[np.ndarray, "T P"], never: float) -> Float[np.ndarray, " P"]:
    forgotten = (correct[:-1] & ~correct[1:]).sum(0)
    return np.where(correct.any(0), forgotten, never).astype(np.float64)


def _refuse_ensemble(path: Path) -> None:
    """Refuse the file of an ensemble that has models where presentations should be.

    Raises:
        InputError: It is that file.
    """
    presentations = path.with_name("presentations.npy")
    if path.name == "correct.npy" and (path.parent / "models").is_dir():
        raise InputError(
            f"{path} is of models after training; what they got right at each "
            f"presentation is in {presentations.name}, where all were trained on all"
        )


PRESENTATIONS = Needed(
    "correct",
    -1,
    "correct, booleans (presentations, P) or (runs, presentations, P)",
    check_file=_refuse_ensemble,
)


@dataclass(frozen=True)
class Forgetting(Metric):
    """How often an example is forgotten in training: right before, wrong after."""

    name: ClassVar[str] = "forgetting"
    needs: ClassVar = (PRESENTATIONS,)
    variant_option: ClassVar[str | None] = "never_learned"
    cost: ClassVar[str] = "one training or several, recorded in every epoch"

    never_learned: str | float = "presentations"
    """One of ``NEVER_LEARNED``, or the count itself."""

    def score(self, given: Given) -> Float[np.ndarray, " P"]:
        scores = forgetting(given["correct"], never_learned=self.never_learned)
        infinite = np.isinf(scores).sum()
        if infinite:
            raise InputError(
                f"{infinite} examples are infinite, and score files hold finite "
                'numbers: take never_learned="presentations"'
            )
        return scores
