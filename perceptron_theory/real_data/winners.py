"""The chance that another class has the largest of several Gaussian outputs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

DRAWS = 64


class Outcome(NamedTuple):
    """Of each example: the chance of a wrong class, and its slope by the outputs."""

    chance: Float[np.ndarray, " P"]
    slope: Float[np.ndarray, "P C"]


def chance_of_loss(
    outputs: Float[np.ndarray, "P C"],
    labels: Int[np.ndarray, " P"],
    covariance: Float[np.ndarray, "P C C"],
) -> Outcome:
    """The chance that outputs with Gaussian noise have their maximum elsewhere.

    The part of the noise that goes with the output of the right class is integrated in
    closed form, and the rest over 64 points of a Sobol sequence, the same for all.

    Args:
        outputs: means.
        labels: the right classes.
        covariance: of the noise of each example, between classes; it may be singular.
    """
    count, classes = outputs.shape
    rows = np.arange(count)
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    own = np.maximum(covariance[rows, labels, labels], 1e-300)
    # the noise is a z + rest, a the column of the label over its deviation
    deviation = np.sqrt(own)
    along = covariance[rows, :, labels] / deviation[:, None]
    gap = np.maximum(deviation[:, None] - along, 1e-9 * deviation[:, None])
    ahead = outputs - outputs[rows, labels][:, None]
    chance, slope = np.zeros(count), np.zeros((count, classes))
    for draw in _draws(classes):
        noise = root @ draw
        mine = noise[rows, labels]
        rest = noise - (mine / deviation)[:, None] * along
        needed = (ahead + rest - rest[rows, labels][:, None]) / gap
        needed[rows, labels] = -np.inf
        best = needed.argmax(axis=1)
        most = needed[rows, best]
        chance += ndtr(most)
        density = np.exp(-0.5 * most * most) / np.sqrt(2.0 * np.pi) / gap[rows, best]
        slope[rows, best] += density
        slope[rows, labels] -= density
    return Outcome(chance / DRAWS, slope / DRAWS)


def _draws(classes: int) -> Float[np.ndarray, "k C"]:
    """Standard normal points, of mean zero by their mirror images."""
    points = qmc.Sobol(classes, scramble=True, seed=0).random(DRAWS // 2)
    normal = ndtri(np.clip(points, 1e-9, 1 - 1e-9))
    return np.concatenate([normal, -normal])
