"""What a cell does: find the pool, rank it, train on what is kept, and measure."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from perceptron_theory import Window
from perceptron_theory.numerics.cpu_threads import one_blas_thread

from ..vision.selection import select
from .answers import packed
from .cells import NO_METRIC, Cell
from .class_counts import written, wrong_by_class
from .configuration import BALANCED
from .cost import Forecast

BALANCE = 0.5  # of an equal share, that every class keeps


@dataclass(frozen=True)
class Measured:
    """What became of a training run."""

    error: float
    """Share of wrong answers on examples that were never trained on."""
    tested: int
    """Their number."""
    tested_by_class: str
    wrong_by_class: str
    steps: int
    """Steps of the optimiser, in all trainings of the run."""
    presentations: int
    """Examples seen in these steps, each time counted."""
    flops: float
    """Floating-point operations of the training, counted from shapes; an estimate."""
    dimensions: int
    """Directions in which the features vary; the parameters of a network."""
    setting: float
    """What was chosen on validation examples, such as a ridge; 0 if nothing was."""
    wrong_examples: str = ""
    """Which test examples were answered wrong, see :mod:`.answers`."""
    information: float | None = None
    """What another kept example would tell, in nats; of "gibbs" only, others have no
    such column."""

    @property
    def standard_error(self) -> float:
        """The error's standard error from the number of tests alone (binomial)."""
        return float(np.sqrt(self.error * (1 - self.error) / self.tested))


def measured(
    wrong: Bool[np.ndarray, " T"],
    labels: Int[np.ndarray, " T"],
    classes: int,
    **cost: Any,
) -> Measured:
    """What answers to test examples amount to, and what the training cost."""
    counts = wrong_by_class(wrong, labels, classes)
    counts["wrong_examples"] = packed(wrong)
    return Measured(float(wrong.mean()), len(wrong), **counts, **cost)


def strategy_rule(strategy: str, keep_fraction: float) -> Any:
    """What :func:`..vision.selection.select` takes for a strategy of an experiment."""
    side = strategy.removesuffix(BALANCED)
    return Window((1 - keep_fraction) / 2) if side == "middle" else side


@runtime_checkable
class Learner(Protocol):
    """Trains on rows of a data set."""

    @property
    def fingerprints(self) -> dict[str, str]:
        """Digests of everything that decides what comes of a cell, but for scores."""
        ...

    def forecast(self, cells: Sequence[Cell]) -> Forecast:
        """What the cells will cost on this machine."""
        ...

    def pool(self, size: int, seed: int) -> Int[np.ndarray, " n"]:
        """Rows before pruning; those of a smaller pool are among those of a larger."""
        ...

    def difficulty(
        self, metric: str, rows: Int[np.ndarray, " n"], seed: int
    ) -> Float[np.ndarray, " n"]:
        """High = hard."""
        ...

    def scores_digest(self, metric: str) -> str:
        """The digest of the score file of a metric; empty for one that has none."""
        ...

    def train(self, rows: Int[np.ndarray, " n"], cell: Cell) -> Measured:
        """Train on these rows of the cell's pool, and test."""
        ...

    def labels(self, rows: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        """Classes, as the learner sees them."""
        ...

    @property
    def classes(self) -> int:
        """Their number."""
        ...


def kept_rows(learner: Learner, cell: Cell) -> Int[np.ndarray, " n"]:
    """The rows that a cell trains on.

    Raises:
        InputError: what the selection refuses.
    """
    pool = learner.pool(cell.size, cell.seed)
    if cell.strategy == "unpruned":
        return pool
    scores = np.zeros(len(pool))
    if cell.metric != NO_METRIC:
        scores = learner.difficulty(cell.metric, pool, cell.seed)
    balanced = cell.strategy.endswith(BALANCED)
    chosen = select(
        scores,
        cell.keep_fraction,
        seed=cell.seed,
        rule=strategy_rule(cell.strategy, cell.keep_fraction),
        labels=learner.labels(pool) if balanced else None,
        class_floor=BALANCE if balanced else 0.0,
        allow_empty_classes=True,
    )
    return pool[chosen.indices]


def run_cell(learner: Learner, cell: Cell, *, answers: bool = False) -> dict[str, Any]:
    """One row of the table.

    Args:
        learner: What is trained.
        cell: The run.
        answers: Whether the row says which test examples were wrong.

    Raises:
        InputError, ConvergenceError: as the learner.
    """
    started = time.perf_counter()
    rows = kept_rows(learner, cell)
    with one_blas_thread():  # small matrices: more threads wait for each other
        found = learner.train(rows, cell)
    counts = np.bincount(learner.labels(rows), minlength=learner.classes)
    present = counts[counts > 0]
    columns = {name: one for name, one in asdict(found).items() if one is not None}
    if not answers:
        del columns["wrong_examples"]
    return {
        **cell.as_dict(),
        **columns,
        "standard_error": found.standard_error,
        "classes_kept": len(present),
        "smallest_class": int(present.min()),
        "largest_class": int(present.max()),
        "kept_by_class": written(counts),
        "scores": learner.scores_digest(cell.metric),
        "seconds": time.perf_counter() - started,
    }
