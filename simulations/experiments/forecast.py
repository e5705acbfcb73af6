"""What an experiment will cost, before it starts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..perceptron.hardware.cpu_threads import one_blas_thread
from .cells import NO_METRIC, Cell

if TYPE_CHECKING:
    from .learner import Learner

_TRIALS = (200, 2000)  # examples


@dataclass(frozen=True)
class Forecast:
    """Of all runs together; estimates."""

    presentations: float
    """Examples seen in training, each time counted."""
    flops: float
    """Floating-point operations of the training."""
    seconds: float
    """On this machine, one run after another."""

    def says(self, slots: int = 1) -> str:
        """For a person; ``slots`` runs go on at once."""
        return (
            f"{self.presentations:.2g} presentations, {self.flops:.2g} FLOPs, about "
            f"{_duration(self.seconds / slots)}"
        )


def by_trials(learner: Learner, cells: Sequence[Cell]) -> Forecast:
    """By training on two small sets without pruning, and a straight line through them.

    Args:
        learner: trains them.
        cells: of the experiment.
    """
    largest = max(cell.size for cell in cells)
    found = []
    for size in sorted({min(one, largest) for one in _TRIALS}):
        trial = Cell(size, 1.0, "unpruned", NO_METRIC, cells[0].seed)
        rows = learner.pool(size, trial.seed)
        with one_blas_thread():
            learner.train(rows, trial)  # compiles what is to be compiled
            started = time.perf_counter()
            cost = learner.train(rows, trial)
            seconds = time.perf_counter() - started
        found.append((size, cost.presentations, cost.flops, seconds))
    sizes, *costs = np.array(found).T
    kept = np.array([cell.kept for cell in cells])
    totals = []
    for each in costs:
        slope = max((each[-1] - each[0]) / max(sizes[-1] - sizes[0], 1), 0.0)
        totals.append(float((each[0] + slope * (kept - sizes[0])).clip(0).sum()))
    return Forecast(*totals)


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
