"""Random scores: the baseline that every metric has to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from .. import inputs
from .contract import Given, Metric


def random_scores(count: int, *, key: Any) -> Float[np.ndarray, " P"]:
    """``count`` uniform numbers in [0, 1): keeping the highest keeps a random subset.

    Args:
        count: P.
        key: of ``jax.random``, or a seed.

    Raises:
        InputError: a count that is not positive, no key.
    """
    return inputs.generator(key).random(inputs.positive_integer("count", count))


@dataclass(frozen=True)
class RandomScores(Metric):
    """Random scores: the baseline to compare with, which needs nothing."""

    name: ClassVar[str] = "random"
    needs: ClassVar = ()
    cost: ClassVar[str] = "nothing"

    def score(self, given: Given) -> Float[np.ndarray, " P"]:
        return random_scores(len(given.dataset), key=given.seed)
