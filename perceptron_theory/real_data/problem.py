"""What the equations of heads are given, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Float, Int

from .field_law import FieldLaw
from .response_matrix import WHOLE, DiagonalOf, Responder, WholeOf

Each = Float[np.ndarray, " P"]


@dataclass(frozen=True)
class Problem:
    """A law, how likely each of its examples is kept, and how heads are trained.

    Attributes:
        features: (P, N), or (P, N + 1) with a constant last column, the intercept.
        labels: (P,) places of classes.
        classes: C.
        levels: (P,) keep-probabilities.
        mine: rows of the examples that make up the mean head; it is tested on all.
        load: alpha, kept examples over N.
        ridge: lambda of each feature, 0 for the intercept.
        width: N.
        alike: whether V and r are replaced by their means.
    """

    features: Float[np.ndarray, "P M"]
    labels: Int[np.ndarray, " P"]
    classes: int
    levels: Each
    mine: Int[np.ndarray, " n"]
    load: float
    ridge: Float[np.ndarray, " M"]
    width: int
    alike: bool

    @cached_property
    def weight(self) -> Float[np.ndarray, " n"]:
        """The weights of the kept examples, of sum 1."""
        mine = self.levels[self.mine]
        return mine / mine.sum()

    @cached_property
    def part(self) -> Float[np.ndarray, " n"]:
        """The kept examples that each of them stands for, over N."""
        return self.load * self.weight

    @cached_property
    def signs(self) -> Each:
        """The labels y of two classes: the second is +1."""
        return 2.0 * self.labels - 1.0

    @property
    def turned(self) -> bool:
        """Whether features are in the eigenbasis of the kept ones."""
        return self.width > WHOLE

    def responder(self, rows: Float[np.ndarray, "n M"]) -> Responder:
        """How G and S of the kept examples are computed; their signs play no part."""
        return (DiagonalOf if self.turned else WholeOf)(rows, self.ridge)

    @cached_property
    def own(self) -> Float[np.ndarray, "n M"]:
        """The features of the examples that make up the mean head."""
        if len(self.mine) == len(self.features):
            return self.features  # without a copy
        return self.features[self.mine]

    def of_rows(self, rows: Int[np.ndarray, " n"]) -> Problem:
        """The same with a mean head of some of the examples."""
        return replace(self, mine=rows[self.levels[rows] > 0])

    def in_eigenbasis(self) -> Problem:
        """The same in the eigenbasis of the kept examples; an intercept stays."""
        own, rest = self.features[:, : self.width], self.features[:, self.width :]
        covariance = (own[self.mine].T * self.weight) @ own[self.mine]
        turned = own @ np.linalg.eigh(covariance)[1]
        return replace(self, features=np.concatenate([turned, rest], axis=1))


@dataclass(frozen=True)
class Estimate:
    """A predicted error, and what each example of the law adds to it.

    The sum of the influences is zero; the root of the sum of their squares is the
    standard error (the infinitesimal jackknife; Efron 2014, the limit of the
    bootstrap).
    """

    error: float
    influence: Each


def problem_of(
    law: FieldLaw, levels: Each, kept: int, ridge: float, intercept: bool, alike: bool
) -> Problem:
    """The problem of a law, of all its examples."""
    features, ridges = law.features, np.full(law.width, ridge)
    if intercept:
        features = np.column_stack([features, np.ones(law.size)])
        ridges = np.append(ridges, 0.0)
    every: Any = np.flatnonzero(levels > 0)
    load = kept / law.width
    problem = Problem(
        features,
        law.labels,
        len(law.classes),
        levels,
        every,
        load,
        ridges,
        law.width,
        alike,
    )
    return (
        replace(problem, features=_turned(law, problem)) if problem.turned else problem
    )


_LAST: WeakKeyDictionary[FieldLaw, tuple[Each, Float[np.ndarray, "P M"]]]
_LAST = WeakKeyDictionary()
"""Of each law the weights and the features of its last eigenbasis.

Problems of one pruning differ by the pool: its basis is found once for all of them.
"""


def _turned(law: FieldLaw, problem: Problem) -> Float[np.ndarray, "P M"]:
    """The features in the eigenbasis of the kept examples."""
    weights = problem.levels / problem.levels.sum()
    width = problem.features.shape[1]
    known, features = _LAST.pop(law, (None, None))
    if (
        known is None
        or features is None
        or features.shape[1] != width
        or (not np.array_equal(known, weights))
    ):
        del features  # there is room for one
        features = problem.in_eigenbasis().features
    _LAST[law] = weights, features
    return features
