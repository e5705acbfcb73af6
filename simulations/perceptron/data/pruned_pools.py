"""Training sets that a probe at a given angle has pruned from their pools.

Every draw has its own random stream, derived from (seed, point, N, number of the draw):
it is the same whichever others are made, in whatever order, on whatever machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float

from perceptron_theory import (
    Agreeing,
    InputError,
    KeepProbability,
    LabelNoise,
    resolve_rule,
)
from perceptron_theory.kept.label_laws import check_strength, resolve_label_noise
from perceptron_theory.numerics.checks import as_array, one_number

from ..naming import require
from .batches import fixed_rows
from .direct_pool import draw_kept
from .ensemble import Ensemble
from .noisy_labels import wrong_probability
from .pool import (
    draw_pool,
    keep_agreeing,
    keep_by_chance,
    keep_by_rank,
    probe_margin,
    rank_segments,
    signed_examples,
)
from .requests import POOLS, check_pool, check_request, check_training_set
from .source import Sets, Source


@dataclass(frozen=True)
class PrunedPools(Source):
    """The source of ``simulate``.

    Labels are flipped before pruning: an example is signed by the label it bears, and
    so is the signed margin, while the absolute margin does not see labels.
    """

    pool: str = "drawn"
    """Or "direct", which draws the kept examples alone: they have the same law by other
    random numbers, and their cost does not depend on the kept fraction."""
    flip_probability: float = 0.0
    """Probability that a label of the pool is flipped."""
    label_noise: LabelNoise | str | None = None
    """The teacher's noise, before flips, as ``solve_convex`` takes it: "probit:0.5"."""

    @property
    def _sizes(self) -> tuple[int, int]:
        return self.ensemble.pool_sizes(self.size, self.flip_probability)

    @property
    def total(self) -> int:
        return self._sizes[0]

    @property
    def rows(self) -> int:
        return fixed_rows(self.ensemble, self._sizes[1])

    def _noise(self) -> LabelNoise | None:
        """The law of the teacher's noise, checked.

        Raises:
            InputError: it is not known, out of range, or does not go with the pool.
        """
        noise = resolve_label_noise(self.label_noise)
        if noise is None:
            return None
        check_strength(as_array("noise_strength", one_number("noise", noise.strength)))
        if self.pool == "direct":
            raise InputError(
                "pool='direct' does not know label_noise, which has to see every "
                "example: use pool='drawn'"
            )
        if self.ensemble.by_chance and self.ensemble.margin == "signed":
            raise InputError(
                "label_noise with a KeepProbability of the signed margin is not "
                "simulated: give a rule of ranks, or margin='absolute'"
            )
        return noise

    def draw(self, numbers: range) -> Sets:
        """Draw the sets of these numbers; nothing else is measured.

        Raises:
            InputError: a probability lies outside [0, 1], nothing is kept, a pool is
                too large for the memory, or a rule that is not one of ranks is to be
                drawn directly.
        """
        flip, ensemble = self.flip_probability, self.ensemble
        require(0 <= flip <= 1, "flip_probability must lie in [0, 1]", flip)
        rule = resolve_rule(ensemble.rule)
        noise = self._noise()
        fraction = ensemble.fraction_of(flip)
        total, kept = self._sizes
        check_pool(self.pool, ensemble, total)
        check_training_set(ensemble, self.size, kept)
        if isinstance(rule, KeepProbability):
            choose = partial(keep_by_chance, rule=rule)
            segments = ()
        elif isinstance(rule, Agreeing):
            ensemble.check_agreeing(flip)
            choose = partial(keep_agreeing, rule=rule.rule, kept=kept)
            segments = ()
        else:
            segments = rank_segments(rule, fraction, total, kept)
            choose = partial(keep_by_rank, segments=segments)
        theta, margin = ensemble.theta, ensemble.margin
        sets = []
        for n in numbers:
            if self.pool == "direct":
                rng = self.stream(n, POOLS.index(self.pool))
                plane, signs = draw_kept(rng, segments, total, theta, margin, flip)
            else:
                rng = self.stream(n)
                plane = draw_pool(rng, total)
                margins = probe_margin(plane, theta, margin)
                signs = np.ones(total)
                if flip or noise:  # else the stream is that of clean labels
                    wrong = wrong_probability(plane[0], noise, flip)
                    signs[rng.random(total) < wrong] = -1.0
                    margins = margins * signs if margin == "signed" else margins
                chosen = choose(rng, margins)
                if not len(chosen):
                    raise InputError(
                        f"draw {n} at N = {self.size} keeps no example: "
                        f"{ensemble.label}"
                    )
                plane, signs = plane[:, chosen], signs[chosen]
            sets.append(signs[:, None] * signed_examples(rng, plane, self.size))
        return Sets(sets, {})


def training_sets(
    ensemble: Ensemble,
    *,
    size: int,
    draws: int,
    seed: int,
    first: int = 0,
    flip_probability: float = 0.0,
    pool: str = "drawn",
    label_noise: LabelNoise | str | None = None,
) -> list[Float[np.ndarray, "_ {size}"]]:
    """Signed examples of the draws ``first`` .. ``first + draws - 1`` of an ensemble.

    They do not depend on the student, so that students are compared on equal data.  The
    other arguments are the fields of :class:`PrunedPools`.

    Raises:
        InputError: a size is below 2, draws are below 1, or :class:`PrunedPools`
            refuses its fields.
    """
    check_request(size, draws, seed, first)
    source = PrunedPools(ensemble, size, seed, pool, flip_probability, label_noise)
    return source.draw(range(first, first + draws)).examples
