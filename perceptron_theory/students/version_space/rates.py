"""How the students of the version space move with load, kept fraction and angle."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...kept.problem import Problem
from ...kept.thresholds import FARTHEST, mass_by_angle
from ...numerics.gaussian import cdf
from ...numerics.newtons_method import Root, solve_3
from ...rules.rule import Cells
from ..path import Unknowns
from .equations import Sums, kept_sums, line_sums


def at_thresholds(
    x: Unknowns, problem: Problem, margin: str, n: int, on_line: bool
) -> Sums:
    """:class:`Sums` (cells, 2) over the examples that sit at each threshold."""
    ends = problem.pieces.ends
    lowest = 0.0 if on_line else -FARTHEST * problem.sin_theta
    z = jnp.clip(ends.ravel(), lowest, FARTHEST)
    values = line_sums(x, problem, z, n, on_line)
    if margin == "absolute" and not on_line:
        others = line_sums(x, problem, -z, n, on_line)
        values = jax.tree.map(jnp.add, values, others)
    elif not on_line:
        slope = problem.cos_theta / jnp.maximum(problem.sin_theta, 1e-150)
        inside = cdf(jnp.clip(z * slope, -30.0, 30.0))
        values = jax.tree.map(lambda x: x / inside, values)
    return jax.tree.map(lambda x: x.reshape(ends.shape), values)


def solved(
    root: Root,
    problem: Problem,
    rate: Cells | None,
    mass_rate: Float[Array, ""] | None,
    margin: str,
    n: tuple[int, int],
    on_line: bool,
) -> tuple[Float[Array, " 4"], Float[Array, "4 3"]]:
    """(log a, b, log Delta, E ln Phi) and d/d(log alpha_prune, keep_fraction, theta).

    ``rate`` is the derivative of the rule's cells with respect to f, ``mass_rate`` that
    of the kept mass with respect to theta, where it has one (see
    :mod:`perceptron_theory.students.max_margin.rates`).
    """
    x, f = root.x, problem.keep_fraction
    level = problem.pieces.level[: problem.pieces.ends.shape[0]]
    edges = at_thresholds(x, problem, margin, n[1], on_line)

    def over_ends(mass_rates: Float[Array, "cells 2"]) -> Sums:
        """The kept mass below each end of a cell changes at these rates."""
        moved = level[:, None] * jnp.array([-1.0, 1.0]) * mass_rates
        return jax.tree.map(lambda values: jnp.sum(moved * values), edges)

    def turned(angle: Float[Array, ""]) -> Sums:
        return kept_sums(x, problem, n, on_line, angle)[0]

    if on_line:  # even in theta: reflect T_perp
        mean = turned(jnp.zeros(()))
        by_theta = jax.tree.map(jnp.zeros_like, mean)
    else:
        mean, by_theta = jax.jvp(turned, (jnp.zeros(()),), (jnp.ones(()),))
    by_fraction = jax.tree.map(jnp.zeros_like, mean)
    if rate is not None:
        total = over_ends(rate.below)
        if rate.level is not None:
            pieces = problem.pieces._replace(level=jnp.tile(rate.level, 2))
            changing = problem._replace(pieces=pieces)
            more = kept_sums(x, changing, n, on_line)[0]
            total = jax.tree.map(lambda p, q: p + f * q, total, more)
        # the mass of the kept examples is f itself
        by_fraction = jax.tree.map(lambda p, q: (p - q) / f, total, mean)
    if margin == "signed" and problem.keep is None and not on_line:
        moved = over_ends(mass_by_angle(problem.pieces.ends, problem.sin_theta))
        by_theta = jax.tree.map(lambda p, q: p - q / f, by_theta, moved)
    elif mass_rate is not None and not on_line:
        by_theta = jax.tree.map(lambda p, q: p - q * mass_rate / f, by_theta, mean)

    def forced(by: Sums) -> Float[Array, " 3"]:
        turn = 0.0 if on_line else (by.v_pull - x[1] * by.u_pull) / mean.pull
        return jnp.stack([by.square / mean.square, by.u_pull / mean.u_pull, turn])

    columns = jnp.array([1.0, 1.0, 0.0]), forced(by_fraction), forced(by_theta)
    right = jnp.stack(columns, axis=1)
    moved = -jax.vmap(solve_3, (None, 1), 1)(root.at.jacobian, right)
    a, square = jnp.exp(x[0]), jnp.exp(2.0 * x[2])
    # d ln Phi/dM = p/Delta^2; at the root p is orthogonal to v - u b/a, and
    # E[M p] = Delta^2 E[-p'] - E[p^2]
    length = a * a * (1.0 + x[1] * x[1])
    total = length + 1.0 + square
    by_x = [length / total, a * a * x[1] / total, 1.0 / square - (length + 1.0) / total]
    by_x = jnp.stack(by_x) / problem.alpha_prune
    direct = jnp.stack([jnp.zeros(()), by_fraction.log_right, by_theta.log_right])
    log_right = by_x @ moved + direct
    b = a * x[1]
    by_b = b * moved[0] + a * moved[1]
    rates = jnp.stack([moved[0], by_b, moved[2], log_right])
    return jnp.stack([x[0], b, x[2], mean.log_right]), rates
