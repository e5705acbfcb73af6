"""What :func:`perceptron_theory.solve_convex` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from ..solving.solution import Count, Status, Value
from .path import Point
from .point import Found


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ConvexSolution:
    """A student of a convex loss; every field has the broadcast shape of the inputs.

    Attributes:
        alpha_prune: kept examples per dimension.
        alpha_tot: examples of the pool per dimension.
        keep_fraction: f, the kept part of the pool.
        theta: angle between teacher and probe, radians.
        ridge: lambda.
        flip_probability: part of the labels that is wrong.
        error: arccos(R)/pi, the probability of a wrong answer (on true labels); above
            1/2 where wrong labels prevail among the kept ones.
        overlap: R = w.T/|w|.
        probe_overlap: rho = w.P/|w|.
        weights: (A, B, r): w along T, along T_perp, and the length of the rest.
        response: V; 1/N times the trace of the inverse Hessian of the objective over N.
        residual: the largest miss of the four equations (relative).
        status: a :class:`Status`, 0 where the point converged.
        iterations: evaluations of the equations.
        condition: K = sum of |d ln error / d ln input| over the load, keep_fraction,
            theta, ridge and flip_probability: rounding of the inputs alone moves the
            error by about 1e-16 K.  A constant to differentiation, as is ``residual``.
    """

    alpha_prune: Value
    alpha_tot: Value
    keep_fraction: Value
    theta: Value
    ridge: Value
    flip_probability: Value
    error: Value
    overlap: Value
    probe_overlap: Value
    weights: tuple[Value, Value, Value]
    response: Value
    residual: Value
    status: Count
    iterations: Count
    condition: Value


def describe(point: Point, found: Found, status: Any, total: bool) -> ConvexSolution:
    """The quantities of a :class:`ConvexSolution` at one point."""
    log_r, x, b, log_step = found.value
    load, _, theta = point.inputs
    r, a, noise = jnp.exp(log_r), jnp.sinh(x), jnp.sqrt(1.0 + b * b)
    angle, length = jnp.arctan2(noise, a), jnp.hypot(noise, a)
    rates = jax.lax.stop_gradient(found.rates)
    # d(angle) = (a d(noise) - noise da)/length^2
    turn = (a * b / noise * rates[2] - noise * jnp.cosh(x) * rates[1]) / length**2
    at = jnp.stack([*point.inputs, point.ridge, point.flipped])
    condition = jnp.sum(jnp.abs(jax.lax.stop_gradient(turn * at / angle)))
    c, s = jnp.cos(theta), jnp.sin(theta)
    fraction = found.fraction
    good = status == Status.CONVERGED
    keep = lambda x: jnp.where(good, x, jnp.nan)  # noqa: E731
    return ConvexSolution(
        alpha_prune=load * fraction if total else load,
        alpha_tot=load if total else load / fraction,
        keep_fraction=fraction,
        theta=theta,
        ridge=point.ridge,
        flip_probability=point.flipped,
        error=keep(angle / jnp.pi),
        overlap=keep(a / length),
        probe_overlap=keep((c * a + s * b) / length),
        weights=(keep(r * a), keep(r * b), keep(r)),
        response=keep(jnp.exp(log_step)),
        residual=found.residual,
        status=status,
        iterations=found.steps,
        condition=keep(condition),
    )
