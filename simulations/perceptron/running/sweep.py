"""Many points at several N, drawn into a store until each has what it needs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TypeVar

import jax
import numpy as np
import xarray as xr
from jax.experimental import multihost_utils

from perceptron_theory import ConvergenceError, InputError
from perceptron_theory.numerics.precision import own_settings
from perceptron_theory.wording import some_of

from ..data.batches import batch_draws
from ..data.requests import check_pool, check_training_set
from ..naming import require, settle, whole_number
from .machine import FAULTS, Executor, Machine
from .point import Point
from .store import Store
from .summary import Summary, summarize

T = TypeVar("T")
OnPart = Callable[["Part", bool], None]
"""Called with a part when it begins (False) and when it ends (True)."""

# Below this many draws a standard error is too uncertain to stop at.
_FEWEST_DRAWS = 128


@dataclass(frozen=True)
class Part:
    """One point at one N, and how much is to be drawn of it.

    Raises:
        InputError: a number is not whole, there are fewer than 2 draws, or the relative
            error lies outside (0, 1).
    """

    point: Point
    size: int
    draws: int | None = None
    """Number of draws; None draws to the ``relative_error``."""
    relative_error: float = 0.01
    """Standard error of the mean, as a part of the mean, to stop at."""
    max_draws: int = 20_000
    """Draws at most, for the sake of a relative error."""

    def __post_init__(self) -> None:
        settle(self, whole_number, "size", "max_draws")
        if self.draws is not None:
            settle(self, whole_number, "draws")
        fewest = self.max_draws if self.draws is None else self.draws
        if fewest < 2 or not 0 < self.relative_error < 1:
            raise InputError(
                "need at least 2 draws and a relative_error in (0, 1); got "
                f"{fewest}, {self.relative_error!r}"
            )

    @property
    def title(self) -> str:
        """Point, student and N."""
        return f"{self.point.title} N={self.size}"


def enough(part: Part, found: xr.Dataset | None) -> xr.Dataset | None:
    """The draws of a part that count, if they are enough; None if more are needed.

    They are those that an uninterrupted run would have stopped at: how many draws lie
    in the store, and how many were made at once, plays no part.
    """
    have = _drawn(found)
    if found is None or have < 2:
        return None
    if part.draws is not None:
        whole = have >= part.draws
        return found.isel(draw=slice(part.draws)) if whole else None
    batch = batch_draws(part.point, part.size)
    fewest = min(_FEWEST_DRAWS, part.max_draws)
    for count in range(batch, have + batch, batch):
        count = min(count, part.max_draws)
        if count < fewest or count > have:
            continue
        prefix = found.isel(draw=slice(count))
        summary = summarize(prefix)
        precise = summary.standard_error <= part.relative_error * summary.mean
        if precise or count == part.max_draws:
            return prefix
    return None


def next_draws(part: Part, found: xr.Dataset | None, batches: int) -> int:
    """How many draws to make next: 0 if there are enough.

    They are as many batches as are computed at once, but for the last of a fixed
    number.
    """
    if enough(part, found) is not None:
        return 0
    have = _drawn(found)
    limit = part.max_draws if part.draws is None else part.draws
    return min(batches * batch_draws(part.point, part.size), limit - have)


def shard_of(items: Sequence[T], shard: tuple[int, int] | None) -> list[T]:
    """Share ``i`` of ``n`` (i from 1) of the items, dealt like cards.

    Raises:
        InputError: i is not one of 1 .. n.
    """
    if shard is None:
        return list(items)
    i, n = shard
    if not 1 <= i <= n:
        raise InputError(f"shard must be i/n with 1 <= i <= n, got {i}/{n}")
    return list(items[i - 1 :: n])


def check_parts(parts: Sequence[Part], pool: str) -> None:
    """Refuse, before anything is written or drawn, what cannot be drawn.

    Raises:
        InputError: a size is below 2, nothing is kept, a pool or training set is too
            large for the memory, or a rule cannot be drawn directly.
    """
    for part in parts:
        require(part.size >= 2, "sizes N must be at least 2", part.size)
        total, kept = part.point.pool_sizes(part.size)
        check_pool(pool, part.point, total)
        check_training_set(part.point, part.size, kept)


def run_sweep(
    parts: Sequence[Part],
    store: Store,
    *,
    machine: Machine | None = None,
    on_part: OnPart | None = None,
) -> None:
    """Draw every part into the store until it has enough.

    Every finished batch is written at once.  Parts that another run is at are left for
    the end, and then waited for.  A task that fails for reasons of its machine is
    tried again; one that goes on failing, or fails by a fault of its program, does
    not stop the others.

    Args:
        parts: what to draw.
        store: where to keep the draws; of several hosts the first has the store.
        machine: where to compute; by default on all devices of this process.
        on_part: called when a part begins, and when it ends.

    Raises:
        InputError: a part cannot be drawn, or a file is damaged or another's.
        ConvergenceError: parts failed; the cause is the error of the first, and all
            others are drawn.
        OSError: the disk is full, or not writable.
        KeyboardInterrupt: Ctrl-C was pressed; the message says what was kept.
    """
    machine, hosts = machine or Machine(), jax.process_count()
    if hosts > 1 and (machine.workers > 1 or machine.ray is not None):
        raise InputError(
            "several hosts share the work already: leave out workers and Ray"
        )
    sweep = _Sweep(store, machine, on_part or (lambda part, ended: None))
    try:
        with machine.executor() as executor:
            draw = sweep.on_hosts if hosts > 1 else sweep.on_this_host
            draw(parts, executor)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped after {sweep.done} of {len(parts)} parts; all finished draws "
            f"are in {store.folder}: run the same again to go on"
        ) from None
    if sweep.failed:
        raise ConvergenceError(
            f"{some_of(len(sweep.failed), len(parts), 'part')} failed; the "
            "draws of all "
            f"others are in {store.folder}. The first: {sweep.failed[0]}"
        ) from sweep.cause


@dataclass
class _Work:
    """A part under way, its file locked."""

    part: Part
    lock: ExitStack
    found: xr.Dataset | None
    failures: int = 0


@dataclass
class _Sweep:
    """A run: where its draws are made and kept, and what became of its parts."""

    store: Store
    machine: Machine
    tell: OnPart
    done: int = 0
    failed: list[str] = field(default_factory=list)
    cause: BaseException | None = None
    """The error of the first that failed."""

    def end(self, part: Part) -> None:
        """Nothing more is to be done for a part."""
        self.done += 1
        self.tell(part, True)

    def fail(self, part: Part, error: BaseException) -> None:
        """A part that is given up."""
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        self.failed.append(f"{part.title}: {reason}")
        self.cause = self.cause or error

    def ask(self, executor: Executor, part: Part, start: int, count: int) -> Future:
        """Let draws ``start`` .. ``start + count - 1`` of a part be made."""
        return executor.submit(
            {
                "point": part.point,
                "size": part.size,
                "draws": count,
                "seed": self.store.seed,
                "first": start,
                "pool": self.store.pool,
                "device": self.machine.device,
            }
        )

    def on_this_host(self, parts: Sequence[Part], executor: Executor) -> None:
        """Keep the executor busy with as many parts at once as it has slots."""
        store, waiting, busy = self.store, deque(parts), deque[Part]()
        running: dict[Future, _Work] = {}

        def go_on(work: _Work) -> None:
            """Submit the next draws of a part, or end it."""
            count = next_draws(work.part, work.found, executor.batches)
            if count:
                future = self.ask(executor, work.part, _drawn(work.found), count)
                running[future] = work
            else:
                end(work)

        def end(work: _Work) -> None:
            work.lock.close()
            self.end(work.part)

        with ExitStack() as locks:
            while waiting or busy or running:
                while (waiting or busy) and len(running) < executor.slots:
                    wait_for_it = not waiting
                    if wait_for_it and running:
                        break  # first what can be done without waiting
                    part = (waiting or busy).popleft()
                    lock = locks.enter_context(ExitStack())
                    held = store.lock(part.point, part.size, wait=wait_for_it)
                    if not lock.enter_context(held):
                        busy.append(part)
                        continue
                    self.tell(part, False)
                    go_on(_Work(part, lock, store.load(part.point, part.size)))
                if not running:
                    continue
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    work = running.pop(future)
                    part, error = work.part, future.exception()
                    if error is None:
                        work.found = store.append(
                            part.point, part.size, work.found, future.result()
                        )
                    elif isinstance(error, InputError | KeyboardInterrupt):
                        raise error
                    elif isinstance(error, (ConvergenceError, *FAULTS)) or (
                        work.failures >= self.machine.retries
                    ):
                        self.fail(part, error)
                        end(work)
                        continue
                    else:
                        work.failures += 1
                    go_on(work)

    def on_hosts(self, parts: Sequence[Part], executor: Executor) -> None:
        """All hosts compute one part after another; the first reads and writes."""
        store, first = self.store, jax.process_index() == 0
        batches = executor.batches * jax.process_count()
        for part in parts:
            self.tell(part, False)
            with ExitStack() as lock:
                found = None
                if first:
                    lock.enter_context(
                        self.store.lock(part.point, part.size, wait=True)
                    )
                    found = store.load(part.point, part.size)
                while True:
                    wanted = next_draws(part, found, batches) if first else 0
                    plan = _from_first_host(np.array((_drawn(found), wanted)))
                    start, count = map(int, plan)
                    if not count:
                        break
                    try:
                        new = self.ask(executor, part, start, count).result()
                    except ConvergenceError as error:  # of gathered results: everywhere
                        self.fail(part, error)
                        break
                    if first:
                        found = store.append(part.point, part.size, found, new)
            self.end(part)


def _from_first_host(numbers: np.ndarray) -> np.ndarray:
    with own_settings(x64=True):
        return np.asarray(multihost_utils.broadcast_one_to_all(numbers))


def _drawn(found: xr.Dataset | None) -> int:
    return 0 if found is None else found.sizes["draw"]


def summaries(parts: Sequence[Part], store: Store) -> list[Summary]:
    """Statistics of the draws of every part, after :func:`run_sweep`; on every host.

    Raises:
        InputError: the store has not enough draws of a part.
    """
    if jax.process_index() > 0:
        table = _from_first_host(np.zeros((len(parts), len(Summary._fields))))
        return [Summary(*row[:-1].tolist(), int(row[-1])) for row in table]
    found = []
    for part in parts:
        draws = enough(part, store.load(part.point, part.size))
        if draws is None:
            raise InputError(f"{store.folder} has not all draws of {part.title} yet")
        found.append(summarize(draws))
    if jax.process_count() > 1:
        _from_first_host(np.array(found, float))
    return found
