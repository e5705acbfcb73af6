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
from scipy.special import ndtr

from ..convex.loss import Loss
from ..convex.losses import resolve_loss
from ..errors import InputError
from ..numerics.checks import real_number, shown
from ..numerics.cpu_threads import one_blas_thread
from .field_law import FieldLaw
from .keeping import kept_levels
from .mean_head import Kept, MeanHead, solve_mean_head
from .response_matrix import WHOLE, diagonal, whole

Each = Float[np.ndarray, " P"]
_FEW = 1.0  # kept examples of the law a feature, at least
_SMALL = 256  # features up to which one thread is quicker


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
    examples: int = field(repr=False)


@dataclass(frozen=True)
class _Estimate:
    """An error, and what each example of the law adds to it (their sum is zero)."""

    error: float
    influence: Each


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
    (``law.features``), y = -1 and +1 for the two classes.

    Args:
        law: of the data, see :meth:`FieldLaw.from_data`; two classes.
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
        InputError: more than two classes, a law or a pool that is too small, an
            argument out of range.
        ConvergenceError: the equations did not settle.
    """
    question = _checked(law, pool, keep_fraction, ridge)
    size, fraction, ridge = question
    loss = resolve_loss(loss)
    levels = _levels(law, fraction, strategy, per_class)
    kept = round(size * fraction)
    load = kept / law.width
    _check_law(law, levels, fraction)
    settings = _Settings(loss, ridge, load, intercept, alike)
    if law.width <= _SMALL:
        with one_blas_thread():
            found, plain = _corrected(law, levels, settings, correct)
    else:
        found, plain = _corrected(law, levels, settings, correct)
    return Prediction(
        error=found.error,
        standard_error=float(np.sqrt(found.influence @ found.influence)),
        pool=size,
        keep_fraction=fraction,
        strategy=strategy if isinstance(strategy, str) else shown(strategy),
        loss=loss.name,
        ridge=ridge,
        kept=kept,
        load=load,
        uncorrected=plain,
        examples=law.size,
    )


@dataclass(frozen=True)
class _Settings:
    loss: Loss
    ridge: float
    load: float
    intercept: bool
    alike: bool


def _levels(law: FieldLaw, fraction: float, strategy: Any, per_class: bool) -> Each:
    if isinstance(strategy, str) and strategy == "random":
        return np.full(law.size, fraction)
    return kept_levels(law.score, fraction, strategy, law.labels if per_class else None)


def _checked(
    law: Any, pool: Any, keep_fraction: Any, ridge: Any
) -> tuple[int, float, float]:
    if not isinstance(law, FieldLaw):
        raise InputError(
            f"law must be a pt.FieldLaw, got {shown(law)}: make one with "
            "pt.FieldLaw.from_data(features, labels, score=score)"
        )
    if len(law.classes) != 2:
        raise InputError(
            f"a head of one margin is for two classes, and the law has "
            f"{len(law.classes)}"
        )
    size = real_number("pool", pool)
    if size != int(size) or size < 1:
        raise InputError(f"pool must be a whole number from 1 on, got {pool}")
    fraction = real_number("keep_fraction", keep_fraction)
    if not 0 < fraction <= 1:
        raise InputError(f"keep_fraction must be in (0, 1], got {keep_fraction}")
    if round(size * fraction) < 1:
        raise InputError(
            f"keep_fraction {fraction:g} keeps none of a pool of {int(size)}"
        )
    value = real_number("ridge", ridge)
    if not (1e-8 <= value < np.inf):
        raise InputError(f"ridge must be at least 1e-8 and finite, got {ridge}")
    return int(size), fraction, value


def _check_law(law: FieldLaw, levels: Each, fraction: float) -> None:
    """Refuse to average over fewer kept examples than there are features."""
    effective = levels.sum() ** 2 / (levels @ levels)
    if effective < _FEW * law.width:
        raise InputError(
            f"keep_fraction {fraction:g} leaves {effective:.0f} of the {law.size} "
            f"examples of the law for {law.width} features: give more examples, a "
            "larger fraction, or fewer principal components"
        )
    for one, name in enumerate(law.classes):
        if not levels[law.labels == one].any():
            raise InputError(
                f"keep_fraction {fraction:g} keeps no example of the class {name!r}: "
                "per_class=True keeps the shares"
            )


def _corrected(
    law: FieldLaw, levels: Each, settings: _Settings, correct: bool
) -> tuple[_Estimate, float]:
    """The estimate on all examples, its first correction in 1/P taken off."""
    rows = np.arange(law.size)
    whole_law, head = _estimate(law, levels, rows, settings, None)
    if not correct:
        return whole_law, whole_law.error
    order = np.random.default_rng(0).permutation(law.size)
    halves = [np.sort(order[::2]), np.sort(order[1::2])]
    least = min(_effective(levels[half]) for half in halves)
    if least < _FEW * law.width:
        return whole_law, whole_law.error
    parts = [_estimate(law, levels, half, settings, head)[0] for half in halves]
    error = 0.5 * (parts[0].error + parts[1].error)
    ratio = whole_law.error / error if error > 0 else 1.0
    # e^2/e_half, and its derivative by each example
    slope = 0.5 * (parts[0].influence + parts[1].influence)
    influence = ratio * (2.0 * whole_law.influence - ratio * slope)
    return _Estimate(whole_law.error * ratio, influence), whole_law.error


def _effective(levels: Each) -> float:
    square = levels @ levels
    return float(levels.sum() ** 2 / square) if square > 0 else 0.0


def _estimate(
    law: FieldLaw, levels: Each, rows: Any, settings: _Settings, near: Any
) -> tuple[_Estimate, Any]:
    """The mean head of some examples, tested on all, and their influences."""
    signs = 2.0 * law.labels - 1.0
    signed = law.features * signs[:, None]
    ridge = np.full(law.width, settings.ridge)
    if settings.intercept:
        signed = np.column_stack([signed, signs])
        ridge = np.append(ridge, 0.0)
    mine = rows[levels[rows] > 0]
    weight = levels[mine] / levels[mine].sum()
    respond = whole
    if law.width > WHOLE:
        signed, respond = _turned(signed, mine, weight), diagonal
    kept = Kept(signed[mine], weight, settings.load, ridge, law.width)
    start = _part_of(near, mine)
    head = solve_mean_head(
        kept, settings.loss, respond, start=start, alike=settings.alike
    )
    return _tested(signed, mine, kept, head), (mine, head)


def _turned(signed: Any, mine: Any, weight: Each) -> Any:
    """All rows in the eigenbasis of the kept ones."""
    covariance = (signed[mine].T * weight) @ signed[mine]
    return signed @ np.linalg.eigh(covariance)[1]


def _part_of(near: Any, mine: Any) -> MeanHead | None:
    """A solution on more examples, where these are."""
    if near is None:
        return None
    rows, head = near
    place = np.searchsorted(rows, mine)
    return MeanHead(
        head.weights,
        head.step[place],
        head.noise[place],
        head.of,
        head.response,
        head.rounds,
    )


def _tested(signed: Any, mine: Any, kept: Kept, head: MeanHead) -> _Estimate:
    """The error on all examples, each tested by the head without itself."""
    mean, variance = signed @ head.weights, head.response.variance(signed)
    part = kept.load * kept.weight
    own = head.response.leverage(kept.signed)
    left = np.maximum(1.0 - part * head.of.bend * own, 0.05)
    mean[mine] -= part * head.of.pull * own / left
    lost = part / kept.width * head.of.square * own * own
    variance[mine] = np.maximum(variance[mine] - lost, 1e-3 * variance[mine]) / left**2
    noise = np.sqrt(variance)
    chance = ndtr(-mean / noise)
    error, count = chance.mean(), len(chance)
    influence = (chance - error) / count
    # by the weight of each kept example in the mean head
    density = np.exp(-0.5 * (mean / noise) ** 2) / np.sqrt(2.0 * np.pi) / noise
    slope = head.response.applied(-(density @ signed) / count)
    moved = kept.signed @ slope * head.of.pull
    settled = slope @ (kept.ridge * head.weights) / kept.load
    influence[mine] += part * (moved - settled)
    return _Estimate(float(error), influence)
