"""What :func:`perceptron_theory.solving.front_door` returns."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..errors import ConvergenceError
from .saddle_point import Inputs, State

Value = Float[Array, "*batch"] | Float[np.ndarray, "*batch"] | float
Count = Int[Array, "*batch"] | Int[np.ndarray, "*batch"] | np.integer | int


class Status(enum.IntEnum):
    """How the search for a saddle point ended."""

    CONVERGED = 0
    NOT_CONVERGED = 1
    INVALID_INPUT = 2

    @property
    def message(self) -> str:
        """The status in a sentence."""
        return {
            Status.CONVERGED: "the saddle point was found to tolerance",
            Status.NOT_CONVERGED: "no saddle point was found to tolerance",
            Status.INVALID_INPUT: "an input lies outside its range",
        }[self]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Solution:
    """A student at its saddle point; every field has the broadcast shape of the inputs.

    Attributes:
        alpha_prune: kept examples per dimension, alpha = f alpha_tot.
        alpha_tot: examples of the pool per dimension.
        keep_fraction: f, the kept part of the pool.
        theta: angle between teacher and probe, radians.
        error: generalisation error arccos(R)/pi, the probability of a wrong label.
        overlap: R = J.T/|J|, of student and teacher.
        probe_overlap: rho = J.P/|J|, of student and probe.
        margin: kappa, the margin of the student scaled to unit length.
        residual: largest residual of the three saddle-point equations (relative).
        status: a :class:`Status`, 0 where the point converged.
        iterations: Newton steps taken.
        condition: K = sum of |d ln error / d ln input| over alpha_prune (or alpha_tot),
            keep_fraction and theta: rounding of the inputs alone moves the error by
            about 1e-16 K.  A constant to differentiation, as is ``residual``.
    """

    alpha_prune: Value
    alpha_tot: Value
    keep_fraction: Value
    theta: Value
    error: Value
    overlap: Value
    probe_overlap: Value
    margin: Value
    residual: Value
    status: Count
    iterations: Count
    condition: Value


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


def describe(
    inputs: Inputs, state: State, status: Any, total: bool, student: str
) -> Solution:
    """The quantities of a :class:`Solution` from a saddle point, for one point."""
    log_a, b, third = state.value[:3]
    a = jnp.exp(log_a)
    rates = jax.lax.stop_gradient(state.rates)
    width, by_width = jnp.zeros(()), jnp.zeros(3)
    if student == "gibbs":  # a single one spreads about the centre by Delta
        width = jnp.exp(third)
        by_width = width * rates[2]
    noise = jnp.sqrt(1.0 + b * b + width * width)
    length = jnp.hypot(a, noise)
    c, s = jnp.cos(inputs.theta), jnp.sin(inputs.theta)
    good = status == Status.CONVERGED
    keep = lambda x: jnp.where(good, x, jnp.nan)  # noqa: E731
    fraction = state.fraction
    load = inputs.alpha
    # d(angle) = (a d(noise) - noise da)/length^2
    by_noise = (b * rates[1] + width * by_width) / noise
    turn = a * (by_noise - noise * rates[0]) / length**2
    angle = jnp.arctan2(noise, a)
    at = jnp.stack([load, inputs.keep_fraction, inputs.theta])
    condition = jnp.sum(jnp.abs(jax.lax.stop_gradient(turn * at / angle)))
    alpha_prune = load * fraction if total else load
    fields = {
        "alpha_prune": alpha_prune,
        "alpha_tot": load if total else load / fraction,
        "keep_fraction": fraction,
        "theta": inputs.theta,
        "error": keep(angle / jnp.pi),
        "overlap": keep(a / length),
        "probe_overlap": keep((c * a + s * b) / length),
        "margin": keep(third / length if student == "max_margin" else 0.0 * a),
        "residual": state.residual,
        "status": status,
        "iterations": state.steps,
        "condition": keep(condition),
    }
    if student == "max_margin":
        return Solution(**fields)
    spread = jnp.exp(2.0 * third)  # V/r^2
    square = a * a + b * b + 1.0 + spread  # 1/r^2
    entropy = 0.5 * (2.0 * third - jnp.log(square) + 1.0 / spread)
    entropy = entropy + alpha_prune * state.value[3]
    return VersionSpace(
        **fields,
        self_overlap=keep((a * a + b * b + 1.0) / square),
        entropy=keep(entropy),
        information_gain=keep(-state.value[3]),
    )


def raise_if_unsolved(solution: Any, names: tuple[str, ...]) -> None:
    """Raise ConvergenceError with the ``names``d fields of the first unsolved point."""
    bad = np.ravel(np.asarray(solution.status) != Status.CONVERGED)
    if not bad.any():
        return
    at = {name: np.ravel(getattr(solution, name))[np.argmax(bad)] for name in names}
    where = ", ".join(f"{name} = {value:.17g}" for name, value in at.items())
    raise ConvergenceError(
        f"{bad.sum()} of {bad.size} points did not converge, the first at {where}; "
        "throw=False returns the others and a status for each point"
    )
