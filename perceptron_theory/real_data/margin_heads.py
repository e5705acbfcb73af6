"""Heads of two classes and any convex loss of the margin: solved and tested."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr

from ..convex.loss import Loss
from .mean_head import MeanHead, solve_mean_head
from .problem import Estimate, Problem
from .without_itself import estimate_of, left_out

Near = tuple[Int[np.ndarray, " n"], MeanHead] | None


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
    head = solve_mean_head(problem, loss, start=_part_of(near, mine))
    ratio, noise = _ratio(problem, head)
    density = np.exp(-0.5 * ratio**2) / np.sqrt(2.0 * np.pi) / noise
    found = estimate_of(
        problem,
        head.response,
        ndtr(-ratio),
        -density * problem.signs,
        head.of.pull * problem.signs[mine],
        head.weights,
    )
    return found, (mine, head)


def _part_of(near: Near, mine: Int[np.ndarray, " n"]) -> MeanHead | None:
    """A solution on more examples, where these are."""
    if near is None:
        return None
    rows, head = near
    place = np.searchsorted(rows, mine)
    return replace(head, step=head.step[place], noise=head.noise[place])


def errors_without_itself(problem: Problem, head: MeanHead) -> Float[np.ndarray, " P"]:
    """The chance of error on every example, each tested by the head without itself."""
    return ndtr(-_ratio(problem, head)[0])


def _ratio(
    problem: Problem, head: MeanHead
) -> tuple[Float[np.ndarray, " P"], Float[np.ndarray, " P"]]:
    """Mean margins over their noise, and the noise."""
    mean = (problem.features @ head.weights) * problem.signs
    variance = head.response.variance(problem.features)
    fall, factor = left_out(problem, head.response, head.of.bend, head.of.square)
    mean[problem.mine] -= fall * head.of.pull
    variance[problem.mine] *= factor
    noise = np.sqrt(variance)
    return mean / noise, noise
