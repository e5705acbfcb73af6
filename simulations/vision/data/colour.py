"""Colour jitter and grey copies in JAX, as torchvision's: one sample, to vmap.

Brightness, contrast, saturation and hue in random order, each image with numbers of its
own (``torchvision.transforms.ColorJitter``), and ``RandomGrayscale``; in float32, where
Pillow rounds to bytes after every step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, Num

from perceptron_theory import InputError

_LUMA = (0.299, 0.587, 0.114)  # ITU-R 601-2, as Pillow and torchvision


class Jitter(NamedTuple):
    """What is drawn for an image: three factors, a shift, and the order of the four."""

    factors: Float[Array, " 3"]
    """Factors of brightness, contrast and saturation; 1 changes nothing."""
    hue: Float[Array, ""]
    """Added to the hue, in turns from -0.5 to 0.5; 0 changes nothing."""
    order: Int[Array, " 4"]
    """A permutation: 0 brightness, 1 contrast, 2 saturation, 3 hue."""


def grey(image: Float[Array, "h w c"]) -> Float[Array, "h w 1"]:
    """The lightness of each pixel; an image of one channel is its own.

    Raises:
        InputError: neither one channel nor three.
    """
    channels = image.shape[-1]
    if channels not in (1, 3):
        raise InputError(
            f"colours need 1 or 3 channels, and the images have {channels}: leave "
            "jitter and grayscale out"
        )
    return image if channels == 1 else (image * jnp.array(_LUMA)).sum(-1, keepdims=True)


def shift_hue(
    image: Float[Array, "h w c"], turns: Float[Array, ""]
) -> Float[Array, "h w c"]:
    """The image in [0, 1] with its hues (of HSV) turned; one of one channel as is."""
    if image.shape[-1] == 1:
        return image
    high, low = image.max(-1), image.min(-1)
    spread = high - low
    red, green, blue = jnp.moveaxis(image, -1, 0)
    safe = jnp.where(spread > 0, spread, 1)
    # not high == red: XLA may round one channel in two ways, where it fuses steps
    sixths = jnp.where(
        (red >= green) & (red >= blue),
        (green - blue) / safe,
        jnp.where(green >= blue, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    sixths = sixths + 6 * turns

    def channel(offset: int) -> Array:  # of a hexcone, in closed form
        place = (offset + sixths) % 6
        return high - spread * jnp.clip(jnp.minimum(place, 4 - place), 0, 1)

    return jnp.stack([channel(5), channel(3), channel(1)], -1)


def apply_jitter(image: Float[Array, "h w c"], drawn: Jitter) -> Float[Array, "h w c"]:
    """The image in [0, 1] after the four steps, each clipped to [0, 1]."""
    place = jnp.argmax(drawn.order == 3)
    # hue is the dear step: once, with the others before or after it
    others = jnp.where(jnp.arange(3) < place, drawn.order[:3], drawn.order[1:])
    for after in (False, True):
        if after:
            image = shift_hue(image, drawn.hue)
        for i in range(3):
            mine = (i >= place) == after
            factor = jnp.where(mine, drawn.factors[others[i]], 1.0)
            image = _blended(image, others[i], factor)
    return image


def _blended(image: Array, which: Array, factor: Array) -> Array:
    """Extrapolated from black, from the mean lightness, or from each pixel's own."""
    light = grey(image)
    other = jnp.where(which == 2, light, jnp.where(which == 1, light.mean(), 0.0))
    return jnp.clip(factor * image + (1 - factor) * other, 0, 1)


def draw_jitter(
    key: Key[Array, ""], strengths: tuple[float, ...], probability: float
) -> Jitter:
    """Factors uniform in [max(0, 1 - s), 1 + s], hue in [-s, s]; else all unchanged.

    Args:
        key: of the image.
        strengths: s of brightness, contrast, saturation and hue (at most 0.5).
        probability: of changing anything.
    """
    applied, order, numbers = jax.random.split(key, 3)
    change = jax.random.bernoulli(applied, probability)
    strength = jnp.array(strengths)
    low = jnp.where(jnp.arange(4) < 3, jnp.maximum(0, 1 - strength), -strength)
    high = jnp.where(jnp.arange(4) < 3, 1 + strength, strength)
    values = jax.random.uniform(numbers, (4,), minval=low, maxval=high)
    values = jnp.where(change, values, jnp.array([1.0, 1.0, 1.0, 0.0]))
    return Jitter(values[:3], values[3], jax.random.permutation(order, 4))


def recolour(
    images: Num[Array, "B h w c"],
    key: Key[Array, ""],
    *,
    jitter: tuple[float, ...] = (),
    probability: float = 1.0,
    grayscale: float = 0.0,
) -> Float[Array, "B h w c"]:
    """Every image jittered, then made grey, by chance, with numbers of its own.

    Images of one channel have no colour: only brightness and contrast change.

    Args:
        images: on the scale of bytes, 0 to 255, of any type.
        key: of the batch.
        jitter: strengths as of :func:`draw_jitter`; none for no jitter.
        probability: of jitter, for an image.
        grayscale: probability of grey.
    """

    def one(image: Array, key: Any) -> Array:
        drawn_key, grey_key = jax.random.split(key)
        if jitter:
            image = apply_jitter(image, draw_jitter(drawn_key, jitter, probability))
        if grayscale:
            chosen: Bool[Array, ""] = jax.random.bernoulli(grey_key, grayscale)
            image = jnp.where(chosen, grey(image), image)
        return image

    keys = jax.random.split(key, len(images))
    return 255 * jax.vmap(one)(images.astype(jnp.float32) / 255, keys)
