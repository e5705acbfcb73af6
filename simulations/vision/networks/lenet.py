"""LeNet (LeCun et al. 1998) with strides in place of pooling, as products of matrices.

Every convolution is one product of patches with a matrix, see :mod:`.patches`.
"""

from __future__ import annotations

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array

from .classifier import Classifier
from .patches import patches


class LeNet(Classifier, kw_only=True):
    """Convolutions of stride 2, each with layer norm and ReLU, and one dense layer.

    Attributes:
        channels: of the convolutions.
        side: of their kernels, in pixels.
        width: of the dense layer, the embedding.
    """

    channels: tuple[int, ...] = (32, 64)
    side: int = 3
    width: int = 128

    def embed(self, images: Array, train: bool) -> Array:
        del train  # a norm of each place alone
        start, x = nn.initializers.he_normal(), images
        for i, count in enumerate(self.channels):
            cut = patches(x, self.side, 2, self.side // 2)
            dense = nn.Dense(
                count, dtype=self.dtype, kernel_init=start, name=f"conv{i}"
            )
            x = nn.relu(nn.LayerNorm(dtype=self.dtype, name=f"norm{i}")(dense(cut)))
        x = x.reshape(len(x), -1)
        dense = nn.Dense(self.width, dtype=self.dtype, kernel_init=start, name="fc")
        norm = nn.LayerNorm(dtype=self.dtype, name="norm_fc")
        return nn.relu(norm(dense(x))).astype(jnp.float32)
