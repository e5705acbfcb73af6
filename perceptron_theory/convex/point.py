r"""One student of a convex loss: its root, by :mod:`.path`, and derivatives.

Derivatives are implicit: dx = -(dF/dx)^-1 dF.  Of the averages only the boundary of
the kept region moves (see :mod:`.sensitivity`): with f the thresholds, and with theta,
where an example of margin z comes to z - y dtheta.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..numerics.gaussian import cdf, density
from ..numerics.implicit import all_zero, is_zero, once, step_along, still
from ..rules.rule import Cells, KeepProbability
from ..rules.thresholds import FARTHEST
from ..students.max_margin import Problem
from .equations import FINE, Setting, Sums, Unknowns, averages, equations
from .field_line import line_sums
from .noisy_pieces import Labels, labelled, mass_rate
from .path import LONG, Point, Root, Start, newton, problem_of, solve_scaled, sure_start

TOLERANCE = 3e-8  # of the last step, which is taken


class Found(NamedTuple):
    """Where the search ended; rates are d(x)/d(the five inputs).

    ``value`` is (log r, arsinh a, b, log V), and ``rates`` are those of it.
    """

    value: Float[Array, " 4"]
    rates: Float[Array, "4 5"]
    x: Unknowns
    fraction: Float[Array, ""]
    residual: Float[Array, ""]
    steps: Int[Array, ""]
    found: Bool[Array, ""]


def settle(
    start: Start, max_steps: int | Int[Array, ""], point: Point, setting: Setting
) -> Found:
    """The root from a start, and its derivatives."""
    problem, labels, rate = problem_of(point, setting)
    log_ridge = jnp.log(point.ridge)

    def evaluate(x):
        return equations(x, log_ridge, problem, labels, setting, FINE)

    root = newton(start.x, evaluate, max_steps, TOLERANCE)
    rates = _rates(root, point, problem, labels, rate, setting)
    # b in place of the ratio
    a, size = jnp.sinh(root.x[1]), jnp.cosh(root.x[1])
    value = root.x.at[2].multiply(size)
    rates = rates.at[2].set(size * rates[2] + root.x[2] * a * rates[1])
    residual = jnp.max(jnp.abs(root.at.value))
    # close to a threshold a rounding of the residual moves the root by more than that
    found = (root.found | (residual < 1e-14)) & jnp.all(jnp.isfinite(value))
    steps = start.steps + root.steps
    return Found(value, rates, root.x, problem.keep_fraction, residual, steps, found)


def _rates(
    root: Root,
    point: Point,
    problem: Problem,
    labels: Labels,
    rate: Cells | None,
    setting: Setting,
) -> Float[Array, "4 5"]:
    """dx/d(alpha, keep_fraction, theta, ridge, flip_probability)."""
    x, at, f, p = root.x, root.at, problem.keep_fraction, point.flipped
    mode, noisy = setting.mode, setting.noisy

    def changed(level, right, wrong):
        levels = labelled(level, right, wrong) if noisy else jnp.tile(level, 2)
        return averages(x, problem, labels, setting, FINE, levels).sums

    by_fraction, by_theta, by_flipped = jnp.zeros((3, 4))
    if isinstance(point.rule, KeepProbability):
        # f is not an input, and follows from theta and p
        turned = partial(_turned, x, point, setting)
        if not mode.on_line:
            by_theta = turned(lambda t: (t, p), point.inputs.theta)
        if noisy:
            by_flipped = turned(lambda t: (point.inputs.theta, t), p)
    else:
        assert rate is not None
        level = point.rule.cells(point.inputs.keep_fraction).level
        edges, by_angle, by_noise = _edges(x, point, problem, setting)

        def between(ends):
            return jnp.sum(level[:, None] * (ends[:, 1] - ends[:, 0]), axis=0) / f

        by_fraction = between(rate.below[..., None] * edges)
        if rate.level is not None:
            by_fraction = by_fraction + changed(rate.level, 1.0 - p, p)
        # the mass of the kept examples is f itself, like the kept load of alpha_tot
        if not mode.total:
            by_fraction = by_fraction - at.sums / f
        by_theta = between(by_angle)
        if noisy:
            by_flipped = changed(level, -1.0, 1.0) + between(by_noise)
    columns = at.sums / point.inputs.alpha, by_fraction, by_theta, by_flipped
    right = jnp.stack([at.by_sums @ column for column in columns], axis=1)
    right = jnp.insert(right, 3, at.by_ridge / point.ridge, axis=1)
    return -jax.vmap(solve_scaled, (None, 1), 1)(at.jacobian, right)


def _edges(
    x: Unknowns, point: Point, problem: Problem, setting: Setting
) -> tuple[Float[Array, "cells 2 4"], ...]:
    """Averages over the examples at each threshold; what theta and noise move there.

    The first are per kept mass; the others are changes of the average over all examples
    below a threshold of constant mass (with flip_probability that of what the threshold
    passes: the levels are not changed here).
    """
    mode, ends, p = setting.mode, problem.pieces.ends, point.flipped
    signed, theta = mode.margin == "signed", point.inputs.theta
    c, s = problem.cos_theta, jnp.maximum(problem.sin_theta, 1e-150)
    m = jnp.clip(ends.ravel(), -FARTHEST, FARTHEST)
    lowest = 0.0 if mode.on_line else -FARTHEST * s

    def part(z, label):
        """At z: the averages, those by y, and the density over 2 phi(z)."""
        there, z = z >= 0, jnp.maximum(z, lowest)
        sums = lambda z: line_sums(z, label, x, problem, setting)  # noqa: E731
        values, by_y = jax.vmap(sums)(z)
        if mode.on_line:
            inside = jnp.where(there, 1.0, 0.0)[:, None]
            return inside * values, by_y, inside
        return values, by_y, cdf(jnp.minimum(z * c / s, 30.0))[:, None]

    def at(m):
        """The same of ranked margins m; the right examples there come to m - y dtheta.

        The wrong ones to m + y dtheta, if the margin is signed.
        """
        right = part(m, 1.0)
        if not setting.noisy:
            return right
        values, by_y, inside = part(-m if signed else m, -1.0)
        by_y = -by_y if signed else by_y
        mix = lambda x, y: (1.0 - p) * x + p * y  # noqa: E731
        return jax.tree.map(mix, right, (values, by_y, inside))

    values, by_y, inside = at(m)
    crowd = 2.0 * density(m)[:, None]
    moved = by_noise = jnp.zeros_like(values)
    if signed:
        values = values / jnp.maximum(inside, 1e-300)
        if not mode.on_line:
            net = 1.0 - 2.0 * p if setting.noisy else 1.0
            mass = jnp.exp(-0.5 * jnp.clip(m / s, -40.0, 40.0) ** 2) / jnp.pi
            moved = crowd * by_y - net * mass[:, None] * values
        if setting.noisy:
            by_noise = -jax.vmap(mass_rate, (0, None))(m, theta)[:, None] * values
    elif not mode.on_line:
        others, others_by_y, _ = at(-m)
        values, moved = values + others, crowd * (by_y - others_by_y)
    shape = *ends.shape, 4
    return values.reshape(shape), moved.reshape(shape), by_noise.reshape(shape)


def _turned(
    x: Unknowns,
    point: Point,
    setting: Setting,
    place: Any,
    here: Float[Array, ""],
) -> Sums:
    """How the averages change with t for a keep-probability; place: t -> (theta, p).

    For alpha_tot with the change of the kept load.
    """

    def at(t):
        theta, flipped = place(t)
        inputs = point.inputs._replace(theta=theta)
        moved = point._replace(inputs=inputs, flipped=flipped)
        problem, labels, _ = problem_of(moved, setting)
        sums = averages(x, problem, labels, setting, FINE).sums
        return sums, problem.keep_fraction

    (sums, fraction), (rates, mass) = jax.jvp(at, (here,), (jnp.ones_like(here),))
    return rates + sums * mass / fraction if setting.mode.total else rates


_once = once("perceptron_theory.solve_convex")


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def convex_point(point: Point, setting: Setting) -> Found:
    """The student at one point; exact first derivatives."""
    start = sure_start(point, setting)
    return settle(start, LONG, point, setting)


@partial(convex_point.defjvp, symbolic_zeros=True)
def _point_jvp(setting, primals, tangents):
    (point,), (moved,) = jax.tree.map(lambda x: x, primals), tangents
    if not all_zero(moved.rule):
        raise NotImplementedError(
            "derivatives with respect to a rule's own parameter are not available: "
            "differentiate with respect to the load, keep_fraction, theta, ridge or "
            "flip_probability"
        )
    found = convex_point(point, setting)
    rates = _once(found.rates, point)
    steps = *moved.inputs, moved.ridge, moved.flipped
    function = isinstance(point.rule, KeepProbability)
    if function and setting.mode.margin == "signed" and not is_zero(moved.inputs.theta):
        raise NotImplementedError(
            "the derivative with respect to theta is not available for a "
            "KeepProbability of the signed margin: take finite differences"
        )
    # only those that are asked for
    asked = jnp.array([not is_zero(t) for t in steps])
    rates = jnp.where(asked, rates, 0.0)
    return found, still(found)._replace(value=rates @ step_along(steps))
