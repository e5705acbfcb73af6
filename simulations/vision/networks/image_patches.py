"""Patches of images, by slices alone: a convolution is then a product of matrices."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from perceptron_theory import InputError


def patches(
    images: Float[Array, "B height width channels"],
    side: int,
    stride: int,
    border: int = 0,
) -> Float[Array, "B rows columns pixels"]:
    """All square patches of images, each as one vector of ``side**2 * channels``.

    Args:
        images: of any number of channels.
        side: of a patch, in pixels.
        stride: pixels from one patch to the next; what is left over is cut off.
        border: zeros on every side of the image.

    Raises:
        InputError: The images are smaller than a patch.
    """
    height, width = (n + 2 * border for n in images.shape[1:3])
    if min(height, width) < side:
        raise InputError(
            f"images of {images.shape[1]} x {images.shape[2]} have no patch of {side} "
            f"x {side}: resize them"
        )
    padded = jnp.pad(images, ((0, 0), (border, border), (border, border), (0, 0)))
    rows, columns = ((n - side) // stride + 1 for n in (height, width))
    parts = [
        padded[
            :,
            top : top + (rows - 1) * stride + 1 : stride,
            left : left + (columns - 1) * stride + 1 : stride,
        ]
        for top in range(side)
        for left in range(side)
    ]
    return jnp.concatenate(parts, axis=-1)
