"""The chance that another class has the largest of several Gaussian outputs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

DRAWS = 64


class Outcome(NamedTuple):
    """Each example's chance of a wrong class, and its slope by the outputs."""

    chance: Float[np.ndarray, " P"]
    slope: Float[np.ndarray, "P C"]


def chance_of_loss(
    outputs: Float[np.ndarray, "P C"],
    labels: Int[np.ndarray, " P"],
    covariance: Float[np.ndarray, "P C C"],
) -> Outcome:
    """The chance that outputs with Gaussian noise have their maximum elsewhere.

    The noise of the right class less that of its strongest rival is integrated in
    closed form (with two classes that is all), and the rest over 64 points of a Sobol
    sequence, the same for all.

    Args:
        outputs: means.
        labels: the right classes.
        covariance: of the noise of each example, between classes; it may be singular.
    """
    count, classes = outputs.shape
    rows = np.arange(count)
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    ahead = outputs - outputs[rows, labels][:, None]
    others = np.where(np.arange(classes) == labels[:, None], -np.inf, ahead)
    rival = others.argmax(axis=1)
    # the noise is a z + rest, z of variance one along the difference of the two
    along = covariance[rows, :, labels] - covariance[rows, :, rival]
    deviation = np.sqrt(np.maximum(along[rows, labels] - along[rows, rival], 1e-300))
    along = along / deviation[:, None]
    gap = along[rows, labels][:, None] - along
    least = 1e-9 * deviation[:, None]
    gap = np.where(np.abs(gap) < least, least, gap)
    below = (gap > 0) & (others > -np.inf)  # a class that wins where z is small
    above = (gap < 0) & (others > -np.inf)  # ... or large
    chance, slope = np.zeros(count), np.zeros((count, classes))
    for draw in _draws(classes):
        noise = root @ draw
        apart = (noise[rows, labels] - noise[rows, rival]) / deviation
        rest = noise - apart[:, None] * along
        end = (ahead + rest - rest[rows, labels][:, None]) / gap
        low, high = np.where(below, end, -np.inf), np.where(above, end, np.inf)
        first, last = low.argmax(axis=1), high.argmin(axis=1)
        low, high = low[rows, first], high[rows, last]
        apart_from = low < high  # else a wrong class wins whatever z
        chance += np.where(apart_from, ndtr(low) + ndtr(-high), 1.0)
        for place, at in ((first, low), (last, high)):
            part = np.where(apart_from & np.isfinite(at), _density(at), 0.0)
            part = part / np.abs(gap[rows, place])
            slope[rows, place] += part
            slope[rows, labels] -= part
    return Outcome(chance / DRAWS, slope / DRAWS)


def _density(t: Float[np.ndarray, " P"]) -> Float[np.ndarray, " P"]:
    return np.exp(-0.5 * np.minimum(np.abs(t), 40.0) ** 2) / np.sqrt(2.0 * np.pi)


def _draws(classes: int) -> Float[np.ndarray, "k C"]:
    """Standard normal points, of mean zero by their mirror images."""
    points = qmc.Sobol(classes, scramble=True, seed=0).random(DRAWS // 2)
    normal = ndtri(np.clip(points, 1e-9, 1 - 1e-9))
    return np.concatenate([normal, -normal])
