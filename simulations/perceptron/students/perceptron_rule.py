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
  proves how near the margin is, as in :mod:`.hard_margin`.

Examples of zeros are none, and change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..naming import as_number, require, settle
from .contract import Named, Trained, call_compiled, check_batch, unit
from .training_batches import map_sets, random_order


class Learnt(NamedTuple):
    """What came of one set of signed examples."""

    weights: Float[Array, " N"]
    """The sum of the added examples, of any length."""
    mistakes: Float[Array, ""]
    """Number of examples with x.w <= 0."""
    margin: Float[Array, ""]
    """min_i x_i.w/|w|."""
    gap: Float[Array, ""]
    """1 - margin/upper, where ``upper`` is the bound |w|/sum_i c_i."""
    updates: Float[Array, ""]
    """Number of examples added."""
    passes: Float[Array, ""]
    """How often the order was begun (Rosenblatt's rule)."""


class _Learning(NamedTuple):
    """State of the loop over updates."""

    h: Float[Array, " P"]  # x_i.w
    added: Float[Array, " P"]  # c_i
    square: Float[Array, ""]  # |w|^2
    last: Int[Array, ""]  # the example that was added last
    updates: Float[Array, ""]
    passes: Float[Array, ""]


def _learn(x, key, max_updates, tolerance, *, least: bool) -> Learnt:
    """Follow Rosenblatt's rule, or MinOver (``least``), until it ends or is stopped."""
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

    def unfinished(state: _Learning):
        h, square = state.h, state.square
        wrong = jnp.any(real & (h <= 0))
        if least:
            scale = jnp.where(square > 0, square, 1.0)
            wrong |= 1 - h[smallest(h)] * state.updates / scale > tolerance
        return wrong & (state.updates < max_updates)

    def add_one(state: _Learning):
        h = state.h
        k = smallest(h) if least else next_mistake(h, state.last)
        return _Learning(
            h=h + gram[k],
            added=state.added.at[k].add(1.0),
            square=state.square + 2 * h[k] + gram[k, k],
            last=k,
            updates=state.updates + 1.0,
            passes=state.passes + (k <= state.last),
        )

    zeros, zero = jnp.zeros(count), jnp.zeros(())
    start = _Learning(zeros, zeros, zero, jnp.asarray(count - 1), zero, zero)
    end = jax.lax.while_loop(unfinished, add_one, start)
    w = end.added @ x  # anew: what was summed up above is not the certificate
    h, length = x @ w, jnp.linalg.norm(w)
    lowest = jnp.min(jnp.where(real, h, jnp.inf))
    return Learnt(
        weights=w,
        mistakes=jnp.sum(real & (h <= 0)) * 1.0,
        margin=lowest / length,
        gap=1 - lowest * end.updates / length**2,
        updates=end.updates,
        passes=end.passes * 1.0,
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
        keys: one key a set, for the order of its examples.
        max_updates: updates allowed.
        tolerance: relative gap at which MinOver ends.
        least: whether to follow MinOver in place of Rosenblatt's rule.
    """
    train = partial(_learn, max_updates=max_updates, tolerance=tolerance, least=least)
    return map_sets(train, examples, keys)


@dataclass(frozen=True)
class Perceptron(Named, called="perceptron"):
    """Rosenblatt's rule from w = 0, in a random order, until no mistake is left.

    A learning rate would change only the length of w.
    """

    max_updates: int = 1_000_000

    certificate_name = "training mistakes"
    padding = "zero"

    def __post_init__(self) -> None:
        self._whole("max_updates")

    def __call__(self, examples: Float[np.ndarray, "batch P N"], key: Array) -> Trained:
        """Learn each set; the columns are margin, updates and passes."""
        check_batch(examples, key)
        found = call_compiled(learn, examples, key, self.max_updates)
        columns = {name: found[name] for name in ("margin", "updates", "passes")}
        mistakes, weights = found["mistakes"], unit(found["weights"])
        done = (mistakes == 0) & np.isfinite(weights[:, 0])  # of zeros there is none
        return Trained(weights, mistakes, done, columns)


@dataclass(frozen=True)
class MinOver(Named, called="min_over"):
    """The perceptron rule that tends to the largest margin (Krauth & Mezard, 1987).

    Updates grow as 1/``tolerance``, the relative duality gap to stop at: for small
    gaps :class:`~.hard_margin.MaxMarginStudent` is the faster one.
    """

    tolerance: float = 0.01
    max_updates: int = 1_000_000

    certificate_name = "relative duality gap"
    padding = "zero"

    def __post_init__(self) -> None:
        settle(self, as_number, "tolerance")
        require(0 < self.tolerance < 1, "tolerance must lie in (0, 1)", self)
        self._whole("max_updates")

    def __call__(self, examples: Float[np.ndarray, "batch P N"], key: Array) -> Trained:
        """Learn each set; the columns are margin and updates."""
        check_batch(examples, key)
        limits = self.max_updates, self.tolerance
        found = call_compiled(learn, examples, key, *limits, least=True)
        columns = {name: found[name] for name in ("margin", "updates")}
        weights = unit(found["weights"])
        done = found["gap"] <= self.tolerance * (1 + 1e-6)
        done &= np.isfinite(weights[:, 0])
        return Trained(weights, found["gap"], done, columns)


BY_NAME = {"perceptron": Perceptron(), "min_over": MinOver()}
