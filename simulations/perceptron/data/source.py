"""Where the training sets of an experiment come from: the contract of a source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .ensemble import Ensemble


class Sets(NamedTuple):
    """Training sets of some draws, and what was measured while they were made."""

    examples: list[Float[np.ndarray, "_ N"]]
    """Signed examples y x, one array a draw."""
    columns: dict[str, Float[np.ndarray, " draw"]]
    """Measured quantities by name, such as the angle of a probe that was trained."""


class Source(Protocol):
    """Draws training sets, each from the random stream of its own number.

    A set may depend on nothing but the source and its number, so that it is the same
    whichever others are drawn.
    """

    @property
    def ensemble(self) -> Ensemble:
        """The parameters of pool and pruning."""
        ...

    @property
    def size(self) -> int:
        """Input dimension N."""
        ...

    @property
    def seed(self) -> int:
        """The seed of the whole family of experiments."""
        ...

    @property
    def total(self) -> int:
        """P_tot, the number of examples in a pool."""
        ...

    @property
    def batch(self) -> int:
        """Number of sets that one device trains on at once."""
        ...

    @property
    def rows(self) -> int:
        """Number of examples that every set is filled up to."""
        ...

    def draw(self, numbers: range) -> Sets:
        """Draw the sets of these numbers."""
        ...

    def keys(self, numbers: range) -> Array:
        """One JAX key a draw, for what is random in training."""
        ...


def draw_keys(seed: int, ensemble: Ensemble, numbers: Sequence[int]) -> Array:
    """The keys of most sources: one a draw, from its own number."""
    with jax.enable_x64(True):
        root = jax.random.fold_in(jax.random.key(seed), ensemble.stream)
        return jax.vmap(jax.random.fold_in, (None, 0))(root, jnp.array(numbers))
