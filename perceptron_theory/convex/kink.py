r"""Where the kink of a loss lies among the fields of nearly like examples.

Examples of one margin (a narrow window, the easiest few) reach the kink of a hinge at
once: A u + B v = 1 for all of them, but for differences of the order of r, which falls
by orders of magnitude.  In units of r the kink 1/r and the field of such an example are
then large and differ by O(1).  That difference,

    sigma = kink/r - p origin,

p the student's weight along the probe and ``origin`` the ranked margin of one of the
examples, is therefore an unknown of its own, and the fields are counted from that of
the origin where the kink is close to it (:mod:`perceptron_theory.kept.field_law`).
At theta > 0 such a student follows the probe, and its weight across it, w = a s - b c,
is a small difference and an unknown for the same reason.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..kept.field_law import Piece, pieces_of
from ..kept.problem import Problem
from ..kept.wrong_labels import Labels
from .loss import Loss

# label and sign of z
GROUPS = (1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)
CLOSE = 0.5  # of kink/r, from which on fields are counted from the origin
ROUNDING = 1e-13  # of a difference


class Origins(NamedTuple):
    """Ranked margins of kept examples: the one of sigma, and of every group its own.

    The groups are the right examples of z > 0, of z < 0, and the wrong ones.
    """

    main: Float[Array, ""]
    groups: Float[Array, " 4"]


def groups_of(piece: Piece) -> Bool[Array, "4 n"]:
    """The pieces of each group."""
    members = [(piece.label == a) & (piece.sign == b) for a, b in GROUPS]
    return jnp.stack(members)


def origins_of(problem: Problem, labels: Labels, loss: Loss, on_line: bool) -> Origins:
    """The kept margins next to the probe's boundary; 0 for a loss without a kink.

    Examples of another group lie so far from the kink that their fields, counted from
    its origin, would lose their digits.
    """
    if not loss.kink:
        return Origins(jnp.zeros(()), jnp.zeros(4))
    piece = pieces_of(problem, labels, on_line)
    here = groups_of(piece) & piece.used
    some = jnp.any(here, axis=1)
    nearest = jnp.min(jnp.where(here, piece.inner, jnp.inf), axis=1)
    side = jnp.array([label * sign for label, sign in GROUPS])
    margins = side * jnp.where(some, nearest, 0.0)
    return Origins(margins[jnp.argmax(some)], margins)


def slack(
    log_r: Float[Array, ""], p: Float[Array, ""], origins: Origins, loss: Loss
) -> Float[Array, ""]:
    """Sigma as the difference that it is."""
    return loss.kink * jnp.exp(-log_r) - p * origins.main


def mended(
    small: Float[Array, ""], one: Float[Array, ""], other: Float[Array, ""]
) -> Float[Array, ""]:
    """A small one - other, unless it is off by more than the rounding of the two."""
    plain = one - other
    size = jnp.abs(one) + jnp.abs(other)
    return jnp.where(jnp.abs(small - plain) <= ROUNDING * size, small, plain)


def close(
    sigma: Float[Array, ""], log_r: Float[Array, ""], origins: Origins, loss: Loss
) -> Bool[Array, ""]:
    """Whether the kink is close to the field of the origin."""
    if not loss.kink:
        return jnp.zeros((), bool)
    some = (origins.main != 0.0) & jnp.isfinite(origins.main)
    return some & (jnp.abs(sigma) < CLOSE * loss.kink * jnp.exp(-log_r))


def distance(
    margin: Float[Array, ""],
    sigma: Float[Array, ""],
    log_r: Float[Array, ""],
    p: Float[Array, ""],
    origins: Origins,
    loss: Loss,
) -> Float[Array, ""]:
    """The kink's field, counted from that of a ranked margin: kink/r - p margin."""
    here = sigma + p * (origins.main - margin)
    plain = loss.kink * jnp.exp(-log_r) - p * margin
    return jnp.where(close(sigma, log_r, origins, loss), here, plain)
