"""The Bayes-optimal student simulated, for a rule whose threshold it knows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from perceptron_theory import InputError, threshold
from perceptron_theory.numerics.precision import own_settings

from ..data.ensemble import Ensemble
from ..data.pool import probe_margin, signed_examples
from ..data.requests import check_request
from ..data.source import Sets, Source
from ..running.experiment import run_draws
from ..students.posterior import PosteriorMean


@dataclass(frozen=True)
class _BeyondThreshold(Source):
    """Source of examples whose margins lie in (low, high): those of an infinite pool.

    Their number is alpha_prune N to rounding.
    """

    low: float
    high: float

    @property
    def total(self) -> int:
        return 0  # no pool is drawn

    @property
    def rows(self) -> int:
        return round(self.ensemble.alpha_prune * self.size)

    def draw(self, numbers: range) -> Sets:
        rngs = map(self.stream, numbers)
        return Sets(
            [signed_examples(rng, self._plane(rng), self.size) for rng in rngs], {}
        )

    def keys(self, numbers: range) -> Array:
        # The first keys of a split are the same however many are split off.
        with own_settings(x64=True):
            all_keys = jax.random.split(jax.random.key(self.seed), numbers.stop)
            return all_keys[numbers.start :]

    def _plane(self, rng: np.random.Generator) -> Float[np.ndarray, "2 P"]:
        """Draw examples in the plane of teacher and probe until enough are inside."""
        count, found = self.rows, np.empty((2, 0))
        while found.shape[1] < count:
            plane = rng.standard_normal((2, 4 * count))
            margin = probe_margin(plane, self.ensemble.theta, self.ensemble.margin)
            inside = (margin > self.low) & (margin < self.high)
            found = np.append(found, plane[:, inside], axis=1)
        return found[:, :count]


def simulate_posterior(
    ensemble: Ensemble,
    *,
    size: int,
    draws: int,
    seed: int,
    first: int = 0,
    n_samples: int = 100,
    travel: float = math.pi / 2,
    warmup: int = 30,
    max_bounces: int = 1_000_000,
) -> xr.Dataset:
    """Draw kept examples and sample the posterior of a student that knows the rule.

    The examples have margins on the right side of the threshold of an infinite pool,
    and their number is alpha_prune N to rounding.

    Args:
        ensemble: the parameters, for instance a ``Point``; its rule is "hard" or
            "easy".
        size: input dimension N, at least 3.
        draws: number of data sets.
        seed: seed of the whole family of experiments, >= 0.
        first: number of the first draw.
        n_samples: samples a chain, of two chains.
        travel: time between two samples.
        warmup: samples dropped at the start of a chain.
        max_bounces: reflections allowed on the way to one sample.

    Returns:
        Dataset over ``draw`` of self_overlap (of two posterior draws), overlap (of one
        with the teacher: the same on average) and error (of the posterior mean),
        without the bias of a finite number of samples, and the further columns of
        :func:`~simulations.perceptron.running.experiment.run_draws`.

    Raises:
        InputError: the rule is another, or the size is below 3.
        ConvergenceError: a trajectory met too many walls.
    """
    check_request(size, draws, seed, first)
    name = ensemble.rule_name
    if name not in ("hard", "easy") or size < 3 or ensemble.alpha_prune * size < 1:
        raise InputError(
            'the posterior is sampled for rule "hard" or "easy", size >= 3 and one '
            f"example at least; got {name}, {size}, {ensemble.alpha_prune * size:g}"
        )
    theta, margin = ensemble.theta, ensemble.margin
    gamma = float(
        threshold(ensemble.fraction, theta=theta, rule=ensemble.rule, margin=margin)
    )
    least = 0.0 if margin == "absolute" or theta == 0 else -math.inf
    low, high = (least, gamma) if name == "hard" else (gamma, math.inf)
    student = PosteriorMean(theta, low, high, n_samples, travel, warmup, max_bounces)
    source = _BeyondThreshold(ensemble, size, seed, low, high)
    table = run_draws(source, student, draws=draws, first=first)
    return table.assign(error=table.mean_error, overlap=table.teacher_overlap)
