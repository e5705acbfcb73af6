"""GraND: the length of the gradient of an example's own loss."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perceptron_theory import InputError
from perceptron_theory.numerics.checks import refuse_masked
from perceptron_theory.numerics.precision import own_settings
from perceptron_theory.paths import expanded

from .. import inputs
from .contract import RUN, Given, Metric, Scored


@own_settings()
def grand(
    loss: Callable[[Any, Array, Array], Float[Array, ""]],
    params: Any,
    examples: Array | np.ndarray,
    labels: Array | np.ndarray,
    *,
    batch_size: int = 64,
    stacked: bool = False,
) -> Float[np.ndarray, " P"]:
    r"""The norm of grad_params loss(params, x, y), by ``vmap(grad)``: exact.

    Paul et al. 2021 (arXiv 2107.07075), Def. 2.1, an expectation over random weights:
    they advise 10 models or more.  Kirsch (arXiv 2303.14753) could not reproduce it at
    initialisation.  Each gradient is of the loss of *one* example, so batches have no
    influence; a network with batch norm has to be in evaluation mode.  High = keep.

    Args:
        loss: a JAX function of parameters (any pytree), one example and one label.
        params: its parameters; of K models, each leaf with a first axis of length K, if
            ``stacked``: then the mean over models.
        examples: (P, ...)
        labels: (P, ...), whatever ``loss`` takes.
        batch_size: examples at once: each takes the memory of the parameters.
        stacked: whether ``params`` are those of several models.

    Raises:
        InputError: different numbers of examples and labels, a loss that is no scalar,
            a gradient that is not finite.
    """
    size = inputs.positive_integer("batch_size", batch_size)
    count, n_labels = _rows("examples", examples), _rows("labels", labels)
    if count != n_labels:
        raise InputError(f"{count} examples and {n_labels} labels: give as many")
    one = jax.tree.map(lambda leaf: leaf[0], params) if stacked else params
    x, y = (jax.eval_shape(lambda a: a[0], part[:1]) for part in (examples, labels))
    value = jax.eval_shape(loss, one, x, y)
    if getattr(value, "shape", None) != ():
        raise InputError(f"loss must be a scalar for one example, got {value}")
    size = min(size, count)
    scores = np.empty(count)
    for i in range(0, count, size):
        # the last batch overlaps the one before it: a shorter one would be compiled
        first = min(i, count - size)
        rows = slice(first, first + size)
        scores[rows] = _norms(
            loss,
            params,
            jnp.asarray(examples[rows]),
            jnp.asarray(labels[rows]),
            stacked,
        )
    if not np.isfinite(scores).all():
        i = int((~np.isfinite(scores)).argmax())
        raise InputError(f"the gradient of example {i} has the norm {scores[i]}")
    return scores


def _rows(name: str, array: Any) -> int:
    refuse_masked(name, array)
    if (
        not isinstance(array, jax.Array | np.ndarray)
        or array.ndim < 1
        or not len(array)
    ):
        raise InputError(f"{name} must be an array of at least one row, got {array!r}")
    return len(array)


@functools.partial(jax.jit, static_argnames=("loss", "stacked"))
def _norms(loss: Callable, params: Any, xs: Array, ys: Array, stacked: bool) -> Array:
    def norm(params, x, y):
        leaves = jax.tree.leaves(jax.grad(loss)(params, x, y))
        return jnp.sqrt(sum(jnp.sum(jnp.abs(leaf) ** 2) for leaf in leaves))

    batch = jax.vmap(norm, in_axes=(None, 0, 0))
    if not stacked:
        return batch(params, xs, ys)
    # one model after another: all their gradients at once would not fit
    return jax.lax.map(lambda one: batch(one, xs, ys), params).mean(0)


@dataclass(frozen=True)
class GraND(Metric):
    """The metric of :func:`grand`, by the last checkpoint of a run or an ensemble."""

    name: ClassVar[str] = "grand"
    needs: ClassVar = (RUN,)
    cost: ClassVar[str] = "ten networks or more, and a gradient an example"

    initial: bool = False
    """Whether to take the weights before the first step, as Paul et al. did first; no
    checkpoint is needed then."""

    def score(self, given: Given) -> Scored:
        from ..run_networks import networks_of_run  # flax may be missing

        found: list[Float[np.ndarray, " P"]] = []
        seeds, recipe = [], {}
        folder = expanded(given["run"])
        for net in networks_of_run(given.dataset, folder, initial=self.initial):
            images, labels = net.dataset.images, net.dataset.labels
            found.append(grand(net.loss, net.variables, images, labels))
            seeds.append(net.seed)
            recipe = net.recipe
        return Scored(
            np.mean(found, axis=0),
            np.stack(found) if len(found) > 1 else None,
            recipe={"initial": self.initial, "training": recipe},
            seeds=seeds,
        )
