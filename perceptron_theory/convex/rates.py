r"""How the student of a convex loss moves with all of its inputs.

Derivatives are implicit: dx = -(dF/dx)^-1 dF.  Of the averages only the boundary of
the kept region moves (see :mod:`perceptron_theory.students.max_margin.rates`): with f
the thresholds, and with theta, where an example of margin z comes to z - y dtheta.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..kept.noisy_pool import by_angle, by_mixture
from ..kept.noisy_teacher import Noise, at_margin, noise_of
from ..kept.problem import Problem
from ..kept.thresholds import FARTHEST, mass_by_angle
from ..kept.wrong_labels import Labels, labelled, mass_rate
from ..numerics.gaussian import cdf, density
from ..numerics.newtons_method import Root, solve_scaled
from ..rules.rule import Cells
from ..students.state import Point
from .field_line import line_sums
from .kink import origins_of
from .pulls import FINE, Setting, Sums, Unknowns, averages, student_of

# of a keep-probability the derivative by theta has the rounding of a number over theta:
# at a smaller angle that at this one is taken
LEAST_ANGLE = 3e-8


def rates_of(
    root: Root,
    point: Point,
    problem: Problem,
    labels: Labels,
    rate: Cells | None,
    setting: Setting,
) -> Float[Array, "6 5"]:
    """dx/d(alpha, keep_fraction, theta, ridge, flip_probability, noise_strength)."""
    x, at, f = root.x, root.at, problem.keep_fraction
    p, noise = point.student.flip_probability, problem.noise
    strength = point.student.noise_strength
    mode, noisy = setting.mode, setting.noisy

    def changed(level, right, wrong):
        levels = labelled(level, right, wrong) if noisy else jnp.tile(level, 2)
        return averages(x, problem, labels, setting, FINE, levels).sums

    by_fraction, by_theta, by_flipped, by_strength = jnp.zeros((4, 5))
    if not point.rule.takes_fraction:
        # f is not an input, and follows from theta and p
        moved_to = partial(_turned, x, point, setting)
        if not mode.on_line:
            least = jnp.maximum(point.inputs.theta, LEAST_ANGLE)
            by_theta = moved_to(lambda t: (t, p, strength), least)
        theta = point.inputs.theta
        if noisy or noise is not None:
            by_flipped = moved_to(lambda t: (theta, t, strength), p)
        if noise is not None:
            by_strength = moved_to(lambda t: (theta, p, t), strength)
    else:
        assert rate is not None
        level = point.rule.cells(point.inputs.keep_fraction).level
        edges, by_angle, *by_noise = at_thresholds(x, point, problem, labels, setting)

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
            by_flipped = changed(level, -1.0, 1.0) + between(by_noise[0])
        if noise is not None:
            inside = [
                _with_noise(x, problem, labels, setting, moved)
                for moved in _moves(point)
            ]
            by_flipped, by_strength = (
                one + between(edge) for one, edge in zip(inside, by_noise, strict=True)
            )
    columns = at.sums / point.inputs.alpha, by_fraction, by_theta, by_flipped
    columns = *columns, by_strength
    right = jnp.stack([at.by_sums @ column for column in columns], axis=1)
    right = jnp.insert(right, 3, at.by_ridge / point.student.ridge, axis=1)
    # while the probe turns under the student, p and w change
    student = student_of(x, problem)
    main = origins_of(problem, labels, setting.loss, mode.on_line).main
    turned = -at.jacobian[:, 4] * main * student.across
    turned = turned - at.jacobian[:, 5] * student.along
    if not point.rule.takes_fraction:  # already in the averages
        turned = turned.at[:4].set(0.0)
    right = right.at[:, 2].add(0.0 if mode.on_line else turned)
    return -jax.vmap(solve_scaled, (None, 1), 1)(at.jacobian, right)


def at_thresholds(
    x: Unknowns, point: Point, problem: Problem, labels: Labels, setting: Setting
) -> tuple[Float[Array, "cells 2 5"], ...]:
    """Averages over the examples at each threshold; what theta and noise move there.

    The first are per kept mass; the others are changes of the average over all examples
    below a threshold of constant mass, with theta, flip_probability and, of a noisy
    teacher, noise_strength (with noise that of what the threshold passes: the levels
    are not changed here).
    """
    mode, ends, noise = setting.mode, problem.pieces.ends, problem.noise
    p = point.student.flip_probability
    signed, theta = mode.margin == "signed", point.inputs.theta
    c, s = problem.cos_theta, jnp.maximum(problem.sin_theta, 1e-150)
    m = jnp.clip(ends.ravel(), -FARTHEST, FARTHEST)
    lowest = 0.0 if mode.on_line else -FARTHEST * s
    lowest = lowest if noise is None else -FARTHEST
    origins = origins_of(problem, labels, setting.loss, mode.on_line)

    def part(z, label):
        """At z: the averages, those by y, and the density over 2 phi(z)."""
        there, z = z >= 0, jnp.maximum(z, lowest)
        sums = lambda z: line_sums(z, label, x, problem, origins, setting)  # noqa: E731
        values, by_y = jax.vmap(sums)(z)
        if mode.on_line:
            inside = jnp.where(there, 1.0, 0.0)[:, None]
            return inside * values, by_y, inside
        if noise is not None:
            return values, by_y, at_margin(z, theta, noise)[:, None]
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
    by_strength = by_noise
    if signed and noise is not None:
        values = values / jnp.maximum(inside, 1e-300)
        moved = crowd * by_y - by_angle(m, theta, noise)[:, None] * values
        by_noise, by_strength = (
            -by_mixture(m, theta, noise, move)[:, None] * values
            for move in _moves(point)
        )
    elif signed:
        values = values / jnp.maximum(inside, 1e-300)
        if not mode.on_line:
            net = 1.0 - 2.0 * p if setting.noisy else 1.0
            mass = mass_by_angle(m, s)
            moved = crowd * by_y - net * mass[:, None] * values
        if setting.noisy:
            by_noise = -jax.vmap(mass_rate, (0, None))(m, theta)[:, None] * values
    elif not mode.on_line:
        others, others_by_y, _ = at(-m)
        values, moved = values + others, crowd * (by_y - others_by_y)
    shape = *ends.shape, 5
    changes = values, moved, by_noise, *(() if noise is None else (by_strength,))
    return tuple(x.reshape(shape) for x in changes)


def _moves(point: Point) -> tuple[Noise, Noise]:
    """How the mixture of a noisy teacher moves with the flips and with its strength."""
    student = point.student
    at = student.flip_probability, student.noise_strength
    mixture = lambda p, strength: noise_of(student.label_noise, strength, p)  # noqa: E731
    one, none = jnp.ones(()), jnp.zeros(())
    return jax.jvp(mixture, at, (one, none))[1], jax.jvp(mixture, at, (none, one))[1]


def _with_noise(
    x: Unknowns, problem: Problem, labels: Labels, setting: Setting, moved: Noise
) -> Sums:
    """How the averages over fixed pieces change with the mixture."""

    def at(noise):
        here = problem._replace(noise=noise)
        return averages(x, here, labels, setting, FINE).sums

    return jax.jvp(at, (problem.noise,), (moved,))[1]


def _turned(
    x: Unknowns,
    point: Point,
    setting: Setting,
    place: Any,
    here: Float[Array, ""],
) -> Sums:
    """How the averages change with t for a keep-probability.

    ``place``: t -> (theta, p, strength of the noise).  For alpha_tot with the change of
    the kept load.
    """

    def at(t):
        theta, flipped, strength = place(t)
        new = {"flip_probability": flipped, "noise_strength": strength}
        inputs, student = point.inputs._replace(theta=theta), point.student
        here = point._replace(inputs=inputs, student=student.replaced(**new))
        problem, labels, _ = student.replaced(**new).labelled_problem(
            here, setting.mode
        )
        sums = averages(x, problem, labels, setting, FINE).sums
        return sums, problem.keep_fraction

    (sums, fraction), (rates, mass) = jax.jvp(at, (here,), (jnp.ones_like(here),))
    return rates + sums * mass / fraction if setting.mode.total else rates
