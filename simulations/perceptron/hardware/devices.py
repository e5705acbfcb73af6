"""Where students are trained: one device, all devices of a kind, many hosts.

Training sets are independent, so a batch of them is cut into equal parts, one a device,
by ``jax.sharding``; hosts that ``jax.distributed`` has joined each take a part of the
batch too, and gather the results.  Every device runs the same program on parts of the
same shape, however many there are.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, partial
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from perceptron_theory import InputError
from perceptron_theory.errors import first_line, suggestion
from perceptron_theory.numerics.precision import own_settings, start_jax

KINDS = ("cpu", "gpu", "tpu")
_AXIS = "set"
_mesh: ContextVar[Mesh | None] = ContextVar("mesh", default=None)


def check_kind(kind: str | None) -> None:
    """Raise an InputError for a kind of device that is none of ``KINDS``."""
    if kind not in (None, *KINDS):
        hint = suggestion(kind, KINDS)
        raise InputError(
            f"device must be one of {', '.join(KINDS)}; got {kind!r}{hint}"
        )


def local_devices(kind: str | None = None) -> list[Any]:
    """The devices of this process: those of a kind, or of JAX's default kind.

    Raises:
        InputError: the kind is unknown, or no device of it is here.
    """
    check_kind(kind)
    start_jax()
    try:
        return jax.local_devices(backend=kind)
    except RuntimeError:
        raise InputError(
            f"JAX finds no {kind} here; it sees: {jax.default_backend()} "
            f"(for GPUs install pruning-laws[cuda], for TPUs pruning-laws[tpu])"
        ) from None


@contextmanager
def spread_over(devices: list[Any]) -> Iterator[None]:
    """Let :func:`spread` cut batches into one part for each of these devices."""
    token = _mesh.set(Mesh(np.array(devices), (_AXIS,)))
    try:
        with jax.default_device(devices[0]):
            yield
    finally:
        _mesh.reset(token)


def devices_in_use() -> int:
    """Number of devices that :func:`spread` cuts a batch for."""
    mesh = _mesh.get()
    return 1 if mesh is None else mesh.size


def spread(
    function: Callable,
    batched: tuple,
    *shared: Any,
    compiler_options: dict[str, bool] | None = None,
    **static: Any,
) -> Any:
    """Call ``function(*batched, *shared, **static)`` on all devices in use.

    Args:
        function: a pure function of arrays; what it returns has the axis of the batch.
        batched: arrays (pytrees of them) with the batch as their first axis, which the
            number of devices divides.
        shared: further numbers or arrays, the same for all sets.
        compiler_options: options of XLA for several devices; for one, ``function`` has
            its own.
        static: hashable settings.
    """
    mesh = _mesh.get()
    if mesh is None or mesh.size == 1:
        return function(*batched, *shared, **static)
    split = NamedSharding(mesh, PartitionSpec(_AXIS))
    batched = tuple(jax.device_put(part, split) for part in batched)
    settings = tuple(sorted(static.items()))
    options = tuple(sorted((compiler_options or {}).items()))
    run = _sharded(function, mesh, len(batched), settings, options)
    return run(batched, shared)


@lru_cache(maxsize=64)
def _sharded(function, mesh, count, settings, options):
    parts = PartitionSpec(_AXIS)

    def of_part(batched, shared):
        return function(*batched, *shared, **dict(settings))

    # The parts do not speak to each other: there is no replication to check.
    return jax.jit(
        jax.shard_map(
            of_part,
            mesh=mesh,
            in_specs=((parts,) * count, PartitionSpec()),
            out_specs=parts,
            check_vma=False,
        ),
        compiler_options=dict(options) or None,
    )


def gather_hosts(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns of all hosts, one after another, on every host."""
    if jax.process_count() == 1:
        return columns
    with own_settings(x64=True):
        gathered = partial(multihost_utils.process_allgather, tiled=True)
        return {name: np.asarray(gathered(column)) for name, column in columns.items()}


def join_hosts(
    coordinator: str | None = None,
    processes: int | None = None,
    process: int | None = None,
    *,
    patience: float = 120.0,
) -> None:
    """Join the other processes of a run; call it before anything else of JAX.

    Args:
        coordinator: host:port of process 0.  None, with the next two, lets JAX find out
            from SLURM, Open MPI or a TPU pod.
        processes: how many there are.
        process: the number of this one, from 0.
        patience: seconds to wait for the coordinator.

    Raises:
        InputError: the coordinator cannot be reached, or the cluster is unknown.
    """
    try:
        if coordinator is not None and process:
            await_listener(coordinator, patience)  # JAX would wait long, and then abort
        elif coordinator is not None:
            _check_own(coordinator)
        jax.distributed.initialize(coordinator, processes, process)
    except (RuntimeError, ValueError, OSError) as error:
        reason = first_line(error)
        raise InputError(
            f"cannot join the run of {processes or 'an unknown number of'} processes "
            f"at {coordinator or 'an unknown address'}: {reason}"
        ) from error


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal() and port.isascii() and 0 < int(port) < 2**16):
        raise ValueError("the address must be HOST:PORT, with a port below 65536")
    return host, int(port)


def _check_own(address: str) -> None:
    """Refuse an address that process 0, which is to listen there, does not have.

    JAX would wait for ever.

    Raises:
        ValueError: the text is no address.
        OSError: the address is that of another host, or its port is taken.
    """
    host, port = _host_and_port(address)
    family, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(place)


def await_listener(address: str, patience: float) -> None:
    """Wait until somebody listens at host:port.

    Raises:
        ValueError: the text is no address.
        OSError: nobody listened within ``patience`` seconds.
    """
    place = _host_and_port(address)
    deadline = time.monotonic() + patience
    while True:
        try:
            socket.create_connection(place, timeout=10.0).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
