r"""Convex losses of a student's margin, and their proximal maps.

The proximal map of V l at m is the g that minimises l(g) + (g - m)^2/(2 V), the root of
g + V l'(g) = m.  The theory needs it as the response p = g - m: what training on an
example adds to the margin that it has under the student trained without it.

Integrals over m need no root: where p has no closed form they are taken over t = g,
with m = t + V l'(t) and p = -V l'(t).  Where it has one, t = m.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import InputError, unknown_name

Loss = Callable[[Array], Array]

NODES = 16  # a panel along the margin
# where a loss of unknown form may bend (its second derivative jump)
BENDS = (-32.0, -16.0, -8.0, -4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


def logistic(margin: Array) -> Array:
    """log(1 + exp(-m)), element by element as the others."""
    return jnp.logaddexp(0.0, -margin)


def hinge(margin: Array) -> Array:
    """max(0, 1 - m)."""
    return jnp.maximum(0.0, 1.0 - margin)


def squared_hinge(margin: Array) -> Array:
    """max(0, 1 - m)^2/2."""
    return jnp.maximum(0.0, 1.0 - margin) ** 2 / 2


def square(margin: Array) -> Array:
    """(1 - m)^2/2."""
    return (1.0 - margin) ** 2 / 2


LOSSES: dict[str, Loss] = {
    f.__name__: f for f in (logistic, hinge, squared_hinge, square)
}
# whose proximal map has a closed form
EXPLICIT = hinge, squared_hinge, square


def resolve_loss(loss: str | Loss) -> Loss:
    """The function of a loss, checked on margins from -20 to 20.

    Raises:
        InputError: an unknown name, or a function that is not finite or not convex.
    """
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise unknown_name("loss", loss, LOSSES)
        return LOSSES[loss]
    wanted = (
        "loss must be a name or a hashable JAX function that maps one margin to one "
        "real number (written with jax.numpy, jnp.where in place of if)"
    )
    if not callable(loss):
        raise InputError(f"{wanted}, got {loss!r}")
    margins = np.linspace(-20.0, 20.0, 401)
    try:
        hash(loss)
        with jax.enable_x64(True):
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
    return loss


@lru_cache(maxsize=64)  # each check compiles programs
def check_smooth(loss: Loss) -> None:
    """A loss of the theory falls at margin 0, is convex and smooth on -20 to 20.

    Raises:
        InputError: it rises or is flat at 0 (its student is 0 or worse than chance);
            its derivative falls or jumps somewhere (but for the hinge); or it changes
            too sharply for the nodes of the integrals, which the change of l' over
            each panel shows: their sum of l'' has to give it to eight digits.
    """
    if loss is hinge:
        return
    with jax.enable_x64(True):
        slope = jax.jit(jax.vmap(jax.grad(loss)))
        bend = jax.jit(jax.vmap(jax.grad(jax.grad(loss))))
        if not float(slope(jnp.zeros(1))[0]) < 0:
            raise InputError("loss must fall at margin 0: it rises or is flat there")
        margins = np.linspace(-20.0, 20.0, 4001)
        slopes = np.asarray(slope(jnp.asarray(margins)))
        rise, scale = np.diff(slopes), np.abs(slopes).max()
        if rise.min() < -1e-10 * scale:
            at = margins[int(rise.argmin())]
            raise InputError(f"loss must be convex: it is not near the margin {at:.2f}")
        _check_jumps(slope, scale)
        ends = np.array([-20.0, *BENDS[1:-1], 20.0])
        unit, weight = np.polynomial.legendre.leggauss(NODES)
        half = np.diff(ends) / 2.0
        nodes = ends[:-1] + half * (1.0 + unit[:, None])
        bends = np.asarray(bend(jnp.asarray(nodes.ravel()))).reshape(nodes.shape)
        exact = np.diff(np.asarray(slope(jnp.asarray(ends)), dtype=np.float64))
    off = np.abs(half * (weight @ bends) - exact)
    if not off.max() <= 1e-8 * exact.sum():
        low, high = ends[int(off.argmax()) :][:2]
        raise InputError(
            f"loss bends too sharply between the margins {low:g} and {high:g} to be "
            "solved to eight digits: rescale its margin (l(m) -> l(c m) with ridge -> "
            "c^2 ridge is the same student), or move jumps of its second derivative to "
            "0, 1, -1, 2, -2, ..."
        )


def _check_jumps(slope: Callable[[Array], Array], scale: float) -> None:
    """The rise of the derivative over an interval has to vanish with its length."""
    low, high, last, rise, i = -20.0, 20.0, np.inf, np.zeros(1), 0
    for _ in range(6):
        grid = jnp.linspace(low, high, 101)
        last, rise = rise[i], np.diff(np.asarray(slope(grid)))
        i = int(rise.argmax())
        low, high = float(grid[i]), float(grid[i + 1])
        if high - low < 1e-9:
            break
    if rise[i] > max(0.1 * last, 1e-12 * scale):
        raise InputError(
            f"loss must have a derivative: it jumps by {rise[i]:.2g} at the margin "
            f"{low:.6g}; smooth it there (or name 'hinge')"
        )


def _slopes(loss: Loss, g: Array) -> tuple[Array, Array]:
    """First and second derivative at each element."""
    if loss is logistic:  # with one exponential
        e = jnp.exp(-jnp.abs(g))
        wrong = jnp.where(g > 0, e, 1.0) / (1.0 + e)
        return -wrong, e / (1.0 + e) ** 2
    slope = jax.grad(loss)
    return jax.vmap(slope)(g), jax.vmap(jax.grad(slope))(g)


def _prox(
    loss: Loss, margin: Float[Array, " k"], step: Float[Array, ""]
) -> Float[Array, " k"]:
    """The g with g + V l'(g) = m, V = ``step``, by Newton's method within a bracket.

    g lies between m and m - V l'(m).  From 0 the steps for the logistic loss are
    monotone (its derivative is convex on one side of 0, concave on the other).  Only
    ends of panels are found so: six digits are enough.
    """
    end = margin - step * _slopes(loss, margin)[0]
    low, high = jnp.minimum(margin, end), jnp.maximum(margin, end)

    def body(state):
        g, low, high, _, count = state
        slope, bend = _slopes(loss, g)
        off = g + step * slope - margin
        low, high = jnp.where(off < 0, g, low), jnp.where(off > 0, g, high)
        new = g - off / (1.0 + step * bend)
        # every eighth step halves the bracket, whatever Newton's method does
        inside = (new >= low) & (new <= high) & (count % 8 != 7)
        new = jnp.where(inside | (off == 0), new, 0.5 * (low + high))
        small = jnp.abs(new - g) <= 1e-6 * (1.0 + jnp.abs(g))
        return new, low, high, jnp.all(small), count + 1

    state = jnp.clip(0.0, low, high), low, high, False, 0
    go_on = lambda s: ~s[3] & (s[4] < 80)  # noqa: E731
    return jax.lax.while_loop(go_on, body, state)[0]


class Response(NamedTuple):
    """At some t: the margin m, dm/dt, p, and dp/dm, dp/dV."""

    margin: Float[Array, " k"]
    stretch: Float[Array, " k"]
    pull: Float[Array, " k"]
    by_margin: Float[Array, " k"]
    by_step: Float[Array, " k"]


def parameter(
    loss: Loss, margin: Float[Array, " k"], step: Float[Array, ""]
) -> Float[Array, " k"]:
    """The t of a margin m (to six digits where it is the proximal map)."""
    return margin if loss in EXPLICIT else _prox(loss, margin, step)


def response(loss: Loss, t: Float[Array, " k"], step: Float[Array, ""]) -> Response:
    """The response at each t."""
    one = jnp.ones_like(t)
    if loss is hinge:
        inside = 1.0 * ((t > 1.0 - step) & (t < 1.0))
        below = 1.0 * (t <= 1.0 - step)
        return Response(t, one, jnp.clip(1.0 - t, 0.0, step), -inside, below)
    if loss in (square, squared_hinge):
        short = 1.0 - t if loss is square else jnp.maximum(1.0 - t, 0.0)
        some = one if loss is square else 1.0 * (t < 1.0)
        part = step / (1.0 + step)
        return Response(t, one, part * short, -part * some, short / (1.0 + step) ** 2)
    slope, bend = _slopes(loss, t)
    pull, stretch = -step * slope, 1.0 + step * bend
    return Response(t - pull, stretch, pull, -step * bend / stretch, -slope / stretch)


def bends(loss: Loss, step: Float[Array, ""]) -> Float[Array, " n"]:
    """Increasing t between which the response is smooth on their own scale."""
    if loss in (square, squared_hinge):
        return jnp.ones(1)
    if loss is hinge:
        return jnp.stack([1.0 - step, 1.0 + 0.0 * step])
    if loss is logistic:
        # l'' = 1/V at +-log V: the response turns there from the slope 1 to none
        turn = jnp.log1p(step)
        steps = (0.0, 7.0, 24.0, 50.0)
        outer = jnp.stack([turn + x for x in steps])
        inner = jnp.stack([jnp.maximum(turn - 6.0, 0.5 * turn), 0.5 * turn])
        half = jnp.sort(jnp.concatenate([inner, outer]))
        return jnp.concatenate([-half[::-1], jnp.zeros(1), half])
    return jnp.array(BENDS)


def ends(loss: Loss) -> bool:
    """Whether there is no response (or none to speak of) past the last bend."""
    return loss in (squared_hinge, hinge, logistic)


@lru_cache(maxsize=64)
def separates(loss: Loss) -> bool:
    """Whether its student without ridge is the max-margin one on separable data.

    So it is for a loss that only falls, if it ends or its tail falls faster than any
    power (Rosset, Zhu, Hastie, NIPS 2003): seen from a margin of 320 to 640.
    """
    if loss in (hinge, squared_hinge, logistic):
        return True
    with jax.enable_x64(True):
        margins = np.append(np.linspace(-20.0, 20.0, 401), [320.0, 640.0])
        slopes = np.asarray(jax.vmap(jax.grad(loss))(jnp.asarray(margins)))
    scale = np.abs(slopes).max()
    tail, last = np.abs(slopes[-2:])
    return bool((slopes <= 1e-14 * scale).all() and last <= 1e-3 * tail)
