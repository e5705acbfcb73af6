"""ResNets for CIFAR and ImageNet (He et al. 2016, arXiv 1512.03385).

Strides and padding are PyTorch's (``padding = size // 2`` on both sides; "SAME" would
pad one side only at stride 2), and parameters are named after torchvision's.  The
bottleneck is v1.5: the stride is in its 3 x 3 convolution, as in torchvision, timm and
SwAV, not in the first 1 x 1 of the paper.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array

from .batch_normalisation import batch_norm
from .classifier import Classifier

STEMS = ("cifar", "strided", "imagenet")
SHORTCUTS = ("pad", "projection")

# He et al. 2015 by outputs, as torchvision and VISSL start
_CONV_INIT = nn.initializers.variance_scaling(2.0, "fan_out", "normal")


class ResNet(Classifier, kw_only=True):
    """Stages of residual blocks, each of half the size and twice the width.

    Attributes:
        stages: blocks in each stage.
        width: of the first stage.
        bottleneck: whether blocks are 1 x 1, 3 x 3, 1 x 1, or twice 3 x 3.
        stem: "cifar", a 3 x 3 convolution; "strided", the same with stride 2, a
            quarter of the work, for small machines (not of the paper); "imagenet",
            7 x 7 with stride 2 and a maximum over 3 x 3 with stride 2.
        shortcut: where a block changes the shape: "projection" (option B of the paper,
            its choice for ImageNet), a 1 x 1 convolution with batch norm; "pad" (option
            A, its choice for CIFAR), every second pixel, with zero channels, half of
            them on each side.
        axis_name: see :func:`.batch_normalisation.batch_norm`.
    """

    OPTIONS: ClassVar[Mapping[str, tuple[str, ...] | None]] = {
        "stem": STEMS,
        "shortcut": SHORTCUTS,
        "axis_name": None,
    }

    stages: tuple[int, ...]
    width: int
    bottleneck: bool = False
    stem: str = "cifar"
    shortcut: str = "projection"
    axis_name: str | None = None

    def embed(self, images: Array, train: bool) -> Array:
        def conv(channels: int, size: int, stride: int, name: str) -> nn.Module:
            return nn.Conv(
                channels,
                (size, size),
                (stride, stride),
                padding=size // 2,
                use_bias=False,
                dtype=self.dtype,
                kernel_init=_CONV_INIT,
                name=name,
            )

        norm = batch_norm(train=train, dtype=self.dtype, axis_name=self.axis_name)
        size = 7 if self.stem == "imagenet" else 3
        stride = 1 if self.stem == "cifar" else 2
        x = conv(self.width, size, stride, "conv1")(images)
        x = nn.relu(norm(name="bn1")(x))
        if self.stem == "imagenet":
            both = ((1, 1), (1, 1))
            x = nn.max_pool(x, (3, 3), (2, 2), both)  # type: ignore # takes numbers, too
        for i, blocks in enumerate(self.stages):
            for j in range(blocks):
                x = _Block(
                    width=self.width * 2**i,
                    stride=2 if i > 0 and j == 0 else 1,
                    bottleneck=self.bottleneck,
                    shortcut=self.shortcut,
                    conv=conv,
                    norm=norm,
                    name=f"layer{i + 1}_{j}",
                )(x)
        return x.astype(jnp.float32).mean((1, 2))

    def head_init(self) -> nn.initializers.Initializer:
        """Uniform up to 1 / sqrt(inputs), PyTorch's default."""
        return nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


class _Block(nn.Module):
    """x plus its residual, by the functions of the network that make layers."""

    width: int
    stride: int
    bottleneck: bool
    shortcut: str
    conv: Callable[[int, int, int, str], nn.Module]
    norm: Callable[..., nn.Module]

    @nn.compact
    def __call__(self, x: Array) -> Array:
        layers = [(self.width, 3, self.stride), (self.width, 3, 1)]
        if self.bottleneck:
            narrow = [(self.width, 1, 1), (self.width, 3, self.stride)]
            layers = [*narrow, (4 * self.width, 1, 1)]
        y = x
        for i, layer in enumerate(layers, start=1):
            y = self.norm(name=f"bn{i}")(self.conv(*layer, f"conv{i}")(y))
            if i < len(layers):
                y = nn.relu(y)
        return nn.relu(y + self._skip(x, channels=y.shape[-1]))

    def _skip(self, x: Array, channels: int) -> Array:
        if self.stride == 1 and x.shape[-1] == channels:
            return x
        if self.shortcut == "projection":
            x = self.conv(channels, 1, self.stride, "downsample_0")(x)
            return self.norm(name="downsample_1")(x)
        x = x[:, :: self.stride, :: self.stride]
        more = channels - x.shape[-1]
        return jnp.pad(x, ((0, 0), (0, 0), (0, 0), (more // 2, more - more // 2)))
