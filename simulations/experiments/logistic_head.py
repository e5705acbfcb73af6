"""A linear head for the classes of a data set, on features that do not change.

Multinomial logistic regression with a ridge, by scikit-learn's L-BFGS: a convex problem
solved to its end, so that no budget of training is to be chosen.  The ridge is chosen
on validation examples; these, the probe's and the pool's examples are disjoint, and
other ones for each seed.  Scores of files may come of any examples of the data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Int

from perceptron_theory import ConvergenceError, InputError

from ..vision.metrics import el2n
from ..vision.probe import logistic
from .cells import Cell
from .configuration import Experiment
from .cost import Forecast
from .features import Features, can_be_whitened
from .learner import Measured, measured
from .score_set import ScoreSet
from .trials import by_trials

VALIDATION = 0.1  # of the data set
RIDGES = (10.0, 1.0, 0.1, 0.01, 1e-3)  # of sum(loss) + ridge |w|^2 / 2; tried in order
_STEPS = 20_000
# of the gradient of the mean loss: examples that a head separates have little of it
# left long before their head is found (at 1e-5 logits may be off by half)
_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class LogisticHead:
    """A learner; see :class:`.learner.Learner`."""

    features: Features
    experiment: Experiment
    scores: ScoreSet

    def __post_init__(self) -> None:
        probe, total = self.experiment.largest_probe, len(self.features.labels)
        room = total - self._validation - probe
        if max(self.experiment.sizes) > room:
            raise InputError(
                f"{total} examples, {self._validation} of them for validation and "
                f"{probe} for the probe, leave {room}: sizes go up to "
                f"{max(self.experiment.sizes)}"
            )

    @property
    def fingerprints(self) -> dict[str, str]:
        # the pool begins behind the largest probe
        probe = str(self.experiment.largest_probe)
        found = {
            "features": self.features.fingerprint,
            "largest_probe": probe,
            "tolerance": f"{_TOLERANCE:g}",
        }
        if can_be_whitened(self.features.train_points):
            return found
        return found | {"conditioning": "one scale"}  # once whitened, too

    @property
    def classes(self) -> int:
        return len(self.features.dataset.class_names)

    def scores_digest(self, metric: str) -> str:
        return self.scores.digest(metric)

    def forecast(self, cells: Sequence[Cell]) -> Forecast:
        return by_trials(self, cells)

    @property
    def _validation(self) -> int:
        return round(VALIDATION * len(self.features.labels))

    # of the order of a seed: validation first, then the probe's, then the pool
    def pool(self, size: int, seed: int) -> Int[np.ndarray, " n"]:
        start = self._validation + self.experiment.largest_probe
        return self.features.order(seed)[start : start + size]

    def labels(self, rows: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        return self.features.labels[rows]

    def difficulty(
        self, metric: str, rows: Int[np.ndarray, " n"], seed: int
    ) -> Float[np.ndarray, " n"]:
        if metric in self.experiment.score_files:
            return self.scores.of(metric, rows)
        probe = self._probe(metric, seed)
        logits = self.features.conditioned[0][rows] @ probe[:-1] + probe[-1]
        return el2n(logits, self.labels(rows), n_classes=self.classes)

    @lru_cache(maxsize=64)  # noqa: B019 # a learner lives as long as its process
    def _probe(self, metric: str, seed: int) -> Float[np.ndarray, "d1 C"]:
        count = int(self.experiment.metric_value(metric))
        first = self._validation
        rows = self.features.order(seed)[first : first + count]
        return self._best(rows, seed)[0]

    def train(self, rows: Int[np.ndarray, " n"], cell: Cell) -> Measured:
        weights, ridge, steps = self._best(rows, cell.seed)
        points = self.features.conditioned[1]
        labels = self.features.test.labels
        size = len(rows) * weights.size
        return measured(
            wrong_answers(weights, points, labels),
            labels,
            self.classes,
            steps=steps,
            presentations=len(rows) * steps,
            flops=4.0 * size * steps,
            dimensions=len(weights) - 1,
            setting=ridge,
        )

    def _best(
        self, rows: Int[np.ndarray, " n"], seed: int
    ) -> tuple[Float[np.ndarray, "d1 C"], float, int]:
        """Weights (the last row: offsets) of the ridge with the least error."""
        held = self.features.order(seed)[: self._validation]
        points, labels = self.features.conditioned[0], self.features.labels
        found, steps = [], 0
        for ridge in RIDGES:
            weights, taken = fitted(points[rows], labels[rows], self.classes, ridge)
            steps += taken
            error = wrong_answers(weights, points[held], labels[held]).mean()
            found.append((error, weights, ridge))
        _, weights, ridge = min(found, key=lambda one: one[0])  # the first of equals
        return weights, ridge, steps


def fitted(
    points: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    classes: int,
    ridge: float,
) -> tuple[Float[np.ndarray, "d1 C"], int]:
    """Weights and offsets of the head, and steps taken.

    Classes without examples have weights 0 and an offset that never wins.

    Raises:
        ConvergenceError: it did not settle.
    """
    weights = np.zeros((points.shape[1] + 1, classes))
    weights[-1] = -1e6
    present = np.unique(labels)
    if len(present) == 1:
        weights[-1, present] = 0.0
        return weights, 0
    model, converged = logistic(
        points, labels, 1 / ridge, passes=_STEPS, tolerance=_TOLERANCE
    )
    taken = int(np.max(model.n_iter_))
    if not converged:
        raise ConvergenceError(
            f"logistic regression on {len(labels)} examples with ridge {ridge} did not "
            f"settle in {_STEPS} steps"
        )
    if len(present) == 2:  # one score decides
        weights[-1, present] = 0.0
        weights[:-1, present[1]] = model.coef_[0]
        weights[-1, present[1]] = np.ravel(model.intercept_)[0]
    else:
        weights[:-1, present] = model.coef_.T
        weights[-1, present] = model.intercept_
    return weights, taken


def wrong_answers(
    weights: Float[np.ndarray, "d1 C"],
    points: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
) -> Bool[np.ndarray, " n"]:
    """Which points a head of :func:`fitted` puts into another class than theirs."""
    return (points @ weights[:-1] + weights[-1]).argmax(1) != labels
