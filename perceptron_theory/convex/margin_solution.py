r"""What is told of the student of largest margin, and the length of its weights.

In the notation of :mod:`.spectrum`, with lambda = 1,

    |w|^2 = sum of (k.L_j)^2 r^2/(shrink + bent sigma_j)^2
            + alpha E[p^2] mean of sigma/(shrink + bent sigma)^2.

All of it follows from r, a, b and V: bent is the root of mean of h = 1, k solves M k =
(a, b), and the equation of the noise gives E[p^2].
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..kept.problem import Mode
from ..students.solution import Solution, Status, Value, common
from ..students.state import Point, State
from .solution import OfFields
from .spectrum import Spectrum, quadratic, resolved

PARALLEL = 1e-13  # of a determinant: two fields that the inputs show as one
ROUNDS = 100


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class HardMarginSolution(OfFields, Solution):
    """A student of largest margin; ``margin`` is 1/|w|, |w| the Euclidean length.

    The ``error`` is on true labels.  ``condition`` counts the flip probability, too.

    Attributes:
        flip_probability: part of the labels that is wrong.
        weights: (A, B, r) as of a :class:`ConvexSolution`, of the w whose smallest
            y w.x of a kept example is one.
    """

    flip_probability: Value
    weights: tuple[Value, Value, Value]


def describe_margin(
    point: Point, state: State, status: Any, mode: Mode
) -> HardMarginSolution:
    """The :class:`HardMarginSolution` of one point, from its state's value."""
    keep = partial(jnp.where, status == Status.CONVERGED)
    log_r, x, b, *_ = state.value
    r, a = jnp.exp(log_r), jnp.sinh(x)
    length = log_r + 0.5 * jnp.log(1.0 + a * a + b * b)
    if point.spectrum is not None:
        length = log_length(state.value, point.spectrum, point.inputs.theta)
    return HardMarginSolution(
        **common(point, state, status, mode),
        margin=keep(jnp.exp(-length), jnp.nan),
        flip_probability=point.student.flip_probability,
        weights=(keep(r * a, jnp.nan), keep(r * b, jnp.nan), keep(r, jnp.nan)),
    )


def log_length(
    value: Float[Array, " 6"], spectrum: Spectrum, theta: Any
) -> Float[Array, ""]:
    """The logarithm of |w|, in the units of the inputs."""
    log_r, x, b, log_step, *_ = value
    a = jnp.sinh(x)
    # at theta = 0 there is no v
    alone = partial(jnp.where, theta == 0)
    spectrum = jax.tree.map(alone, spectrum.without_probe(), spectrum)
    shrink = jnp.exp(log_step) / spectrum.mean
    bent = _bent(spectrum.eigenvalues, shrink)
    at = resolved(spectrum, shrink, bent)
    k_u, k_v = _solved(at.pull, a, b)
    noise = (at.first * at.first - quadratic(at.spread, k_u, k_v)) / at.second
    sigma = spectrum.eigenvalues
    weight = sigma / (shrink + bent * sigma) ** 2
    signal = quadratic(jnp.sum(spectrum.shares * weight, axis=1), k_u, k_v)
    square = (signal + noise * jnp.mean(weight)) / spectrum.mean
    return log_r + 0.5 * jnp.log(square)


def _bent(sigma: Float[Array, " n"], shrink: Float[Array, ""]) -> Float[Array, ""]:
    """The root of mean of h = 1, differentiable.

    1/mean of h is concave in bent: from 0 Newton's method climbs to the root.
    """

    def miss(bent, sigma, shrink):
        return 1.0 - 1.0 / jnp.mean(sigma / (shrink + bent * sigma))

    fixed = jax.lax.stop_gradient((sigma, shrink))

    def step(bent):
        off, slope = jax.jvp(lambda x: miss(x, *fixed), (bent,), (jnp.ones(()),))
        return off, slope

    def body(state):
        bent, _, count = state
        off, slope = step(bent)
        new = bent - off / slope
        return new, jnp.abs(new - bent) < 1e-14, count + 1

    go_on = lambda s: ~s[1] & (s[2] < ROUNDS)  # noqa: E731
    begin = jnp.zeros(()), jnp.zeros((), bool), jnp.zeros((), int)
    bent = jax.lax.stop_gradient(jax.lax.while_loop(go_on, body, begin)[0])
    # the last step carries the derivatives
    _, slope = step(bent)
    return bent - miss(bent, sigma, shrink) / jax.lax.stop_gradient(slope)


def _solved(
    matrix: Float[Array, " 3"], a: Float[Array, ""], b: Float[Array, ""]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The solution of M k = (a, b), or one of them where M is singular."""
    uu, uv, vv = matrix
    whole = uu * vv - uv * uv
    regular = whole > PARALLEL * uu * vv
    by_u = uu >= vv
    safe = lambda x, some: jnp.where(some, x, 1.0)  # noqa: E731
    one, other = a / safe(uu, uu > 0), b / safe(vv, vv > 0)
    alone = jnp.where(by_u, one, 0.0), jnp.where(by_u, 0.0, other)
    both = (
        (vv * a - uv * b) / safe(whole, regular),
        (uu * b - uv * a) / safe(whole, regular),
    )
    return jnp.where(regular, both[0], alone[0]), jnp.where(regular, both[1], alone[1])
