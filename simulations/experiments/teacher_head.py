r"""The theory's own student on real inputs: labels by a linear teacher, max margin.

The inputs are the whitened features x of a data set, d of them, so that the theory's
alpha is examples over d.  Whitening gives them the mean and covariance of the theory's
Gaussian inputs, and leaves what is not Gaussian.  The teacher T is the least-squares
direction that tells the ``positive`` classes from the others, T ~ E[x s]; labels are
sign(T.x), so that the task can be learned without error, as in the theory.  The probe
is cos(theta) T + sin(theta) v with a random direction v that is orthogonal to T, and an
example is hard if |P.x| is small (Sorscher et al. 2022, section 3).

The student is tested on the test set and on all training examples outside of its pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from perceptron_theory import ConvergenceError, InputError

from ..perceptron import max_margin
from ..perceptron.students.hard_margin import Status
from .cells import Cell
from .configuration import Experiment
from .cost import Forecast
from .features import Features
from .learner import Measured, measured
from .trials import by_trials

# of the margin: the direction is then right to 1.4e-4 rad, and the error to 5e-5.  With
# a hundred examples a dimension rounding stops some students before 1e-10
TOLERANCE = 1e-8


@dataclass(frozen=True, eq=False)
class TeacherHead:
    """A learner; see :class:`.learner.Learner`."""

    features: Features
    experiment: Experiment

    def __post_init__(self) -> None:
        names = self.features.dataset.class_names
        unknown = [one for one in self.experiment.positive if one not in names]
        if unknown:
            raise InputError(
                f"{unknown[0]!r} is not a class of "
                f"{self.features.dataset.name}: they are "
                f"{', '.join(names)}"
            )
        if max(self.experiment.sizes) > len(self.features.labels):
            raise InputError(
                f"sizes go up to {max(self.experiment.sizes)}, the data set has "
                f"{len(self.features.labels)} examples"
            )

    @property
    def fingerprints(self) -> dict[str, str]:
        return {"features": self.features.fingerprint}

    @property
    def classes(self) -> int:
        return 2

    def scores_digest(self, metric: str) -> str:
        return ""

    def forecast(self, cells: Sequence[Cell]) -> Forecast:
        return by_trials(self, cells)

    @cached_property
    def teacher(self) -> Float[np.ndarray, " d"]:
        """T, of unit length."""
        names = self.features.dataset.class_names
        chosen = [names.index(one) for one in self.experiment.positive]
        sides = np.where(np.isin(self.features.labels, chosen), 1.0, -1.0)
        direction = self.features.whitened[0].T @ (sides - sides.mean())
        return direction / np.linalg.norm(direction)

    def probe(self, theta: float, seed: int) -> Float[np.ndarray, " d"]:
        """At angle ``theta`` (radians) from the teacher, in a random direction."""
        noise = np.random.default_rng([seed, 1]).normal(size=len(self.teacher))
        noise -= noise @ self.teacher * self.teacher
        noise /= np.linalg.norm(noise)
        return np.cos(theta) * self.teacher + np.sin(theta) * noise

    def pool(self, size: int, seed: int) -> Int[np.ndarray, " n"]:
        return self.features.order(seed)[:size]

    def labels(self, rows: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        return self.side(self.features.whitened[0][rows])

    def side(self, points: Float[np.ndarray, "n d"]) -> Int[np.ndarray, " n"]:
        """The labels that the teacher gives points: 1 on the positive side."""
        return (points @ self.teacher > 0).astype(np.int64)

    def difficulty(
        self, metric: str, rows: Int[np.ndarray, " n"], seed: int
    ) -> Float[np.ndarray, " n"]:
        return -self.margins(self.features.whitened[0][rows], metric, seed)

    def margins(
        self, points: Float[np.ndarray, "n d"], metric: str, seed: int
    ) -> Float[np.ndarray, " n"]:
        """|P.x| of points, by the probe of a metric."""
        theta = np.deg2rad(self.experiment.metric_value(metric))
        return np.abs(points @ self.probe(theta, seed))

    def fresh(self, cell: Cell) -> Float[np.ndarray, "T d"]:
        """Inputs that the cell does not train on: the test set, and all outside."""
        train, test = self.features.whitened
        outside = self.features.order(cell.seed)[cell.size :]
        return np.concatenate([test, train[outside]])

    def train(self, rows: Int[np.ndarray, " n"], cell: Cell) -> Measured:
        train, _ = self.features.whitened
        examples = signed(train[rows], self.teacher)
        # a power of two of examples, some of them twice: few programs, one student
        count = 2 ** int(np.ceil(np.log2(len(rows))))
        stretched = np.resize(examples, (count, examples.shape[1]))
        student = max_margin(stretched, tolerance=TOLERANCE, compiled=True)
        if int(student.status) != Status.CONVERGED:
            status = Status(int(student.status)).name
            raise ConvergenceError(
                f"the student of {len(rows)} examples ended with {status}"
            )
        fresh = self.fresh(cell)
        wrong = signed(fresh, self.teacher) @ np.asarray(student.weights) <= 0
        d, steps = examples.shape[1], int(student.iterations)
        return measured(
            wrong,
            self.side(fresh),
            self.classes,
            steps=steps,
            presentations=len(rows) * steps,
            flops=2.0 * len(rows) * d * d * steps,
            dimensions=d,
            setting=0.0,
        )


def signed(points, teacher) -> Float[np.ndarray, "n d"]:
    """Points times the labels that the teacher gives them."""
    return points * np.where(points @ teacher > 0, 1.0, -1.0)[:, None]
