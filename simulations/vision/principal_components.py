"""Principal components of embeddings: how much they vary along each, and the first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from perceptron_theory import InputError

from . import inputs

MOST_ROWS = 4_000  # examples that it is estimated from
_BLOCK = 4096  # rows that are in float64 at a time
_MOST_NUMBERS = 2**26  # of them together: half a GB in float64


@dataclass(frozen=True)
class Spectrum:
    """The variance along each principal component, of some of the rows."""

    shares: Float[np.ndarray, " k"]
    """Parts of the whole variance, falling; without those that only rounding makes."""
    examples: int
    """Rows that it was estimated from."""
    dimensions: int

    @property
    def effective_dimensions(self) -> float:
        """The participation ratio, (sum of variances)^2 / sum of their squares.

        As many directions of equal variance have it.
        """
        return float(1 / np.square(self.shares).sum())


def spectrum(
    points: Float[np.ndarray, "P d"], *, seed: Any = 0, most: int = MOST_ROWS
) -> Spectrum:
    """Eigenvalues of the covariance over their sum, by some random rows of many.

    Of fewer rows than several times the dimensions the largest variances come out too
    large and the smallest too small; rows less one is the most that there can be.

    Args:
        points: embeddings, which may stay in their file.
        seed: of the choice of rows.
        most: rows that are taken at most; fewer of many dimensions.

    Raises:
        InputError: no table of finite numbers, fewer than two rows, rows all alike.
    """
    if np.ndim(points) != 2 or len(points) < 2:
        raise InputError(
            f"a spectrum needs two or more rows of numbers, got shape "
            f"{np.shape(points)}"
        )
    count, dimensions = points.shape
    take = min(count, most, max(2, _MOST_NUMBERS // max(1, dimensions)))
    if take < count:
        points = points[np.sort(inputs.generator(seed).permutation(count)[:take])]
    rows = inputs.real_array("points", points, "P", "d").astype(np.float64)
    rows -= rows.mean(0)
    largest = np.abs(rows).max()
    if not largest:
        raise InputError("all rows are the same: nothing varies")
    rows /= largest  # squares of any numbers stay finite
    small = rows.T @ rows if dimensions <= take else rows @ rows.T
    values = np.linalg.eigvalsh(small)[::-1]
    values = values[values > 1e-12 * values[0]]
    return Spectrum(values / values.sum(), take, dimensions)


def projected(features: Any, count: int) -> Float[np.ndarray, "P K"]:
    """The first principal components of features, the largest variance first.

    Constant columns and linear dependence do no harm, as long as ``count`` is not more
    than the rank.

    Args:
        features: (P, N) numbers; may be mapped from a file.
        count: K, how many.

    Raises:
        InputError: no numbers, or more components than the features have.
    """
    points = inputs.real_array("features", features, "P", "N")
    width = points.shape[1]
    if inputs.positive_integer("components", count) > width:
        raise InputError(
            f"components must be at most {width}, the number of features, got {count}"
        )
    mean = points.mean(axis=0, dtype=np.float64)
    # without its power of two, so that no square is out of range
    power = int(np.frexp(max(points.max(), -points.min()))[1])
    covariance = np.zeros((width, width))
    for block in _blocks(points):
        block = np.ldexp(block - mean, -power)
        covariance += block.T @ block
    values, vectors = np.linalg.eigh(covariance)
    rank = int((values > 1e-10 * max(values[-1], 0.0)).sum())
    if count > rank:
        raise InputError(
            f"the features vary in {rank} directions only: components must be at most "
            f"that, got {count}"
        )
    basis = vectors[:, ::-1][:, :count]
    return np.concatenate([(block - mean) @ basis for block in _blocks(points)])


def _blocks(points: np.ndarray) -> Iterator[Float[np.ndarray, "n N"]]:
    for start in range(0, len(points), _BLOCK):
        yield points[start : start + _BLOCK].astype(np.float64)
