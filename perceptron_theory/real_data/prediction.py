"""Predicted errors of heads trained on pruned data, from the data's own law.

The equations of :mod:`.mean_head` are solved on the examples of the law, and the head
is tested on all of them as they were before pruning.  Two corrections are for a law
that is known from P examples only:

An example is tested without itself: what it adds to the mean head is taken off, which
needs no second solution (the leave-one-out formula of a Newton step).

The mean head of P examples is worse than that of the law, by a part that falls as 1/P.
The same equations on two halves of the data have twice that part, so that e(P)^2/e(P/2)
is free of it to first order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from ..convex.loss import Loss
from ..convex.losses import logistic, resolve_loss, square
from ..errors import InputError, out_of_percent
from ..numerics.checks import real_number, shown, truth_value
from ..numerics.cpu_threads import blas_threads_for
from .field_law import FieldLaw
from .keeping import kept_levels
from .margin_heads import estimate_margin_head
from .problem import Estimate, Problem, problem_of
from .ridge_heads import estimate_ridge_heads
from .softmax_heads import by_blocks, estimate_softmax_heads

Each = Float[np.ndarray, " P"]
MOST = 32  # classes of softmax heads
_FEW = 1.0  # kept examples of the law a feature, at least


@dataclass(frozen=True)
class Prediction:
    """The predicted error of a head.

    Attributes:
        error: part of unpruned examples of the law that a head gets wrong, the mean
            over heads.
        standard_error: of ``error``, from the examples that make up the law (the
            infinitesimal jackknife, the limit of the bootstrap).
        kept: examples that a head is trained on.
        load: alpha, ``kept`` over the number of features.
        uncorrected: the error before the correction for a law of P examples.
        influence: (P,) what each example of the law adds to the error, of sum zero;
            ``standard_error`` is the root of the sum of their squares.
    """

    error: float
    standard_error: float
    pool: int
    keep_fraction: float
    strategy: str
    loss: str
    ridge: float
    kept: int
    load: float
    uncorrected: float
    influence: Each = field(repr=False, compare=False)

    def minus(self, other: Prediction) -> tuple[float, float]:
        """How much more error this has than another of the same law.

        Returns:
            The difference and its standard error, which is smaller than the errors of
            the two where these come from the same examples.

        Raises:
            InputError: the other is of another number of examples.
        """
        if len(self.influence) != len(other.influence):
            raise InputError(
                f"predictions of {len(self.influence)} and {len(other.influence)} "
                "examples are not of the same law"
            )
        apart = self.influence - other.influence
        return self.error - other.error, float(np.sqrt(apart @ apart))


def predict(
    law: FieldLaw,
    pool: Any,
    keep_fraction: Any,
    strategy: Any = "random",
    *,
    loss: Any = "logistic",
    ridge: Any = 0.01,
    intercept: bool = False,
    per_class: bool = False,
    alike: bool = False,
    correct: bool = True,
) -> Prediction:
    """The error of a linear head trained on the kept part of a random pool.

    The head minimises sum l(y w.x) + (N ridge/2) |w|^2 over the kept examples, with
    the features centred and scaled so that the trace of their covariance is N
    (``law.features``), y = -1 and +1 for the two classes.  Of more classes it has a
    column of weights for each, and minimises their cross-entropy ("logistic", up to 32
    classes) or the squares of onehot(y) - 1/C - W^T x ("square").

    Args:
        law: of the data, see :meth:`FieldLaw.from_data`.
        pool: examples before pruning; it may exceed those of the law.
        keep_fraction: f in (0, 1], the part that is kept.
        strategy: "random", "hard", "easy", a rule such as ``pt.Window(lower=0.3)``
            (quantile 0 is the hardest), or a function of (score, keep_fraction) that
            returns keep-probabilities.
        loss: as of :func:`perceptron_theory.solve_convex`.
        ridge: lambda, positive.
        intercept: whether the head has a constant term, without ridge.
        per_class: whether the rule is applied within each class.
        alike: take the response and the noise as alike for all examples, as they are
            where the bulk of the features is Gaussian: to see what its law matters.
        correct: take the first correction for a law of P examples off.

    Raises:
        InputError: a loss that is not for this number of classes, a law or a pool that
            is too small, an argument out of range.
        ConvergenceError: the equations did not settle.
    """
    question = _checked(law, pool, keep_fraction, ridge)
    size, fraction, ridge = question
    intercept = truth_value("intercept", intercept)
    per_class = truth_value("per_class", per_class)
    alike, correct = truth_value("alike", alike), truth_value("correct", correct)
    loss = resolve_loss(loss)
    loss.check()
    _check_classes(len(law.classes), loss)
    labels = law.labels if per_class else None
    levels = kept_levels(law.score, fraction, strategy, labels, count=law.size)
    kept = round(size * fraction)
    _check_law(law, levels, fraction)
    problem = problem_of(law, levels, kept, ridge, intercept, alike)
    if problem.classes > 2 and loss == logistic and by_blocks(problem):
        problem = problem.in_eigenbasis()
    with blas_threads_for(law.width):
        found, plain = _corrected(problem, loss, correct)
    return Prediction(
        error=found.error,
        standard_error=float(np.sqrt(found.influence @ found.influence)),
        pool=size,
        keep_fraction=fraction,
        strategy=strategy if isinstance(strategy, str) else shown(strategy),
        loss=loss.name,
        ridge=ridge,
        kept=kept,
        load=kept / law.width,
        uncorrected=plain,
        influence=found.influence,
    )


def _checked(
    law: Any, pool: Any, keep_fraction: Any, ridge: Any
) -> tuple[int, float, float]:
    if not isinstance(law, FieldLaw):
        raise InputError(
            f"law must be a pt.FieldLaw, got {shown(law)}: make one with "
            "pt.FieldLaw.from_data(features, labels, score=score)"
        )
    size = real_number("pool", pool)
    if not (1 <= size < np.inf) or size != int(size):
        raise InputError(f"pool must be a whole number of at least 1, got {pool}")
    fraction = real_number("keep_fraction", keep_fraction)
    if not 0 < fraction <= 1:
        raise InputError(
            f"keep_fraction must be in (0, 1], got {keep_fraction}"
            + out_of_percent(fraction)
        )
    if round(size * fraction) < 1:
        raise InputError(
            f"keep_fraction {fraction:g} keeps none of a pool of {int(size)}"
        )
    value = real_number("ridge", ridge)
    if not (1e-8 <= value < np.inf):
        raise InputError(f"ridge must be at least 1e-8 and finite, got {ridge}")
    return int(size), fraction, value


def _check_classes(classes: int, loss: Loss) -> None:
    if classes == 2 or loss == square or (loss == logistic and classes <= MOST):
        return
    if loss == logistic:
        raise InputError(
            f"loss 'logistic' is for at most {MOST} classes, and the law has "
            f"{classes}: heads of more classes are by loss='square'"
        )
    raise InputError(
        f"loss {loss.name!r} is for two classes, and the law has {classes}: heads of "
        "many classes are by loss='logistic' or 'square'"
    )


def _check_law(law: FieldLaw, levels: Each, fraction: float) -> None:
    """Refuse to average over fewer kept examples than there are features."""
    effective = _effective(levels)
    if effective < _FEW * law.width:
        raise InputError(
            f"keep_fraction {fraction:g} leaves {effective:.0f} of the {law.size} "
            f"examples of the law for {law.width} features: give more examples, a "
            "larger fraction, or fewer principal components"
        )
    for one, name in enumerate(law.classes):
        if not levels[law.labels == one].any():
            raise InputError(
                f"keep_fraction {fraction:g} keeps no example of the class {name}: "
                "per_class=True keeps the shares"
            )


def _corrected(problem: Problem, loss: Loss, correct: bool) -> tuple[Estimate, float]:
    """The estimate on all examples, its first correction in 1/P taken off."""
    every = np.arange(len(problem.labels))
    all_of_it, near = _estimate(problem.of_rows(every), loss, None)
    order = np.random.default_rng(0).permutation(len(every))
    halves = [np.sort(order[::2]), np.sort(order[1::2])]
    enough = min(_effective(problem.levels[half]) for half in halves)
    if not correct or enough < _FEW * problem.width:
        return all_of_it, all_of_it.error
    parts = [_estimate(problem.of_rows(half), loss, near)[0] for half in halves]
    error = 0.5 * (parts[0].error + parts[1].error)
    ratio = all_of_it.error / error if error > 0 else 1.0
    # a part in 1/P that halves cannot more than double the error: beyond it is chance
    if not 0.5 <= ratio <= 2.0 or all_of_it.error * ratio > 1.0:
        ratio = min(max(ratio, 0.5), 2.0, 1.0 / max(all_of_it.error, 0.5))
        influence = ratio * all_of_it.influence
        return Estimate(all_of_it.error * ratio, influence), all_of_it.error
    # e^2/e_half, and its derivative by each example
    slope = 0.5 * (parts[0].influence + parts[1].influence)
    influence = ratio * (2.0 * all_of_it.influence - ratio * slope)
    return Estimate(all_of_it.error * ratio, influence), all_of_it.error


def _effective(levels: Each) -> float:
    """How many examples of equal weight would be as many."""
    square = levels @ levels
    return float(levels.sum() ** 2 / square) if square > 0 else 0.0


def _estimate(problem: Problem, loss: Loss, near: Any) -> tuple[Estimate, Any]:
    if problem.classes == 2:
        return estimate_margin_head(problem, loss, near)
    if loss == logistic:
        return estimate_softmax_heads(problem, near)
    return estimate_ridge_heads(problem), None
