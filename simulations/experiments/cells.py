"""The runs of an experiment: each is one row of its table, and needs no other."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from perceptron_theory import InputError

from .configuration import Experiment

NO_METRIC = "none"


@dataclass(frozen=True)
class Cell:
    """One training run."""

    size: int
    """Examples before pruning."""
    keep_fraction: float
    strategy: str
    """hard, easy, random or unpruned."""
    metric: str
    """NO_METRIC where none decides: random, unpruned."""
    seed: int

    @property
    def kept(self) -> int:
        """Examples after pruning."""
        return round(self.keep_fraction * self.size)

    @property
    def key(self) -> str:
        """Its name as a file."""
        metric = self.metric.replace(":", "")
        f = f"{self.keep_fraction:g}"
        return f"{self.size}-{f}-{self.strategy}-{metric}-{self.seed}"

    def as_dict(self) -> dict[str, Any]:
        """The columns that say which cell a row is of."""
        return asdict(self) | {"kept": self.kept}


def cells_of(experiment: Experiment) -> list[Cell]:
    """Every run, the quick ones first; random pruning and no pruning among them.

    Raises:
        InputError: two runs would have one file.
    """
    found: list[Cell] = []
    for seed in range(experiment.seeds):
        for size in experiment.sizes:
            found.append(Cell(size, 1.0, "unpruned", NO_METRIC, seed))
            for f in experiment.keep_fractions:
                found.append(Cell(size, f, "random", NO_METRIC, seed))
                found += [
                    Cell(size, f, strategy, metric, seed)
                    for metric in experiment.metrics
                    for strategy in experiment.strategies
                ]
    counts = Counter(cell.key for cell in found)
    for key in counts:
        if counts[key] > 1:
            raise InputError(
                f"two runs would be called {key}: give metrics and keep_fractions that "
                "differ by more"
            )
    return sorted(found, key=lambda cell: (cell.kept, cell.seed))
