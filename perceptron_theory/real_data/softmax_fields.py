r"""What softmax heads do with an example that is new to them, averaged over heads.

A head of C classes has outputs u in R^C, and its loss is -log softmax(u)_y.  Adding a
number to all of u changes nothing, and a ridge makes outputs that sum to zero, so all
is in the C - 1 contrasts B^T u, the columns of B orthonormal and orthogonal to
(1, ..., 1).  Of two classes that is one contrast, (u_2 - u_1)/sqrt(2).

Trained on the example, outputs move from u to g = u + V h, h = B^T (onehot(y) - p),
p = softmax(B g): the proximal map in C - 1 dimensions, by Newton steps.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import helmert
from scipy.stats import chi2, ortho_group

from .gaussian_margins import NODES

POINTS = 8
"""Gaussian points of each example, of which no two neighbours have the same."""

ROTATIONS = 64
STEPS = 10  # of Newton, at most
HALVED = 20  # times that a step may be
SETTLED = 1e-6  # a step after which none is needed
_CHUNK = 1 << 18  # numbers of p that are in work at once

Outputs = Float[np.ndarray, "n d"]
Matrices = Float[np.ndarray, "n d d"]
Pulls = Float[np.ndarray, "n k d"]


class Averages(NamedTuple):
    """Averages over the Gaussian outputs of each example, in contrasts.

    ``pull`` is E[h], ``square`` is E[h h^T], and ``bend`` is -E[dh/du], positive
    semidefinite; ``pulls`` are the h of each point, to start from.
    """

    pull: Outputs
    square: Matrices
    bend: Matrices
    pulls: Pulls


@lru_cache(maxsize=8)
def contrasts(classes: int) -> Float[np.ndarray, "C d"]:
    """B: orthonormal columns that sum to zero, from 1 class against 2 on."""
    return -helmert(classes).T


def averages(
    labels: Int[np.ndarray, " n"],
    mean: Outputs,
    noise: Matrices,
    step: Matrices,
    rows: Int[np.ndarray, " n"],
    start: Pulls | None = None,
    points: int = POINTS,
    steps: int = STEPS,
) -> Averages:
    """The averages of each example over Gaussian points.

    With one contrast they are the nodes of Gauss and Hermite.  With more they lie along
    random orthogonal directions, at quantiles of the radius, each with its mirror
    image.  They are few, but neighbours have others, of 64 sets, so that their errors
    average out over examples; what is left of them is a part in 1/P.

    Args:
        labels: the right classes.
        mean: (n, d) outputs under the mean head.
        noise: (n, d, d) their covariance over heads.
        step: (n, d, d) V, what an example adds to its outputs per unit of h.
        rows: places of the examples in their law, which choose the rotations.
        start: the pulls of a problem nearby.
        points: of each example.
        steps: of Newton, to be few where ``start`` is near.
    """
    count, width = mean.shape
    basis = contrasts(width + 1)
    nodes, weight = _points(width, points)
    right = basis[labels]
    values, vectors = np.linalg.eigh(noise)
    # symmetric, as it is to change continuously with the noise
    root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    root = root @ vectors.swapaxes(1, 2)
    many = nodes.shape[1]
    pulls = np.zeros((count, many, width)) if start is None else start.copy()
    found = Averages(
        np.empty((count, width)), np.empty(noise.shape), np.empty(noise.shape), pulls
    )
    chunk = max(1, _CHUNK // (many * width * width))
    for first in range(0, count, chunk):
        some = slice(first, first + chunk)
        z = nodes[rows[some] % len(nodes)]
        output = mean[some, None, :] + z @ root[some]
        h, bend = _proximal(output, step[some], right[some], basis, pulls[some], steps)
        pulls[some] = h
        found.pull[some] = weight @ h
        found.square[some] = (h * weight[:, None]).swapaxes(1, 2) @ h
        found.bend[some] = np.einsum("k,nkij->nij", weight, bend)
    return found


def _proximal(
    output: Pulls,
    step: Matrices,
    right: Outputs,
    basis: Float[np.ndarray, "C d"],
    h: Pulls,
    steps: int,
) -> tuple[Pulls, Float[np.ndarray, "n k d d"]]:
    """The h of each point, and -dh/du.

    h minimises l(u + V h) + h V h/2, which is convex; a Newton step is halved where
    it does not fall.
    """
    eye = np.eye(step.shape[1])
    value, p = _value(output, step, right, basis, h)
    bend = np.empty((*h.shape, h.shape[-1]))
    for _ in range(steps):
        curve = (basis.T * p[..., None, :]) @ basis
        mean = p @ basis
        curve -= mean[..., :, None] * mean[..., None, :]
        bend = np.linalg.solve(eye + curve @ step[:, None], curve)
        # the minimum has h = right - B^T p, and moves by (1 + L V)^-1
        miss = right[:, None] - mean - h
        move = miss - np.squeeze(bend @ (miss @ step)[..., None], -1)
        length, trial, new = np.ones(h.shape[:2]), h, value
        for _ in range(HALVED):
            trial = h + length[..., None] * move
            new, p = _value(output, step, right, basis, trial)
            worse = new > value + 1e-12 * (1.0 + np.abs(value))
            if not worse.any():
                break
            length = np.where(worse, 0.5 * length, length)
        h, value = trial, new
        if np.abs(move).max() < SETTLED:
            break
    return h, bend


def _value(
    output: Pulls,
    step: Matrices,
    right: Outputs,
    basis: Float[np.ndarray, "C d"],
    h: Pulls,
) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, "n k C"]]:
    """What h minimises, and the probabilities of the classes there."""
    moved = h @ step
    g = output + moved
    logits = g @ basis.T
    largest = logits.max(axis=-1, keepdims=True)
    p = np.exp(logits - largest)
    total = p.sum(axis=-1, keepdims=True)
    p /= total
    loss = (largest + np.log(total) - g @ right[:, :, None])[..., 0]
    return loss + 0.5 * (h * moved).sum(-1), p


@lru_cache(maxsize=8)
def _points(
    width: int, points: int
) -> tuple[Float[np.ndarray, "r k d"], Float[np.ndarray, " k"]]:
    """Sets of Gaussian points, one for each rotation, and their weights."""
    if width == 1:
        x, weight = np.polynomial.hermite_e.hermegauss(NODES)
        return x[None, :, None], weight / weight.sum()
    half = points // 2
    radii = np.sqrt(chi2(width).ppf((np.arange(half) + 0.5) / half))
    radii *= np.sqrt(width / np.mean(radii**2))
    rng = np.random.default_rng(0)
    frames = -(-half // width)
    turns = ortho_group(width, seed=rng).rvs(ROTATIONS * frames)
    directions = turns.reshape(ROTATIONS, frames * width, width)[:, :half]
    radii = np.stack([rng.permutation(radii) for _ in range(ROTATIONS)])
    normal = directions * radii[:, :, None]
    both = np.concatenate([normal, -normal], axis=1)
    return both, np.full(2 * half, 0.5 / half)
