r"""Where the kink of a loss lies among the fields of nearly like examples.

Examples of one margin (a narrow window, the easiest few) reach the kink of a hinge at
once: A u + B v = 1 for all of them, but for differences of the order of r, which falls
by orders of magnitude.  In units of r the kink 1/r and the field of such an example are
then large and differ by O(1).  That difference,

    sigma = kink/r - p origin,

p the student's weight along the probe and ``origin`` the ranked margin of one of the
examples, is therefore an unknown of its own, and the fields are counted from that of
the origin where the kink is close to it (:mod:`perceptron_theory.kept.field_law`).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..kept.field_law import pieces_of
from ..kept.problem import Problem
from ..kept.wrong_labels import Labels
from .loss import Loss

RIGHT, WRONG = 1.0, -1.0
CLOSE = 0.5  # of kink/r, from which on fields are counted from the origin
ROUNDING = 1e-13  # of kink/r


class Origins(NamedTuple):
    """Ranked margins of kept examples: the one of sigma, one of right and of wrong."""

    main: Float[Array, ""]
    right: Float[Array, ""]
    wrong: Float[Array, ""]


def origins_of(problem: Problem, labels: Labels, loss: Loss, on_line: bool) -> Origins:
    """The kept margin next to the probe's boundary, of either label; else 0."""
    none = jnp.zeros(())
    if not loss.kink:
        return Origins(none, none, none)
    piece = pieces_of(problem, labels, on_line)
    used = (piece.outer > piece.inner) & (piece.level > 0)

    def nearest(label: float) -> tuple[Float[Array, ""], Bool[Array, ""]]:
        here = used & (piece.label == label)
        above, below = (
            jnp.min(jnp.where(here & (piece.sign == sign), piece.inner, jnp.inf))
            for sign in (1.0, -1.0)
        )
        z = jnp.where(jnp.isfinite(above), above, -below)
        return label * jnp.where(jnp.isfinite(z), z, 0.0), jnp.any(here)

    (right, some), (wrong, _) = nearest(RIGHT), nearest(WRONG)
    return Origins(jnp.where(some, right, wrong), right, wrong)


def slack(
    log_r: Float[Array, ""], p: Float[Array, ""], origins: Origins, loss: Loss
) -> Float[Array, ""]:
    """Sigma as the difference that it is."""
    return loss.kink * jnp.exp(-log_r) - p * origins.main


def mended(
    sigma: Float[Array, ""],
    log_r: Float[Array, ""],
    p: Float[Array, ""],
    origins: Origins,
    loss: Loss,
) -> Float[Array, ""]:
    """A sigma, unless it is off by more than the rounding of the difference."""
    plain = slack(log_r, p, origins, loss)
    same = jnp.abs(sigma - plain) <= ROUNDING * loss.kink * jnp.exp(-log_r)
    return jnp.where(same, sigma, plain)


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
