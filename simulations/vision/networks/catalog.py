"""The networks that come with the package, by name; others by their class."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name

from ..contracts import imported
from .classifier import Classifier
from .efficientnet import EfficientNetLite
from .lenet import LeNet
from .mixer import Mixer
from .mlp import MLP
from .resnet import ResNet
from .vit import ViT

# ResNet-8 and 20 are the paper's 6 n + 2 layers for CIFAR, n = 1 and 3, with its option
# A: of the two shortcuts the one without convolutions, which are dear on small machines
NETWORKS: dict[str, partial[Any]] = {
    "mlp": partial(MLP),
    "mixer": partial(Mixer),
    "lenet": partial(LeNet),
    "resnet8": partial(ResNet, stages=(1, 1, 1), width=16, shortcut="pad"),
    "resnet20": partial(ResNet, stages=(3, 3, 3), width=16, shortcut="pad"),
    "resnet18": partial(ResNet, stages=(2, 2, 2, 2), width=64),
    "resnet50": partial(
        ResNet, stages=(3, 4, 6, 3), width=64, bottleneck=True, stem="imagenet"
    ),
    "efficientnet_lite0": partial(EfficientNetLite),
    "efficientnet_lite1": partial(EfficientNetLite, depth=1.1),
    "efficientnet_lite2": partial(EfficientNetLite, width=1.1, depth=1.2),
} | {
    f"vit_{size}{patch}": partial(ViT, patch=patch, width=64 * heads, heads=heads)
    for size, heads in (("ti", 3), ("s", 6), ("b", 12))
    for patch in (16, 8)
}
_ANY = {"hidden_head": None}
_TYPES = ("float32", "bfloat16")


def network(
    name: str, *, classes: int, dtype: Any = "float32", **options: Any
) -> Classifier:
    """A network, to be initialised or given imported weights.

    ``network(...).apply(variables, images)`` are logits of evaluation mode; see
    :class:`.classifier.Classifier` for training mode and embeddings.

    Args:
        name: A key of ``NETWORKS``, or ``package.module:Name`` of a class of your own.
        classes: outputs; 0 for the embedding alone.
        dtype: of the computation, "float32" or "bfloat16"; parameters are float32.
        **options: ``hidden_head``, see :class:`.classifier.Classifier`; for ResNets
            ``stem``, ``shortcut`` and ``axis_name``, see :class:`.resnet.ResNet`; for
            EfficientNets ``layer`` and ``axis_name``, see
            :class:`.efficientnet.EfficientNetLite`; for ViTs ``norm_epsilon``.

    Raises:
        InputError: an unknown name, type or option, no whole number of classes.
    """
    make, kind = _found(name)
    whole = isinstance(classes, int | np.integer) and not isinstance(classes, bool)
    if not whole or classes < 0:
        raise InputError(
            f"classes must be a whole number, 0 for no head; got {classes!r}"
        )
    allowed = dict(kind.OPTIONS) | _ANY
    for option, value in options.items():
        if option not in allowed:
            raise unknown_name(f"option of {name}", option, allowed)
        values = allowed[option]
        if values is not None and value not in values:
            raise unknown_name(option, value, values)
    try:
        return make(classes=int(classes), dtype=_type(dtype), **options)
    except TypeError as error:  # an attribute that has no value
        raise InputError(f"{name}: {error}") from error


def _found(name: str) -> tuple[Callable[..., Classifier], type[Classifier]]:
    """What makes the network of a name, and its class.

    Raises:
        InputError: An unknown name, or a class that lacks a part of the contract.
    """
    make: Any = NETWORKS.get(name)
    if make is None:
        outside = imported(name)
        if outside is None or outside[1]:
            raise unknown_name("network", name, NETWORKS)
        make = outside[0]
    kind = make.func if isinstance(make, partial) else make
    if not isinstance(kind, type) or not issubclass(kind, Classifier):
        raise InputError(
            f"{name} is not a network: give a subclass of networks.Classifier, or a "
            "partial of one"
        )
    if kind.embed is Classifier.embed:
        raise InputError(
            f"{name} is not a network: it lacks embed, a method of (images, "
            "train) that "
            "returns embeddings (B, d)"
        )
    return make, kind


def _type(dtype: Any) -> np.dtype:
    try:
        found = jnp.dtype(dtype)
    except TypeError:
        raise unknown_name("dtype", dtype, _TYPES) from None
    if found.name not in _TYPES:
        raise unknown_name("dtype", found.name, _TYPES)
    return found
