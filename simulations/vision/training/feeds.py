"""How a data set reaches the devices: whole and once, or batch by batch.

Both call the same step of :mod:`.step`.  An epoch in memory is a loop over compiled
steps, not one ``lax.scan``: XLA's convolutions on CPUs were seen five times slower
inside a scan (ResNet-8 on digits, batch 128: 218 against 45 ms of CPU time a step).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from ..data.augmentation import batch_key, take_batch
from ..data.images import Images
from ..data.order import evaluation_batches, training_batches, training_steps
from ..data.stream import Stream
from ..device_placement import Placement
from .step import Batch, Model, Seen, State, predict, train_step

CHUNK = 20  # steps whose losses are looked at together


@runtime_checkable
class Feed(Protocol):
    """A data set as training and evaluation see it."""

    @property
    def epoch_steps(self) -> int:
        """Batches of an epoch."""
        ...

    def epoch(
        self, state: State, key: Key[Array, ""], epoch: int, steps: int
    ) -> Iterator[tuple[State, list[Seen]]]:
        """Train for the first ``steps`` batches of an epoch, some at a time.

        The state that is given is used up.
        """
        ...

    def logits(
        self, state: State
    ) -> Iterator[tuple[Int[np.ndarray, " n"], Float[np.ndarray, "n C"]]]:
        """Logits of every example once, in evaluation mode, and their rows."""
        ...


@dataclass(frozen=True)
class MemoryFeed:
    """A small set, as bytes on each device; augmented there."""

    model: Model
    placement: Placement
    dataset: Images
    kept: Int[np.ndarray, " n"]
    """Rows to train on; logits are of all."""
    seed: int

    @property
    def epoch_steps(self) -> int:
        return training_steps(len(self.kept), self.model.recipe.batch_size)

    def epoch(
        self, state: State, key: Key[Array, ""], epoch: int, steps: int
    ) -> Iterator[tuple[State, list[Seen]]]:
        step = _programs(self.model, self.placement).step_of_rows
        rows = self.rows(epoch)[:steps]
        for start in range(0, len(rows), CHUNK):
            seen = []
            for i in range(start, min(start + CHUNK, len(rows))):
                placed = self.placement.put(rows[i], self.placement.parts)
                at = np.array([epoch, i], np.int32)
                state, one = step(state, self.placed, placed, key, at)
                seen.append(one)
            yield state, jax.device_get(seen)

    def logits(
        self, state: State
    ) -> Iterator[tuple[Int[np.ndarray, " n"], Float[np.ndarray, "n C"]]]:
        run = _programs(self.model, self.placement).logits_of_rows
        size = self.model.recipe.batch_size
        for rows in evaluation_batches(len(self.dataset), size).astype(np.int32):
            placed = self.placement.put(rows, self.placement.parts)
            found = np.asarray(run(state, self.placed, placed))
            yield rows[rows >= 0], found[rows >= 0]

    @cached_property
    def placed(self) -> tuple[jax.Array, jax.Array]:
        """Images and labels, whole on each device."""
        data = self.dataset.images, self.dataset.labels.astype(np.int32)
        return self.placement.put(data, self.placement.whole)

    def rows(self, epoch: int) -> Int[np.ndarray, "steps B"]:
        """Rows of the data set: the batches of an epoch."""
        size = self.model.recipe.batch_size
        places = training_batches(len(self.kept), size, seed=self.seed, epoch=epoch)
        return self.kept[places].astype(np.int32)


@dataclass(frozen=True)
class StreamFeed:
    """A large set: every host decodes its part of each batch."""

    model: Model
    placement: Placement
    training: Stream
    everything: Stream
    """Without a seed: each example once, for logits."""

    @property
    def epoch_steps(self) -> int:
        return len(self.training)

    def epoch(
        self, state: State, key: Key[Array, ""], epoch: int, steps: int
    ) -> Iterator[tuple[State, list[Seen]]]:
        step = _programs(self.model, self.placement).step
        seen: list[Seen] = []
        with self.training.epoch(epoch) as batches:
            for i, batch in zip(range(steps), batches, strict=False):
                rows = batch.rows.astype(np.int32)
                host = Batch(batch.images, batch.labels, rows, batch.mask)
                at = np.array([epoch, i], np.int32)
                state, one = step(state, self.placement.put_share(host), key, at)
                seen.append(one)
                if len(seen) == CHUNK or i == steps - 1:
                    yield state, jax.device_get(seen)
                    seen = []

    def logits(
        self, state: State
    ) -> Iterator[tuple[Int[np.ndarray, " n"], Float[np.ndarray, "n C"]]]:
        run = _programs(self.model, self.placement).logits
        with self.everything.epoch() as batches:
            for batch in batches:
                host = batch.images, batch.rows.astype(np.int32), batch.mask
                found = run(state, *self.placement.put_share(host))
                logits, rows, mask = (np.asarray(part) for part in found)
                yield rows[mask], logits[mask]


@dataclass(frozen=True)
class _Programs:
    """Compiled for a model and its devices."""

    step: Callable[..., Any]
    step_of_rows: Callable[..., Any]
    logits: Callable[..., Any]
    logits_of_rows: Callable[..., Any]


@lru_cache(maxsize=8)
def _programs(model: Model, placement: Placement) -> _Programs:
    def cut(tree: Any) -> Any:
        return jax.lax.with_sharding_constraint(tree, placement.parts)

    def step(state: State, batch: Batch, key: Array, at: Array) -> Any:
        return train_step(model, state, cut(batch), batch_key(key, *at))

    def step_of_rows(
        state: State, data: tuple[Array, Array], rows: Array, key: Array, at: Array
    ) -> Any:
        images, labels, mask = take_batch(*data, rows)
        return step(state, Batch(images, labels, rows, mask), key, at)

    def logits(state: State, images: Array, rows: Array, mask: Array) -> Any:
        return predict(model, state, images), rows, mask

    def logits_of_rows(state: State, data: tuple[Array, Array], rows: Array) -> Array:
        return predict(model, state, cut(data[0][rows]))

    # results are whole on each device: every host can read them
    whole = placement.whole
    return _Programs(
        jax.jit(step, donate_argnums=0, out_shardings=whole),
        jax.jit(step_of_rows, donate_argnums=0, out_shardings=whole),
        jax.jit(logits, out_shardings=whole),
        jax.jit(logits_of_rows, out_shardings=whole),
    )


@jax.jit
def all_finite(tree: Any) -> Array:
    """Whether no floating-point number of a pytree is NaN or infinite."""
    floats = [x for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.floating)]
    return jnp.stack([jnp.isfinite(x).all() for x in floats]).all()
