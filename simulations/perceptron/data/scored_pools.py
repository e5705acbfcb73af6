"""A pool drawn in full, labelled by one vector, and pruned by the margin of another."""

from __future__ import annotations

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

from .ensemble import Ensemble
from .noisy_labels import wrong_probability
from .pool import keep_agreeing, keep_by_chance, keep_by_rank, rank_segments


def kept_examples(
    rng: np.random.Generator,
    ensemble: Ensemble,
    labelling: Float[np.ndarray, " N"],
    probe: Float[np.ndarray, " N"],
    label_noise: LabelNoise | None = None,
    flip_probability: float = 0.0,
) -> Float[np.ndarray, "kept N"]:
    """Signed examples y x of a fresh pool that the probe leaves.

    Args:
        rng: the stream of this set.
        ensemble: load, kept fraction, rule and margin; its angle is not used.
        labelling: whose sign the labels are, a unit vector.
        probe: whose margin the rule ranks, of any length.
        label_noise: what makes labels wrong before pruning.
        flip_probability: the part of the labels that is wrong besides.

    Raises:
        InputError: nothing is kept.
    """
    total, kept = ensemble.pool_sizes(len(probe), flip_probability)
    x = rng.standard_normal((total, len(probe)))
    u = x @ labelling
    y = np.where(u < 0, -1.0, 1.0)
    if label_noise is not None or flip_probability > 0:
        wrong = wrong_probability(u, label_noise, flip_probability)
        y = np.where(rng.random(total) < wrong, -y, y)
    signed = y[:, None] * x
    margins = signed @ probe
    rule = resolve_rule(ensemble.rule)
    if isinstance(rule, Agreeing):
        choose = partial(keep_agreeing, rule=rule.rule, kept=kept)
    elif isinstance(rule, KeepProbability):
        choose = partial(keep_by_chance, rule=rule)
    else:
        assert ensemble.keep_fraction is not None  # as Ensemble has checked
        segments = rank_segments(rule, ensemble.keep_fraction, total, kept)
        choose = partial(keep_by_rank, segments=segments)
    absolute = ensemble.margin == "absolute"
    chosen = choose(rng, np.abs(margins) if absolute else margins)
    if not len(chosen):
        raise InputError(f"a round keeps no example: {ensemble.label}")
    return signed[chosen]
