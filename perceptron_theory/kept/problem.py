"""A point of the theory as its students see it: loads, angle, kept margins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from .nodes import Weights
from .thresholds import Pieces

COARSE = (6, 10)  # nodes a panel along z and y: 1e-4 or better, to follow a path
FINE = (12, 16)  # ... and 1e-10 or better, to settle the root


class Inputs(NamedTuple):
    """A point as it is asked for; ``keep_fraction`` is unused for some rules."""

    alpha: Float[Array, ""]
    keep_fraction: Float[Array, ""]
    theta: Float[Array, ""]


class Mode(NamedTuple):
    """What is fixed at compile time."""

    margin: str
    on_line: bool  # theta = 0: the examples that matter lie on the line z = u
    total: bool  # alpha is alpha_tot
    exact: bool = True  # derivatives to all digits, and not just to a few at theta = 0


class Problem(NamedTuple):
    """One point: loads, the angle's cosine and sine, and the kept pieces of z.

    ``keep`` is the keep-probability of z within the pieces, for rules that are not
    piecewise constant; ``spectrum`` that of inputs that are not isotropic; ``noise``
    that of a teacher whose labels are not the sign of u.
    """

    alpha_prune: Float[Array, ""]
    keep_fraction: Float[Array, ""]
    cos_theta: Float[Array, ""]
    sin_theta: Float[Array, ""]
    pieces: Pieces
    keep: Callable[[Float[Array, " n"]], Float[Array, " n"]] | None = None
    spectrum: Any = None  # of perceptron_theory.convex.spectrum
    noise: Any = None  # of .noisy_teacher


def corner(problem: Problem) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The (z, y) of the kept region that a student's margin rests on.

    The kept margin of smallest size, and the y of u = 0 there (but not beyond what
    carries weight).
    """
    pieces = problem.pieces
    half = pieces.inner.shape[0] // 2
    kept = (pieces.level > 0) & (pieces.outer > pieces.inner)
    nearest = jnp.where(kept, pieces.inner, jnp.inf)
    positive, negative = jnp.min(nearest[:half]), jnp.min(nearest[half:])
    slope = problem.cos_theta / jnp.maximum(problem.sin_theta, 1e-150)
    below = jnp.isfinite(positive)
    z = jnp.where(below, positive, -negative)
    return z, jnp.where(below, -jnp.minimum(z * slope, 8.0), -z * slope)


def blank_student(problem: Problem) -> Weights:
    """A student without weights, whose nodes cover all of the kept region."""
    zero, one = jnp.zeros(()), jnp.ones(())
    return Weights(zero, zero, one, corner(problem))
