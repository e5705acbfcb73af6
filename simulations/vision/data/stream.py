"""Batches of a data set too large for memory: decoded in processes, resumable.

Everything about a batch is a function of (seed, epoch, step): neither the number of
worker processes nor that of hosts changes it.  So the place in an epoch is one number,
and going on there needs no state of the workers, which ``grain`` runs.

Processes start anew and import the script: it needs ``if __name__ == "__main__":``.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Int, UInt8

from perceptron_theory import InputError

from .. import inputs
from ..optional import require
from .decode import RandomCrop, View, decode_rgb
from .encoded import EncodedImages, Reader, rows_of
from .order import PADDING, evaluation_batches, rng, training_batches, training_steps


@dataclass(frozen=True)
class Batch:
    """Images as the network sees them, before normalisation."""

    images: UInt8[np.ndarray, "B size size 3"]
    labels: Int[np.ndarray, " B"]
    rows: Int[np.ndarray, " B"]
    """The row of each example in the data set; negative is padding."""
    mask: Bool[np.ndarray, " B"]
    """False for padding and corrupt images: they are black and must not count."""


@dataclass(frozen=True)
class Stream:
    """How a data set is served; :meth:`epoch` and :meth:`resume` serve it.

    Raises:
        InputError: a size below one, a batch that the hosts do not share evenly, ids of
            another data set.
    """

    data: EncodedImages
    batch_size: int
    """Examples a batch on all hosts together."""
    view: View
    seed: int | None = None
    """With a seed, an epoch is a permutation and its last partial batch left out.
    Without one, every example comes once, in order, the last batch padded."""
    ids: Sequence[str] | None = None
    """The ids of a subset, such as the kept part; None for all."""
    host: int = 0
    """``jax.process_index()``: which part of every batch is served."""
    hosts: int = 1
    """``jax.process_count()``."""
    workers: int = 0
    """Processes that decode; 0 decodes in this one."""
    max_corrupt: int = 0
    """So many different corrupt images are masked rather than refused, on each host."""

    def __post_init__(self) -> None:
        inputs.positive_integer("batch_size", self.batch_size)
        inputs.positive_integer("hosts", self.hosts)
        if self.batch_size % self.hosts or not 0 <= self.host < self.hosts:
            raise InputError(
                f"batch_size {self.batch_size} for host {self.host} of {self.hosts}: "
                "hosts count from 0, and their number must divide the batch"
            )
        if self.workers < 0 or self.max_corrupt < 0:
            raise InputError(
                f"workers ({self.workers}) and max_corrupt ({self.max_corrupt}) must "
                "be 0 or more"
            )
        if self.seed is None and isinstance(self.view, RandomCrop):
            raise InputError(
                "random crops need a seed; evaluation without one takes a CenterCrop"
            )
        require("PIL", "decoding images")
        require("grain", "streaming images")
        _ = len(self), rng(self.seed or 0)  # refuse what cannot be

    def __len__(self) -> int:
        """Batches of an epoch."""
        if self.seed is None:
            return len(evaluation_batches(len(self._chosen), self.batch_size))
        return training_steps(len(self._chosen), self.batch_size)

    def epoch(self, epoch: int = 0) -> Epoch:
        """The batches of one epoch, from the first on."""
        return Epoch(self, epoch, 0, ())

    def resume(self, state: Mapping[str, Any]) -> Epoch:
        """The rest of the epoch that :meth:`Epoch.state` was taken of, bit for bit.

        The number of workers and hosts may be another.

        Raises:
            InputError: it is of another data set, subset, view, seed or batch size.
        """
        for name, ours in self.signature.items():
            theirs = state.get(name) if isinstance(state, Mapping) else None
            if theirs != ours:
                raise InputError(
                    f"the state to resume from has {name} {theirs!r}, this stream "
                    f"{ours!r}: resume with what was begun with"
                )
        try:
            epoch, step = int(state["epoch"]), int(state["step"])
            corrupt = tuple(int(row) for row in state["corrupt"])
            if not 0 <= step <= len(self) or not set(corrupt) <= set(
                range(len(self.data))
            ):
                raise ValueError
        except (KeyError, TypeError, ValueError):
            raise InputError(
                f"the state to resume from is damaged: {dict(state)}"
            ) from None
        return Epoch(self, epoch, step, corrupt)

    @cached_property
    def signature(self) -> dict[str, Any]:
        """What a state must share with a stream to be resumed, as values of JSON."""
        chosen = hashlib.sha256(self._chosen.astype("<i8").tobytes()).hexdigest()
        return {
            "fingerprint": self.data.fingerprint,
            "subset": chosen,
            "view": repr(self.view),
            "seed": self.seed,
            "batch_size": self.batch_size,
        }

    @cached_property
    def _chosen(self) -> Int[np.ndarray, " n"]:
        if self.ids is None:
            return np.arange(len(self.data))
        return rows_of(self.data, self.ids)

    def _batches(self, epoch: int) -> Int[np.ndarray, "steps B"]:
        """Rows of the batches of all hosts."""
        count = len(self._chosen)
        if self.seed is None:
            places = evaluation_batches(count, self.batch_size)
        else:
            places = training_batches(
                count, self.batch_size, seed=self.seed, epoch=epoch
            )
        return np.where(places == PADDING, PADDING, self._chosen[places])

    def _work(self, epoch: int) -> _Work:
        share = self.batch_size // self.hosts
        mine = slice(self.host * share, (self.host + 1) * share)
        rows = self._batches(epoch)
        positions = np.arange(rows.size).reshape(rows.shape)
        return _Work(
            self.data.reader,
            self.data.labels.astype(np.int32),
            rows[:, mine],
            positions[:, mine],
            self.view,
            self.seed or 0,
            epoch,
        )


class Epoch(Iterator[Batch]):
    """Batches that are left of an epoch; close it, or exhaust it, to end its processes.

    ``next`` raises InputError when there are more corrupt images than allowed.
    """

    corrupt: dict[str, str]
    """Ids of the corrupt images so far, and what is wrong with each."""

    def __init__(
        self, stream: Stream, epoch: int, step: int, corrupt: Sequence[int]
    ) -> None:
        import grain
        from absl import flags

        if not flags.FLAGS.is_parsed():  # grain reads some, and we have no absl main
            flags.FLAGS.mark_as_parsed()
        self._stream, self._epoch, self._step = stream, epoch, step
        self._corrupt_rows: dict[int, None] = {}
        self.corrupt = {}
        for row in corrupt:
            self._note(row)
        steps = grain.MapDataset.range(step, len(stream))
        # Whole batches are made in the workers.  They come by a pipe: of what is no
        # array, grain puts nothing in shared memory, of which containers have 64 MB.
        threads = grain.ReadOptions(num_threads=0, prefetch_buffer_size=0)
        batches = steps.map(stream._work(epoch)).to_iter_dataset(threads)
        workers = min(stream.workers, max(len(steps), 1))
        if workers:
            options = grain.MultiprocessingOptions(num_workers=workers)
            batches = batches.mp_prefetch(options)
        self._batches = iter(batches)

    def __next__(self) -> Batch:
        batch = next(self._batches, None) if self._batches is not None else None
        if batch is None:
            self.close()
            raise StopIteration
        self._step += 1
        for row in batch.rows[(batch.rows != PADDING) & ~batch.mask]:
            self._note(int(row))
        allowed = self._stream.max_corrupt
        if len(self.corrupt) > allowed:
            self.close()
            first = next(iter(self.corrupt.values()))
            raise InputError(
                f"{len(self.corrupt)} corrupt images and {allowed} allowed "
                f"(max_corrupt); the first: {first}"
            )
        return batch

    def __enter__(self) -> Epoch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes; what they had decoded ahead is lost."""
        if self._batches is not None:
            self._batches.close()
            self._batches = None
            if self._stream.workers:
                gc.collect()  # cycles of grain, noisy when the program's end finds them

    def state(self) -> dict[str, Any]:
        """Where the epoch is, after the batches handed out so far: values of JSON."""
        return self._stream.signature | {
            "epoch": self._epoch,
            "step": self._step,
            "corrupt": list(self._corrupt_rows),
        }

    def _note(self, row: int) -> None:
        """Find out what is wrong with a corrupt image: workers only say that it is."""
        if row in self._corrupt_rows:
            return
        self._corrupt_rows[row] = None
        data = self._stream.data
        where = data.where(row)
        try:
            decode_rgb(data.reader.read(row), where)
            self.corrupt[data.ids[row]] = f"{where} could not be read for a while"
        except InputError as error:
            self.corrupt[data.ids[row]] = str(error)


@dataclass(frozen=True)
class _Work:
    """What a worker is sent: it makes batches of it by their step."""

    reader: Reader
    labels: Int[np.ndarray, " P"]
    rows: Int[np.ndarray, "steps B"]
    positions: Int[np.ndarray, "steps B"]
    """In the epoch: each has random numbers of its own."""
    view: View
    seed: int
    epoch: int

    def __call__(self, step: int) -> Batch:
        rows = self.rows[step]
        size = self.view.size
        images = np.zeros((len(rows), size, size, 3), np.uint8)
        mask = rows != PADDING
        labels = np.where(mask, self.labels[rows], 0).astype(np.int32)
        for i in np.flatnonzero(mask):
            random = rng(self.seed, self.epoch, int(self.positions[step, i]))
            try:
                image = decode_rgb(self.reader.read(int(rows[i])), "")
            except InputError:
                mask[i] = False
            else:
                images[i] = self.view(image, random)
        return Batch(images, labels, rows, mask)
