"""Crops of random area and aspect, resized: in JAX, one sample, to vmap.

The distribution of :class:`.decode.RandomCrop` (Szegedy et al., arXiv 1409.4842), for
images that live on the device.  A crop is never larger than what comes out, so bilinear
interpolation needs no filter against aliasing.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, Num

_TRIES = 10  # to draw a crop that fits, as torchvision


def draw_box(
    key: Key[Array, ""],
    height: int,
    width: int,
    *,
    scale: tuple[float, ...] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Int[Array, " 4"]:
    """Top, left, height and width of a crop.

    Area uniform in ``scale`` of the image's, aspect log-uniform in ``ratio``; after ten
    that do not fit, the largest at the centre.
    """
    areas, aspects, places = jax.random.split(key, 3)
    low, high = scale
    area = (
        height * width * jax.random.uniform(areas, (_TRIES,), minval=low, maxval=high)
    )
    low, high = map(math.log, ratio)
    aspect = jnp.exp(jax.random.uniform(aspects, (_TRIES,), minval=low, maxval=high))
    wide, tall = jnp.round(jnp.sqrt(area * aspect)), jnp.round(jnp.sqrt(area / aspect))
    fits = (0 < wide) & (wide <= width) & (0 < tall) & (tall <= height)
    first = fits.argmax()
    free = jnp.array([height - tall[first], width - wide[first]]) + 1
    corner = jnp.floor(free * jax.random.uniform(places, (2,)))
    drawn = jnp.stack([*corner, tall[first], wide[first]]).astype(jnp.int32)
    wide_most = min(width, round(height * ratio[1]))
    tall_most = min(height, round(width / ratio[0]))
    middle = ((height - tall_most) // 2, (width - wide_most) // 2)
    return jnp.where(fits.any(), drawn, jnp.array([*middle, tall_most, wide_most]))


def crop_resized(
    image: Num[Array, "h w c"], box: Int[Array, " 4"]
) -> Float[Array, "h w c"]:
    """The part of the image in ``box``, resized to the image's size, bilinear."""
    top, left, tall, wide = box
    rows = _weights(image.shape[0], top, tall)
    columns = _weights(image.shape[1], left, wide)
    # products of small matrices: gathers are slow on accelerators
    return jnp.einsum(
        "ih,hwc,jw->ijc", rows, image.astype(jnp.float32), columns, precision="highest"
    )


def _weights(size: int, first: Array, length: Array) -> Float[Array, "size size"]:
    """Weights of a side's pixels (second axis) in those that come out of a part."""
    place = (jnp.arange(size) + 0.5) * length / size - 0.5
    place = first + jnp.clip(place, 0, length - 1)  # the crop's own edge is repeated
    return jnp.maximum(0.0, 1 - jnp.abs(place[:, None] - jnp.arange(size)))


def resized_crops(
    images: Num[Array, "B h w c"],
    key: Key[Array, ""],
    *,
    scale: tuple[float, ...] = (0.08, 1.0),
) -> Float[Array, "B h w c"]:
    """A random crop of every image, with numbers of its own, at the image's size."""

    def one(image: Array, key: Array) -> Array:
        return crop_resized(image, draw_box(key, *image.shape[:2], scale=scale))

    return jax.vmap(one)(images, jax.random.split(key, len(images)))
