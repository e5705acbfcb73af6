"""The cost of an experiment, measured by training on small sets before it starts."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from perceptron_theory.numerics.cpu_threads import one_blas_thread

from .cells import NO_METRIC, Cell
from .cost import Forecast
from .learner import Learner

_TRIALS = (200, 2000)  # examples


def by_trials(learner: Learner, cells: Sequence[Cell]) -> Forecast:
    """Train on two small sets without pruning, and draw a straight line through both.

    Args:
        learner: The learner that trains them.
        cells: The cells of the experiment.
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
