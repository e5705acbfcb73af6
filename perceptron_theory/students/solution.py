"""What is told of a student at its saddle point."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..kept.problem import Mode
from ..wording import some_of
from .state import Point, State, error_of, noise_of
from .three_directions import ThreeDirections, angle_to_truth

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
        isotropic: whether the inputs are; lengths and angles are else those of their
            covariance.
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
    isotropic: bool = field(default=True, kw_only=True, metadata={"static": True})

    def error_against(self, directions: ThreeDirections) -> Value:
        """The error against a truth that is not what labelled the training set.

        The "teacher" of this solution is then whoever gave the labels
        (:class:`ThreeDirections`); ``error`` is against those labels, and this is the
        probability that the student's label of a fresh input differs from the truth's.

        Args:
            directions: label generator, truth and probe; their angle ``between`` is the
                ``theta`` of this solution.

        Returns:
            Of the shape of the solution and the angles, broadcast; differentiable, with
            the solution, inside a transformation (where angles that do not belong to
            the solution give NaN).

        Raises:
            InputError: another angle of label and probe than theta; or inputs that are
                not isotropic, with a truth outside the plane of label and probe, whose
                part in the inputs is not known.
        """
        found = self.theta, self.error, self.overlap, self.probe_overlap
        return angle_to_truth(directions, *found, self.isotropic) / np.pi


def log_error_slope(student: Any, value: Any) -> Any:
    """The gradient of ln error with respect to the value of a state."""
    return jax.grad(lambda x: jnp.log(error_of(student.direction(x))))(value)


def common(point: Point, state: State, status: Any, mode: Mode) -> dict[str, Any]:
    """The fields that the solutions of all students share, for one point.

    Where the point did not converge they are NaN.
    """
    student, (load, f, theta) = point.student, point.inputs
    keep = partial(jnp.where, status == Status.CONVERGED)
    fraction, missing = state.fraction, jnp.nan
    # how much a relative change of each input changes the error by, all together
    value, rates = jax.lax.stop_gradient((state.value, state.rates))
    given = jnp.stack([load, f, theta, *jax.tree.leaves(student)])
    condition = jnp.sum(jnp.abs(log_error_slope(student, value) @ rates * given))
    at = student.direction(state.value)
    length = jnp.hypot(at.a, noise_of(at))
    c, s = jnp.cos(theta), jnp.sin(theta)
    return {
        "alpha_prune": load * fraction if mode.total else load,
        "alpha_tot": load if mode.total else load / fraction,
        "keep_fraction": fraction,
        "theta": theta,
        "error": keep(error_of(at), missing),
        "overlap": keep(at.a / length, missing),
        "probe_overlap": keep((c * at.a + s * at.b) / length, missing),
        "residual": state.residual,
        "status": status,
        "iterations": state.steps,
        "condition": keep(jax.lax.stop_gradient(condition), missing),
        "isotropic": point.spectrum is None,
    }


def describe(point: Point, state: State, status: Any, mode: Mode) -> Solution:
    """The :class:`Solution` of a student that has no more to tell."""
    margin = point.student.margin(state.value)
    margin = jnp.where(status == Status.CONVERGED, margin, jnp.nan)
    return Solution(margin=margin, **common(point, state, status, mode))


def not_converged(solution: Any, first: int, own: Mapping[str, float]) -> str:
    """What to say of the first point that did not converge.

    ``own`` are the numbers of the student there.
    """
    bad = np.asarray(solution.status) != Status.CONVERGED
    inputs = "alpha_prune", "keep_fraction", "theta"
    at = {name: np.ravel(getattr(solution, name))[first] for name in inputs}
    at |= {**own, "residual": np.ravel(solution.residual)[first]}
    where = ", ".join(f"{name} = {value:.17g}" for name, value in at.items())
    return (
        f"{some_of(bad.sum(), bad.size, 'point')} did not converge, "
        f"{'the first ' * (bad.size > 1)}at {where}; "
        "throw=False returns the others and a status for each point"
    )
