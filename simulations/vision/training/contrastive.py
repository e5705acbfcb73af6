"""SimCLR's loss (Chen et al. 2020, arXiv 2002.05709): two views of an image, alike."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def nt_xent(
    projections: Float[Array, "views d"], temperature: float
) -> tuple[Float[Array, " B"], Bool[Array, " B"]]:
    """The normalised, temperature-scaled cross-entropy, eq. 1 of the paper.

    Of view i with its partner j: -log(exp(s_ij / T) / sum_{k != i} exp(s_ik / T)), s
    the cosine; the mean of both views.  It is over the whole batch, whatever devices
    that is on.  log(2 B - 1) where all projections are one; log(1 + (2 B - 2)
    exp(-1 / T)) where partners are equal and all others orthogonal.

    Args:
        projections: rows 2 i and 2 i + 1 are the views of image i: side by side, so
            that a device has both.
        temperature: T.

    Returns:
        Losses of the images, and whether each of the two views is more alike to its
        partner than to all others.
    """
    size = len(projections)
    # a zero vector has no direction: its cosines are 0
    squares = jnp.maximum((projections**2).sum(1, keepdims=True), 1e-24)
    unit = projections / jnp.sqrt(squares)
    logits = jnp.matmul(unit, unit.T, precision="highest") / temperature
    logits = jnp.where(jnp.eye(size, dtype=bool), -jnp.inf, logits)
    partner = jnp.arange(size) ^ 1
    losses = jax.nn.logsumexp(logits, axis=1) - logits[jnp.arange(size), partner]
    nearest = logits.argmax(1) == partner
    return losses.reshape(-1, 2).mean(1), nearest.reshape(-1, 2).all(1)
