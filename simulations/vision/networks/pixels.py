"""From bytes to what a network was trained on: each source has its own constants."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name

from ..data.augmentation import normalize

_IMAGENET_MEAN = (0.485, 0.456, 0.406)

# mean and standard deviation of red, green and blue on the scale of [0, 1]
SCALES = {
    "imagenet": (_IMAGENET_MEAN, (0.229, 0.224, 0.225)),  # torchvision, timm's ResNets
    "swav": (_IMAGENET_MEAN, (0.228, 0.224, 0.225)),  # github.com/facebookresearch/swav
    "half": ((0.5,) * 3, (0.5,) * 3),  # ViTs of Google, in timm and Hugging Face too
}


def normalise(
    images: UInt8[Array | np.ndarray, "... 3"], scale: str
) -> Float[Array, "... 3"]:
    """(images / 255 - mean) / standard deviation, in float32, for each colour.

    Args:
        images: bytes, the last axis red, green and blue.
        scale: a key of ``SCALES``.

    Raises:
        InputError: an unknown scale, no bytes, not three colours.
    """
    if scale not in SCALES:
        raise unknown_name("scale", scale, SCALES)
    if images.dtype != np.uint8 or images.ndim < 1 or images.shape[-1] != 3:
        raise InputError(
            "images must be bytes with a last axis of 3 colours, got "
            f"{images.dtype} of shape {images.shape}"
        )
    mean, deviation = (np.array(part, np.float32) for part in SCALES[scale])
    return _normalize(jnp.asarray(images), mean, deviation)


_normalize = jax.jit(normalize)
