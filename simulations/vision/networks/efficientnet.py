"""EfficientNet-lite (Tan and Le 2019, arXiv 1905.11946, without its squeezing).

The lite networks of tensorflow/tpu have ReLU6 in place of swish, no squeeze and
excitation, and a stem and a head of one size.  Padding is TensorFlow's "SAME", more on
the far side at stride 2; parameters are named after those of the usual PyTorch code.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from .batch_normalisation import batch_norm
from .classifier import Classifier

LAYERS = ("head", "stages", "both")

_STEM, _HEAD = 32, 1280
# expansion, channels, blocks, stride, side of the depthwise kernel: table 1 of the
# paper, with widths and depths multiplied for the larger networks
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
_INIT = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
# the kernel of a depthwise convolution has one input a channel
_DEPTHWISE_INIT = nn.initializers.variance_scaling(2.0, "fan_in", "normal")


class EfficientNetLite(Classifier, kw_only=True):
    """Inverted residual blocks; the embedding is a mean over positions.

    Attributes:
        width: multiplies the channels of all stages, but not of stem and head.
        depth: multiplies the blocks of all stages but the first and the last.
        layer: what is averaged to make the embedding: "head", the 1,280 channels that
            the classifier sees; "stages", the last activations at each of the five
            resolutions (lite0: 16 + 24 + 40 + 112 + 320 = 512 numbers); "both", the
            head and then the stages.
        axis_name: see :func:`.batch_normalisation.batch_norm`.
    """

    OPTIONS: ClassVar[Mapping[str, tuple[str, ...] | None]] = {
        "layer": LAYERS,
        "axis_name": None,
    }

    width: float = 1.0
    depth: float = 1.0
    layer: str = "head"
    axis_name: str | None = None

    def embed(self, images: Array, train: bool) -> Array:
        make = _Layers(train, self.dtype, self.axis_name)
        x = make.conv(_STEM, 3, 2, "conv_stem")(images)
        x = nn.relu6(make.norm("bn0")(x))
        ends = []
        index = 0
        for expansion, channels, blocks, stride, side in self._stages():
            if stride == 2:
                ends.append(x)  # the last of its resolution
            for i in range(blocks):
                x = _Block(
                    expansion=expansion,
                    channels=channels,
                    side=side,
                    stride=stride if i == 0 else 1,
                    make=make,
                    name=f"blocks_{index}",
                )(x)
                index += 1
        ends.append(x)
        # computed for every layer, so that the weights are the same; XLA leaves it out
        # where nothing needs it
        x = nn.relu6(make.norm("bn1")(make.conv(_HEAD, 1, 1, "conv_head")(x)))
        parts = {"head": [x], "stages": ends, "both": [x, *ends]}[self.layer]
        pooled = [part.astype(jnp.float32).mean((1, 2)) for part in parts]
        return jnp.concatenate(pooled, axis=1)

    def _stages(self) -> list[tuple[int, int, int, int, int]]:
        last = len(_STAGES) - 1
        return [
            (
                expansion,
                _rounded(channels * self.width),
                blocks if i in (0, last) else math.ceil(blocks * self.depth),
                stride,
                side,
            )
            for i, (expansion, channels, blocks, stride, side) in enumerate(_STAGES)
        ]


def _rounded(channels: float) -> int:
    """The nearest multiple of 8 that is not below nine tenths of it."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near


@dataclass(frozen=True)
class _Layers:
    """What makes the layers of the network that they are called in."""

    train: bool
    dtype: Any
    axis_name: str | None

    def conv(self, channels: int, side: int, stride: int, name: str) -> nn.Module:
        return nn.Conv(
            channels,
            (side, side),
            (stride, stride),
            padding="SAME",
            use_bias=False,
            dtype=self.dtype,
            kernel_init=_INIT,
            name=name,
        )

    def norm(self, name: str) -> nn.Module:
        """Batch norm with TensorFlow's constant for these networks."""
        norm = batch_norm(
            train=self.train,
            dtype=self.dtype,
            axis_name=self.axis_name,
            epsilon=1e-3,
        )
        return norm(name=name)


class _Block(nn.Module):
    """Many channels, a convolution of each by itself, few channels again."""

    expansion: int
    channels: int
    side: int
    stride: int
    make: _Layers

    @nn.compact
    def __call__(self, x: Array) -> Array:
        y, inputs = x, x.shape[-1]
        if self.expansion > 1:
            y = self.make.conv(self.expansion * inputs, 1, 1, "expand_conv")(y)
            y = nn.relu6(self.make.norm("bn0")(y))
        y = _Depthwise(self.side, self.stride, name="depthwise_conv")(y)
        y = nn.relu6(self.make.norm("bn1")(y))
        y = self.make.conv(self.channels, 1, 1, "project_conv")(y)
        y = self.make.norm("bn2")(y)
        return y + x if y.shape == x.shape else y


class _Depthwise(nn.Module):
    """A convolution of each channel by itself."""

    side: int
    stride: int

    @nn.compact
    def __call__(self, x: Float[Array, "B h w c"]) -> Float[Array, "B h2 w2 c"]:
        shape = (self.side, self.side, 1, x.shape[-1])
        kernel = self.param("kernel", _DEPTHWISE_INIT, shape).astype(x.dtype)
        stride = self.stride
        return jax.lax.platform_dependent(
            x,
            kernel,
            cpu=lambda x, kernel: shifted_products(x, kernel, stride),
            default=lambda x, kernel: grouped_convolution(x, kernel, stride),
        )


def grouped_convolution(
    x: Float[Array, "B h w c"], kernel: Float[Array, "k k 1 c"], stride: int
) -> Float[Array, "B h2 w2 c"]:
    """Each channel with a kernel of its own, "SAME" padding, by one call of XLA."""
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=x.shape[-1],
    )


def shifted_products(
    x: Float[Array, "B h w c"], kernel: Float[Array, "k k 1 c"], stride: int
) -> Float[Array, "B h2 w2 c"]:
    """The same as :func:`grouped_convolution`: a sum over the places in the kernel.

    XLA runs grouped convolutions on CPUs channel by channel; this is one loop over
    images and positions with the channels innermost.
    """
    side = kernel.shape[0]
    sides = x.shape[1:3]
    pads = jax.lax.padtype_to_pads(sides, (side, side), (stride, stride), "SAME")
    x = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    high, wide = (stride * (-(-size // stride) - 1) + 1 for size in sides)
    parts = (
        x[:, i : i + high : stride, j : j + wide : stride] * kernel[i, j, 0]
        for i, j in itertools.product(range(side), repeat=2)
    )
    return functools.reduce(jnp.add, parts)
