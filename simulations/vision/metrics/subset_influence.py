"""Influence: how much an example's presence changes what is right on the test set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name
from perceptron_theory.numerics.precision import own_settings

from .. import inputs
from .contract import MEMBER, TEST_CORRECT, Given, Metric, Scored
from .subset_memorization import checked_members
from .subset_reliability import check_precision, reliability

REDUCTIONS = ("max", "sum_abs", "max_abs")
_NUMBERS = 2**24  # of the influence matrix that exist at once
_GROUPS = 20  # of models, each left out once


def influence(
    test_correct: Bool[Array, "M T"] | Bool[np.ndarray, "M T"],
    member: Bool[Array, "M P"] | Bool[np.ndarray, "M P"],
    *,
    reduce: str = "max",
    labels: Int[Array, " P"] | Int[np.ndarray, " P"] | None = None,
    test_labels: Int[Array, " T"] | Int[np.ndarray, " T"] | None = None,
    unknown: str = "refuse",
) -> Float[np.ndarray, " P"]:
    """Largest, or summed absolute, influence of a training example on test examples.

    Feldman & Zhang 2020 (arXiv 2008.03703), Eq. 2: infl(i, j) = P[j correct | i in the
    training set] - P[j correct | i not in it], from M models on random subsets.  The
    (P, T) matrix is reduced as it is computed and never exists.  Both reductions are
    raised by the noise of the estimate, ever more at fewer models:
    :func:`split_half_correlation` tells how far to trust the ranking.  High = keep.

    Args:
        test_correct: whether model m is right on test example j.
        member: whether training example i was in the training set of model m.
        reduce: "max" over j; "sum_abs", the sum of |infl(i, j)| over j; or "max_abs".
            The first two are the names of the scores the paper's authors released,
            which do not say whether the maximum is of absolute values.
        labels: with ``test_labels``: only test examples of the same class count, as in
            the matrices that Feldman & Zhang released for CIFAR-100.
        test_labels: the classes of the test examples.
        unknown: as of :func:`memorization`.

    Raises:
        InputError: not booleans, different numbers of models, an example that is in
            every training set or in none, a class without test examples.
    """
    if reduce not in REDUCTIONS:
        raise unknown_name("reduce", reduce, REDUCTIONS)
    inputs.refuse_other_order({"test_correct": test_correct, "member": member})
    right = inputs.truth_array("test_correct", test_correct, "M", "T")
    array = checked_members(member, models=len(right), unknown=unknown)
    count = array.shape[1]
    if labels is None and test_labels is None:
        return _reduced(right, array, reduce)
    if labels is None or test_labels is None:
        raise InputError("give both labels and test_labels, or neither")
    own = inputs.label_array("labels", labels, count=count)
    of_test = inputs.label_array("test_labels", test_labels, count=right.shape[1])
    result = np.zeros(count)
    for label in np.unique(own):
        if not (of_test == label).any():
            raise InputError(
                f"class {label} has no test example: no influence is known"
            )
        mine = own == label
        result[mine] = _reduced(right[:, of_test == label], array[:, mine], reduce)
    return result


def influence_standard_error(
    test_correct: Bool[Array, "M T"] | Bool[np.ndarray, "M T"],
    member: Bool[Array, "M P"] | Bool[np.ndarray, "M P"],
    *,
    key: Any,
    groups: int = 20,
    **options: Any,
) -> Float[np.ndarray, " P"]:
    """Standard error of :func:`influence` by the jackknife that leaves out groups.

    An approximation, for a maximum in particular, which is no smooth function of the
    data (Efron & Tibshirani 1993, Ch. 11).  It takes ``groups`` times as long.

    Args:
        test_correct: as for :func:`influence`.
        member: as for :func:`influence`.
        key: of ``jax.random``, or a seed; deals the models to the groups.
        groups: of models, each left out once.
        **options: those of :func:`influence`.

    Raises:
        InputError: as :func:`influence`, or too few models for the groups.
    """
    right = inputs.truth_array("test_correct", test_correct, "M", "T")
    array = inputs.truth_array("member", member, "M", "P")
    groups = inputs.positive_integer("groups", groups)
    if not 2 <= groups <= len(right):
        raise InputError(
            f"{groups} groups of {len(right)} models: take 2 or more, of 1"
        )
    group = inputs.generator(key).permutation(len(right)) % groups
    values = np.stack(
        [
            influence(right[group != g], array[group != g], **options)
            for g in range(groups)
        ]
    )
    return np.sqrt((groups - 1) * values.var(0))


def _reduced(right: np.ndarray, member: np.ndarray, reduce: str) -> np.ndarray:
    count = member.shape[1]
    # powers of two: few shapes, so few programs
    step = 2 ** int(np.log2(max(1, _NUMBERS // right.shape[1])))
    result = np.empty(count)
    # truth values have no rounding: products of them may use any matrix unit
    hits = jnp.asarray(right, jnp.float32)
    with own_settings(x64=True):
        for i in range(0, count, step):
            block = jnp.asarray(member[:, i : i + step], jnp.float32)
            result[i : i + step] = _block(hits, block, reduce)
    return result


@jax.jit(static_argnames="reduce")
def _block(hits: Float[Array, "M T"], member: Float[Array, "M B"], reduce: str):
    both = (member.T @ hits).astype(jnp.float64)
    inside = member.sum(0, dtype=jnp.float64)[:, None]
    all_hits = hits.sum(0, dtype=jnp.float64)
    infl = both / inside - (all_hits - both) / (len(member) - inside)
    if reduce == "max":
        return infl.max(1)
    return jnp.abs(infl).sum(1) if reduce == "sum_abs" else jnp.abs(infl).max(1)


@dataclass(frozen=True)
class Influence(Metric):
    """How much an example helps the test set when it is trained on, with errors."""

    name: ClassVar[str] = "influence"
    needs: ClassVar = (TEST_CORRECT, MEMBER)
    variant_option: ClassVar[str | None] = "reduce"
    cost: ClassVar[str] = "hundreds of networks on random subsets"

    reduce: str = "max"
    """One of ``REDUCTIONS``."""
    precision: float = 0.05
    """The standard error that is wanted: the recipe says how many models it takes."""

    def score(self, given: Given) -> Scored:
        pair = given["correct"], given["member"]
        check_precision(self.precision)
        scores = influence(*pair, reduce=self.reduce)
        lenient = {"reduce": self.reduce, "unknown": "nan"}
        groups = min(_GROUPS, len(pair[0]))
        errors = influence_standard_error(
            *pair, key=given.seed, groups=groups, **lenient
        )
        trust = reliability(
            partial(influence, **lenient),
            *pair,
            standard_errors=errors,
            seed=given.seed,
            precision=self.precision,
        )
        recipe = {"reliability": trust.as_dict()}
        return Scored(scores, standard_errors=errors, recipe=recipe)
