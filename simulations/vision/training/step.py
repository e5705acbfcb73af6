"""One step of training, and the logits of a batch: pure functions of whole batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, Key, UInt8

from ..data.augment import augment, normalize
from ..networks.classifier import Classifier
from ..networks.variables import initialise
from .loss import cross_entropy, masked_mean
from .optimizer import optimizer
from .recipe import Recipe


@dataclass(frozen=True)
class Model:
    """What is the same at every step; hashable, so that programs are compiled once."""

    network: Classifier
    recipe: Recipe
    total_steps: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augmented: bool
    """Whether the step crops and flips: a stream's images already are."""


class State(NamedTuple):
    """What a step changes; a pytree."""

    params: Any
    statistics: Any
    """Running ones of batch norm; empty for networks without."""
    optimizer: Any


class Batch(NamedTuple):
    """A batch, before augmentation and normalisation."""

    images: UInt8[Array | np.ndarray, "B h w c"]
    labels: Int[Array | np.ndarray, " B"]
    rows: Int[Array | np.ndarray, " B"]
    """Of the data set."""
    mask: Bool[Array | np.ndarray, " B"]
    """False where an example must not count."""


class Seen(NamedTuple):
    """What a step saw before it changed the weights."""

    loss: Float[Array, ""]
    """The mean over the batch, without weight decay."""
    rows: Int[Array, " B"]
    mask: Bool[Array, " B"]
    correct: Bool[Array, " B"]
    """In training mode, as augmented: what forgetting counts."""


def initial_state(
    model: Model, image_shape: tuple[int, int, int], key: Key[Array, ""]
) -> State:
    """Random weights, and the optimiser's state before the first step."""
    variables = initialise(model.network, image_shape, key=key)
    rule = optimizer(model.recipe, model.total_steps)
    params = variables["params"]
    return State(params, variables.get("batch_stats", {}), rule.init(params))


def train_step(
    model: Model, state: State, batch: Batch, key: Key[Array, ""]
) -> tuple[State, Seen]:
    """The state after one batch, and what was seen of it.

    The loss is the mean over the batch; statistics of batch norm are of all of it,
    whatever devices it is on.
    """
    recipe = model.recipe
    labels, rows, mask = map(jnp.asarray, batch[1:])
    images = jnp.asarray(batch.images)
    if model.augmented:
        images = augment(images, key, pad=recipe.crop_pad, flip=recipe.flip)
    images = _normal(model, images)

    def loss(params: Any) -> tuple[Array, tuple[Any, Array]]:
        logits, changed = model.network.apply(
            {"params": params, "batch_stats": state.statistics},
            images,
            train=True,
            mutable=["batch_stats"],
        )
        losses = cross_entropy(logits, labels, recipe.label_smoothing)
        statistics = changed.get("batch_stats", {})
        return masked_mean(losses, mask), (statistics, logits)

    differentiate = jax.value_and_grad(loss, has_aux=True)
    (value, (statistics, logits)), gradient = differentiate(state.params)
    rule = optimizer(recipe, model.total_steps)
    updates, memory = rule.update(gradient, state.optimizer, state.params)
    params = optax.apply_updates(state.params, updates)
    correct = logits.argmax(1) == labels
    return (
        State(params, statistics, memory),
        Seen(value, rows, mask, correct),
    )


def predict(
    model: Model, state: State, images: UInt8[Array, "B h w c"]
) -> Float[Array, "B C"]:
    """Logits in evaluation mode, without augmentation."""
    variables = {"params": state.params, "batch_stats": state.statistics}
    return model.network.apply(variables, _normal(model, images))  # type: ignore


def _normal(model: Model, images: Array) -> Array:
    return normalize(images, jnp.array(model.mean), jnp.array(model.std))
