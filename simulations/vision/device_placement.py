"""Where training runs: the batch is cut over all devices, all else is on each of them.

One program, written for the whole batch, is compiled for the devices of all hosts
(``jax.sharding``): gradients are sums over the whole batch, and statistics of batch
norm are those of the whole batch, because that is what the program says.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from perceptron_theory import InputError

from ..perceptron.hardware.devices import local_devices

_AXIS = "batch"


@dataclass(frozen=True)
class Placement:
    """Devices in a row, of one host or many."""

    devices: tuple[Any, ...]

    @cached_property
    def whole(self) -> NamedSharding:
        """On each device: parameters, small data sets, results."""
        return NamedSharding(self._mesh, PartitionSpec())

    @cached_property
    def parts(self) -> NamedSharding:
        """A part of the first axis on each device: batches."""
        return NamedSharding(self._mesh, PartitionSpec(_AXIS))

    @property
    def kind(self) -> str:
        """cpu, gpu or tpu."""
        return self.devices[0].platform

    @property
    def says(self) -> str:
        """Their number and kind, such as "2 cpu"."""
        return f"{len(self.devices)} {self.kind}"

    @cached_property
    def _mesh(self) -> Mesh:
        return Mesh(np.array(self.devices), (_AXIS,))

    def check_batch(self, batch_size: int) -> None:
        """Refuse a batch that the devices do not share evenly.

        Raises:
            InputError: their number does not divide it.
        """
        if batch_size % len(self.devices):
            raise InputError(
                f"a batch of {batch_size} on {len(self.devices)} devices: give a "
                "batch_size that their number divides"
            )

    def put(self, tree: Any, sharding: NamedSharding) -> Any:
        """Arrays that every host has whole, placed on the devices of all hosts."""

        def one(array: Any) -> jax.Array:
            if jax.process_count() == 1:
                return jax.device_put(array, sharding)
            host = np.asarray(array)
            return jax.make_array_from_callback(
                host.shape, sharding, lambda index: host[index]
            )

        return jax.tree.map(one, tree)

    def put_share(self, tree: Any) -> Any:
        """A batch of which every host has its own part, such as of a stream."""
        return jax.tree.map(
            lambda part: jax.make_array_from_process_local_data(self.parts, part), tree
        )


def placement(kind: str | None = None) -> Placement:
    """All devices of a kind ("cpu", "gpu", "tpu"), or of JAX's default kind.

    Raises:
        InputError: no such kind, or none of them here.
    """
    local_devices(kind)  # refuses in one line
    return Placement(tuple(jax.devices(kind)))
