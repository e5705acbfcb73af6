"""The Gibbs student and the Bayes point: sampled from the version space of a set.

How the version space is sampled, and what the columns mean, is in
:mod:`.version_space`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Array, Float

import perceptron_theory as pt

from .contract import Named, Trained, check_batch, unit
from .version_space import SampleStatus, overlaps, sample


@dataclass(frozen=True)
class _Sampled(Named, called=""):
    """Draws ``samples`` of each of two chains in the version space of each set.

    Students of this kind have the name of their theory, and of their error among the
    columns of :func:`~.version_space.overlaps`.
    """

    samples: int = 100

    certificate_name = "effective samples"
    padding = "repeat"

    def __post_init__(self) -> None:
        self._whole("samples", least=4)

    def _weights(self, samples: np.ndarray) -> np.ndarray:
        """What is made of the samples of each set, as unit vectors."""
        raise NotImplementedError

    def __call__(self, examples: Float[np.ndarray, "batch P N"], key: Array) -> Trained:
        """Sample each set; the columns are mean_error, self_overlap, effective_size."""
        check_batch(examples, key)
        space = sample(examples, key, n_samples=self.samples)
        found = overlaps(space)
        columns = {name: found[name] for name in ("effective_size", "self_overlap")}
        columns["mean_error"] = found[f"{self.called}_error"]
        done = space.status == SampleStatus.SAMPLED
        weights = self._weights(space.samples)
        return Trained(weights, space.effective_size, done, columns)

    def theory(self, **where):
        """Solve the equations of the student of this name."""
        return pt.solve(student=self.called, **where)


@dataclass(frozen=True)
class Gibbs(_Sampled, called="gibbs"):
    """A student drawn evenly from those without a training mistake.

    Its weights are one draw; the column ``mean_error`` is the mean over all ``samples``
    of two chains, which knows the error of a set much better.
    """

    def _weights(self, samples: np.ndarray) -> np.ndarray:
        return samples[:, 0, -1]


@dataclass(frozen=True)
class BayesPoint(_Sampled, called="bayes_point"):
    """The centre of mass of the version space, from ``samples`` of two chains each.

    The mean of n samples is off by the order 1/n of their spread; the column
    ``mean_error`` is the error without that bias.
    """

    def _weights(self, samples: np.ndarray) -> np.ndarray:
        return unit(samples.mean((1, 2)))


BY_NAME = {"gibbs": Gibbs(), "bayes_point": BayesPoint()}
