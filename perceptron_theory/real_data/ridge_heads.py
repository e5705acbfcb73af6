r"""Heads of many classes by least squares: one column of weights a class.

Targets t = one-hot(label) - 1/C, and W minimises sum |t - W^T x|^2/2 + (N lambda/2)
|W|^2 over the kept examples.  The equations are those of :mod:`.mean_head`, of which
the curve does not depend on the outputs: with rho = t - W^T x,

    V = x^T G x/N,     G = (lambda + alpha E[x x^T/(1 + V)])^-1,
    W = G alpha E[x t^T/(1 + V)],
    S = the covariance of two columns c and d of the noise
      = G (alpha E[x x^T (rho_c rho_d + R_cd)/(1 + V)^2]/N) G,     R = x^T S x.

*Approximation*: what the noise itself adds to the noise has one covariance between
classes for all examples, R = tau H with the trace of H one; tau is of each.  Where
there are more than 16 classes, all of the noise has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ..errors import ConvergenceError
from .problem import Estimate, Problem
from .response_matrix import Responder, Response
from .winners import chance_of_loss
from .without_itself import estimate_of, left_out

ROUNDS = 300
PAIRS = 16  # classes up to which each pair has its own covariance
CHUNK = 4096  # examples that are tested at once
TOLERANCE = 1e-9

Rows = Float[np.ndarray, "n N"]
Each = Float[np.ndarray, " n"]


@dataclass(frozen=True)
class RidgeHeads:
    """The mean heads of all classes, and their noise.

    Attributes:
        weights: (N, C) W.
        residual: (n, C) rho of the kept examples.
        step: V of each kept example.
        response: G, and K with the weights of the noise.
        noise: (n,) tau, the trace of R of each kept example.
        spread: of all noise, between pairs of classes.
    """

    weights: Float[np.ndarray, "N C"]
    residual: Float[np.ndarray, "n C"]
    step: Each
    response: Response
    noise: Each
    spread: Spread


class Spread(NamedTuple):
    """The covariance of the noise between classes, for any example x.

    ``shape`` is H; ``pairs`` are the matrices S of the classes c <= d, in the order of
    ``np.triu_indices``, or None where they are all taken as H times one matrix.
    """

    shape: Float[np.ndarray, "C C"]
    pairs: list[Response] | None

    def of(self, rows: Rows, trace: Each) -> Float[np.ndarray, "n C C"]:
        """R of each row, whose trace is known."""
        if self.pairs is None:
            return trace[:, None, None] * self.shape
        one, other = np.triu_indices(len(self.shape))
        covariance = np.empty((len(rows), *self.shape.shape))
        for pair, c, d in zip(self.pairs, one, other, strict=True):
            covariance[:, c, d] = covariance[:, d, c] = pair.variance(rows)
        return covariance


def _spread(
    rows: Responder,
    residual: Float[np.ndarray, "n C"],
    share: Each,
    noise: Each,
    problem: Problem,
    curve: Each,
) -> Spread:
    own = (residual.T * share) @ residual
    # H = (own + sum of share tau H) over its trace: the second part only scales it
    shape = own / np.trace(own)
    if len(shape) > PAIRS:
        return Spread(shape, None)
    pairs = []
    for c, d in zip(*np.triu_indices(len(shape)), strict=True):
        both = residual[:, c] * residual[:, d] + shape[c, d] * noise
        pairs.append(rows.respond(curve, share * both / problem.width))
    return Spread(shape, pairs)


def solve_ridge_heads(
    rows: Rows, targets: Float[np.ndarray, "n C"], problem: Problem
) -> RidgeHeads:
    """Solve for V by fixed point, then for W, then for the noise by fixed point.

    Args:
        rows: (n, N) features of the kept examples.
        targets: (n, C) theirs.
        problem: that they belong to.

    Raises:
        ConvergenceError: a fixed point did not settle.
    """
    weight, load, ridge = problem.weight, problem.load, problem.ridge
    width, alike, of = problem.width, problem.alike, problem.responder(rows)
    same = (lambda x: np.full_like(x, weight @ x)) if alike else (lambda x: x)
    step, none = np.full(len(rows), min(1.0 / ridge.max(), 1.0)), np.zeros(len(rows))
    for _ in range(ROUNDS):
        response = of.respond(load * weight / (1.0 + step), none)
        new = same(of.own(response)[0] / width)
        change = np.abs(np.log(new / step)).max()
        # log V moves by less than its own change does: half way is close
        step = np.sqrt(step * new) if change > 0.1 else new
        if change < TOLERANCE:
            break
    else:
        raise _unsettled(load, ridge)
    part = load * weight / (1.0 + step)
    weights = response.applied(rows.T @ (part[:, None] * targets))
    residual = targets - rows @ weights
    square = (residual * residual).sum(axis=1)
    noise, share = none, load * weight / (1.0 + step) ** 2
    for _ in range(ROUNDS):
        response = of.respond(part, share * (square + noise) / width)
        new = same(of.own(response)[1])
        change = np.abs(new - noise).max() / new.max()
        noise = new
        if change < TOLERANCE:
            break
    else:
        raise _unsettled(load, ridge)
    spread = _spread(of, residual, share, noise, problem, part)
    return RidgeHeads(weights, residual, step, response, noise, spread)


def _unsettled(load: float, ridge: Float[np.ndarray, " N"]) -> ConvergenceError:
    return ConvergenceError(
        f"the mean heads at load {load:g} and ridge {ridge.max():g} did not settle in "
        f"{ROUNDS} rounds: raise the ridge"
    )


def estimate_ridge_heads(problem: Problem) -> Estimate:
    """The error of ridge heads of any number of classes.

    Every example is tested without itself.

    Raises:
        ConvergenceError: the equations did not settle.
    """
    features, labels, mine = problem.features, problem.labels, problem.mine
    rows = problem.own
    targets = np.eye(problem.classes)[labels[mine]] - 1.0 / problem.classes
    heads = solve_ridge_heads(rows, targets, problem)
    curve = 1.0 / (1.0 + heads.step)
    square = ((heads.residual**2).sum(axis=1) + heads.noise) * curve**2
    pull = heads.residual * curve[:, None]
    fall, factor = left_out(problem, heads.response, curve, square)
    outputs = features @ heads.weights
    outputs[mine] -= fall[:, None] * pull
    scale = np.ones(len(labels))
    scale[mine] = factor
    trace = heads.response.variance(features) * scale
    chance, slope = np.empty(len(labels)), np.empty_like(outputs)
    for start in range(0, len(labels), CHUNK):
        some = slice(start, start + CHUNK)
        covariance = heads.spread.of(features[some], trace[some])
        if heads.spread.pairs is not None:
            covariance *= scale[some][:, None, None]
        chance[some], slope[some] = chance_of_loss(
            outputs[some], labels[some], covariance
        )
    return estimate_of(problem, heads.response, chance, slope, pull, heads.weights)
