"""The first principal components of features, read in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float

from perceptron_theory import InputError

from ...vision import inputs

_BLOCK = 4096  # rows that are in float64 at a time


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
            f"components must be at most {width}, the features, got {count}"
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
