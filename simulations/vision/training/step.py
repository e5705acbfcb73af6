"""One step of training, and the logits of a batch: pure functions of whole batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, Key, UInt8

from ..data.augmentation import augment, normalize, random_flip, resized
from ..data.colour import recolour
from ..data.resized_crop import resized_crops
from ..networks.classifier import Classifier
from ..networks.variables import initialise
from .contrastive import nt_xent
from .loss import cross_entropy, masked_mean
from .optimizers import optimizer
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
    """The row of each example in the data set."""
    mask: Bool[Array | np.ndarray, " B"]
    """False where an example must not count."""


class Seen(NamedTuple):
    """What a step saw before it changed the weights."""

    loss: Float[Array, ""]
    """The mean over the batch, without weight decay."""
    rows: Int[Array, " B"]
    mask: Bool[Array, " B"]
    correct: Bool[Array, " B"]
    """In training mode, as augmented: what forgetting counts.  In SimCLR, whether each
    view is more alike to the other than to all else in the batch."""


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
    if recipe.objective == "simclr":
        two = [_view(model, images, one) for one in jax.random.split(key)]
        images = jnp.stack(two, axis=1).reshape(-1, *images.shape[1:])
    else:
        images = _view(model, images, key)
    images = _normal(model, images)

    def loss(params: Any) -> tuple[Array, tuple[Any, Array]]:
        outputs, changed = model.network.apply(
            {"params": params, "batch_stats": state.statistics},
            images,
            train=True,
            mutable=["batch_stats"],
        )
        if recipe.objective == "simclr":
            losses, correct = nt_xent(outputs, recipe.temperature)
        else:
            losses = cross_entropy(outputs, labels, recipe.label_smoothing)
            correct = outputs.argmax(1) == labels
        statistics = changed.get("batch_stats", {})
        return masked_mean(losses, mask), (statistics, correct)

    differentiate = jax.value_and_grad(loss, has_aux=True)
    (value, (statistics, correct)), gradient = differentiate(state.params)
    rule = optimizer(recipe, model.total_steps)
    updates, memory = rule.update(gradient, state.optimizer, state.params)
    params = optax.apply_updates(state.params, updates)
    return (
        State(params, statistics, memory),
        Seen(value, rows, mask, correct),
    )


def _view(
    model: Model, images: Array, key: Key[Array, ""]
) -> Float[Array, "B h w c"] | UInt8[Array, "B h w c"]:
    """Every image as the recipe augments it, on the scale of bytes."""
    recipe = model.recipe
    if model.augmented and recipe.crop_scale:
        crops, flips = jax.random.split(key)
        images = resized_crops(images, crops, scale=recipe.crop_scale)
        if recipe.flip:
            images = jax.vmap(random_flip)(images, jax.random.split(flips, len(images)))
    elif model.augmented:
        images = augment(images, key, pad=recipe.crop_pad, flip=recipe.flip)
    if recipe.jitter or recipe.grayscale:
        images = recolour(
            images,
            jax.random.fold_in(key, 1),
            jitter=recipe.jitter,
            probability=recipe.jitter_probability,
            grayscale=recipe.grayscale,
        )
    return images


def predict(
    model: Model, state: State, images: UInt8[Array, "B h w c"]
) -> Float[Array, "B C"]:
    """Logits in evaluation mode, without augmentation."""
    variables = {"params": state.params, "batch_stats": state.statistics}
    return model.network.apply(variables, _normal(model, images))  # type: ignore


def _normal(model: Model, images: Array) -> Array:
    images = normalize(images, jnp.array(model.mean), jnp.array(model.std))
    return resized(images, model.recipe.resize)
