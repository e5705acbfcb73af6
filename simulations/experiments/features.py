"""Features that do not change: of every example of a data set, and of its test set."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from perceptron_theory import InputError

from ..vision import inputs
from ..vision.data.classes import check_classes, matched
from ..vision.data.images import Images

_FLAT = 1e-10  # of the largest variance: rounding
_ENOUGH = 2  # examples for each dimension, to whiten them


def random_order(count: int, seed: int) -> Int[np.ndarray, " P"]:
    """All examples of a data set, of which the pools of a seed are parts."""
    return np.random.default_rng([seed, 0]).permutation(count)


def whitening(
    points: Float[np.ndarray, "P d"],
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "d r"]]:
    """The mean of points, and what makes their covariance 1 after it is subtracted.

    In the r dimensions in which they vary.

    Raises:
        InputError: all points are the same.
    """
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(points.T)))
    varying = values > _FLAT * max(values[-1], 0)
    if not varying.any():
        raise InputError("all features are the same: there is nothing to learn from")
    return points.mean(0), vectors[:, varying] / np.sqrt(values[varying])


def can_be_whitened(points: Float[np.ndarray, "P d"]) -> bool:
    """Whether the points are enough for :func:`whitening` to leave what they share."""
    count, dimensions = points.shape
    return count > _ENOUGH * dimensions


def conditioning(
    points: Float[np.ndarray, "P d"],
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "d r"]]:
    """The mean of points, and what they are multiplied by after it, for heads.

    It is :func:`whitening` where there are points enough.  Of fewer points than
    dimensions whitening makes all of them orthogonal to each other, so that a head that
    was trained on some says nothing of the others: there all directions are divided by
    one number, which makes the mean variance 1 and keeps what they have in common.

    Raises:
        InputError: all points are the same.
    """
    if can_be_whitened(points):
        return whitening(points)
    count, dimensions = points.shape
    mean = points.mean(0)
    _, spread, rows = np.linalg.svd(points - mean, full_matrices=False)
    varying = spread > np.sqrt(_FLAT) * spread[0]
    if not varying.any():
        raise InputError("all features are the same: there is nothing to learn from")
    total = (spread**2).sum() / max(count - 1, 1)
    return mean, rows[varying].T / np.sqrt(total / dimensions)


@dataclass(frozen=True)
class Features:
    """A point for each example, training and test; checked as it is made."""

    dataset: Images
    test: Images
    train_points: Float[np.ndarray, "P d"]
    test_points: Float[np.ndarray, "T d"]

    def __post_init__(self) -> None:
        check_classes(self.dataset)
        for name, dataset in (("train", self.dataset), ("test", self.test)):
            field = f"{name}_points"
            array = inputs.real_array(
                f"{name} features", getattr(self, field), "P", "d"
            )
            if len(array) != len(dataset):
                raise InputError(
                    f"{len(array)} {name} features for the {len(dataset)} examples of "
                    f"{dataset.name}: give those of this data set"
                )
            object.__setattr__(self, field, array.astype(np.float64))
        if self.train_points.shape[1] != self.test_points.shape[1]:
            raise InputError(
                f"train features have {self.train_points.shape[1]} dimensions, test "
                f"features {self.test_points.shape[1]}: give those of one network"
            )
        object.__setattr__(self, "test", matched(self.test, self.dataset))

    @property
    def labels(self) -> Int[np.ndarray, " P"]:
        """The labels of the training examples."""
        return self.dataset.labels

    def order(self, seed: int) -> Int[np.ndarray, " P"]:
        """All training examples in a random order, of which pools are parts."""
        return random_order(len(self.labels), seed)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the data sets and of the features, in float64."""
        digest = hashlib.sha256()
        for dataset, points in (
            (self.dataset, self.train_points),
            (self.test, self.test_points),
        ):
            digest.update(dataset.fingerprint.encode())
            digest.update(np.ascontiguousarray(points).tobytes())
        return digest.hexdigest()

    @cached_property
    def whitened(self) -> tuple[Float[np.ndarray, "P r"], Float[np.ndarray, "T r"]]:
        """Mean 0 and covariance 1 over the training examples; the test's by the same.

        In the r dimensions in which the training examples vary.
        """
        mean, back = whitening(self.train_points)
        return (self.train_points - mean) @ back, (self.test_points - mean) @ back

    @cached_property
    def conditioned(self) -> tuple[Float[np.ndarray, "P r"], Float[np.ndarray, "T r"]]:
        """Training and test points as heads learn from them: :func:`conditioning`."""
        mean, back = conditioning(self.train_points)
        return (self.train_points - mean) @ back, (self.test_points - mean) @ back
