r"""What another example tells: Gibbs students of the kept examples, on real inputs.

Inputs, teacher, probe and labels are those of :mod:`.teacher_head`.  Students J are
drawn uniformly from the version space, those that make no mistake on the kept examples.
A further example x with label y, of the same rule and cutoff, leaves the part
p = P(y x.J > 0) of this space, and so tells -ln p; its mean over fresh examples is the
gain I = -dS/dalpha_prune at fixed f of the theory.

With k of n students right, psi(n + 1) - psi(k + 1) is the mean of -ln p over the
posterior of p, so that no example is taken to be impossible because few students are
looked at.
"""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
from jaxtyping import Float, Int
from scipy.special import digamma

from perceptron_theory import ConvergenceError

from ..perceptron.students.version_space import SampleStatus, sample
from .cells import NO_METRIC, Cell
from .learner import Measured, measured
from .teacher_head import TeacherHead, signed

CHAINS, STUDENTS = 4, 100  # of each chain


class GibbsHead(TeacherHead):
    """A learner; see :class:`.learner.Learner`.  The error is that of a vote."""

    def train(self, rows: Int[np.ndarray, " n"], cell: Cell) -> Measured:
        train, _ = self.features.whitened
        examples = signed(train[rows], self.teacher)
        space = sample(
            examples,
            jax.random.fold_in(jax.random.key(cell.seed), len(rows)),
            n_samples=STUDENTS,
            chains=CHAINS,
        )
        if int(space.status) != SampleStatus.SAMPLED:
            status = SampleStatus(int(space.status)).name
            raise ConvergenceError(
                f"the students of {len(rows)} examples ended with {status}"
            )
        students = space.samples.reshape(CHAINS * STUDENTS, -1)
        fresh = self.fresh(cell)
        right = (signed(fresh, self.teacher) @ students.T > 0).sum(1)
        bounces, d = int(space.bounces.sum()), examples.shape[1]
        found = measured(
            right * 2 <= len(students),
            self.side(fresh),
            self.classes,
            steps=bounces,
            presentations=len(rows) * bounces,
            flops=4.0 * len(rows) * bounces,
            dimensions=d,
            setting=0.0,
        )
        like = self._like_the_kept(fresh, rows, cell)
        told = digamma(len(students) + 1) - digamma(right[like] + 1)
        return replace(found, information=float(told.mean()))

    def _like_the_kept(
        self, fresh: Float[np.ndarray, "T d"], rows: Int[np.ndarray, " n"], cell: Cell
    ) -> np.ndarray:
        """Which fresh examples the rule would keep, by the cutoff of the pool."""
        if cell.metric == NO_METRIC:
            return np.ones(len(fresh), bool)
        kept, margins = (
            self.margins(points, cell.metric, cell.seed)
            for points in (self.features.whitened[0][rows], fresh)
        )
        if cell.strategy == "hard":
            return margins <= kept.max()
        return margins >= kept.min()
