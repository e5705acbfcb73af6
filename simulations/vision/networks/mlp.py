"""A dense network on pixels: the products of matrices that every machine does well."""

from __future__ import annotations

from flax import linen as nn
from jaxtyping import Array

from .classifier import Classifier


class MLP(Classifier, kw_only=True):
    """Hidden layers of dense products, layer norm and ReLU.

    With layer norm the rate of the optimiser need not be chosen anew for each size of
    the data.

    Attributes:
        widths: of the hidden layers; the last is the embedding.
    """

    widths: tuple[int, ...] = (512, 512)

    def embed(self, images: Array, train: bool) -> Array:
        del train  # a norm of each image alone
        x = images.reshape(len(images), -1)
        for i, width in enumerate(self.widths):
            start = nn.initializers.he_normal()
            dense = nn.Dense(width, dtype=self.dtype, kernel_init=start, name=f"fc{i}")
            norm = nn.LayerNorm(dtype=self.dtype, name=f"norm{i}")
            x = nn.relu(norm(dense(x)))
        return x
