"""The inverse Hessian of a mean head, whole or by its diagonal."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve

Rows = Float[np.ndarray, "n N"]
Each = Float[np.ndarray, " n"]

WHOLE = 1024
"""Features up to which the matrix is taken as a whole."""


class Response(Protocol):
    """G = (ridge + sum of curve x x^T)^-1, and K = sum of noise x x^T.

    ``curve`` and ``noise`` are weights of the kept examples.
    """

    def applied(self, vector: Float[np.ndarray, "N ..."]) -> Float[np.ndarray, "N ..."]:
        """G times a vector, or times each column."""
        ...

    def leverage(self, rows: Rows) -> Each:
        """x^T G x of each row."""
        ...

    def variance(self, rows: Rows) -> Each:
        """x^T G K G x of each row."""
        ...


Responder = Callable[[Rows, Float[np.ndarray, " N"], Each, Each], Response]
"""Makes the two of rows, ridge, curve and noise."""


class Whole(NamedTuple):
    """The matrices themselves: 2 n N^2 operations each."""

    inverse: Float[np.ndarray, "N N"]
    covariance: Float[np.ndarray, "N N"]

    def applied(self, vector: Float[np.ndarray, "N ..."]) -> Float[np.ndarray, "N ..."]:
        return self.inverse @ vector

    def leverage(self, rows: Rows) -> Each:
        return np.einsum("ij,ij->i", rows @ self.inverse, rows)

    def variance(self, rows: Rows) -> Each:
        return np.einsum("ij,ij->i", rows @ self.covariance, rows)


class Diagonal(NamedTuple):
    """Their diagonals in the eigenbasis of the kept examples: 2 n N operations.

    An approximation: exact where the curve of an example does not depend on how its
    features go together.
    """

    inverse: Float[np.ndarray, " N"]
    covariance: Float[np.ndarray, " N"]

    def applied(self, vector: Float[np.ndarray, "N ..."]) -> Float[np.ndarray, "N ..."]:
        return (self.inverse * vector.T).T

    def leverage(self, rows: Rows) -> Each:
        return _squared(rows, self.inverse)

    def variance(self, rows: Rows) -> Each:
        return _squared(rows, self.covariance)


def whole(
    rows: Rows, ridge: Float[np.ndarray, " N"], curve: Each, noise: Each
) -> Whole:
    """The matrices of some examples."""
    hessian = (rows.T * curve) @ rows
    hessian[np.diag_indices(len(ridge))] += ridge
    inverse = cho_solve(cho_factor(hessian), np.eye(len(ridge)))
    spread = (rows.T * noise) @ rows
    return Whole(inverse, inverse @ spread @ inverse)


def diagonal(
    rows: Rows, ridge: Float[np.ndarray, " N"], curve: Each, noise: Each
) -> Diagonal:
    """Their diagonals, rows being in the eigenbasis already."""
    inverse = 1.0 / (ridge + _summed(rows, curve))
    return Diagonal(inverse, inverse * inverse * _summed(rows, noise))


def _squared(rows: Rows, along: Float[np.ndarray, " N"]) -> Each:
    """The squares of each row, weighted along it, without a copy of all squares."""
    return np.einsum("ij,ij,j->i", rows, rows, along)


def _summed(rows: Rows, weight: Each) -> Float[np.ndarray, " N"]:
    """The weighted squares of each column."""
    return np.einsum("ij,ij,i->j", rows, rows, weight)
