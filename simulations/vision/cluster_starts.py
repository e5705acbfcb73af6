"""Where k-means starts: k-means++ (Arthur & Vassilvitskii 2007), greedy.

Each new centre is the best of a few that are drawn, as in scikit-learn: a single draw
leaves planted clusters without a centre, which no iteration mends.
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def trials(k: int) -> int:
    """Points that are drawn for each of k centres."""
    return 2 + int(math.log(k))


@functools.partial(jax.jit, static_argnames="k")
def plus_plus(x: Float[Array, "n d"], key: Array, *, k: int) -> Float[Array, "k d"]:
    """K of the points, far from each other.

    Args:
        x: the points.
        key: of ``jax.random``.
        k: of the centres, at most as many as points.
    """
    lengths = (x**2).sum(1)
    first_key, key = jax.random.split(key)
    first = jax.random.randint(first_key, (), 0, len(x))

    def add(i, state):
        chosen, square = state
        total = jnp.cumsum(square)
        at = jax.random.uniform(jax.random.fold_in(key, i), (trials(k),)) * total[-1]
        drawn = jnp.searchsorted(total, at, side="right")
        # where all points are centres already any will do
        drawn = jnp.where(total[-1] > 0, jnp.minimum(drawn, len(x) - 1), i % len(x))
        products = jnp.matmul(x, x[drawn].T, precision="highest")
        far = lengths[:, None] - 2 * products + lengths[drawn]
        left = jnp.minimum(square[:, None], jnp.maximum(far, 0.0))
        best = left.sum(0).argmin()
        new = drawn[best]
        return chosen.at[i].set(new), left[:, best].at[new].set(0.0)

    state = jnp.full(k, first), ((x - x[first]) ** 2).sum(1)
    chosen, _ = jax.lax.fori_loop(1, k, add, state)
    return x[chosen]
