r"""How the saddle point moves with (alpha_prune, keep_fraction, theta), in closed form.

Implicit differentiation: with X = (p, w, t) the student's weights along and across the
probe and its slack at a fixed corner, dX = -(dF/dX)^-1 (dF/dlambda) dlambda.  The
derivatives of an average over the kept examples are averages over its boundary:

- keep_fraction moves the thresholds.  In units of mass, d(mass)/df at an end of a cell
  is known exactly (one for the hard rule), so no derivative of an inverse normal cdf
  enters.  At f = 1 the threshold is at infinity; the derivative from below is taken at
  the largest number below one instead, because its limit is reached like 1/log(1 - f)
  where infinite margins still support the student, and is infinite for the signed
  margin's easy rule at theta > 0;
- theta tilts the teacher's boundary u = 0 against the probe (an average over v on that
  line), and moves the thresholds of the signed margin, whose mass below a margin g
  changes at the rate exp(-g^2/(2 s^2))/pi.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...kept.averages import over_kept, summed
from ...kept.nodes import (
    Lines,
    Points,
    at_margin,
    line_moments,
    point_moments,
    teacher_line,
)
from ...kept.problem import Problem
from ...kept.thresholds import FARTHEST, mass_by_angle
from ...numerics.gaussian import SQRT_2PI, cdf
from ...numerics.newtons_method import solve_3
from ...rules.rule import Cells
from .equations import Averages, Unknowns, averages, line_averages, weights


def at_thresholds(
    x: Unknowns, problem: Problem, margin: str, n: int, on_line: bool
) -> Averages:
    """Averages (cells, 2) over the examples that sit at each threshold."""
    student = weights(x, problem)
    theta = problem.cos_theta, problem.sin_theta
    ends = problem.pieces.ends
    lowest = 0.0 if on_line else -FARTHEST * theta[1]
    z = jnp.clip(ends.ravel(), lowest, FARTHEST)
    if on_line:  # z = u: one example at each
        points = Points(z, z - student.corner[0], jnp.ones_like(z))
        values = jnp.stack(line_averages(x, student, points))
        return Averages(*values.reshape(4, *ends.shape))
    both = jnp.concatenate([z, -z]) if margin == "absolute" else z
    lines = at_margin(both, theta, student)
    values = jnp.stack(averages(x, problem, lines, line_moments(lines, student, n)))
    if margin == "absolute":
        values = values[:, : z.size] + values[:, z.size :]
    else:
        slope = theta[0] / jnp.maximum(theta[1], 1e-150)
        values = values / cdf(jnp.clip(z * slope, -30.0, 30.0))
    return Averages(*values.at[3].set(1.0).reshape(4, *ends.shape))


def _between(edge: Averages, level: Any, moved: Any) -> Averages:
    """What the kept sums gain as ``moved`` mass (cells, 2) passes below each end."""
    gained = level[:, None] * jnp.array([-1.0, 1.0]) * moved
    return Averages(*(jnp.sum(gained * values) for values in edge))


def _plus(one: Averages, other: Averages, factor: Any = 1.0) -> Averages:
    return Averages(*(p + factor * q for p, q in zip(one, other, strict=True)))


def _theta_rate(
    x: Unknowns, problem: Problem, margin: str, edge: Averages | None, n: int
) -> Averages:
    """d/dtheta of the sums over kept examples, at fixed weights and slack."""
    student = weights(x, problem)
    theta = problem.cos_theta, problem.sin_theta
    pieces = problem.pieces
    lay = lambda *piece: teacher_line(*piece, theta, student, n)  # noqa: E731
    line = jax.vmap(lay)(pieces.sign, pieces.inner, pieces.outer)
    level = pieces.level[:, None]
    if problem.keep is not None:
        level = level * jax.vmap(problem.keep)(line.z)
    line = line._replace(weight=line.weight * level * line.v)
    line = jax.tree.map(jnp.ravel, line)
    values = averages(x, problem, line, point_moments(line, student))
    total = Averages(*(-2.0 / SQRT_2PI * jnp.sum(value) for value in values))
    if margin == "signed" and edge is not None:
        moved = mass_by_angle(pieces.ends, theta[1])
        level = pieces.level[: moved.shape[0]]
        total = _plus(total, _between(edge, level, moved), -1.0)
    return total


def _fraction_rate(
    x: Unknowns,
    problem: Problem,
    cells_rate: Cells,
    edge: Averages,
    n: tuple[int, int],
    on_line: bool,
) -> Averages:
    """d/df of the sums over kept examples: moving thresholds and changing levels."""
    level = problem.pieces.level[: edge.one.shape[0]]
    total = _between(edge, level, cells_rate.below)
    if cells_rate.level is None:
        return total
    rate = jnp.tile(cells_rate.level, 2)
    changing = problem._replace(pieces=problem.pieces._replace(level=rate))
    student = weights(x, problem)

    def sums(nodes: Lines | Points) -> Averages:
        if isinstance(nodes, Points):
            return summed(line_averages(x, student, nodes))
        moments = line_moments(nodes, student, n[1])
        return summed(averages(x, problem, nodes, moments))

    change, _ = over_kept(
        changing, student, n[0], on_line, sums, Averages(*[jnp.zeros(())] * 4)
    )
    return _plus(total, change, problem.keep_fraction)


def sensitivity(
    x: Unknowns,
    problem: Problem,
    first: Float[Array, ""],
    jacobian: Float[Array, "3 3"],
    cells_rate: Cells | None,
    margin: str,
    n: tuple[int, int],
    on_line: bool,
) -> Float[Array, "3 3"]:
    """d(along, across, t)/d(log alpha_prune, keep_fraction, theta), t at the corner.

    ``jacobian`` is d(residual)/d(unknowns) at the root x and ``first`` E[G_1] there;
    ``cells_rate`` is the derivative of the rule's cells with respect to f (None where f
    is not an input; its level None where that is constant).
    """
    c, s = problem.cos_theta, problem.sin_theta
    a, ratio = jnp.exp(x[0]), x[1]
    f, alpha = problem.keep_fraction, problem.alpha_prune

    def residual_rate(sums: Averages) -> Float[Array, " 3"]:
        # the averages at the root: alpha E[G_2] = alpha E[G_0 + u G_1/a] = 1
        second = alpha * sums.second - sums.one
        force = alpha * sums.force - sums.one
        return jnp.stack([second, force, sums.turn / first]) / f

    edge = None
    columns = [jnp.array([1.0, 1.0, 0.0])]
    if cells_rate is None:
        columns.append(jnp.zeros(3))
    else:
        edge = at_thresholds(x, problem, margin, n[1], on_line)
        sums = _fraction_rate(x, problem, cells_rate, edge, n, on_line)
        # the mass of the kept examples is f itself
        columns.append(residual_rate(sums._replace(one=jnp.ones(()))))
    if on_line:  # even in theta: reflect T_perp
        columns.append(jnp.zeros(3))
    else:
        sums = _theta_rate(x, problem, margin, edge, n[0])
        if cells_rate is not None or margin != "signed":
            sums = sums._replace(one=jnp.zeros(()))  # the kept mass stays
        columns.append(residual_rate(sums))
    right = jnp.stack(columns, axis=1)
    if on_line:
        right = right.at[2].set(0.0)
    moved = -jax.vmap(solve_3, (None, 1), 1)(jacobian, right)
    # (log a, b/a, t) -> (along, across, t) at fixed theta
    along = jnp.stack([a * (c + s * ratio), a * s, jnp.zeros(())])
    across = jnp.stack([a * (s - c * ratio), -a * c, jnp.zeros(())])
    return jnp.stack([along, across, jnp.array([0.0, 0.0, 1.0])]) @ moved
