"""What a cell does: find the pool, rank it, train on what is kept, and measure."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float, Int

from ..perceptron.cpu_threads import one_blas_thread
from ..vision.selection import select
from .cells import NO_METRIC, Cell
from .features import Features


@dataclass(frozen=True)
class Measured:
    """What became of a training run."""

    error: float
    """Share of wrong answers on examples that were never trained on."""
    tested: int
    """Their number."""
    steps: int
    """Of the optimiser, in all trainings of the run."""
    flops: float
    """Floating-point operations of the training, counted from shapes; an estimate."""
    dimensions: int
    """Of the features, those in which they vary."""
    setting: float
    """What was chosen on validation examples, such as a ridge; 0 if nothing was."""

    @property
    def standard_error(self) -> float:
        """Of the error, by the number of tested examples alone (binomial)."""
        return float(np.sqrt(self.error * (1 - self.error) / self.tested))


class Learner(Protocol):
    """Trains on rows of a data set."""

    @property
    def features(self) -> Features:
        """Of the data set and its test set."""
        ...

    def pool(self, size: int, seed: int) -> Int[np.ndarray, " n"]:
        """Rows before pruning; those of a smaller pool are among those of a larger."""
        ...

    def difficulty(
        self, metric: str, rows: Int[np.ndarray, " n"], seed: int
    ) -> Float[np.ndarray, " n"]:
        """High = hard."""
        ...

    def train(self, rows: Int[np.ndarray, " n"], cell: Cell) -> Measured:
        """Train on these rows of the cell's pool, and test."""
        ...

    def labels(self, rows: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        """Classes, as the learner sees them."""
        ...


def run_cell(learner: Learner, cell: Cell) -> dict[str, Any]:
    """One row of the table.

    Raises:
        InputError, ConvergenceError: as the learner.
    """
    started = time.perf_counter()
    pool = learner.pool(cell.size, cell.seed)
    rows = pool
    if cell.strategy != "unpruned":
        scores = np.zeros(len(pool))
        if cell.metric != NO_METRIC:
            scores = learner.difficulty(cell.metric, pool, cell.seed)
        chosen = select(
            scores,
            cell.keep_fraction,
            seed=cell.seed,
            rule=cell.strategy,
            allow_empty_classes=True,
        )
        rows = pool[chosen.indices]
    with one_blas_thread():  # small matrices: more threads wait for each other
        measured = learner.train(rows, cell)
    counts = np.unique(learner.labels(rows), return_counts=True)[1]
    return {
        **cell.as_dict(),
        **asdict(measured),
        "standard_error": measured.standard_error,
        "classes_kept": len(counts),
        "smallest_class": int(counts.min()),
        "largest_class": int(counts.max()),
        "seconds": time.perf_counter() - started,
    }
