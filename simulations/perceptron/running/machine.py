"""What a sweep is computed on: this process, several processes, or a Ray cluster."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import jax

from perceptron_theory import InputError
from perceptron_theory.numerics.cpu_threads import use_cores

from ..hardware.devices import await_listener, check_kind, local_devices
from ..naming import require, settle, whole_number
from ..students.hard_margin_programs import forget_programs
from .experiment import simulate

# Maps of memory that a process may have used; Linux allows 65,530.
_MOST_MAPS = 25_000


FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    NotImplementedError,
    TypeError,
    ValueError,
)
"""Faults of a program, not of its machine: they would only come again."""

Call = Callable[..., Any]


@runtime_checkable
class Executor(Protocol):
    """Where one function, such as ``simulate``, is called."""

    slots: int
    """Calls to keep going at once."""
    batches: int
    """Batches to ask for in a call: one for each device."""

    def submit(self, task: dict[str, Any]) -> Future[Any]:
        """Call the function with these arguments."""
        ...


@dataclass(frozen=True)
class Machine:
    """Where a sweep runs.

    Raises:
        InputError: workers are below 1, retries below 0, or both workers and Ray are
            given.
    """

    device: str | None = None
    """Kind: "cpu", "gpu", "tpu"; None is JAX's default.  All of the kind are used."""
    workers: int = 1
    """Processes, of one thread each where there are several; for CPUs."""
    ray: str | None = None
    """Address of a Ray cluster ("auto": the one this machine belongs to)."""
    retries: int = 2
    """Times that a task is tried again when a worker or a machine fails."""

    def __post_init__(self) -> None:
        settle(self, whole_number, "workers", "retries")
        require(isinstance(self.ray, str | None), "ray must be an address", self.ray)
        if self.workers < 1 or self.retries < 0:
            raise InputError(
                "need workers >= 1 and retries >= 0; got "
                f"{self.workers}, {self.retries}"
            )
        check_kind(self.device)
        if self.ray is not None and self.workers > 1:
            raise InputError("give workers or a Ray cluster, not both")

    def check(self) -> None:
        """Refuse what is not there before anything is written or drawn.

        Raises:
            InputError: there is no device of the kind, or nobody answers at the
                address of the cluster.
        """
        if self.ray is not None:
            _await_cluster(self.ray)
        elif self.device is not None:
            local_devices(self.device)

    @contextmanager
    def executor(self, call: Call | None = None) -> Iterator[Executor]:
        """Start what is needed to call ``call``, and stop it in the end.

        Args:
            call: a function of a module, which other processes import; by default
                ``simulate``.

        Raises:
            InputError: a device or a cluster is not there.
        """
        call = call or simulate
        if self.ray is not None:
            with _ray_cluster(call, self.ray, self.device) as cluster:
                yield cluster
        elif self.workers > 1:
            processes = _Processes(call, self.workers)
            try:
                yield processes
            finally:
                processes.stop()
        else:
            yield _Here(call, len(local_devices(self.device)))


class _Here:
    slots = 1

    def __init__(self, call: Call, devices: int):
        self.call, self.batches = call, devices

    def submit(self, task: dict[str, Any]) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(_called(self.call, task))
        except Exception as error:
            future.set_exception(error)
        return future


class _Processes:
    batches = 1

    def __init__(self, call: Call, workers: int):
        self.call, self.slots = call, workers
        self._pool = self._start()

    def _start(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self.slots,
            mp_context=get_context("spawn"),  # JAX does not survive a fork
            initializer=_become_worker,
            initargs=(os.getpid(),),
        )

    def submit(self, task: dict[str, Any]) -> Future[Any]:
        packed = _packed(self.call, task)
        try:
            return self._pool.submit(_call_packed, packed)
        except (BrokenExecutor, OSError):
            # a worker was killed: the pool is of no more use, its pipe may be closed
            self._pool = self._start()
            return self._pool.submit(_call_packed, packed)

    def stop(self) -> None:
        for process in list((self._pool._processes or {}).values()):
            process.terminate()  # what it is at is not wanted any more
        self._pool.shutdown(wait=True, cancel_futures=True)


def _become_worker(parent: int) -> None:
    """One thread, deaf to Ctrl-C (the parent stops it), and gone with the parent."""
    # read when the first array is made, which is after this
    flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}"
    use_cores(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _packed(call: Call, task: dict[str, Any]) -> bytes:
    try:
        return pickle.dumps((call, task))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        # what is called for a point that a user made
        what = task["point"].title if "point" in task else "this task"
        raise InputError(
            f"{what} cannot be sent to another process ({error}): "
            "define its functions in a module, or use one worker"
        ) from error


def _call_packed(packed: bytes) -> Any:
    return _called(*pickle.loads(packed))


def _called(call: Call, task: dict[str, Any]) -> Any:
    """Call ``call(**task)`` in a process that may have to do with hundreds of shapes.

    Each compiled program takes dozens of maps of memory, and a process that has used
    up its maps crashes: before that, all programs are forgotten.
    """
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > _MOST_MAPS:
        forget_programs()
        jax.clear_caches()
    return call(**task)


@contextmanager
def _ray_cluster(call: Call, address: str, device: str | None) -> Iterator[Executor]:
    try:
        ray = import_module("ray")  # of an extra
    except ImportError:
        raise InputError(
            "Ray is not installed here: pip install 'pruning-laws[cluster]'"
        ) from None
    _await_cluster(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise _no_cluster(address, error) from error
    try:
        yield _Cluster(call, ray, device)
    finally:
        ray.shutdown()


def _await_cluster(address: str) -> None:
    """Ask once whether somebody listens: Ray itself goes on asking for minutes."""
    if ":" not in address:
        return
    try:
        await_listener(address.removeprefix("ray://"), patience=0.0)
    except (ValueError, OSError) as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:120]
    return InputError(
        f"no Ray cluster answers at {address!r} ({reason}): start one with "
        "`ray start --head`"
    )


class _Cluster:
    batches = 1

    def __init__(self, call: Call, ray: Any, device: str | None):
        self.call = call
        unit = {None: "CPU", "cpu": "CPU", "gpu": "GPU", "tpu": "TPU"}[device]
        self.slots = int(ray.cluster_resources().get(unit, 0))
        if not self.slots:
            raise InputError(f"the Ray cluster has no {unit}")
        needs = {"num_cpus": 1} if unit == "CPU" else {"resources": {unit: 1}}
        needs = {"num_gpus": 1} if unit == "GPU" else needs
        # The sweep retries a lost node, as every other failure.
        self._remote = ray.remote(max_retries=0, **needs)(_call_packed)

    def submit(self, task: dict[str, Any]) -> Future[Any]:
        return self._remote.remote(_packed(self.call, task)).future()
