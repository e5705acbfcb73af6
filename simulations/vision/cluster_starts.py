"""Where k-means starts: k-means++ (Arthur & Vassilvitskii 2007), greedy.

Each new centre is the best of a few that are drawn, as in scikit-learn: a single draw
leaves planted clusters without a centre, which no iteration mends.
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from . import inputs
from .cluster_passes import Data, unit

# k-means++ reads its points k times: it sees all of them if they are at most so many
# numbers, in k readings, and points; else a random part, of at least so many a cluster
_NUMBERS, _READ, _POINTS, _POINTS_A_CLUSTER = 2**26, 2**30, 2**20, 10


def trials(k: int) -> int:
    """Points that are drawn for each of k centres."""
    return 2 + int(math.log(k))


def points_seen(n_points: int, n_dimensions: int, n_clusters: int) -> int:
    """Points among which the centres are looked for."""
    numbers = min(_NUMBERS, _READ // n_clusters)
    cheap = min(numbers // n_dimensions, _POINTS)
    return min(n_points, max(cheap, _POINTS_A_CLUSTER * n_clusters))


def plus_plus_start(data: Data, key: Array, k: int) -> Float[np.ndarray, "k d"]:
    """Centres by :func:`plus_plus` among all points, or a random part of very many."""
    count = len(data.array)
    size = points_seen(count, data.array.shape[1], k)
    sample = data.array
    if size < count:
        rows = inputs.generator(key).choice(count, size, replace=False)
        sample = sample[np.sort(rows)]
    sample = sample.astype(data.dtype, copy=False)
    sample = unit(sample) if data.spherical else sample - data.shift
    return np.asarray(plus_plus(sample, key, k=k, exact=data.exact))


@functools.partial(jax.jit, static_argnames=("k", "exact"))
def plus_plus(
    x: Float[Array, "n d"], key: Array, *, k: int, exact: bool = False
) -> Float[Array, "k d"]:
    """K of the points, far from each other.

    Args:
        x: the points.
        key: of ``jax.random``.
        k: of the centres, at most as many as points.
        exact: squared distances by differences, and not by products.
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
        if exact:
            far = jax.lax.map(lambda c: ((x - c) ** 2).sum(1), x[drawn]).T
        else:
            products = jnp.matmul(x, x[drawn].T, precision="highest")
            far = lengths[:, None] - 2 * products + lengths[drawn]
        left = jnp.minimum(square[:, None], jnp.maximum(far, 0.0))
        best = left.sum(0).argmin()
        new = drawn[best]
        return chosen.at[i].set(new), left[:, best].at[new].set(0.0)

    state = jnp.full(k, first), ((x - x[first]) ** 2).sum(1)
    chosen, _ = jax.lax.fori_loop(1, k, add, state)
    return x[chosen]
