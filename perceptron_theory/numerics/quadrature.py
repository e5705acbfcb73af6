"""Gauss-Legendre quadrature on panels, and how far an integrand has to be followed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import local
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


class _Order(local):
    at_once = False
    made_of = ()  # the key of a program says itself for whom it is


_order = _Order()


@lru_cache
def legendre(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of n-point Gauss-Legendre quadrature on (0, 1)."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return 0.5 * (nodes + 1.0), 0.5 * weights


def panels(
    breaks: Float[Array, "... m"], n: int
) -> tuple[Float[Array, "... k"], Float[Array, "... k"]]:
    """Gauss-Legendre nodes and weights on consecutive panels between sorted breaks."""
    unit, weights = legendre(n)
    width = jnp.diff(breaks, axis=-1)[..., None]
    points = breaks[..., :-1, None] + width * unit
    flat = (*points.shape[:-2], -1)
    return points.reshape(flat), (width * weights).reshape(flat)


def over_nodes(term: Callable[..., Any], *nodes: Float[Array, " n"]) -> Any:
    """The sum of a pytree of arrays, ``term`` of one number of each of the ``nodes``.

    One node after the other: XLA keeps so few numbers in the cache.  Where nodes are
    taken :func:`at_once` it is a sum of arrays, for NumPy.
    """
    if _order.at_once:
        terms = jax.vmap(term)(*nodes)
        return jax.tree.map(lambda x: jnp.sum(x, axis=0), terms)
    none = jax.tree.map(
        lambda x: jnp.zeros(x.shape, x.dtype),
        jax.eval_shape(term, *(jnp.zeros((), x.dtype) for x in nodes)),
    )

    def add(i: Any, total: Any) -> Any:
        return jax.tree.map(jnp.add, total, term(*(x[i] for x in nodes)))

    return jax.lax.fori_loop(0, nodes[0].size, add, none)


@contextmanager
def at_once() -> Iterator[None]:
    """Trace sums over nodes as sums of arrays."""
    before, _order.at_once = _order.at_once, True
    try:
        yield
    finally:
        _order.at_once = before


def reach(
    start: Float[Array, "*_"],
    slope: Float[Array, "*_"],
    slack: Float[Array, "*_"],
    spread: Float[Array, "*_"] | float,
    depth: float | Float[Array, "*_"],
) -> Float[Array, "*_"]:
    r"""Distance x > 0 at which E has risen by ``depth``.

    E(x) = (start + x)^2 + min(slack - slope x, 0)^2 / spread^2, with x = 0 its minimum
    over x >= 0.  Where the slack grows with x (slope <= 0) the bound of the first term
    alone is returned.
    """
    slope = jnp.maximum(slope, 0.0) / spread
    slack = slack / spread
    over = jnp.maximum(-slack, 0.0)
    # no second term up to the crossing
    first = depth + over * over
    free = first / (jnp.sqrt(start * start + first) + jnp.abs(start))
    free = jnp.where(start < 0, free - 2.0 * start, free)
    # a second term from the beginning
    linear = jnp.maximum(start + slope * over, 0.0)
    square = 1.0 + slope * slope
    at_once = depth / (linear + jnp.sqrt(linear * linear + square * depth))
    # a second term from the crossing on
    cross = jnp.where(slope > 0, slack / jnp.where(slope > 0, slope, 1.0), jnp.inf)
    cross = jnp.clip(cross, 0.0, free)
    left = jnp.maximum(depth - cross * (2.0 * start + cross), 0.0)
    linear = jnp.maximum(start + cross, 0.0)
    root = jnp.sqrt(linear * linear + square * left)
    later = cross + left / jnp.where(root > 0, linear + root, 1.0)
    return jnp.where(slope > 0, jnp.where(slack > 0, later, at_once), free)
