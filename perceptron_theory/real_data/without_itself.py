"""Every example tested by the mean head without itself, and what it adds to the error.

Taking an example out changes W by G times what it pulls, and G by the formula of
Sherman and Morrison: only the part of the curve along it that others make is left.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from .class_response import ClassResponse
from .problem import Estimate, Problem
from .response_matrix import Response

Each = Float[np.ndarray, " n"]
FLOOR = 0.05  # of what an example leaves of the curve: one that decides all by itself
LEAST = 1e-3  # of its noise that others make


def left_out(
    problem: Problem, response: Response, bend: Each, square: Each
) -> tuple[Each, Each]:
    """What changes for each kept example when it is taken out of the mean head.

    Args:
        problem: that the head belongs to.
        response: its G and S.
        bend: (n,) E[-dh/dM] of each kept example.
        square: (n,) E[h^2], of all classes together.

    Returns:
        By how much its output falls per unit of E[h], and the factor of its variance.
    """
    rows = problem.own
    part, own = problem.part, response.leverage(rows)
    left = np.maximum(1.0 - part * bend * own, FLOOR)
    lost = part / problem.width * square * own * own
    factor = np.maximum(1.0 - lost / response.variance(rows), LEAST) / left**2
    return part * own / left, factor


def left_out_of_classes(
    problem: Problem,
    response: ClassResponse,
    bend: Float[np.ndarray, "n d d"],
    square: Float[np.ndarray, "n d d"],
    pull: Float[np.ndarray, "n d"],
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n d d"]]:
    """The same of d outputs whose curves depend on each other.

    Args:
        problem: that the heads belong to.
        response: their G and S.
        bend: (n, d, d) E[-dh/du] of each kept example.
        square: (n, d, d) E[h h^T].
        pull: (n, d) E[h].

    Returns:
        By how much the outputs of each fall, and the covariance that is left of their
        noise.
    """
    rows, part = problem.own, problem.part[:, None, None]
    own = part * response.leverage(rows)
    values, vectors = np.linalg.eigh(own)
    values = np.sqrt(np.maximum(values, 1e-300))
    root = (vectors * values[:, None, :]) @ vectors.swapaxes(1, 2)
    back = (vectors / values[:, None, :]) @ vectors.swapaxes(1, 2)
    # 1 - own bend is alike to a symmetric matrix with eigenvalues from 0 to 1
    held, along = np.linalg.eigh(root @ bend @ root)
    left = 1.0 / np.maximum(1.0 - held, FLOOR)
    grown = root @ ((along * left[:, None, :]) @ along.swapaxes(1, 2)) @ back
    noise = response.variance(rows)
    lost = own @ square @ own / (part * problem.width)
    values, vectors = np.linalg.eigh(noise - lost)
    least = LEAST * np.trace(noise, axis1=1, axis2=2)[:, None] / noise.shape[1]
    others = (vectors * np.maximum(values, least)[:, None, :]) @ vectors.swapaxes(1, 2)
    fall = (grown @ (own @ pull[:, :, None]))[:, :, 0]
    return fall, grown @ others @ grown.swapaxes(1, 2)


def estimate_of(
    problem: Problem,
    response: Response | ClassResponse,
    chance: Float[np.ndarray, " P"],
    by_output: Float[np.ndarray, "P ..."],
    pull: Float[np.ndarray, "n ..."],
    weights: Float[np.ndarray, "M ..."],
) -> Estimate:
    """The mean chance of an error, and its derivative by the weight of each example.

    An example counts where it is tested, and in the mean head.

    Args:
        problem: that the head belongs to.
        response: its G and S.
        chance: (P,) of an error on each example.
        by_output: (P,) or (P, C), the derivatives of the chances by the outputs.
        pull: (n,) or (n, C), E[h] of the kept examples along these outputs.
        weights: (M,) or (M, C), the mean head.
    """
    error, count = chance.mean(), len(chance)
    influence = (chance - error) / count
    by_head = response.applied(problem.features.T @ by_output) / count
    mine = problem.mine
    moved = ((problem.own @ by_head) * pull).reshape(len(mine), -1)
    settled = np.sum((by_head * weights).T * problem.ridge)
    influence[mine] += problem.part * moved.sum(axis=1) - problem.weight * settled
    return Estimate(float(error), influence)
