r"""Students trained by gradient steps of optax: a number of epochs, or until done.

The objective on n signed examples is the mean of a loss of their margins,

    (1/n) sum_i l(x_i.w) + (ridge N/(2 n)) |w|^2,

N/n times that of :mod:`.convex` and of the theory, so that ``ridge`` means the same in
all three.  A step takes the gradient on one batch of examples, in an order drawn anew
for each epoch; training starts at w = 0, where one step on all examples is Hebb's rule.

Examples of zeros are none: batches are made of the others, and a batch without any
takes no step.  So a set does not depend on what it was filled up to.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from perceptron_theory.convex.losses import Loss

from ..data.training_batches import map_sets, random_order

OPTIMIZERS = ("sgd", "adam", "adagrad", "rmsprop", "lion")


class Descended(NamedTuple):
    """What came of one set of signed examples."""

    weights: Float[Array, " N"]
    """Of any length."""
    mistakes: Float[Array, ""]
    """Training examples with x.w <= 0."""
    training_error: Float[Array, ""]
    """The same as a fraction."""
    margin: Float[Array, ""]
    """min_i x_i.w/|w| over the training examples."""
    loss: Float[Array, ""]
    """Mean loss: of the held-out examples if there are any, else of training."""
    epochs: Float[Array, ""]
    """Epochs to these weights."""


def _descend(
    x, key, learning_rate, ridge, epochs, held_out, patience, *, how
) -> Descended:
    """Train on one set; ``how`` is the static part, see :func:`descend`."""
    loss, optimizer, batch_size, complete, stopping = how
    rows, dimension = x.shape
    size = min(batch_size or rows, rows)
    steps = -(-rows // size)
    if isinstance(optimizer, str):
        optimizer = getattr(optax, optimizer)(learning_rate)
    key, for_split = jax.random.split(key)
    real = jnp.any(x != 0, axis=1)
    place = jnp.argsort(random_order(for_split, real))
    # of two examples or more one at least is held out, and one at least is not
    number = jnp.clip(jnp.round(held_out * real.sum()), 1, real.sum() - 1)
    held = place < jnp.where(stopping, number, 0)
    taught = real & ~held
    count = taught.sum()

    def mean_loss(w, of):
        losses = jnp.where(of, jax.vmap(loss)(x @ w), 0.0)
        return losses.sum() / jnp.maximum(of.sum(), 1)

    def mistakes(w):
        return jnp.sum(taught & ~(x @ w > 0)) * 1.0

    def step(state, batch):
        w, memory = state
        chosen, valid = batch
        few = x[chosen]

        def objective(w):
            losses = jnp.where(valid, jax.vmap(loss)(few @ w), 0.0)
            mean = losses.sum() / jnp.maximum(valid.sum(), 1)
            return mean + ridge * dimension / (2 * count) * (w @ w)

        update, new = optimizer.update(jax.grad(objective)(w), memory, w)
        after = optax.apply_updates(w, update), new
        some = valid.any()
        return jax.tree.map(lambda a, b: jnp.where(some, a, b), after, state), None

    def epoch(state):
        w, memory, number, best_w, best, best_at, _ = state
        order = random_order(jax.random.fold_in(key, number), taught)
        order = jnp.resize(order, steps * size)  # what is past the set is not valid
        valid = jnp.arange(steps * size) < count
        batches = order.reshape(steps, size), valid.reshape(steps, size)
        (w, memory), _ = jax.lax.scan(step, (w, memory), batches)
        number += 1
        stop = (mistakes(w) == 0) if complete else jnp.asarray(False)
        if stopping:
            now = mean_loss(w, held)
            better = now < best
            best_w = jnp.where(better, w, best_w)
            best, best_at = (
                jnp.where(better, now, best),
                jnp.where(better, number, best_at),
            )
            stop |= number - best_at >= patience
        else:
            best_w, best_at = w, number
        return w, memory, number, best_w, best, best_at, stop

    w = jnp.zeros(dimension)
    none = jnp.zeros((), int)
    start = w, optimizer.init(w), none, w, jnp.inf, none, jnp.asarray(False)
    *_, w, _, best_at, _ = jax.lax.while_loop(
        lambda state: (state[2] < epochs) & ~state[-1], epoch, start
    )
    wrong, lowest = mistakes(w), jnp.min(jnp.where(taught, x @ w, jnp.inf))
    return Descended(
        weights=w,
        mistakes=wrong,
        training_error=wrong / count,
        margin=lowest / jnp.linalg.norm(w),
        loss=mean_loss(w, held if stopping else taught),
        epochs=best_at * 1.0,
    )


@partial(
    jax.jit,
    static_argnames=("loss", "optimizer", "batch_size", "complete", "stopping"),
)
def descend(
    examples: Float[Array, "batch P N"],
    keys: Array,
    learning_rate: Array | float,
    ridge: Array | float,
    epochs: Array | int,
    held_out: Array | float,
    patience: Array | int,
    *,
    loss: Loss,
    optimizer: str | optax.GradientTransformation,
    batch_size: int | None,
    complete: bool,
    stopping: bool,
) -> Descended:
    """Train on each set of a batch; fields of the result have the axis ``batch``.

    Args:
        examples: signed examples y x; rows of zeros are no examples.
        keys: one a set; for the order of its examples and for what is held out.
        learning_rate: of an optimizer given by name.
        ridge: as at the top of this file.
        epochs: passes allowed.
        held_out: fraction of the examples that is not trained on (``stopping``).
        patience: epochs without a smaller held-out loss to stop after.
        loss: of one margin.
        optimizer: one of :data:`OPTIMIZERS`, or any of optax.
        batch_size: examples a step; None takes all.
        complete: stop at the first epoch that leaves no training mistake.
        stopping: stop early, and return the weights of the least held-out loss.
    """
    how = loss, optimizer, batch_size, complete, stopping
    numbers = learning_rate, ridge, epochs, held_out, patience
    train = lambda x, key: _descend(x, key, *numbers, how=how)  # noqa: E731
    return map_sets(train, examples, keys)
