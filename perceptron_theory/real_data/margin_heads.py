"""Heads of two classes and any convex loss of the margin: solved and tested."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr

from ..convex.loss import Loss
from .mean_head import Kept, MeanHead, solve_mean_head
from .problem import Estimate, Problem

Near = tuple[Int[np.ndarray, " n"], MeanHead] | None
FLOOR = 0.05  # of what an example leaves of the curve: one that decides all by itself


def estimate_margin_head(
    problem: Problem, loss: Loss, near: Near = None
) -> tuple[Estimate, Near]:
    """The error of a head of two classes, each example tested without itself.

    Args:
        problem: of two classes; the second is y = +1.
        loss: of the margin.
        near: rows and solution of the same problem on more examples.

    Raises:
        ConvergenceError: the equations did not settle.
    """
    mine = problem.mine
    kept = Kept(
        problem.signed[mine],
        problem.weight,
        problem.load,
        problem.ridge,
        problem.width,
    )
    start = _part_of(near, mine)
    head = solve_mean_head(
        kept, loss, problem.respond, start=start, alike=problem.alike
    )
    return _tested(problem, head), (mine, head)


def _part_of(near: Near, mine: Int[np.ndarray, " n"]) -> MeanHead | None:
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


def errors_without_itself(problem: Problem, head: MeanHead) -> Float[np.ndarray, " P"]:
    """The chance of error on every example, each tested by the head without itself.

    Taking an example out changes W by G times what it pulls, and G by the formula of
    Sherman and Morrison: ``left`` is the part of the curve along it that others make.
    """
    return ndtr(-_ratio(problem, head)[0])


def _ratio(
    problem: Problem, head: MeanHead
) -> tuple[Float[np.ndarray, " P"], Float[np.ndarray, " P"]]:
    """Mean margins over their noise, and the noise."""
    signed = problem.signed
    mine, part = problem.mine, problem.load * problem.weight
    mean, variance = signed @ head.weights, head.response.variance(signed)
    own = head.response.leverage(signed[mine])
    left = np.maximum(1.0 - part * head.of.bend * own, FLOOR)
    mean[mine] -= part * head.of.pull * own / left
    lost = part / problem.width * head.of.square * own * own
    variance[mine] = np.maximum(variance[mine] - lost, 1e-3 * variance[mine]) / left**2
    noise = np.sqrt(variance)
    return mean / noise, noise


def _tested(problem: Problem, head: MeanHead) -> Estimate:
    """The error on all examples, and what each of them adds to it."""
    ratio, noise = _ratio(problem, head)
    chance = ndtr(-ratio)
    error, count = chance.mean(), len(chance)
    influence = (chance - error) / count
    # by the weight of each kept example in the mean head
    density = np.exp(-0.5 * ratio**2) / np.sqrt(2.0 * np.pi) / noise
    signed, mine = problem.signed, problem.mine
    slope = head.response.applied(-(density @ signed) / count)
    moved = (signed[mine] @ slope) * head.of.pull
    settled = slope @ (problem.ridge * head.weights) / problem.load
    influence[mine] += problem.load * problem.weight * (moved - settled)
    return Estimate(float(error), influence)
