r"""Heads as the theory has them, trained: the objective is its own to the digit.

A head minimises sum l + (N ridge/2) |w|^2 over its examples, N being the number of
features, which are centred and scaled as those of a law.  Of two classes l is a loss of
the margin y w.x, y = -1 and +1; of more it is |one-hot - 1/C - W^T x|^2/2 ("square") or
the cross-entropy of softmax(W^T x) ("logistic").  An intercept has no ridge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax

from perceptron_theory import ConvergenceError, InputError
from perceptron_theory.errors import unknown_name

from ...vision.optional import require

Rows = Float[np.ndarray, "n D"]
Each = Float[np.ndarray, " n"]
LOSSES = ("logistic", "square", "squared_hinge", "hinge")
_STEPS, _SMALL = 200, 1e-8
_FREE = 1e-10  # of the ridge, for an intercept that nothing else holds


@dataclass(frozen=True)
class Head:
    """A linear head: outputs are points @ weights + offset."""

    weights: Float[np.ndarray, "N C"]
    offset: Float[np.ndarray, " C"]

    def outputs(self, points: Float[np.ndarray, "n N"]) -> Float[np.ndarray, "n C"]:
        """One number for each class; the largest is the answer."""
        return points @ self.weights + self.offset

    def wrong(
        self, points: Float[np.ndarray, "n N"], labels: Int[np.ndarray, " n"]
    ) -> float:
        """The part of points that it puts into another class than theirs."""
        return float((self.outputs(points).argmax(axis=1) != labels).mean())


def train_head(
    points: Float[np.ndarray, "n N"],
    labels: Int[np.ndarray, " n"],
    classes: int,
    *,
    loss: str = "logistic",
    ridge: float = 0.01,
    intercept: bool = False,
) -> Head:
    """Train a head to the minimum of its objective.

    Args:
        points: features of a law, centred and scaled as it has them.
        labels: from 0 on.
        classes: C; some may have no example.
        loss: "logistic" or "square", of two classes also "squared_hinge" or "hinge".
        ridge: lambda, in the units of the theory.
        intercept: whether there is a constant term.

    Raises:
        InputError: a loss that is not for so many classes.
        ConvergenceError: it did not settle.
    """
    if loss not in LOSSES:
        raise unknown_name("loss that heads are trained with", loss, LOSSES)
    if classes > 2 and loss not in LOSSES[:2]:
        raise InputError(
            f"heads of {classes} classes are trained with {' or '.join(LOSSES[:2])}, "
            f"got {loss}"
        )
    width = points.shape[1]
    penalty = np.full(width, ridge * width)
    if intercept:
        points = np.column_stack([points, np.ones(len(points))])
        penalty = np.append(penalty, _FREE * ridge * width)
    if classes > 2:
        fit = _least_squares if loss == "square" else _softmax
        target = np.eye(classes)[labels]
        weights = fit(points, target - 1.0 / classes * (loss == "square"), penalty)
    else:
        one = _of_two(points, 2.0 * labels - 1.0, penalty, loss, intercept)
        weights = np.column_stack([-0.5 * one, 0.5 * one])
    offset = weights[width] if intercept else np.zeros(classes)
    return Head(weights[:width], offset)


def _of_two(
    points: Rows, signs: Each, penalty: Any, loss: str, intercept: bool
) -> Float[np.ndarray, " D"]:
    if loss == "square":
        return _least_squares(points, signs, penalty)
    if loss == "hinge":
        return _hinge(points, signs, penalty, intercept)
    return _newton(points * signs[:, None], penalty, _CURVES[loss])


def _least_squares(points: Rows, target: Any, penalty: Any) -> Any:
    return cho_solve(
        cho_factor(points.T @ points + np.diag(penalty)), points.T @ target
    )


def _softmax(points: Rows, target: Any, penalty: Any) -> Any:
    shape = points.shape[1], target.shape[1]

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(shape)
        output, held = points @ weights, penalty[:, None] * weights
        value = (
            -(target * log_softmax(output, axis=1)).sum() + 0.5 * (held * weights).sum()
        )
        return value, (points.T @ (softmax(output, axis=1) - target) + held).ravel()

    limits = {"maxiter": 5000, "maxfun": 10000, "ftol": 0.0, "gtol": 1e-9 * len(points)}
    found = minimize(
        objective, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options=limits
    )
    slope = np.abs(found.jac).max()
    if slope > 1e-7 * len(points):
        raise _unsettled(len(points), slope)
    return found.x.reshape(shape)


def _logistic(margin: Each) -> tuple[Each, Each, Each]:
    wrong = expit(-margin)
    return np.logaddexp(0.0, -margin), -wrong, wrong * (1.0 - wrong)


def _squared_hinge(margin: Each) -> tuple[Each, Each, Each]:
    short = np.maximum(1.0 - margin, 0.0)
    return 0.5 * short * short, -short, 1.0 * (short > 0)


_CURVES: dict[str, Callable[[Each], tuple[Each, Each, Each]]] = {
    "logistic": _logistic,
    "squared_hinge": _squared_hinge,
}


def _newton(
    signed: Rows, penalty: Any, curve: Callable[[Each], tuple[Each, Each, Each]]
) -> Float[np.ndarray, " D"]:
    """Newton steps, halved until the objective falls."""

    def value(weights: np.ndarray) -> float:
        held = 0.5 * (penalty * weights) @ weights
        return float(curve(signed @ weights)[0].sum() + held)

    weights, slope = np.zeros(signed.shape[1]), np.inf
    for _ in range(_STEPS):
        _, first, second = curve(signed @ weights)
        gradient = signed.T @ first + penalty * weights
        slope = np.abs(gradient).max()
        if slope < _SMALL * len(signed):
            return weights
        hessian = (signed.T * second) @ signed + np.diag(penalty)
        step = cho_solve(cho_factor(hessian), gradient)
        here, length = value(weights), 1.0
        while value(weights - length * step) > here and length > 1e-8:
            length *= 0.5
        weights = weights - length * step
    raise _unsettled(len(signed), slope)


def _hinge(
    points: Rows, signs: Each, penalty: Any, intercept: bool
) -> Float[np.ndarray, " D"]:
    require("sklearn", "training with the hinge loss")
    from sklearn.svm import SVC, LinearSVC

    strength, share = 1.0 / penalty[0], np.ones(len(signs))
    if (signs == signs[0]).all():  # scikit-learn wants both classes
        if intercept:
            return np.append(np.zeros(points.shape[1] - 1), signs[0])
        # the same objective: an example and its mirror image are one
        points, signs = np.concatenate([points, -points]), np.append(signs, -signs)
        share = np.full(len(signs), 0.5)
    if not intercept:
        model = LinearSVC(
            loss="hinge", C=strength, fit_intercept=False, tol=1e-6, max_iter=1_000_000
        )
        return np.ravel(model.fit(points, signs, share).coef_)
    model = SVC(kernel="linear", C=strength, tol=1e-6).fit(points[:, :-1], signs)
    return np.append(np.ravel(model.coef_), np.ravel(model.intercept_))


def _unsettled(count: int, slope: float) -> ConvergenceError:
    return ConvergenceError(
        f"a head of {count} examples did not settle (its slope is {slope:.1e}): raise "
        "the ridge"
    )
