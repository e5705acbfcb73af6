"""What is told of the student of a convex loss."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from ..kept.noisy_teacher import label_error, noise_of
from ..kept.problem import Mode
from ..students.solution import Solution, Status, Value, common
from ..students.state import Point, State, error_of
from ..students.state import noise_of as length_across


class OfFields:
    """What follows from the ``weights`` of a solution on inputs of any covariance."""

    weights: tuple[Value, Value, Value]

    @property
    def fields(self) -> tuple[Value, Value]:
        """(m_u, m_v) = (A, B): the student's weights on the two fields."""
        return self.weights[0], self.weights[1]

    @property
    def norm(self) -> Value:
        """The standard deviation of w.x over the unpruned inputs."""
        one, two, rest = self.weights
        return (one * one + two * two + rest * rest) ** 0.5


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ConvexSolution(OfFields, Solution):
    """A student of a convex loss; its ``margin`` is 0, because it is made for none.

    The ``error`` is on true labels, sign(T.x), and above 1/2 where wrong ones prevail
    among those that are kept; ``label_error`` is on labels as the pool has them, wrong
    ones included, and that is what a test set with such labels shows.  ``condition``
    counts the ridge and the label noise, too.

    Attributes:
        ridge: lambda.
        flip_probability: part of the labels that is flipped.
        noise_strength: of the teacher's noise, in units of the spread of T.x.
        label_error: the probability of a label other than the noisy one.
        weights: (A, B, r): w along T, along T_perp, and the length of the rest.  Of
            structured inputs lengths and angles are those of the covariance: A and B
            are the covariances of w.x with the label's field and with what the probe's
            has beside it, and r is the standard deviation of the rest of w.x.
        response: V; 1/N times the trace of Sigma times the inverse Hessian of the
            objective over N.
    """

    ridge: Value
    flip_probability: Value
    noise_strength: Value
    label_error: Value
    weights: tuple[Value, Value, Value]
    response: Value


def describe(point: Point, state: State, status: Any, mode: Mode) -> ConvexSolution:
    """The :class:`ConvexSolution` of one point, from its state's value."""
    keep = partial(jnp.where, status == Status.CONVERGED)
    log_r, x, b, log_step, *_ = state.value
    r, a = jnp.exp(log_r), jnp.sinh(x)
    weights = keep(r * a, jnp.nan), keep(r * b, jnp.nan), keep(r, jnp.nan)
    student, at = point.student, point.student.direction(state.value)
    flips = student.flip_probability
    if student.label_noise is None:
        wrong = flips + (1.0 - 2.0 * flips) * error_of(at)
    else:
        noise = noise_of(student.label_noise, student.noise_strength, flips)
        wrong = label_error(at.a, length_across(at), noise)
    return ConvexSolution(
        **common(point, state, status, mode),
        margin=keep(0.0 * x, jnp.nan),
        ridge=student.ridge,
        flip_probability=flips,
        noise_strength=student.noise_strength,
        label_error=keep(wrong, jnp.nan),
        weights=weights,
        response=keep(jnp.exp(log_step), jnp.nan),
    )
