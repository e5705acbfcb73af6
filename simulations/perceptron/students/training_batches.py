"""Training on a batch of sets so that none depends on the others or on its filling."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

Result = TypeVar("Result")


def map_sets(train: Callable[..., Result], *of_sets: Array) -> Result:
    """Call ``train`` for each set with what belongs to it, its key for instance.

    On a CPU the sets follow one another, which is as fast as together and makes the
    results of a set the same to the last bit whatever its neighbours are.
    """
    group = 1 if jax.default_backend() == "cpu" else len(of_sets[0])
    return jax.lax.map(lambda one: train(*one), of_sets, batch_size=group)


def random_order(key: Array, taken: Bool[Array, " P"]) -> Int[Array, " P"]:
    """Indices of the examples ``taken`` in random order, those of the others after.

    The number by which an example is sorted is drawn from its own index: more rows at
    the end, which are not taken, leave the order of the others as it is.
    """
    own = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(len(taken)))
    numbers = jax.vmap(jax.random.uniform)(own)
    return jnp.argsort(jnp.where(taken, numbers, jnp.inf))
