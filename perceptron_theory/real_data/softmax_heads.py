r"""Heads of many classes by multinomial logistic regression.

W (N x C) minimises sum -log softmax(W^T x)_y + (N lambda/2) |W|^2 over the kept
examples.  The equations are those of :mod:`.mean_head`, in the d = C - 1 contrasts of
:mod:`.softmax_fields`: with h = B^T (onehot - p) after training on the example, E over
the kept examples and their Gaussian outputs of mean W^T x and covariance R,

    lambda W = alpha E[x h^T],
    G = (lambda + alpha E[x x^T (x) D])^-1,     D = -E[dh/du],
    S = G (alpha E[x x^T (x) h h^T]/N) G        (covariance of the noise of W),
    V = x^T G x/N,   R = x^T S x                (d x d, of every example by itself).

(Loureiro, Sicuro, Gerbelot, Pacco, Krzakala and Zdeborova 2021, arXiv 2106.03791, have
them for mixtures of Gaussians, without pruning.)  Two classes are one contrast of half
the ridge: |W|^2 is |w|^2/2 for the head w of margins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ..errors import ConvergenceError
from .class_response import WHOLE, ClassResponse, Curves, curves, response_of
from .mixing import mixed
from .problem import Estimate, Problem
from .softmax_fields import POINTS, STEPS, Averages, averages, contrasts
from .winners import chance_of_loss
from .without_itself import estimate_of, left_out_of_classes

ROUNDS = 200
TOLERANCE = 1e-5
FAR = 0.3  # a change below which proximal maps settle together with the equations
CHUNK = 4096  # examples that are tested at once

Rows = Float[np.ndarray, "n N"]


@dataclass(frozen=True)
class SoftmaxHeads:
    """A solution of the equations, in contrasts.

    Attributes:
        weights: (N, d) W.
        of: averages of each kept example.
        curves: the sums that make G and S.
        response: G and S.
        rounds: that the iteration took.
    """

    weights: Float[np.ndarray, "N d"]
    of: Averages
    curves: Curves
    response: ClassResponse
    rounds: int


def solve_softmax_heads(
    problem: Problem,
    *,
    start: SoftmaxHeads | None = None,
    points: int = POINTS,
    tolerance: float = TOLERANCE,
) -> SoftmaxHeads:
    """Solve for the mean heads by mixed Newton steps.

    Args:
        problem: of any number of classes.
        start: a solution of a problem nearby.
        points: Gaussian points of each example.
        tolerance: relative change of outputs and sums at which it ends.

    Raises:
        ConvergenceError: it did not settle.
    """
    x = problem.own
    of, state = _first(problem, x, start, points)
    push, found, off = mixed(), state, np.inf
    for count in range(1, ROUNDS + 1):
        try:
            steps = STEPS if off > FAR else 1
            head, found = _round(problem, x, of, state, points, steps, count)
        except np.linalg.LinAlgError:
            # a mixture need not be positive definite; what it was mixed of is
            state, push = found, mixed()
            continue
        of = head.of
        metric = _metric(problem, x, state, found)
        off = _distance(state, found, metric)
        if off < tolerance:
            return head
        state = push(state, found, metric, off)
    raise ConvergenceError(
        f"the mean heads at load {problem.load:g} and ridge {problem.ridge.max():g} "
        f"did not settle in {ROUNDS} rounds (last change {off:.1e}): raise the ridge"
    )


def by_blocks(problem: Problem) -> bool:
    """Whether there are too many weights for a whole Hessian.

    Features must then be in the eigenbasis of the kept examples.
    """
    return problem.features.shape[1] * (problem.classes - 1) > WHOLE


def _first(
    problem: Problem, x: Rows, start: SoftmaxHeads | None, points: int
) -> tuple[Averages | None, Any]:
    if start is not None:
        return None, (start.weights, *start.curves)
    classes = problem.classes - 1
    step = min(1.0 / problem.ridge.max(), max(1.0, 1.0 / problem.load))
    each = np.broadcast_to(np.eye(classes), (len(x), classes, classes))
    mean = np.zeros((len(x), classes))
    of = averages(
        problem.labels[problem.mine],
        mean,
        0.25 * each,
        step * each,
        problem.mine,
        points=points,
    )
    return of, (np.zeros((x.shape[1], classes)), *_sums(problem, x, of))


def _sums(problem: Problem, x: Rows, of: Averages) -> Curves:
    part = problem.part[:, None, None]
    square = part / problem.width * of.square
    return curves(x, part * of.bend, square, blocks=by_blocks(problem))


def _round(
    problem: Problem,
    x: Rows,
    of: Averages | None,
    state: Any,
    points: int,
    steps: int,
    count: int,
) -> tuple[SoftmaxHeads, Any]:
    """The right-hand sides at a state, and the state that they ask for."""
    weights, given = state[0], Curves(*state[1:])
    response = response_of(given, problem.ridge)
    step = response.leverage(x) / problem.width
    noise = response.variance(x)
    if problem.alike:
        step, noise = (_alike(problem, one) for one in (step, noise))
    of = averages(
        problem.labels[problem.mine],
        x @ weights,
        noise,
        step,
        problem.mine,
        start=None if of is None else of.pulls,
        points=points,
        steps=steps,
    )
    slope = problem.ridge[:, None] * weights - x.T @ (problem.part[:, None] * of.pull)
    sums = _sums(problem, x, of)
    head = SoftmaxHeads(weights, of, given, response, count)
    return head, (weights - response.applied(slope), *sums)


def _alike(problem: Problem, each: Any) -> Any:
    return np.broadcast_to(np.tensordot(problem.weight, each, 1), each.shape).copy()


def _metric(problem: Problem, x: Rows, state: Any, found: Any) -> Any:
    """Weights in which the parts of a state are compared: all are of order 1."""
    weights, bend, square = state
    power = problem.weight @ (x * x)
    size = np.sqrt(power @ (found[0] * found[0]).sum(axis=1))
    scales = [np.sqrt(power)[:, None] / size + 0.0 * weights]
    for sums, ridge in ((bend, problem.ridge), (square, 0.0)):
        if sums.ndim == 3:
            own = ridge + np.trace(sums, axis1=1, axis2=2) / sums.shape[1]
            scale = (1.0 / own)[:, None, None]
        else:
            own = ridge + np.einsum("aaii->i", sums) / len(sums)
            scale = 1.0 / np.sqrt(own[:, None] * own)
        root = np.sqrt(weights.size)
        scales.append(np.broadcast_to(scale / root, sums.shape))
    return tuple(scales)


def _distance(state: Any, found: Any, metric: Any) -> float:
    """How far apart two states are: the largest of their parts."""
    return float(
        max(
            np.linalg.norm((new - old) * scale)
            for new, old, scale in zip(found, state, metric, strict=True)
        )
    )


def estimate_softmax_heads(
    problem: Problem, near: SoftmaxHeads | None = None, points: int = POINTS
) -> tuple[Estimate, SoftmaxHeads]:
    """The error of softmax heads, each example tested without itself.

    Args:
        problem: of any number of classes.
        near: a solution of the same problem on more examples.
        points: Gaussian points of each example.

    Raises:
        ConvergenceError: the equations did not settle.
    """
    heads = solve_softmax_heads(problem, start=near, points=points)
    features, labels, mine = problem.features, problem.labels, problem.mine
    basis = contrasts(problem.classes)
    outputs = features @ heads.weights
    noise = heads.response.variance(features)
    fall, without = left_out_of_classes(
        problem, heads.response, heads.of.bend, heads.of.square, heads.of.pull
    )
    outputs[mine] -= fall
    noise[mine] = without
    chance, slope = np.empty(len(labels)), np.empty_like(outputs)
    for start in range(0, len(labels), CHUNK):
        some = slice(start, start + CHUNK)
        chance[some], by_class = chance_of_loss(
            outputs[some] @ basis.T, labels[some], basis @ noise[some] @ basis.T
        )
        slope[some] = by_class @ basis
    found = estimate_of(
        problem, heads.response, chance, slope, heads.of.pull, heads.weights
    )
    return found, heads
