"""A mixer (Tolstikhin et al. 2021, arXiv 2105.01601): dense products over patches.

There is no convolution, which XLA does badly on CPUs: each layer is two products of
matrices, one over the places of the patches and one over their channels.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from .classifier import Classifier
from .image_patches import patches


class Mixer(Classifier, kw_only=True):
    """Patches, mixed over their places and over their channels; the mean is embedded.

    Attributes:
        patch: side of a patch in pixels.
        stride: pixels between patches; less than ``patch`` and they overlap.
        width: channels of a patch, and of the embedding.
        tokens: of the hidden layer over places.
        channels: of the hidden layer over channels.
        depth: layers.
    """

    patch: int = 4
    stride: int = 4
    width: int = 48
    tokens: int = 64
    channels: int = 96
    depth: int = 2

    def embed(self, images: Array, train: bool) -> Array:
        del train  # a norm of each image alone
        x = patches(images, self.patch, self.stride)
        x = x.reshape(len(x), -1, x.shape[-1])
        x = nn.Dense(self.width, dtype=self.dtype, name="stem")(x)
        for i in range(self.depth):
            x = _Layer(self.tokens, self.channels, self.dtype, name=f"layer{i}")(x)
        x = nn.LayerNorm(dtype=self.dtype, name="norm")(x)
        return x.astype(jnp.float32).mean(1)


class _Layer(nn.Module):
    """x plus what mixes places, plus what mixes channels, each behind a norm."""

    tokens: int
    channels: int
    dtype: Any

    @nn.compact
    def __call__(self, x: Float[Array, "B T d"]) -> Float[Array, "B T d"]:
        def mixed(y: Array, hidden: int, name: str) -> Array:
            width = y.shape[-1]
            y = nn.Dense(hidden, dtype=self.dtype, name=f"{name}1")(y)
            return nn.Dense(width, dtype=self.dtype, name=f"{name}2")(nn.gelu(y))

        y = nn.LayerNorm(dtype=self.dtype, name="norm1")(x)
        x = x + mixed(y.swapaxes(1, 2), self.tokens, "token").swapaxes(1, 2)
        y = nn.LayerNorm(dtype=self.dtype, name="norm2")(x)
        return x + mixed(y, self.channels, "channel")
