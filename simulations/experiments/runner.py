"""Run the cells of an experiment that are missing, on whatever machine is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from perceptron_theory import ConvergenceError, InputError

from ..perceptron.machine import FAULTS, Machine
from ..perceptron.sweep import shard_of
from .cells import Cell, cells_of
from .configuration import Experiment
from .features import Features
from .learner import Learner, run_cell
from .logistic_head import LogisticHead
from .table import Table
from .teacher_head import TeacherHead

_LEARNERS: dict[str, Callable[[Features, Experiment], Learner]] = {
    "logistic": LogisticHead,
    "max_margin": TeacherHead,
}


@dataclass(frozen=True)
class Source:
    """Where the features of a data set and its test set lie; opened in each process."""

    data: str
    """As on the command line: cifar10:PATH."""
    train_features: str | None = None
    """A .npy file; None takes the pixels."""
    test_features: str | None = None
    split: str = "train"
    test_split: str = "test"

    def open(self) -> Features:
        """Read and check everything.

        Raises:
            InputError: a file that is missing or does not fit the data set.
        """
        from ..vision.data import load
        from ..vision.scoring import pixels_of, read_array

        sets = [load(self.data, split) for split in (self.split, self.test_split)]
        files = (self.train_features, self.test_features)
        if (files[0] is None) != (files[1] is None):
            raise InputError("give features of the training and the test set, or none")
        points = [
            pixels_of(dataset) if file is None else read_array(file)
            for dataset, file in zip(sets, files, strict=True)
        ]
        return Features(*sets, *points)  # type: ignore[arg-type] # checked there


@lru_cache(maxsize=2)
def learner_of(source: Source, experiment: Experiment) -> Learner:
    """The learner of this process, made once."""
    return _LEARNERS[experiment.learner](source.open(), experiment)


def _run(source: Source, experiment: Experiment, cell: Cell) -> dict[str, Any]:
    return run_cell(learner_of(source, experiment), cell)


def run_experiment(
    experiment: Experiment,
    source: Source,
    folder: Path | str,
    *,
    machine: Machine | None = None,
    shard: tuple[int, int] | None = None,
    on_cell: Callable[[Cell | None, int], None] | None = None,
) -> pd.DataFrame:
    """Make the runs that ``folder`` lacks; the same call goes on where it stopped.

    A run that fails for reasons of its machine is tried again; one that goes on failing
    does not stop the others.

    Args:
        experiment: the runs.
        source: of data and features.
        folder: new, empty, or with runs of this experiment.
        machine: where to compute; by default in this process.
        shard: (i, n), i from 1: only each n-th run, for job arrays.
        on_cell: called with None and the number of runs to make, then as each ends with
            the number that is left.

    Returns:
        The table of all runs that have been made; also written as ``results.csv``.

    Raises:
        InputError: the folder is of something else, features that do not fit.
        ConvergenceError: runs that failed; all others are in the folder.
        KeyboardInterrupt: on Ctrl-C; all finished runs are in the folder.
    """
    machine, tell = machine or Machine(), on_cell or (lambda cell, left: None)
    learner = learner_of(source, experiment)
    table = Table(folder, experiment, {"features": learner.features.fingerprint})
    cells = cells_of(experiment)
    missing = [cell for cell in shard_of(cells, shard) if not table.has(cell)]
    tell(None, len(missing))
    failed = _run_all(missing, source, experiment, table, machine, tell)
    rows = table.gather(cells)
    if failed:
        cell, error = failed[0]
        raise ConvergenceError(
            f"{len(failed)} of {len(missing)} runs failed, all others are in "
            f"{table.folder}; the first: {cell.key}: {type(error).__name__}: {error}"
        ) from error
    return rows


def _run_all(
    missing: Sequence[Cell],
    source: Source,
    experiment: Experiment,
    table: Table,
    machine: Machine,
    tell: Callable[[Cell | None, int], None],
) -> list[tuple[Cell, Exception]]:
    waiting = [(cell, 0) for cell in reversed(missing)]
    failed: list[tuple[Cell, Exception]] = []
    running: dict[Future, tuple[Cell, int]] = {}
    with machine.executor(_run) as executor:
        while waiting or running:
            while waiting and len(running) < executor.slots:
                cell, tries = waiting.pop()
                task = {"source": source, "experiment": experiment, "cell": cell}
                running[executor.submit(task)] = (cell, tries)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                cell, tries = running.pop(future)
                error = future.exception()
                if error is None:
                    table.add(cell, future.result())
                elif not isinstance(error, Exception):
                    raise error
                elif _final(error) or tries >= machine.retries:
                    failed.append((cell, error))
                else:
                    waiting.append((cell, tries + 1))
                    continue
                tell(cell, len(waiting) + len(running))
    return failed


def _final(error: BaseException) -> bool:
    """Whether trying again would give the same."""
    return isinstance(error, (ConvergenceError, *FAULTS))
