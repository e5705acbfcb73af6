"""The inverse Hessian of a mean head, whole or by its diagonal."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

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


class Responder(Protocol):
    """What makes a response of some rows, again and again, and asks it of these."""

    @property
    def rows(self) -> Rows:
        """The features of the rows."""
        ...

    def respond(self, curve: Each, noise: Each) -> Response:
        """The response of the rows with these weights."""
        ...

    def own(self, response: Any) -> tuple[Each, Each]:
        """Leverage and variance of the rows themselves."""
        ...


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


@dataclass(frozen=True)
class WholeOf:
    """Makes whole matrices of some rows."""

    rows: Rows
    ridge: Float[np.ndarray, " N"]

    def respond(self, curve: Each, noise: Each) -> Whole:
        """The matrices with these weights."""
        rows = self.rows
        hessian = (rows.T * curve) @ rows
        hessian[np.diag_indices(len(self.ridge))] += self.ridge
        inverse = cho_solve(cho_factor(hessian), np.eye(len(self.ridge)))
        spread = (rows.T * noise) @ rows
        return Whole(inverse, inverse @ spread @ inverse)

    def own(self, response: Whole) -> tuple[Each, Each]:
        """Leverage and variance of the rows themselves."""
        return response.leverage(self.rows), response.variance(self.rows)


@dataclass(frozen=True)
class DiagonalOf:
    """Makes diagonals of some rows, which are in the eigenbasis already."""

    rows: Rows
    ridge: Float[np.ndarray, " N"]

    @cached_property
    def squares(self) -> Rows:
        """The squares of all features, which every round needs four times."""
        return self.rows * self.rows

    def respond(self, curve: Each, noise: Each) -> Diagonal:
        """The diagonals with these weights."""
        summed = np.stack([curve, noise]) @ self.squares
        inverse = 1.0 / (self.ridge + summed[0])
        return Diagonal(inverse, inverse * inverse * summed[1])

    def own(self, response: Diagonal) -> tuple[Each, Each]:
        """Leverage and variance of the rows themselves."""
        return self.squares @ response.inverse, self.squares @ response.covariance


def _squared(rows: Rows, along: Float[np.ndarray, " N"]) -> Each:
    """The squares of each row, weighted along it, without a copy of all squares."""
    return np.einsum("ij,ij,j->i", rows, rows, along)
