"""The labels of a noisy teacher, one draw for each example of a pool.

y = sign(u + strength n), n of :mod:`perceptron_theory.kept.label_laws`, where laws
that have a name are taken by their distribution function, not as mixtures.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.special import expit, ndtr

from perceptron_theory import Flips, LabelNoise, Logistic


def wrong_probability(
    u: Float[np.ndarray, " total"], noise: LabelNoise | None, flip_probability: float
) -> Float[np.ndarray, " total"]:
    """The probability of each example that its label is not sign(u).

    Flips come after the noise.
    """
    distance = np.abs(u)
    if noise is None or noise.strength == 0:
        wrong = np.zeros_like(distance)
    elif isinstance(noise, Flips):
        wrong = np.full_like(distance, noise.strength)
    elif isinstance(noise, Logistic):
        wrong = expit(-distance / noise.strength)
    else:
        weights, scales = map(np.asarray, noise.law.shape())
        wrong = ndtr(-distance[:, None] / (noise.strength * scales)) @ weights
    return flip_probability + (1.0 - 2.0 * flip_probability) * wrong
