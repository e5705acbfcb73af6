r"""What a convex loss of a student's margin is, with its proximal map.

The proximal map of V l at m is the g that minimises l(g) + (g - m)^2/(2 V), the root of
g + V l'(g) = m.  The theory needs it as the response p = g - m: what training on an
example adds to the margin that it has under the student trained without it.

Integrals over m need no root: where p has no closed form they are taken over t = g,
with m = t + V l'(t) and p = -V l'(t).  Where it has one, t = m, counted from the kink
of the loss.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import InputError
from ..numerics.precision import own_settings

NODES = 16  # a panel along the margin
# where a loss of unknown form may bend (its second derivative jump)
BENDS = (-32.0, -16.0, -8.0, -4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


class Response(NamedTuple):
    """At some t: the margin m less the kink, dm/dt, p, and dp/dm, dp/dV."""

    margin: Float[Array, " k"]
    stretch: Float[Array, " k"]
    pull: Float[Array, " k"]
    by_margin: Float[Array, " k"]
    by_step: Float[Array, " k"]


class Loss:
    """The contract of a loss: a hashable object that is called with margins.

    A loss of one's own derives from this class and writes ``__call__``, the loss of one
    margin as a JAX function; all else has a default that follows from it.  A plain
    function does as well.  Losses with a closed form override the rest for speed.
    """

    explicit: ClassVar[bool] = False
    """Whether the proximal map has a closed form: t is the margin past ``kink``."""
    kink: ClassVar[float] = 0.0
    """The margin from which t is counted: where an explicit loss has a kink."""
    linear: ClassVar[bool] = False
    """Whether the equations are linear once V is known (the square loss)."""
    ends: ClassVar[bool] = False
    """Whether there is no response (or none to speak of) past the last bend."""

    @property
    def name(self) -> str:
        """The loss as tables and messages call it."""
        return type(self).__name__.lower()

    def __call__(self, margin: Any) -> Any:
        """The loss of a margin."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *sorted(vars(self).items())))

    def __repr__(self) -> str:
        return self.name

    def check(self) -> None:
        """Refuse a loss that the theory cannot take.

        Raises:
            InputError: as :func:`check_smooth`.
        """
        check_smooth(self)

    def slopes(self, g: Float[Array, " k"]) -> tuple[Any, Any]:
        """First and second derivative at each element."""
        slope = jax.grad(self)
        return jax.vmap(slope)(g), jax.vmap(jax.grad(slope))(g)

    def parameter(
        self, margin: Float[Array, " k"], step: Float[Array, ""]
    ) -> Float[Array, " k"]:
        """The t of a margin (to six digits where it is the proximal map)."""
        return margin if self.explicit else proximal(self, margin, step)

    def response(self, t: Float[Array, " k"], step: Float[Array, ""]) -> Response:
        """The response at each t."""
        slope, bend = self.slopes(t)
        pull, stretch = -step * slope, 1.0 + step * bend
        by_margin = -step * bend / stretch
        return Response(t - pull, stretch, pull, by_margin, -slope / stretch)

    def bends(self, step: Float[Array, ""]) -> Float[Array, " n"]:
        """Increasing t between which the response is smooth on their own scale."""
        return jnp.array(BENDS)

    def separates(self) -> bool:
        """Whether its student without ridge is the max-margin one on separable data.

        So it is for a loss that only falls, if it ends or its tail falls faster than
        any power (Rosset, Zhu, Hastie, NIPS 2003): seen from a margin of 320 to 640.
        """
        return self.ends or _falls_fast(self)


@dataclass(frozen=True, eq=True, repr=False)
class FunctionLoss(Loss):
    """A loss that is given as a function of one margin."""

    function: Callable[[Any], Any]

    @property
    def name(self) -> str:
        return getattr(self.function, "__name__", "function")

    def __call__(self, margin: Any) -> Any:
        return self.function(margin)

    def __hash__(self) -> int:
        return hash((FunctionLoss, self.function))


class _Bracket(NamedTuple):
    """Newton's method for all proximal maps at once, each within its bracket."""

    g: Float[Array, " k"]
    low: Float[Array, " k"]
    high: Float[Array, " k"]
    small: Any
    count: Any


def proximal(
    loss: Loss, margin: Float[Array, " k"], step: Float[Array, ""]
) -> Float[Array, " k"]:
    """The g with g + V l'(g) = m, V = ``step``, by Newton's method within a bracket.

    g lies between m and m - V l'(m).  From 0 the steps for the logistic loss are
    monotone (its derivative is convex on one side of 0, concave on the other).  Only
    ends of panels are found so: six digits are enough.
    """
    end = margin - step * loss.slopes(margin)[0]
    low, high = jnp.minimum(margin, end), jnp.maximum(margin, end)

    def body(state: _Bracket) -> _Bracket:
        g, low, high, _, count = state
        slope, bend = loss.slopes(g)
        off = g + step * slope - margin
        low, high = jnp.where(off < 0, g, low), jnp.where(off > 0, g, high)
        new = g - off / (1.0 + step * bend)
        # every eighth step halves the bracket, whatever Newton's method does
        inside = (new >= low) & (new <= high) & (count % 8 != 7)
        new = jnp.where(inside | (off == 0), new, 0.5 * (low + high))
        small = jnp.abs(new - g) <= 1e-6 * (1.0 + jnp.abs(g))
        return _Bracket(new, low, high, jnp.all(small), count + 1)

    state = _Bracket(jnp.clip(0.0, low, high), low, high, False, 0)
    go_on = lambda s: ~s.small & (s.count < 80)  # noqa: E731
    return jax.lax.while_loop(go_on, body, state).g


@lru_cache(maxsize=64)
def _falls_fast(loss: Loss) -> bool:
    with own_settings(x64=True):
        margins = np.append(np.linspace(-20.0, 20.0, 401), [320.0, 640.0])
        slopes = np.asarray(jax.vmap(jax.grad(loss))(jnp.asarray(margins)))
    scale = np.abs(slopes).max()
    tail, last = np.abs(slopes[-2:])
    return bool((slopes <= 1e-14 * scale).all() and last <= 1e-3 * tail)


@lru_cache(maxsize=64)  # each check compiles programs
def check_smooth(loss: Loss) -> None:
    """A loss of the theory falls at margin 0, is convex and smooth on -20 to 20.

    Raises:
        InputError: it rises or is flat at 0 (its student is 0 or worse than chance);
            its derivative falls or jumps somewhere; its own ``slopes`` are not its
            derivatives; or it changes
            too sharply for the nodes of the integrals, which the change of l' over
            each panel shows: their sum of l'' has to give it to eight digits.
    """
    with own_settings(x64=True):
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
        _check_slopes(loss, nodes.ravel(), slope, bend)
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


def _check_slopes(
    loss: Loss, margins: Float[np.ndarray, " k"], *derivatives: Callable[[Array], Array]
) -> None:
    """The closed forms of a loss are its derivatives, at the nodes of the panels."""
    if type(loss).slopes is Loss.slopes:
        return
    wanted = f"slopes of the loss {loss.name} must map an array to two, l' and l''"
    try:
        first, second = loss.slopes(jnp.asarray(margins))
        given = np.asarray(first), np.asarray(second)
    except Exception as error:  # whatever a user's loss raises
        raise InputError(f"{wanted}, got a {type(error).__name__} from it") from error
    if [x.shape for x in given] != [margins.shape] * 2:
        raise InputError(
            f"{wanted}, of its shape {margins.shape}, got {given[0].shape} and "
            f"{given[1].shape}"
        )
    for what, own, derivative in zip(("l'", "l''"), given, derivatives, strict=True):
        by_jax = np.asarray(derivative(jnp.asarray(margins)))
        off = np.abs(own - by_jax)
        bad = ~(off <= 1e-8 * np.abs(by_jax).max())
        if bad.any():
            i = int(np.argmax(bad))
            raise InputError(
                f"slopes of the loss {loss.name} must be its derivatives, got {what} = "
                f"{own[i]:g} at the margin {margins[i]:.4g} where jax.grad gives "
                f"{by_jax[i]:g}: correct slopes, or leave it out"
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
