"""Training sets that a probe at a given angle has pruned from their pools.

Every draw has its own random stream, derived from (seed, point, N, number of the draw):
it is the same whichever others are made, in whatever order, on whatever machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Array, Float

from perceptron_theory import InputError, KeepProbability, resolve_rule

from .batches import batch_draws, fixed_rows
from .direct_pool import draw_kept
from .ensemble import Ensemble
from .pool import (
    draw_pool,
    keep_by_chance,
    keep_by_rank,
    probe_margin,
    rank_segments,
    signed_examples,
)
from .requests import POOLS, check_pool, check_request, check_training_set
from .source import Sets, draw_keys


@dataclass(frozen=True)
class PrunedPools:
    """The source of ``simulate``: see :func:`training_sets` for its fields."""

    ensemble: Ensemble
    size: int
    seed: int
    pool: str = "drawn"
    flip_probability: float = 0.0

    @property
    def total(self) -> int:
        """P_tot, the number of examples in a pool."""
        return self.ensemble.pool_sizes(self.size, self.flip_probability)[0]

    @property
    def batch(self) -> int:
        """Number of sets that one device trains on at once."""
        return batch_draws(self.ensemble, self.size)

    @property
    def rows(self) -> int:
        """Number of examples that every set is filled up to."""
        _, kept = self.ensemble.pool_sizes(self.size, self.flip_probability)
        return fixed_rows(self.ensemble, kept)

    def draw(self, numbers: range) -> Sets:
        """Draw the sets of these numbers; nothing else is measured."""
        sets = training_sets(
            self.ensemble,
            size=self.size,
            draws=len(numbers),
            seed=self.seed,
            first=numbers[0],
            flip_probability=self.flip_probability,
            pool=self.pool,
        )
        return Sets(sets, {})

    def keys(self, numbers: range) -> Array:
        """One JAX key a draw, for what is random in training."""
        return draw_keys(self.seed, self.ensemble, numbers)


def training_sets(
    ensemble: Ensemble,
    *,
    size: int,
    draws: int,
    seed: int,
    first: int = 0,
    flip_probability: float = 0.0,
    pool: str = "drawn",
) -> list[Float[np.ndarray, "_ {size}"]]:
    """Signed examples of the draws ``first`` .. ``first + draws - 1`` of an ensemble.

    They do not depend on the student, so that students are compared on equal data.
    Labels are flipped before pruning: an example is signed by the label it bears, and
    so is the signed margin, while the absolute margin does not see labels.

    Args:
        ensemble: the parameters, for instance a ``Point``.
        size: input dimension N, at least 2.
        draws: number of sets.
        seed: seed of the whole family of experiments, >= 0.
        first: number of the first draw.
        flip_probability: probability that a label of the pool is wrong.
        pool: "drawn", or "direct", which draws the kept examples alone: they have the
            same law by other random numbers, and their cost does not depend on the kept
            fraction.

    Raises:
        InputError: a size is below 2, draws are below 1, a probability lies outside
            [0, 1], nothing is kept, a pool is too large for the memory, or a rule that
            is not one of ranks is to be drawn directly.
    """
    check_request(size, draws, seed, first)
    if not 0 <= flip_probability <= 1:
        raise InputError(
            f"flip_probability must lie in [0, 1], got {flip_probability!r}"
        )
    rule = resolve_rule(ensemble.rule)
    by_chance = isinstance(rule, KeepProbability)
    fraction = ensemble.fraction_of(flip_probability)
    total, kept = ensemble.pool_sizes(size, flip_probability)
    check_pool(pool, ensemble, total)
    check_training_set(ensemble, size, kept)
    segments = () if by_chance else rank_segments(rule, fraction, total, kept)
    theta, margin = ensemble.theta, ensemble.margin
    sets, family = [], (seed, ensemble.stream, size)
    for n in range(first, first + draws):
        stream = (*family, n)
        if pool == "direct":
            rng = np.random.default_rng((*stream, POOLS.index(pool)))
            plane, signs = draw_kept(
                rng, segments, total, theta, margin, flip_probability
            )
        else:
            rng = np.random.default_rng(stream)
            plane = draw_pool(rng, total)
            margins = probe_margin(plane, theta, margin)
            signs = np.ones(total)
            if flip_probability:  # else the stream is that of clean labels
                signs[rng.random(total) < flip_probability] = -1.0
                margins = margins * signs if margin == "signed" else margins
            if by_chance:
                chosen = keep_by_chance(rng, margins, rule)
            else:
                chosen = keep_by_rank(rng, margins, segments)
            if not len(chosen):
                raise InputError(
                    f"draw {n} at N = {size} keeps no example: {ensemble.label}"
                )
            plane, signs = plane[:, chosen], signs[chosen]
        examples = signed_examples(rng, plane, size)
        sets.append(signs[:, None] * examples)
    return sets
