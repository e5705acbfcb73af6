"""EL2N of a pool by networks that are trained on this pool, for a part of its budget.

What a user has who prunes the data that are there: no example outside of the pool, and
no more training than that (Paul et al. 2021, arXiv 2107.07075, who score early in
training).  Networks that are scored by are never those that are tested.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from ..files import write_npy
from ..vision.data.array_files import read_array
from ..vision.data.encoded import DataSet
from ..vision.data.parts import part_of
from ..vision.metrics.error_norm import el2n
from ..vision.training import Plan
from ..vision.training.evaluation import all_logits
from .network_run import trained

SCORERS = 4
"""Networks whose scores are averaged."""
_APART = 1000  # seeds between those of the students and those of the scorers


@dataclass(frozen=True, eq=False)
class PoolScores:
    """Scores of pools, each computed once."""

    dataset: DataSet
    plan: Callable[[Int[np.ndarray, " n"], int, float], Plan]
    """A training on rows, of a seed, for a share of the budget."""
    folder: Path | None = None
    """Where scores are kept for other processes and later calls; None for nowhere."""
    _known: dict[str, Float[np.ndarray, " n"]] = field(default_factory=dict)

    def of(
        self, rows: Int[np.ndarray, " n"], seed: int, share: float
    ) -> Float[np.ndarray, " n"]:
        """Mean EL2N of each example, high = hard.

        Args:
            rows: of the pool, a function of their number and the seed.
            seed: of the pool.
            share: of the budget of a student of the whole pool.

        Raises:
            ConvergenceError: a scorer diverged.
        """
        name = f"el2n{share:g}-{len(rows)}-{seed}.npy"
        if name not in self._known:
            path = None if self.folder is None else self.folder / name
            if path is not None and path.is_file():
                found = np.asarray(read_array(path))
            else:
                found = self._computed(rows, seed, share)
                if path is not None:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    write_npy(path, found)
            self._known[name] = found
        return self._known[name]

    def _computed(
        self, rows: Int[np.ndarray, " n"], seed: int, share: float
    ) -> Float[np.ndarray, " n"]:
        pool = part_of(self.dataset, rows, f"{self.dataset.name} (a pool)")
        logits = []
        for scorer in range(SCORERS):
            own = _APART * (1 + seed) + scorer
            plan = replace(self.plan(rows, own, share), test=pool)
            assert plan.testing is not None
            logits.append(all_logits(plan.testing, trained(plan, None), len(pool)))
        classes = len(self.dataset.class_names)
        return el2n(np.stack(logits), pool.labels, n_classes=classes)
