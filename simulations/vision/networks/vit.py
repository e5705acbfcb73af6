"""Vision transformers (Dosovitskiy et al. 2021, arXiv 2010.11929; Ti, S: 2012.12877).

Pre-norm, a class token, learned positions, exact GELU.  Parameters are named after
timm's, with one projection for queries, keys and values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from perceptron_theory import InputError

from .classifier import Classifier

POSITIONS = "pos_embed"

_INIT = nn.initializers.truncated_normal(0.02)  # of all weights, as in DeiT


class ViT(Classifier, kw_only=True):
    """A transformer over patches; the embedding is that of the class token.

    Attributes:
        patch: side of a patch in pixels.
        width: of the embedding.
        heads: of the attention.
        depth: blocks.
        norm_epsilon: of the layer norms: 1e-6 in timm and the original; Hugging Face's
            configuration says 1e-12, which makes no visible difference to trained
            weights.
    """

    OPTIONS: ClassVar[Mapping[str, tuple[str, ...] | None]] = {"norm_epsilon": None}

    patch: int
    width: int
    heads: int
    depth: int = 12
    norm_epsilon: float = 1e-6

    def embed(self, images: Array, train: bool) -> Array:
        del train  # there is neither batch norm nor dropout
        count, height, width, _ = images.shape
        if height % self.patch or width % self.patch:
            raise InputError(
                f"images of {height} x {width} cannot be cut into patches of "
                f"{self.patch} x {self.patch}: resize them"
            )
        sides = (self.patch, self.patch)
        x = nn.Conv(
            self.width,
            sides,
            sides,
            padding="VALID",
            dtype=self.dtype,
            kernel_init=_INIT,
            name="patch_embed_proj",
        )(images).reshape(count, -1, self.width)
        token = self.param("cls_token", _INIT, (1, 1, self.width))
        token = jnp.broadcast_to(token, (count, 1, self.width)).astype(self.dtype)
        x = jnp.concatenate([token, x], axis=1)
        x = x + self._positions(x.shape[1]).astype(self.dtype)
        for i in range(self.depth):
            x = _Block(self.heads, self.dtype, self.norm_epsilon, name=f"blocks_{i}")(x)
        return _norm(self.dtype, self.norm_epsilon, "norm")(x[:, 0])

    def head_init(self) -> nn.initializers.Initializer:
        return _INIT

    def _positions(self, count: int) -> Float[Array, "1 T d"]:
        if self.has_variable("params", POSITIONS):
            has = self.get_variable("params", POSITIONS).shape[1]
            if has != count:
                raise InputError(
                    f"images of {count - 1} patches, but positions for {has - 1}: "
                    "give images of the size that the network was initialised for"
                )
        return self.param(POSITIONS, _INIT, (1, count, self.width))


class _Block(nn.Module):
    heads: int
    dtype: Any
    norm_epsilon: float

    @nn.compact
    def __call__(self, x: Float[Array, "B T d"]) -> Float[Array, "B T d"]:
        count, tokens, width = x.shape

        def dense(features: int, name: str) -> nn.Module:
            return nn.Dense(features, dtype=self.dtype, kernel_init=_INIT, name=name)

        y = _norm(self.dtype, self.norm_epsilon, "norm1")(x)
        parts = dense(3 * width, "attn_qkv")(y)
        parts = parts.reshape(count, tokens, 3, self.heads, width // self.heads)
        y = jax.nn.dot_product_attention(*(parts[:, :, i] for i in range(3)))
        x = x + dense(width, "attn_proj")(y.reshape(x.shape))
        y = _norm(self.dtype, self.norm_epsilon, "norm2")(x)
        y = nn.gelu(dense(4 * width, "mlp_fc1")(y), approximate=False)
        return x + dense(width, "mlp_fc2")(y)


def _norm(dtype: Any, epsilon: float, name: str) -> nn.LayerNorm:
    # the difference of two means of squares would lose digits in long vectors
    return nn.LayerNorm(epsilon, dtype, use_fast_variance=False, name=name)
