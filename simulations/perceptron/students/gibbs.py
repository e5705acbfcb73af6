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
    """Draws ``samples`` of each of two chains in the version space of each set."""

    samples: int = 100

    certificate_name = "effective samples"
    padding = "repeat"

    def __post_init__(self) -> None:
        self._whole("samples", least=4)

    def _draw(self, examples: np.ndarray, key: Array, error: str):
        """Draw samples; the function turns weights chosen from them into a result."""
        check_batch(examples, key)
        space = sample(examples, key, n_samples=self.samples)
        found = overlaps(space)
        columns = {name: found[name] for name in ("effective_size", "self_overlap")}
        columns["mean_error"] = found[error]
        done = space.status == SampleStatus.SAMPLED

        def trained(weights: np.ndarray) -> Trained:
            return Trained(weights, space.effective_size, done, columns)

        return space.samples, trained


@dataclass(frozen=True)
class Gibbs(_Sampled, called="gibbs"):
    """A student drawn evenly from those without a training mistake.

    Its weights are one draw; the column ``mean_error`` is the mean over all ``samples``
    of two chains, which knows the error of a set much better.
    """

    def __call__(self, examples: Float[np.ndarray, "batch P N"], key: Array) -> Trained:
        """Sample each set; the columns are mean_error, self_overlap, effective_size."""
        samples, trained = self._draw(examples, key, "gibbs_error")
        return trained(samples[:, 0, -1])

    def theory(self, **where):
        """Solve the equations of the Gibbs student."""
        return pt.solve(student="gibbs", **where)


@dataclass(frozen=True)
class BayesPoint(_Sampled, called="bayes_point"):
    """The centre of mass of the version space, from ``samples`` of two chains each.

    The mean of n samples is off by the order 1/n of their spread; the column
    ``mean_error`` is the error without that bias.
    """

    def __call__(self, examples: Float[np.ndarray, "batch P N"], key: Array) -> Trained:
        """Sample each set; the columns are mean_error, self_overlap, effective_size."""
        samples, trained = self._draw(examples, key, "bayes_point_error")
        return trained(unit(samples.mean((1, 2))))

    def theory(self, **where):
        """Solve the equations of the Bayes point."""
        return pt.solve(student="bayes_point", **where)


BY_NAME = {"gibbs": Gibbs(), "bayes_point": BayesPoint()}
