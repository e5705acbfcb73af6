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
from perceptron_theory.errors import not_traced
from perceptron_theory.numerics.checks import is_real, plain_array, shown
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
        InputError: no numbers, or some beyond JAX's; different numbers of examples and
            labels, a loss that is no scalar, a gradient that is not finite.
    """
    inputs.refuse_other_order({"examples": examples, "labels": labels})
    stacked = inputs.truth_value("stacked", stacked)
    size = inputs.positive_integer("batch_size", batch_size)
    examples, labels = _rows("examples", examples), _rows("labels", labels)
    count, n_labels = len(examples), len(labels)
    if count != n_labels:
        raise InputError(f"{count} examples and {n_labels} labels: give as many")
    one = jax.tree.map(lambda leaf: leaf[0], params) if stacked else params
    x, y = (
        _device_rows("examples", examples, 0, 1),
        _device_rows("labels", labels, 0, 1),
    )
    try:
        value = jax.eval_shape(loss, one, x[0], y[0])
    except Exception as error:  # whatever a user's function raises
        what = "loss must be a JAX function of params, one example and one label"
        raise not_traced(what, error) from error
    if getattr(value, "shape", None) != ():
        raise InputError(f"loss must be a scalar for one example, got {value}")
    size = min(size, count)
    scores = np.empty(count)
    for i in range(0, count, size):
        # the last batch overlaps the one before it: a shorter one would be compiled
        first = min(i, count - size)
        rows = first, first + size
        x, y = (
            _device_rows("examples", examples, *rows),
            _device_rows("labels", labels, *rows),
        )
        scores[slice(*rows)] = _norms(loss, params, x, y, stacked)
    if not np.isfinite(scores).all():
        i = int((~np.isfinite(scores)).argmax())
        raise InputError(f"the gradient of example {i} has the norm {scores[i]}")
    return scores


def _rows(name: str, value: Any) -> Any:
    """Numbers or truth values, a row an example, of NumPy or JAX.

    Raises:
        InputError: they are others, or there are no rows.
    """
    array = value if isinstance(value, jax.Array) else plain_array(name, value)
    if array.ndim < 1 or array.size == 0:
        raise InputError(
            f"{name} must be an array of at least one row, got {shown(value)}"
        )
    if array.dtype != bool and not is_real(array.dtype):
        raise InputError(f"{name} must be numbers, got {array.dtype}")
    return array


def _device_rows(name: str, array: Any, first: int, end: int) -> Array:
    """Some rows, of the type in which JAX computes with such numbers.

    Raises:
        InputError: a number lies outside of that type, where JAX would take another.
    """
    rows = array[first:end]
    if isinstance(rows, jax.Array):
        return rows
    native = rows.dtype.newbyteorder("=")
    if native.kind == "f" and native.itemsize > 8:  # longer than double
        native = np.dtype(np.float64)
    kind = jax.dtypes.canonicalize_dtype(native)
    with np.errstate(over="ignore"):
        found = rows.astype(kind)
    whole = np.dtype(kind).kind in "iu"
    lost = found != rows if whole else np.isinf(found) > np.isinf(rows)
    if lost.any():
        i = int(lost.reshape(len(rows), -1).any(1).argmax())
        raise InputError(
            f"{name}[{first + i}] has the number {rows[i][lost[i]].flat[0]}, beyond "
            f"{np.dtype(kind)}: scale it down or switch on jax_enable_x64"
        )
    return jnp.asarray(found)


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
    """Length of an example's gradient, by the last checkpoint of a run or ensemble."""

    name: ClassVar[str] = "grand"
    needs: ClassVar = (RUN,)
    cost: ClassVar[str] = "ten networks or more, and a gradient an example"

    initial: bool = False
    """Whether to take the weights before the first step, as Paul et al. did first; no
    checkpoint is needed then."""

    def __post_init__(self) -> None:
        inputs.truth_value("initial", self.initial)

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
