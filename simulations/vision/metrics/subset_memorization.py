"""Memorization: how much an example's own presence in the training set helps it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from jaxtyping import Array, Bool, Float

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name

from .. import inputs
from .contract import CORRECT, MEMBER, Given, Metric, Scored
from .subset_reliability import check_precision, reliability

UNKNOWN = ("refuse", "nan")


def memorization(
    correct: Bool[Array, "M P"] | Bool[np.ndarray, "M P"],
    member: Bool[Array, "M P"] | Bool[np.ndarray, "M P"],
    *,
    unknown: str = "refuse",
) -> Float[np.ndarray, " P"]:
    """P[i correct | i in the training set] - P[i correct | i not in it], in [-1, 1].

    Feldman & Zhang 2020 (arXiv 2008.03703), Eq. 1 and Alg. 1, estimated from M models
    trained on random subsets (they take 2,000 ResNet-50s, each on 70 % of ImageNet).
    High = learned by heart = keep.

    Args:
        correct: whether model m classifies example i correctly after training.
        member: whether example i was in the training set of model m.
        unknown: what an example is that is in every training set or in none, for which
            one of the probabilities is unknown: "refuse", an error, or "nan".

    Raises:
        InputError: not booleans, shapes that differ, an unknown example, if so wanted.
    """
    inside, outside, hits_inside, hits_outside = _tallies(correct, member, unknown)
    with np.errstate(invalid="ignore"):
        return hits_inside / inside - hits_outside / outside


def memorization_standard_error(
    correct: Bool[Array, "M P"] | Bool[np.ndarray, "M P"],
    member: Bool[Array, "M P"] | Bool[np.ndarray, "M P"],
) -> Float[np.ndarray, " P"]:
    """Standard error of :func:`memorization`, of two independent proportions.

    With one success and one failure added to each (Agresti & Caffo 2000): the plain
    formula gives zero wherever all models agree, however few they are.

    Raises:
        InputError: as :func:`memorization`.
    """
    inside, outside, hits_inside, hits_outside = _tallies(correct, member, "refuse")

    def variance(hits, count):
        p = (hits + 1) / (count + 2)
        return p * (1 - p) / (count + 2)

    return np.sqrt(variance(hits_inside, inside) + variance(hits_outside, outside))


def checked_members(
    member, *, models: int, unknown: str = "refuse"
) -> Bool[np.ndarray, "M P"]:
    """``member`` as booleans of ``models`` rows, every example both in and out.

    With ``unknown="nan"`` examples may be in none or all.

    Raises:
        InputError: otherwise.
    """
    array = inputs.truth_array("member", member, "M", "P")
    if len(array) != models:
        raise InputError(
            f"member has {len(array)} models and the correctness {models}: give one "
            "row per model in both"
        )
    if unknown not in UNKNOWN:
        raise unknown_name("unknown", unknown, UNKNOWN)
    inside = array.sum(0)
    if unknown == "nan":
        return array
    for bad, which in (inside == 0, "no"), (inside == models, "every"):
        if bad.any():
            raise InputError(
                f"{bad.sum()} examples, the first of them {bad.argmax()}, are in "
                f"{which} training set: leave them out or train more subset models"
            )
    return array


def _tallies(correct, member, unknown: str) -> tuple[np.ndarray, ...]:
    inputs.refuse_other_order({"correct": correct, "member": member})
    right = inputs.truth_array("correct", correct, "M", "P")
    array = checked_members(member, models=len(right), unknown=unknown)
    if right.shape != array.shape:
        raise InputError(
            f"correct has shape {right.shape} and member {array.shape}: they must agree"
        )
    inside, hits = array.sum(0), right.sum(0)
    hits_inside = (array & right).sum(0)
    return inside, len(array) - inside, hits_inside, hits - hits_inside


@dataclass(frozen=True)
class Memorization(Metric):
    """How much likelier an example is right when it is trained on, with errors."""

    name: ClassVar[str] = "memorization"
    needs: ClassVar = (CORRECT, MEMBER)
    cost: ClassVar[str] = "hundreds of networks on random subsets"

    precision: float = 0.05
    """The standard error that is wanted: the recipe says how many models it takes."""

    def score(self, given: Given) -> Scored:
        pair = given["correct"], given["member"]
        check_precision(self.precision)
        scores = memorization(*pair)
        errors = memorization_standard_error(*pair)
        trust = reliability(
            partial(memorization, unknown="nan"),
            *pair,
            standard_errors=errors,
            seed=given.seed,
            precision=self.precision,
        )
        recipe = {"reliability": trust.as_dict()}
        return Scored(scores, standard_errors=errors, recipe=recipe)
