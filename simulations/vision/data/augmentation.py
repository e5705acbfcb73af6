"""Augmentation in JAX of small images that live on the device: one sample, to vmap.

The crop and flip of the usual CIFAR recipes (He et al., arXiv 1512.03385, sec. 4.2,
with the reflected border of data_diet in place of zeros).  Pixels stay bytes until they
are normalised, so a data set takes a quarter of the memory.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key, Num, Shaped, UInt8

from perceptron_theory import InputError

from .. import inputs


def random_crop(
    image: Shaped[Array, "h w c"], key: Key[Array, ""], *, pad: int = 4
) -> Shaped[Array, "h w c"]:
    """A random part as large as the image, of the image with its border reflected.

    Raises:
        InputError: the border is as wide as the image: there is nothing to reflect.
    """
    if image.ndim != 3 or not 0 <= pad < min(image.shape[:2]):
        raise InputError(
            f"pad {pad} for an image of shape {image.shape}: (height, width, channels) "
            "is needed, and a border from 0 to less than a side"
        )
    padded = jnp.pad(image, ((pad, pad), (pad, pad), (0, 0)), mode="reflect")
    top, left = jax.random.randint(key, (2,), 0, 2 * pad + 1)
    return jax.lax.dynamic_slice(padded, (top, left, 0), image.shape)


def random_flip(
    image: Shaped[Array, "h w c"], key: Key[Array, ""]
) -> Shaped[Array, "h w c"]:
    """The image or, half of the time, its mirror image (not for digits)."""
    return jnp.where(jax.random.bernoulli(key), image[:, ::-1], image)


def augment(
    images: Shaped[Array, "B h w c"],
    key: Key[Array, ""],
    *,
    pad: int = 4,
    flip: bool = True,
) -> Shaped[Array, "B h w c"]:
    """Every image cropped and flipped with random numbers of its own."""
    crop_keys, flip_keys = jax.random.split(key, (2, len(images)))
    images = jax.vmap(lambda image, key: random_crop(image, key, pad=pad))(
        images, crop_keys
    )
    return jax.vmap(random_flip)(images, flip_keys) if flip else images


def normalize(
    images: Num[Array, "*batch h w c"],
    mean: Float[Array, " c"],
    std: Float[Array, " c"],
) -> Float[Array, "*batch h w c"]:
    """Bytes as float32 of mean 0 and standard deviation 1 over the training set."""
    mean, std = jnp.asarray(mean, jnp.float32), jnp.asarray(std, jnp.float32)
    return (images.astype(jnp.float32) / 255 - mean) / std


def resized(
    images: Float[Array, "B h w c"], side: int | None, filter: str = "bilinear"
) -> Float[Array, "B side side c"]:
    """Images of another size, with a filter against aliasing; None: as they are.

    "bilinear" or "bicubic" (Keys's, with a = -1/2), which may leave the range of the
    pixels beside an edge.
    """
    if side is None or images.shape[1:3] == (side, side):
        return images
    shape = (len(images), side, side, images.shape[-1])
    return jax.image.resize(images, shape, filter)


def channel_statistics(
    images: UInt8[np.ndarray, "P h w c"],
) -> tuple[Float[np.ndarray, " c"], Float[np.ndarray, " c"]]:
    """Mean and standard deviation over all pixels of each channel, in 0..1: exact.

    Over the pixels of all training images, not the mean of deviations within images,
    as the often copied 0.2023, 0.1994, 0.2010 for CIFAR-10 are.

    Raises:
        InputError: no bytes of four dimensions, or a channel that does not vary.
    """
    images = inputs.plain_array("images", images)
    if images.ndim != 4 or images.dtype != np.uint8 or not images.size:
        raise InputError(
            "images must be bytes of shape (P, height, width, channels), got "
            f"{images.dtype} of shape {images.shape}"
        )
    levels = np.arange(256) / 255
    mean, std = [], []
    for channel in range(images.shape[-1]):
        counts = np.bincount(images[..., channel].ravel(), minlength=256)
        share = counts / counts.sum()
        mean.append(share @ levels)
        std.append(np.sqrt(share @ (levels - mean[-1]) ** 2))
        if std[-1] == 0:
            raise InputError(f"channel {channel} is {mean[-1]:.3f} in every pixel")
    return np.array(mean), np.array(std)


def take_batch(
    images: UInt8[Array, "P h w c"], labels: Num[Array, " P"], rows: Num[Array, " B"]
) -> tuple[UInt8[Array, "B h w c"], Num[Array, " B"], Bool[Array, " B"]]:
    """Images, labels and mask of a batch of ``order``: padding is masked, not counted.

    What stands where the mask is False is the last example: weigh it by the mask.
    """
    rows = jnp.asarray(rows)
    return images[rows], labels[rows], rows >= 0


def batch_key(seed: object, epoch: Any, step: Any) -> Key[Array, ""]:
    """The key of one batch: a function of seed (or key), epoch and step.

    Raises:
        InputError: the seed is neither an integer from 0 on nor a key.
    """
    key = jax.random.fold_in(inputs.random_key(seed), epoch)
    return jax.random.fold_in(key, step)
