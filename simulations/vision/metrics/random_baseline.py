"""Random scores: the baseline that every metric has to beat."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from .. import inputs


def random_scores(count: int, *, key: Any) -> Float[np.ndarray, " P"]:
    """``count`` uniform numbers in [0, 1): keeping the highest keeps a random subset.

    Args:
        count: P.
        key: of ``jax.random``, or a seed.

    Raises:
        InputError: a count that is not positive, no key.
    """
    return inputs.generator(key).random(inputs.positive_integer("count", count))
