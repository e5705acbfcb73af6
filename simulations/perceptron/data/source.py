"""Where the training sets of an experiment come from: what all sources share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from perceptron_theory.numerics.precision import own_settings

from .batches import batch_draws
from .ensemble import Ensemble


class Sets(NamedTuple):
    """Training sets of some draws, and what was measured while they were made."""

    examples: list[Float[np.ndarray, "_ N"]]
    """Signed examples y x, one array a draw."""
    columns: dict[str, Float[np.ndarray, " draw"]]
    """Measured quantities by name, such as the angle of a probe that was trained."""


@dataclass(frozen=True)
class Source(ABC):
    """Draws training sets, each from the random stream of its own number.

    A set may depend on nothing but the source and its number, so that it is the same
    whichever others are drawn.
    """

    ensemble: Ensemble
    """The parameters of pool and pruning."""
    size: int
    """Input dimension N."""
    seed: int
    """The seed of the whole family of experiments."""

    @property
    def total(self) -> int:
        """P_tot, the number of examples in a pool."""
        return self.ensemble.pool_sizes(self.size)[0]

    @property
    def rows(self) -> int:
        """Number of examples that every set is filled up to."""
        return self.ensemble.pool_sizes(self.size)[1]

    @property
    def batch(self) -> int:
        """Number of sets that one device trains on at once."""
        return batch_draws(self.ensemble, self.size)

    @abstractmethod
    def draw(self, numbers: range) -> Sets:
        """Draw the sets of these numbers."""

    def keys(self, numbers: range) -> Array:
        """One JAX key a draw, for what is random in training."""
        return draw_keys(self.seed, self.ensemble, numbers)

    def stream(self, number: int, *kind: int) -> np.random.Generator:
        """The random numbers of NumPy of a draw, others for each kind of drawing."""
        family = self.seed, self.ensemble.stream, self.size
        return np.random.default_rng((*family, number, *kind))


def draw_keys(seed: int, ensemble: Ensemble, numbers: Sequence[int]) -> Array:
    """One key a draw, from its own number."""
    with own_settings(x64=True):
        return _keys(np.asarray(seed), ensemble.stream, np.asarray(numbers))


@jax.jit  # one program, in place of one for each operation
def _keys(seed: Any, stream: Any, numbers: Any) -> Array:
    root = jax.random.fold_in(jax.random.key(seed), stream)
    return jax.vmap(jax.random.fold_in, (None, 0))(root, numbers)
