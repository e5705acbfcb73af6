"""Variables of a network: their shapes, their number, and where they start."""

from __future__ import annotations

import functools
import hashlib
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from perceptron_theory import InputError
from perceptron_theory.numerics.precision import own_settings

from ..inputs import random_key
from .classifier import Classifier


@own_settings()
def abstract_variables(
    network: Classifier, image_shape: tuple[int, int, int]
) -> dict[str, Any]:
    """The shapes and types of all variables, computed without their memory.

    Args:
        network: of :func:`.catalog.network`.
        image_shape: height, width, channels.

    Raises:
        InputError: no such shape, or one that the network cannot take.
    """
    image = jnp.zeros(_batch_of_one(image_shape))
    return jax.eval_shape(network.init, jax.random.key(0), image)


@own_settings()
def initialise(
    network: Classifier, image_shape: tuple[int, int, int], *, key: Any
) -> dict[str, Any]:
    """Random parameters ("params") and, with batch norm, statistics ("batch_stats").

    Inside ``jax.vmap`` over keys: those of K models, each leaf with an axis of K.

    Args:
        network: of :func:`.catalog.network`.
        image_shape: height, width, channels.
        key: of ``jax.random``, or a seed.

    Raises:
        InputError: no such shape or key, or a shape that the network cannot take.
    """
    return _initialise(network, _batch_of_one(image_shape), random_key(key))


@own_settings()
def parameter_count(network: Classifier, image_shape: tuple[int, int, int]) -> int:
    """The number of parameters; running statistics are none.

    Raises:
        InputError: as :func:`abstract_variables`.
    """
    params = abstract_variables(network, image_shape)["params"]
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def digest(variables: dict[str, Any]) -> str:
    """SHA-256 of the names and values of all variables."""
    found = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(variables):
        found.update(jax.tree_util.keystr(path).encode())
        found.update(np.asarray(leaf).tobytes())
    return found.hexdigest()


@functools.partial(jax.jit, static_argnums=(0, 1))
def _initialise(network: Classifier, shape: tuple[int, ...], key: jax.Array) -> Any:
    return network.init(key, jnp.zeros(shape))


def _batch_of_one(image_shape: tuple[int, int, int]) -> tuple[int, ...]:
    shape = tuple(image_shape)
    if len(shape) != 3 or not all(isinstance(n, int) and n > 0 for n in shape):
        raise InputError(
            "image_shape must be height, width and channels, such as (32, 32, 3); got "
            f"{image_shape!r}"
        )
    return (1, *shape)
