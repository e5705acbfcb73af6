"""The optimiser of a recipe: SGD or AdamW of optax, with its schedule."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from .recipe import Recipe


def learning_rate(recipe: Recipe, total_steps: int) -> optax.Schedule:
    """The rate as a function of the number of steps done.

    Points of the schedule are at round(total_steps * point / schedule_length).
    """

    def place(point: float) -> int:
        return round(total_steps * point / recipe.schedule_length)

    warm = place(recipe.warmup)
    drops = jnp.array([place(point) for point in recipe.milestones], jnp.int32)

    def rate(step: Any) -> Float[Array, ""]:
        value = jnp.asarray(recipe.learning_rate, jnp.float32)
        if recipe.schedule == "step" and len(drops):
            value = value * recipe.drop ** (step >= drops).sum()
        elif recipe.schedule == "cosine":
            share = jnp.clip((step - warm) / max(total_steps - warm, 1), 0, 1)
            value = value * (1 + jnp.cos(jnp.pi * share)) / 2
        if warm:
            value = value * jnp.minimum((step + 1) / warm, 1)
        return value

    return rate


def optimizer(recipe: Recipe, total_steps: int) -> optax.GradientTransformation:
    """SGD as PyTorch's (decay added to the gradient, no dampening), or AdamW."""
    rate = learning_rate(recipe, total_steps)

    def mask(params: Any) -> Any:
        return decayed(params, norms=recipe.decay_norms, biases=recipe.decay_biases)

    if recipe.optimizer == "adamw":
        decay = recipe.weight_decay
        return optax.adamw(rate, b1=recipe.momentum, weight_decay=decay, mask=mask)
    return optax.chain(
        optax.add_decayed_weights(recipe.weight_decay, mask),
        optax.sgd(rate, momentum=recipe.momentum, nesterov=recipe.nesterov),
    )


def decayed(params: Any, *, norms: bool, biases: bool) -> Any:
    """The tree of parameters with True where weights decay.

    A norm is a layer that has a scale; its bias counts as of the norm.
    """

    def of(layer: dict[str, Any]) -> dict[str, Any]:
        norm = "scale" in layer
        return {
            name: of(value)
            if isinstance(value, dict)
            else norms
            if norm
            else biases or name != "bias"
            for name, value in layer.items()
        }

    return of(params)
