"""The losses of the package, and losses by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import InputError, unknown_name
from ..numerics.precision import own_settings
from .loss import FunctionLoss, Loss, Response


class Logistic(Loss):
    """Logistic loss log(1 + exp(-m)) of each margin m."""

    ends = True

    def __call__(self, margin: Array) -> Array:
        return jnp.logaddexp(0.0, -margin)

    def slopes(self, g: Float[Array, " k"]) -> tuple[Any, Any]:
        """Both derivatives with one exponential."""
        e = jnp.exp(-jnp.abs(g))
        wrong = jnp.where(g > 0, e, 1.0) / (1.0 + e)
        return -wrong, e / (1.0 + e) ** 2

    def bends(self, step: Float[Array, ""]) -> Float[Array, " n"]:
        """Where the response turns from the slope 1 to none: l'' = 1/V at +-log V."""
        turn = jnp.log1p(step)
        steps = (0.0, 7.0, 24.0, 50.0)
        outer = jnp.stack([turn + x for x in steps])
        inner = jnp.stack([jnp.maximum(turn - 6.0, 0.5 * turn), 0.5 * turn])
        half = jnp.sort(jnp.concatenate([inner, outer]))
        return jnp.concatenate([-half[::-1], jnp.zeros(1), half])


class Hinge(Loss):
    """Hinge loss max(0, 1 - m) of the margin m, as in support vector machines."""

    explicit = True
    ends = True
    kink = 1.0

    def __call__(self, margin: Array) -> Array:
        return jnp.maximum(0.0, 1.0 - margin)

    def check(self) -> None:
        """Its jump is known: there is nothing to check."""

    def response(self, t: Float[Array, " k"], step: Float[Array, ""]) -> Response:
        inside = 1.0 * ((t > -step) & (t < 0.0))
        below = 1.0 * (t <= -step)
        pull = jnp.clip(-t, 0.0, step)
        return Response(t, jnp.ones_like(t), pull, -inside, below)

    def bends(self, step: Float[Array, ""]) -> Float[Array, " n"]:
        return jnp.stack([-step, 0.0 * step])


class SquaredHinge(Loss):
    """Squared hinge loss max(0, 1 - m)^2/2 of the margin m."""

    explicit = True
    ends = True
    kink = 1.0

    @property
    def name(self) -> str:
        return "squared_hinge"

    def __call__(self, margin: Array) -> Array:
        return jnp.maximum(0.0, 1.0 - margin) ** 2 / 2

    def response(self, t: Float[Array, " k"], step: Float[Array, ""]) -> Response:
        return _of_shortfall(t, step, jnp.maximum(-t, 0.0), 1.0 * (t < 0.0))

    def bends(self, step: Float[Array, ""]) -> Float[Array, " n"]:
        return jnp.zeros(1)


class Square(Loss):
    """Square loss (1 - m)^2/2 of the margin m: least squares on the labels."""

    explicit = True
    linear = True
    kink = 1.0

    def __call__(self, margin: Array) -> Array:
        return (1.0 - margin) ** 2 / 2

    def response(self, t: Float[Array, " k"], step: Float[Array, ""]) -> Response:
        return _of_shortfall(t, step, -t, jnp.ones_like(t))

    def bends(self, step: Float[Array, ""]) -> Float[Array, " n"]:
        return jnp.zeros(1)


def _of_shortfall(
    t: Float[Array, " k"], step: Float[Array, ""], short: Any, some: Any
) -> Response:
    """The response of half the squared shortfall of the margin to one."""
    part = step / (1.0 + step)
    by_step = short / (1.0 + step) ** 2
    return Response(t, jnp.ones_like(t), part * short, -part * some, by_step)


logistic, hinge, squared_hinge, square = Logistic(), Hinge(), SquaredHinge(), Square()
LOSSES: dict[str, Loss] = {
    loss.name: loss for loss in (logistic, hinge, squared_hinge, square)
}


def resolve_loss(loss: str | Loss | Callable[[Any], Any]) -> Loss:
    """The loss behind a name or a function, checked on margins from -20 to 20.

    Raises:
        InputError: an unknown name, a loss that lacks a part of its contract, or one
            that is not finite or not convex.
    """
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise unknown_name("loss", loss, LOSSES)
        return LOSSES[loss]
    wanted = (
        "loss must be a name or a hashable JAX function that maps one margin to one "
        "real number (written with jax.numpy, jnp.where in place of if)"
    )
    if isinstance(loss, type) and issubclass(loss, Loss):
        raise InputError(f"loss must be an object: call it, {loss.__name__}()")
    if isinstance(loss, Loss) and type(loss).__call__ is Loss.__call__:
        raise InputError(
            f"the loss {type(loss).__name__} lacks __call__: write that method, the "
            "loss of one margin"
        )
    if isinstance(loss, Loss) and loss in LOSSES.values():
        return loss
    if not callable(loss):
        raise InputError(f"{wanted}, got {loss!r}")
    margins = np.linspace(-20.0, 20.0, 401)
    try:
        hash(loss)
        with own_settings(x64=True):
            values = np.asarray(jax.vmap(loss)(jnp.asarray(margins)))
    except Exception as error:  # whatever a user's function raises
        raise InputError(f"{wanted}, got a {type(error).__name__} from it") from error
    if values.shape != (401,) or values.dtype.kind not in "fiu":
        raise InputError(f"{wanted}, got {values.dtype} of shape {values.shape[1:]}")
    if not np.isfinite(values).all():
        raise InputError(
            "loss must be finite at every margin: it is not between -20 and 20"
        )
    bend = np.diff(values, 2)
    if bend.min() < -1e-10 * max(abs(values).max(), 1.0):
        at = float(margins[1 + int(bend.argmin())])
        raise InputError(f"loss must be convex: it is not near the margin {at:.1f}")
    return loss if isinstance(loss, Loss) else FunctionLoss(loss)
