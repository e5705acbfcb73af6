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

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from perceptron_theory.convex.losses import Loss, resolve_loss
from perceptron_theory.errors import unknown_name

from ..naming import as_number, require, settle
from .contract import Named, Trained, call_compiled, check_batch, unit
from .training_batches import map_sets, random_order

if TYPE_CHECKING:
    import optax

OPTIMIZERS = ("sgd", "adam", "adagrad", "rmsprop", "lion")


class How(NamedTuple):
    """Settings of :class:`Gradient`, and whether it stops early."""

    loss: Loss
    optimizer: str | optax.GradientTransformation
    batch_size: int | None
    complete: bool
    stopping: bool


class Descended(NamedTuple):
    """What came of one set of signed examples."""

    weights: Float[Array, " N"]
    """Weights of any length."""
    mistakes: Float[Array, ""]
    """Number of training examples with x.w <= 0."""
    training_error: Float[Array, ""]
    """The same as a fraction of the training examples."""
    margin: Float[Array, ""]
    """min_i x_i.w/|w| over the training examples."""
    loss: Float[Array, ""]
    """Mean loss of the held-out examples if there are any, else of training."""
    epochs: Float[Array, ""]
    """Number of epochs that led to these weights."""


class _Descent(NamedTuple):
    """State of the loop over epochs."""

    w: Float[Array, " N"]
    memory: Any  # of the optimizer
    epoch: Int[Array, ""]
    best_w: Float[Array, " N"]  # what training returns if it ends here
    best: Float[Array, ""]  # the held-out loss of best_w
    best_epoch: Int[Array, ""]
    stop: Bool[Array, ""]


def _descend(
    x, key, learning_rate, ridge, epochs, held_out, patience, *, how
) -> Descended:
    """Train on one set, as :func:`descend` does on each."""
    import optax  # other students do not wait for it

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

    def one_epoch(state: _Descent):
        order = random_order(jax.random.fold_in(key, state.epoch), taught)
        order = jnp.resize(order, steps * size)  # what is past the set is not valid
        valid = jnp.arange(steps * size) < count
        batches = order.reshape(steps, size), valid.reshape(steps, size)
        (w, memory), _ = jax.lax.scan(step, (state.w, state.memory), batches)
        number = state.epoch + 1
        stop = (mistakes(w) == 0) if complete else jnp.asarray(False)
        if not stopping:
            return _Descent(w, memory, number, w, state.best, number, stop)
        now = mean_loss(w, held)
        better = now < state.best
        best_epoch = jnp.where(better, number, state.best_epoch)
        return _Descent(
            w=w,
            memory=memory,
            epoch=number,
            best_w=jnp.where(better, w, state.best_w),
            best=jnp.where(better, now, state.best),
            best_epoch=best_epoch,
            stop=stop | (number - best_epoch >= patience),
        )

    w = jnp.zeros(dimension)
    none = jnp.zeros((), int)
    infinite = jnp.asarray(jnp.inf)
    start = _Descent(w, optimizer.init(w), none, w, infinite, none, jnp.asarray(False))
    end = jax.lax.while_loop(
        lambda state: (state.epoch < epochs) & ~state.stop, one_epoch, start
    )
    w = end.best_w
    wrong, lowest = mistakes(w), jnp.min(jnp.where(taught, x @ w, jnp.inf))
    return Descended(
        weights=w,
        mistakes=wrong,
        training_error=wrong / count,
        margin=lowest / jnp.linalg.norm(w),
        loss=mean_loss(w, held if stopping else taught),
        epochs=end.best_epoch * 1.0,
    )


@partial(jax.jit, static_argnames=("how",))
def descend(
    examples: Float[Array, "batch P N"], keys: Array, *numbers: Array | float, how: How
) -> Descended:
    """Train on each set of a batch; fields of the result have the axis ``batch``.

    Args:
        examples: signed examples y x; rows of zeros are no examples.
        keys: one key a set, for the order of its examples and for what is held out.
        numbers: learning_rate, ridge, epochs, early_stopping and patience, as
            :class:`Gradient` has them.
        how: what a program is compiled for.
    """
    train = lambda x, key: _descend(x, key, *numbers, how=how)  # noqa: E731
    return map_sets(train, examples, keys)


@dataclass(frozen=True)
class Gradient(Named, called="gradient"):
    """Gradient descent on a loss (the logistic one unless told) by optax.

    Args:
        loss: "logistic", "hinge", "squared_hinge", "square" or a convex JAX function.
        optimizer: "sgd", "adam", "adagrad", "rmsprop", "lion", or an
            ``optax.GradientTransformation``, which has its own learning rate.
        learning_rate: factor of the gradient of the mean loss of a batch; None with an
            optimizer of one's own.
        batch_size: examples a step; None takes all.
        epochs: passes over the examples, at most.
        complete: stop at the first epoch that leaves no training mistake; without one
            the student is not ``done``.
        ridge: as in :class:`~.convex.ConvexRidge`.
        early_stopping: fraction of the examples that is held out; training returns
            the weights of their least loss.  0 trains on all.
        patience: epochs without a smaller held-out loss to stop after.
        label: what to call an optimizer of one's own in files.

    Raises:
        InputError: a name is unknown, or a number is out of range.
    """

    loss: str | Loss = "logistic"
    optimizer: str | optax.GradientTransformation = "sgd"
    learning_rate: float | None = 0.1
    batch_size: int | None = 32
    epochs: int = 100
    complete: bool = False
    ridge: float = 0.0
    early_stopping: float = 0.0
    patience: int = 5
    label: str = ""

    certificate_name = "training mistakes"
    padding = "zero"

    def __post_init__(self) -> None:
        resolve_loss(self.loss)
        settle(self, as_number, "ridge", "early_stopping")
        if isinstance(self.optimizer, str):
            if self.optimizer not in OPTIMIZERS:
                raise unknown_name("optimizer", self.optimizer, OPTIMIZERS)
            settle(self, as_number, "learning_rate")
            rate = self.learning_rate
            good = rate is not None and 0 < rate < math.inf
            require(good, "learning_rate must be positive", self)
            require(not self.label, "label is for an optimizer of your own", self)
        else:
            import optax

            update = isinstance(self.optimizer, optax.GradientTransformation)
            what = "optimizer must be a name or an optax.GradientTransformation"
            require(update, what, self.optimizer)
            own = self.learning_rate is None and self.label
            what = "an optimizer of your own needs learning_rate=None and a label"
            require(bool(own), what, self)
        if self.batch_size is not None:
            self._whole("batch_size")
        self._whole("epochs")
        self._whole("patience")
        require(0 <= self.ridge < math.inf, "ridge must not be negative", self)
        held_out = 0 <= self.early_stopping < 1
        require(held_out, "early_stopping must lie in [0, 1)", self)

    def _settings(self) -> dict[str, object]:
        optimizer = {"optimizer": self.label or self.optimizer}
        settings = super()._settings() | optimizer
        del settings["label"]
        return settings

    def __call__(self, examples: Float[np.ndarray, "batch P N"], key: Array) -> Trained:
        """Train each set; the columns are margin, epochs, training_error and loss."""
        check_batch(examples, key)
        loss, stopping = resolve_loss(self.loss), self.early_stopping > 0
        how = How(loss, self.optimizer, self.batch_size, self.complete, stopping)
        found = call_compiled(
            descend,
            examples,
            key,
            self.learning_rate,
            self.ridge,
            self.epochs,
            self.early_stopping,
            self.patience,
            how=how,
        )
        weights, mistakes = unit(found.pop("weights")), found.pop("mistakes")
        done = np.isfinite(weights).all(1)
        done &= (mistakes == 0) | (not self.complete)
        return Trained(weights, mistakes, done, found)


BY_NAME = {"sgd": Gradient(), "adam": Gradient(optimizer="adam", learning_rate=0.01)}
