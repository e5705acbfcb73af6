"""What a head does with an example that is new to it, averaged over heads."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..convex.loss import Loss, proximal
from ..numerics.precision import own_settings

NODES = 16
_SMALLEST_BATCH = 256


class Responses(NamedTuple):
    """Averages over Gaussian margins of each example.

    With M = mean + noise xi and h = (prox_{V l}(M) - M)/V, minus the slope of the loss
    after training on the example: ``pull`` is E[h], ``square`` is E[h^2], and ``bend``
    is -E[dh/dM], which is not negative.
    """

    pull: Float[np.ndarray, " n"]
    square: Float[np.ndarray, " n"]
    bend: Float[np.ndarray, " n"]


def responses(
    loss: Loss,
    mean: Float[np.ndarray, " n"],
    noise: Float[np.ndarray, " n"],
    step: Float[np.ndarray, " n"],
) -> Responses:
    """The averages of each example by Gauss-Hermite quadrature with 16 nodes.

    Args:
        loss: of one margin.
        mean: (n,) margins under the mean head.
        noise: (n,) their standard deviations over heads, positive.
        step: (n,) V, what an example adds to its own margin per unit of slope.
    """
    count = len(mean)
    # few sizes, so that few programs are compiled
    size = _SMALLEST_BATCH
    while size < count:
        size *= 2
    if 3 * size // 4 >= count:
        size = 3 * size // 4
    pad = partial(np.pad, pad_width=(0, size - count), constant_values=1.0)
    with own_settings(x64=True):
        found = _program(loss)(pad(mean), pad(noise), pad(step))
        return Responses(*(np.asarray(x)[:count] for x in found))


@lru_cache(maxsize=32)
def _program(loss: Loss) -> Any:
    x, weight = np.polynomial.hermite_e.hermegauss(NODES)
    weight = weight / weight.sum()

    def averages(
        mean: Float[Array, " n"], noise: Float[Array, " n"], step: Float[Array, " n"]
    ) -> tuple[Float[Array, " n"], ...]:
        margin = mean[:, None] + noise[:, None] * x
        step = jnp.broadcast_to(step[:, None], margin.shape)
        h = _slope_after(loss, margin, step)
        # E[dh/dM] by parts: h may have kinks, and no node falls on one
        bend = -(h * x) @ weight / noise
        return h @ weight, (h * h) @ weight, jnp.maximum(bend, 0.0)

    return jax.jit(averages)


def _slope_after(
    loss: Loss, margin: Float[Array, "n k"], step: Float[Array, "n k"]
) -> Float[Array, "n k"]:
    if loss.explicit:
        return loss.response(margin - loss.kink, step).pull / step
    # a loss of a user's own takes its slopes along one axis only
    margin, step, shape = margin.ravel(), step.ravel(), margin.shape
    g = proximal(loss, margin, step)  # six digits; two steps more give all
    for _ in range(2):
        slope, bend = loss.slopes(g)
        g = g - (g + step * slope - margin) / (1.0 + step * bend)
    return -loss.slopes(g)[0].reshape(shape)
