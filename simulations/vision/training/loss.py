"""Softmax cross-entropy over a batch, of which some examples may be padding."""

from __future__ import annotations

import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int


def cross_entropy(
    logits: Float[Array, "B C"], labels: Int[Array, " B"], smoothing: float = 0.0
) -> Float[Array, " B"]:
    """-sum_c q_c log softmax(logits)_c of each example.

    q is 1 at the label or, with smoothing s (Szegedy et al. 2016, arXiv 1512.00567),
    1 - s there and s / C more in every class.
    """
    if smoothing == 0:
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    one_hot = jnp.eye(logits.shape[1])[labels]
    return optax.softmax_cross_entropy(logits, optax.smooth_labels(one_hot, smoothing))


def masked_mean(
    values: Float[Array, " B"], mask: Bool[Array, " B"]
) -> Float[Array, ""]:
    """The mean over what is not padding; 0 where all is.

    Not over the batch: an example in a last batch of few would weigh less.
    """
    return jnp.where(mask, values, 0).sum() / jnp.maximum(mask.sum(), 1)
