r"""The perceptron rule and MinOver, in terms of how often each example was added.

A student that starts at zero and adds examples is w = sum_i c_i x_i with whole numbers
c_i (a learning rate would only change its length).  All that learning needs is
h_i = x_i.w, to which one more x_k adds the row k of the matrix of products x_i.x_k: an
update costs P operations, and examples that are already right cost nothing.

- Rosenblatt's rule goes through the examples in a fixed order, again and again, and
  adds each that has h_i <= 0.  It ends after at most (max |x_i|/kappa)^2 updates,
  kappa the largest margin (Novikoff, 1962).
- MinOver (Krauth & Mezard, J. Phys. A 20, L745, 1987) always adds the example of least
  h_i and tends to the largest margin.  Its c_i are multipliers of the dual problem:
  min_i h_i/|w| <= kappa <= |w|/sum_i c_i, so that the relative gap of these two bounds
  proves how near the margin is, as in :mod:`.max_margin`.

Examples of zeros are none, and change nothing.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..data.training_batches import map_sets, random_order


class Learnt(NamedTuple):
    """What came of one set of signed examples."""

    weights: Float[Array, " N"]
    """The sum of the added examples, of any length."""
    mistakes: Float[Array, ""]
    """Examples with x.w <= 0."""
    margin: Float[Array, ""]
    """min_i x_i.w/|w|."""
    gap: Float[Array, ""]
    """1 - margin/upper, ``upper`` the bound |w|/sum_i c_i."""
    updates: Float[Array, ""]
    passes: Float[Array, ""]
    """Times that the order was begun (Rosenblatt's rule)."""


def _learn(x, key, max_updates, tolerance, *, least: bool) -> Learnt:
    """Rosenblatt's rule, or MinOver (``least``), until it ends or is stopped."""
    real = jnp.any(x != 0, axis=1)
    order = random_order(key, real)
    x, real = x[order], real[order]
    gram = x @ x.T
    count = len(x)
    places = jnp.arange(count)

    def smallest(h):
        return jnp.argmin(jnp.where(real, h, jnp.inf))

    def next_mistake(h, last):
        ahead = jnp.mod(places - last - 1, count)
        return jnp.argmin(jnp.where(real & (h <= 0), ahead, count))

    def unfinished(state):
        h, _, square, _, updates, _ = state
        wrong = jnp.any(real & (h <= 0))
        if least:
            gap = 1 - h[smallest(h)] * updates / jnp.where(square > 0, square, 1.0)
            wrong |= gap > tolerance
        return wrong & (updates < max_updates)

    def add_one(state):
        h, added, square, last, updates, passes = state
        k = smallest(h) if least else next_mistake(h, last)
        square = square + 2 * h[k] + gram[k, k]
        return (
            h + gram[k],
            added.at[k].add(1.0),
            square,
            k,
            updates + 1.0,
            passes + (k <= last),
        )

    zeros, zero = jnp.zeros(count), jnp.zeros(())
    start = zeros, zeros, zero, jnp.asarray(count - 1), zero, zero
    _, added, _, _, updates, passes = jax.lax.while_loop(unfinished, add_one, start)
    w = added @ x  # anew: what was summed up above is not the certificate
    h, length = x @ w, jnp.linalg.norm(w)
    lowest = jnp.min(jnp.where(real, h, jnp.inf))
    return Learnt(
        weights=w,
        mistakes=jnp.sum(real & (h <= 0)) * 1.0,
        margin=lowest / length,
        gap=1 - lowest * updates / length**2,
        updates=updates,
        passes=passes * 1.0,
    )


@partial(jax.jit, static_argnames=("least",))
def learn(
    examples: Float[Array, "batch P N"],
    keys: Array,
    max_updates: Array | float,
    tolerance: Array | float = 0.0,
    *,
    least: bool = False,
) -> Learnt:
    """Learn each set of a batch; fields of :class:`Learnt` have the axis ``batch``.

    Args:
        examples: signed examples y x; rows of zeros are no examples.
        keys: one a set; the order of its examples.
        max_updates: updates allowed.
        tolerance: relative gap at which MinOver ends.
        least: MinOver in place of Rosenblatt's rule.
    """
    train = partial(_learn, max_updates=max_updates, tolerance=tolerance, least=least)
    return map_sets(train, examples, keys)
