"""Run the cells of an experiment that are missing, on whatever machine is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Any

import pandas as pd

from perceptron_theory import ConvergenceError
from perceptron_theory.numerics.precision import own_settings
from perceptron_theory.paths import expanded
from perceptron_theory.wording import some_of

from ..perceptron.running.machine import FAULTS, Machine
from ..perceptron.running.sweep import shard_of
from .cells import Cell, cells_of
from .configuration import Experiment
from .cost import Forecast
from .learner import Learner, run_cell
from .sources import Source, learner_of
from .table import Table


def _run(
    source: Source, experiment: Experiment, partial: Path, cell: Cell
) -> dict[str, Any]:
    learner = learner_of(source, experiment, partial)
    return run_cell(learner, cell, answers=experiment.answers)


@own_settings()
def forecast(
    experiment: Experiment,
    source: Source,
    folder: Path | str,
    shard: tuple[int, int] | None = None,
) -> tuple[int, Forecast | None]:
    """The number of runs that ``folder`` lacks, and what they will cost here.

    Small trials are timed; nothing is written.

    Raises:
        InputError: as :func:`run_experiment`.
    """
    learner, table = _opened(experiment, source, folder)
    cells = shard_of(cells_of(experiment), shard)
    missing = [cell for cell in cells if not table.has(cell)]
    return len(missing), learner.forecast(missing) if missing else None


@own_settings()
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
    _, table = _opened(experiment, source, folder)
    table.create()
    cells = cells_of(experiment)
    missing = [cell for cell in shard_of(cells, shard) if not table.has(cell)]
    tell(None, len(missing))
    same = {"source": source, "experiment": experiment, "partial": _partial(folder)}
    failed = _run_all(missing, same, table, machine, tell)
    rows = table.gather(cells)
    if failed:
        cell, error = failed[0]
        raise ConvergenceError(
            f"{some_of(len(failed), len(missing), 'run')} failed, all others are in "
            f"{table.folder}; the first: {cell.key}: {type(error).__name__}: {error}"
        ) from error
    return rows


def _partial(folder: Path | str) -> Path:
    """Where the checkpoints of long runs are."""
    return expanded(folder).absolute() / "partial"


def _opened(
    experiment: Experiment, source: Source, folder: Path | str
) -> tuple[Learner, Table]:
    learner = learner_of(source, experiment, _partial(folder))
    digests = {name: learner.scores_digest(name) for name in experiment.score_files}
    data = source.data if isinstance(source.data, str) else ""
    name = data.partition(":")[0]
    return learner, Table(folder, experiment, learner.fingerprints, digests, name)


def _run_all(
    missing: Sequence[Cell],
    same: dict[str, Any],
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
                running[executor.submit(same | {"cell": cell})] = (cell, tries)
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
