"""From bytes to what a network was trained on: each source has its own constants."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name

from ..data.augmentation import normalize
from ..data.decode import Filter


@dataclass(frozen=True)
class Scale:
    """How a source made the input of a network from an image."""

    mean: tuple[float, ...]
    """The mean of each channel, on the scale of [0, 1]."""
    deviation: tuple[float, ...]
    filter: Filter = "bilinear"
    """The filter by which images were resized."""
    border: int | None = None
    """Pixels by which the shorter side of an image of a file was longer than the
    centre that was cut out; None is a seventh of that, 256 for 224."""

    def around(self, side: int) -> int:
        """The shorter side of an image whose centre of ``side`` pixels is cut out."""
        return round(side * 256 / 224) if self.border is None else side + self.border


_IMAGENET_MEAN = (0.485, 0.456, 0.406)

SCALES = {
    # torchvision, timm's ResNets
    "imagenet": Scale(_IMAGENET_MEAN, (0.229, 0.224, 0.225)),
    # github.com/facebookresearch/swav
    "swav": Scale(_IMAGENET_MEAN, (0.228, 0.224, 0.225)),
    # ViTs of Google, in timm and Hugging Face too
    "half": Scale((0.5,) * 3, (0.5,) * 3),
    # EfficientNet-lite of tensorflow/tpu: (x - 127) / 128
    "lite": Scale((127 / 255,) * 3, (128 / 255,) * 3, "bicubic", border=32),
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
    of = SCALES[scale]
    mean, deviation = (np.array(part, np.float32) for part in (of.mean, of.deviation))
    return _normalize(jnp.asarray(images), mean, deviation)


_normalize = jax.jit(normalize)
