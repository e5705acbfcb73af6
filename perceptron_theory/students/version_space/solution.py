"""What is told of the students of the version space, and of the best student."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from ...kept.problem import Mode
from ..solution import Solution, Status, Value, common
from ..state import Point, State


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class VersionSpace(Solution):
    """A student of the version space; its ``margin`` is zero.

    Attributes:
        self_overlap: q, of two students drawn at random from the version space.
        entropy: log of its volume per dimension, S of :mod:`.version_space`, nats.
        information_gain: I = -dS/dalpha_prune at fixed f, nats an added example.
    """

    self_overlap: Value
    entropy: Value
    information_gain: Value


def describe(point: Point, state: State, status: Any, mode: Mode) -> VersionSpace:
    """The :class:`VersionSpace` of one point, from (log a, b, log Delta, -I)."""
    fields = common(point, state, status, mode)
    keep = partial(jnp.where, status == Status.CONVERGED)
    log_a, b, log_delta, log_right = state.value
    rest = jnp.exp(2.0 * log_a) + b * b + 1.0  # q/r^2
    spread = jnp.exp(2.0 * log_delta)  # V/r^2
    square = rest + spread  # 1/r^2
    entropy = 0.5 * (2.0 * log_delta - jnp.log(square) + 1.0 / spread)
    entropy = entropy + fields["alpha_prune"] * log_right
    return VersionSpace(
        **fields,
        margin=keep(0.0 * log_a, jnp.nan),
        self_overlap=keep(rest / square, jnp.nan),
        entropy=keep(entropy, jnp.nan),
        information_gain=keep(-log_right, jnp.nan),
    )
