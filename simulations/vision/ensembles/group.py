"""Several models at once: a share of them on each device, ``vmap`` within a share.

Every model has the batches, keys and steps that it has alone, so it differs from that
by rounding only.  Devices have no part of each other's work: they never wait.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..data.augmentation import batch_key, take_batch
from ..device_placement import Placement
from ..training import Plan
from ..training.feeds import CHUNK, MemoryFeed
from ..training.step import Batch, Model, Seen, State, train_step


class Group:
    """Models of one recipe on one data set in memory, trained in step.

    Args:
        plans: as many for each device; all of the same number of steps.
    """

    def __init__(self, plans: Sequence[Plan]) -> None:
        self.plans = tuple(plans)
        self._placement = plans[0].placement
        feeds = [plan.training for plan in plans]
        self._feeds = [feed for feed in feeds if isinstance(feed, MemoryFeed)]
        assert len(self._feeds) == len(plans)

    def start(self) -> State:
        """The states before the first step, each leaf with an axis of models."""
        host = [jax.device_get(plan.start()) for plan in self.plans]
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *host)
        return self._placement.put(stacked, self._placement.parts)

    def epoch(
        self, states: State, epoch: int, steps: int
    ) -> Iterator[tuple[State, list[list[Seen]]]]:
        """One epoch of all models, like :meth:`.Feed.epoch`: for each what was seen.

        The states that are given are used up.
        """
        step = _program(self.plans[0].model, self._placement)
        rows = np.stack([feed.rows(epoch) for feed in self._feeds], axis=1)[:steps]
        data, parts = self._feeds[0].placed, self._placement.parts
        for start in range(0, len(rows), CHUNK):
            seen = []
            for i in range(start, min(start + CHUNK, len(rows))):
                placed = self._placement.put(rows[i], parts)
                at = np.array([epoch, i], np.int32)
                states, one = step(states, data, placed, self._keys, at)
                seen.append(one)
            host = jax.device_get(seen)
            yield states, [[_pick(one, k) for one in host] for k in range(len(rows[0]))]

    def state(self, states: State, k: int) -> State:
        """That of one model, as it is alone."""
        one = jax.device_get(_pick(states, k))
        return self._placement.put(one, self._placement.whole)

    @cached_property
    def _keys(self) -> Array:
        keys = jnp.stack([plan.key for plan in self.plans])
        return self._placement.put(keys, self._placement.parts)


def _pick(tree: Any, k: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[k], tree)


@lru_cache(maxsize=8)
def _program(model: Model, placement: Placement) -> Any:
    def one(state: State, data: Any, rows: Array, key: Array, at: Array) -> Any:
        images, labels, mask = take_batch(*data, rows)
        batch = Batch(images, labels, rows, mask)
        return train_step(model, state, batch, batch_key(key, *at))

    def share(states: State, data: Any, rows: Array, keys: Array, at: Array) -> Any:
        if len(rows) > 1:
            every = jax.vmap(one, in_axes=(0, None, 0, 0, None))
            return every(states, data, rows, keys, at)
        # one model: without vmap, of which convolutions become grouped ones
        found = one(_pick(states, 0), data, rows[0], keys[0], at)
        return jax.tree.map(lambda leaf: leaf[None], found)

    parts, whole = placement.parts.spec, placement.whole.spec
    on_each = jax.shard_map(
        share,
        mesh=placement.parts.mesh,
        in_specs=(parts, whole, parts, parts, whole),
        out_specs=parts,
        check_vma=False,  # nothing is shared between devices
    )
    return jax.jit(on_each, donate_argnums=0)
