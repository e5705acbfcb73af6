"""The inverse Hessian of heads of several classes, whole or by blocks of a feature.

A head has N x d weights, d its contrasts of classes.  With curves D_i between the
contrasts of each example,

    A = ridge + sum of x x^T (x) D,    G = A^-1,    K = sum of x x^T (x) E[h h^T],

and what is asked are the d x d blocks x^T G x and x^T G K G x of an example.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve

Rows = Float[np.ndarray, "n N"]
Matrices = Float[np.ndarray, "n d d"]

WHOLE = 2048
"""Weights up to which the matrix is taken as a whole."""

CHUNK = 4096


class Curves(NamedTuple):
    """Sums over examples of x x^T (x) D and of x x^T (x) E[h h^T].

    (d, d, N, N), or (N, d, d) where only the blocks of each feature are kept.
    """

    bend: Float[np.ndarray, ...]
    square: Float[np.ndarray, ...]


class ClassResponse(Protocol):
    """G and G K G."""

    def applied(self, weights: Float[np.ndarray, "N d"]) -> Float[np.ndarray, "N d"]:
        """G times the weights of a head."""
        ...

    def leverage(self, rows: Rows) -> Matrices:
        """x^T G x of each row."""
        ...

    def variance(self, rows: Rows) -> Matrices:
        """x^T G K G x of each row."""
        ...


class WholeClasses(NamedTuple):
    """The matrices themselves, (d, d, N, N)."""

    inverse: Float[np.ndarray, "d d N N"]
    covariance: Float[np.ndarray, "d d N N"]

    def applied(self, weights: Float[np.ndarray, "N d"]) -> Float[np.ndarray, "N d"]:
        return np.einsum("abij,jb->ia", self.inverse, weights, optimize=True)

    def leverage(self, rows: Rows) -> Matrices:
        return _blocks(rows, self.inverse)

    def variance(self, rows: Rows) -> Matrices:
        return _blocks(rows, self.covariance)


class FeatureBlocks(NamedTuple):
    """Their blocks of each feature, in the eigenbasis of the kept examples.

    An approximation: exact where the curve of an example does not depend on how its
    features go together.
    """

    inverse: Float[np.ndarray, "N d d"]
    covariance: Float[np.ndarray, "N d d"]

    def applied(self, weights: Float[np.ndarray, "N d"]) -> Float[np.ndarray, "N d"]:
        return (self.inverse @ weights[:, :, None])[:, :, 0]

    def leverage(self, rows: Rows) -> Matrices:
        return _of_squares(rows, self.inverse)

    def variance(self, rows: Rows) -> Matrices:
        return _of_squares(rows, self.covariance)


def curves(rows: Rows, bend: Matrices, square: Matrices, *, blocks: bool) -> Curves:
    """The sums of some examples, whose weights are in ``bend`` and ``square``."""
    if blocks:
        total = Curves(*np.zeros((2, rows.shape[1], *bend.shape[1:])))
        for some in _parts(len(rows)):
            power = (rows[some] * rows[some]).T
            for sums, each in zip(total, (bend, square), strict=True):
                sums += np.tensordot(power, each[some], 1)
        return total
    return Curves(_summed(rows, bend), _summed(rows, square))


def response_of(
    found: Curves, ridge: Float[np.ndarray, " N"]
) -> WholeClasses | FeatureBlocks:
    """G and G K G of such sums."""
    if found.bend.ndim == 3:
        eye = np.eye(found.bend.shape[1])
        inverse = np.linalg.inv(found.bend + ridge[:, None, None] * eye)
        return FeatureBlocks(inverse, inverse @ found.square @ inverse)
    classes, _, width, _ = found.bend.shape
    size = classes * width
    hessian = found.bend.swapaxes(1, 2).reshape(size, size).copy()
    hessian[np.diag_indices(size)] += np.tile(ridge, classes)
    inverse = cho_solve(cho_factor(hessian), np.eye(size))
    spread = found.square.swapaxes(1, 2).reshape(size, size)
    covariance = inverse @ spread @ inverse
    shape = classes, width, classes, width
    return WholeClasses(
        np.ascontiguousarray(inverse.reshape(shape).swapaxes(1, 2)),
        np.ascontiguousarray(covariance.reshape(shape).swapaxes(1, 2)),
    )


def _parts(count: int) -> list[slice]:
    """Rows whose squares are in memory at once."""
    return [slice(start, start + CHUNK) for start in range(0, count, CHUNK)]


def _of_squares(rows: Rows, each: Float[np.ndarray, "N d d"]) -> Matrices:
    found = np.empty((len(rows), *each.shape[1:]))
    for some in _parts(len(rows)):
        found[some] = np.tensordot(rows[some] * rows[some], each, 1)
    return found


def _pairs(classes: int) -> Iterator[tuple[int, int]]:
    return combinations_with_replacement(range(classes), 2)


def _summed(rows: Rows, each: Matrices) -> Float[np.ndarray, "d d N N"]:
    classes, width = each.shape[1], rows.shape[1]
    total = np.empty((classes, classes, width, width))
    for a, b in _pairs(classes):
        total[a, b] = total[b, a] = (rows.T * each[:, a, b]) @ rows
    return total


def _blocks(rows: Rows, matrix: Float[np.ndarray, "d d N N"]) -> Matrices:
    classes = len(matrix)
    found = np.empty((len(rows), classes, classes))
    for a, b in _pairs(classes):
        one = np.einsum("ij,ij->i", rows @ matrix[a, b], rows)
        found[:, a, b] = found[:, b, a] = one
    return found
