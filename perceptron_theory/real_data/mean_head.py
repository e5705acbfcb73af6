r"""The equations of a head that is trained on pruned examples of any law.

Setting: a pool of examples is drawn from a law, each is kept with a probability that
depends on its score, and a head w minimises sum l(y w.x) + (N lambda/2) |w|^2 over the
kept ones, alpha N in number.  Over draws of the pool the head is a mean W and a noise.

Derivation.  Take one kept example x out, and put it back.  Under the head trained
without it, its margin is M = y W.x + r xi, the noise being a sum of small parts of
many examples, and independent of x.  Training on it moves its margin to prox_{V l}(M),
and pulls the head by y x h/N, h = (prox_{V l}(M) - M)/V.  A minimum says N lambda w =
sum of y x h.  Its mean over heads, its response and its fluctuation are, with E over
the kept examples and xi,

    lambda W = alpha E[y x h],
    G = (lambda + alpha E[-dh/dM x x^T])^-1,
    S = G (alpha E[h^2 x x^T]/N) G            (covariance of the noise of w),
    V = x^T G x/N,  r^2 = x^T S x             (of every example by itself).

W is the head that all kept examples of the law would have, trained with the loss
E[h] that one pool of them sees.  E is a mean over the examples of the data set, so that
nothing is assumed of their law: neither that fields are Gaussian, nor that the rest is,
nor that its size is alike for all.  *Assumed*: that the noise of a margin is Gaussian
and small changes are linear, which holds as N grows with alpha kept (the corrections
are of the order of 1/N), and that the data set shows its law, of which
:mod:`.prediction` takes the first correction, in 1/P, off.

If the rest of x beside a few fields is Gaussian these are the equations of structured
inputs (:mod:`perceptron_theory.convex.spectrum`): V and r are then alike for all.
``alike`` replaces both by their means, which is that approximation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ..convex.loss import Loss
from ..errors import ConvergenceError
from .gaussian_margins import Responses, responses
from .mixing import mixed
from .problem import Problem
from .response_matrix import Responder, Response

ROUNDS = 400
TOLERANCE = 1e-7

Rows = Float[np.ndarray, "n N"]
Each = Float[np.ndarray, " n"]
Vector = Float[np.ndarray, " N"]


@dataclass(frozen=True)
class MeanHead:
    """A solution of the equations.

    Attributes:
        weights: W.
        step: V of each kept example.
        noise: r of each.
        of: the averages E[h], E[h^2], E[-dh/dM] of each.
        response: G and S.
        rounds: that the iteration took.
    """

    weights: Vector
    step: Each
    noise: Each
    of: Responses
    response: Response
    rounds: int


def solve_mean_head(
    problem: Problem, loss: Loss, *, start: MeanHead | None = None
) -> MeanHead:
    """Solve for the mean head by mixed Newton steps.

    Args:
        problem: of two classes.
        loss: of one margin.
        start: a solution of a problem nearby, with as many examples.

    Raises:
        ConvergenceError: it did not settle to seven digits.
    """
    weight, of = problem.weight, problem.responder(problem.own)
    power = np.sqrt(weight @ (of.rows * of.rows))
    state = _first(problem, start)
    push = mixed()
    off = np.inf
    for count in range(1, ROUNDS + 1):
        head, found, mean = _round(problem, of, loss, state, count)
        # the size of margins: of their means, and of their noise
        size = np.sqrt(weight @ mean**2 + weight @ np.exp(2.0 * state[2]))
        off = _distance(of.rows, weight, state, found, size)
        if off < TOLERANCE:
            return head
        root = np.sqrt(weight)
        state = push(state, found, (power / size, root, root), off)
    raise ConvergenceError(
        f"the mean head at load {problem.load:g} and ridge {problem.ridge.max():g} did "
        f"not settle in {ROUNDS} rounds (last change {off:.1e}): raise the ridge"
    )


def _first(problem: Problem, start: MeanHead | None) -> Any:
    if start is not None:
        return start.weights, np.log(start.step), np.log(start.noise)
    count, width = len(problem.mine), len(problem.ridge)
    step = min(1.0 / problem.ridge.max(), max(1.0, 1.0 / problem.load))
    return np.zeros(width), np.full(count, np.log(step)), np.full(count, np.log(0.5))


def _round(
    problem: Problem, rows: Responder, loss: Loss, state: Any, count: int
) -> tuple[MeanHead, Any, Each]:
    """The right-hand sides at a state, what state they ask for, and the margins."""
    weights, step, noise = state[0], np.exp(state[1]), np.exp(state[2])
    part, ridge, width = problem.part, problem.ridge, problem.width
    x, signs = rows.rows, problem.signs[problem.mine]
    mean = (x @ weights) * signs
    of = responses(loss, mean, noise, step)
    try:
        if not all(np.isfinite(each).all() for each in of):
            raise FloatingPointError
        response = rows.respond(part * of.bend, part * of.square / width)
        leverage, variance = rows.own(response)
        with np.errstate(invalid="raise"):
            new_noise = np.sqrt(variance)
    except (FloatingPointError, np.linalg.LinAlgError):
        raise ConvergenceError(
            f"the mean head at load {problem.load:g} and ridge {ridge.max():g} left "
            f"the margins at which the loss {loss.name} is finite: raise the ridge"
        ) from None
    slope = ridge * weights - x.T @ (part * signs * of.pull)
    new_step = leverage / width
    if problem.alike:
        new_step = np.full_like(new_step, problem.weight @ new_step)
        new_noise = np.full_like(
            new_noise, np.sqrt(problem.weight @ (new_noise * new_noise))
        )
    head = MeanHead(weights, step, noise, of, response, count)
    found = weights - response.applied(slope), np.log(new_step), np.log(new_noise)
    return head, found, mean


def _distance(x: Rows, weight: Each, state: Any, found: Any, size: float) -> float:
    """How far apart two states are, in margins over their size, or in logs."""
    moved = np.sqrt(weight @ (x @ (found[0] - state[0])) ** 2)
    logs = max(np.abs(found[1] - state[1]).max(), np.abs(found[2] - state[2]).max())
    return float(max(moved / size, logs))
