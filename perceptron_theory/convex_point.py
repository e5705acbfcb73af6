r"""One student of a convex loss: the root, the path that leads to it, derivatives.

At a large ridge w is explicit: every example responds alike, V = 1/lambda, q =
1/sqrt(alpha), a = sqrt(alpha) E[u], b = sqrt(alpha) E[v].  From there the root is
followed in ln(lambda), unless there is a start close by.

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

from .convex_equations import (
    COARSE,
    FINE,
    Evaluation,
    Setting,
    Sums,
    Unknowns,
    averages,
    equations,
    labelled,
    ridge_regression,
)
from .field_law import Labels
from .field_line import line_sums
from .gaussian import cdf, density
from .losses import square
from .max_margin import Problem
from .newton import kept_rows
from .rules import Cells, Mixture, Random, Rule
from .saddle_point import Inputs, build
from .thresholds import FARTHEST

TOLERANCE = 3e-8  # of the last step, which is taken
LONG = 30  # steps from the end of the path
INPUTS = 5  # alpha, keep_fraction, theta, ridge, flip_probability


class Point(NamedTuple):
    """A point as :func:`solve_convex` takes it."""

    inputs: Inputs
    ridge: Float[Array, ""]
    flipped: Float[Array, ""]
    rule: Rule


class Start(NamedTuple):
    """Where to search (NaN: nowhere yet), and the evaluations so far."""

    x: Any
    steps: Any


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


class _Root(NamedTuple):
    x: Unknowns
    at: Evaluation
    steps: Int[Array, ""]
    found: Bool[Array, ""]


def _solve(matrix: Float[Array, "4 4"], right: Float[Array, " 4"]) -> Any:
    """matrix^-1 right by elimination with equilibrated rows and pivots."""
    size = jnp.max(jnp.abs(matrix), axis=1)
    size = jnp.where(size > 0, size, 1.0)
    return jnp.linalg.solve(matrix / size[:, None], right / size)


def _size(step: Unknowns, x: Unknowns) -> Float[Array, ""]:
    """A change in units that matter: b on the scale of 1 + |b|."""
    root = jnp.cosh(x[1])
    unit = jnp.ones(4).at[2].set(1.0 / root + jnp.abs(x[2]))
    return jnp.max(jnp.abs(step) / unit)


def _newton(x: Unknowns, evaluate: Any, max_steps: Any, tolerance: Any) -> _Root:
    """Damped Newton steps (natural monotonicity test, as in :mod:`.newton`)."""

    def body(state):
        root, step, damping = state
        x, trial = root.x, root.x + damping * step
        new = evaluate(trial)
        simplified = _size(_solve(root.at.jacobian, -new.value), x)
        new_step = _solve(new.jacobian, -new.value)
        finite, first = jnp.all(jnp.isfinite(new_step)), root.steps == 0
        before = _size(step, x)
        falls = simplified < (1.0 - 0.25 * damping) * before
        good = finite & (first | falls | (simplified < 1e-10) | (damping < 0.02))
        longest = jnp.minimum(1.0, 1.5 / _size(new_step, trial))
        fast = first | (simplified < 0.5 * before)
        grown = jnp.where(fast, 1.0, jnp.minimum(2.0 * damping, 1.0))
        pick = partial(jnp.where, good)
        x, at = jax.tree.map(pick, (trial, new), (x, root.at))
        done = good & (_size(new_step, trial) < tolerance)
        damping = pick(jnp.minimum(grown, longest), 0.4 * damping)
        return _Root(x, at, root.steps + 1, done), pick(new_step, step), damping

    none, square = jnp.full(4, jnp.inf), jnp.eye(4)
    at = Evaluation(none, square, square, none, none)
    root = _Root(x, at, jnp.zeros((), int), jnp.asarray(False))
    state = root, jnp.zeros(4), jnp.ones(())
    go_on = lambda s: (s[0].steps < max_steps) & ~s[0].found  # noqa: E731
    root, step, _ = jax.lax.while_loop(go_on, body, state)
    return root._replace(x=jnp.where(root.found, root.x + step, root.x))


def _problem(point: Point, setting: Setting) -> Any:
    problem, rate = build(point.inputs, point.rule, setting.mode)
    if not isinstance(point.rule, Random | Mixture) and rate is not None:
        rate = rate._replace(level=None)  # constant
    return *labelled(problem, point.flipped, setting.noisy), problem, rate


def sure_start(
    point: Point, setting: Setting, needed: bool | Bool[Array, ""] = True
) -> Start:
    """The root to a few digits, followed from a large ridge where ``needed``."""
    problem, labels, _, _ = _problem(point, setting)
    if setting.loss is square:
        x = ridge_regression(jnp.log(point.ridge), problem, labels, setting)
        return Start(x, jnp.ones((), int))
    alpha, on_line = problem.alpha_prune, setting.mode.on_line
    force = -jax.grad(setting.loss)(jnp.zeros(()))
    target = jnp.log(point.ridge)
    begin = jnp.maximum(target, jnp.log(10.0 * (1.0 + alpha) * (1.0 + force)))
    u, v, share = kept_rows(problem)
    share = share * jnp.repeat(labels, share.shape[0] // labels.shape[0])
    a, b = (jnp.sqrt(alpha) * jnp.dot(x, share) for x in (u, v))
    b = jnp.zeros(()) if on_line else b
    log_r = 0.5 * jnp.log(alpha) + jnp.log(force) - begin
    ratio = b / jnp.sqrt(1.0 + a * a)
    x = jnp.stack([log_r, jnp.arcsinh(a), ratio, -begin])

    def body(state):
        x, tangent, place, step, steps, tries, _ = state
        step = jnp.minimum(step, place - target)
        place_new = jnp.where(step < place - target, place - step, target)
        last, first = place_new <= target, tries == 0

        def evaluate(x):
            return equations(x, place_new, problem, labels, setting, COARSE)

        most = jnp.where(last | first, LONG, 6)
        root = _newton(x - step * tangent, evaluate, most, jnp.where(last, 1e-3, 1e-2))
        good = root.found
        new_tangent = -_solve(root.at.jacobian, root.at.by_ridge)
        pick = partial(jnp.where, good)
        factor = pick(jnp.where(last | (root.steps <= 3), 2.0, 1.0), 0.4)
        return (
            pick(root.x, x),
            pick(new_tangent, tangent),
            pick(place_new, place),
            jnp.where(first, 1.0, factor * step),
            steps + root.steps,
            tries + 1,
            good,
        )

    def go_on(state):
        _, _, place, step, _, tries, good = state
        more = (place > target) & (tries < 150) & (step > 1e-3)
        return needed & ((tries == 0) | (more & (good | (tries > 1))))

    # the first try is at the beginning itself, and if it fails the last
    none = jnp.zeros((), int)
    state = x, jnp.zeros(4), begin, jnp.zeros(()), none, none, jnp.asarray(False)
    x, _, place, _, steps, _, good = jax.lax.while_loop(go_on, body, state)
    return Start(jnp.where(good & (place <= target), x, jnp.nan), steps)


def settle(
    start: Start, max_steps: int | Int[Array, ""], point: Point, setting: Setting
) -> Found:
    """The root from a start, and its derivatives."""
    problem, labels, plain, rate = _problem(point, setting)
    log_ridge = jnp.log(point.ridge)

    def evaluate(x):
        return equations(x, log_ridge, problem, labels, setting, FINE)

    root = _newton(start.x, evaluate, max_steps, TOLERANCE)
    rates = _rates(root, point, (problem, labels, plain), rate, setting)
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
    root: _Root,
    point: Point,
    problems: tuple[Problem, Labels, Problem],
    rate: Cells | None,
    setting: Setting,
) -> Float[Array, "4 5"]:
    """dx/d(alpha, keep_fraction, theta, ridge, flip_probability)."""
    problem, labels, plain = problems
    x, at, f = root.x, root.at, problem.keep_fraction
    mode, alpha = setting.mode, point.inputs.alpha
    none = jnp.zeros(4)

    def changed(levels):
        return averages(x, problem, labels, setting, FINE, levels).sums

    by_fraction, by_theta = none, none
    mass = jnp.zeros(())  # that of the kept examples, by theta
    if rate is not None:
        level = plain.pieces.level[: plain.pieces.ends.shape[0], None]
        edges, turned = _edges(x, point, plain, setting)
        ends = rate.below[..., None] * edges
        total = jnp.sum(level * (ends[:, 1] - ends[:, 0]), axis=0)
        if rate.level is not None:
            pieces = plain.pieces._replace(level=jnp.tile(rate.level, 2))
            other = plain._replace(pieces=pieces)
            other, _ = labelled(other, point.flipped, setting.noisy)
            total = total + f * changed(other.pieces.level)
        by_fraction = (total - at.sums) / f  # the mass of the kept examples is f itself
        if not mode.on_line:
            by_theta = jnp.sum(level * (turned[:, 1] - turned[:, 0]), axis=0) / f
    elif not mode.on_line:
        by_theta, mass = _turned(x, point, setting)
    by_flipped = none
    if setting.noisy:
        by_flipped = changed(_level_rate(problem, labels, point.flipped))
    columns = (
        at.sums / alpha,
        by_fraction + at.sums / f if mode.total and rate is not None else by_fraction,
        by_theta + at.sums * mass / f if mode.total else by_theta,
        none,
        by_flipped,
    )
    right = jnp.stack([at.by_sums @ column for column in columns], axis=1)
    right = right.at[:, 3].set(at.by_ridge / point.ridge)
    return -jax.vmap(_solve, (None, 1), 1)(at.jacobian, right)


def _level_rate(
    problem: Problem, labels: Labels, flipped: Float[Array, ""]
) -> Float[Array, " n"]:
    """d(level)/d(flip_probability) of the pieces of right and wrong labels."""
    level, n = problem.pieces.level, labels.shape[0] // 4
    # a right piece and its wrong one follow each other, n cells each
    right = level.reshape(2, 2, n)[:, :1] / (1.0 - flipped)
    return jnp.concatenate([-right, right], axis=1).ravel()


def _edges(
    x: Unknowns, point: Point, problem: Problem, setting: Setting
) -> tuple[Float[Array, "cells 2 4"], Float[Array, "cells 2 4"]]:
    """Averages over the examples at each threshold; and how theta moves what is below.

    The first are per kept mass, the second the change of an average over all examples
    below a threshold of constant mass.
    """
    mode, ends = setting.mode, problem.pieces.ends
    c, s = problem.cos_theta, jnp.maximum(problem.sin_theta, 1e-150)
    lowest = 0.0 if mode.on_line else -FARTHEST * s
    z = jnp.clip(ends.ravel(), lowest, FARTHEST)

    def line(z):
        one = partial(line_sums, x=x, problem=problem, setting=setting)
        if not setting.noisy:
            return one(z, 1.0)
        parts = one(z, 1.0), one(z, -1.0)
        mix = lambda x, y: (1.0 - point.flipped) * x + point.flipped * y  # noqa: E731
        return jax.tree.map(mix, *parts)

    values, by_y = jax.vmap(line)(z)
    crowd = 2.0 * density(z)[:, None]
    if mode.margin == "absolute" and not mode.on_line:
        others, others_by_y = jax.vmap(line)(-z)
        values, moved = values + others, crowd * (by_y - others_by_y)
    elif mode.on_line:
        moved = jnp.zeros_like(values)
    else:
        values = values / cdf(jnp.clip(z * c / s, -30.0, 30.0))[:, None]
        far = jnp.clip(ends.ravel() / s, -40.0, 40.0)
        mass = jnp.exp(-0.5 * far**2)[:, None] / jnp.pi
        moved = crowd * by_y - mass * values
    return values.reshape(*ends.shape, 4), moved.reshape(*ends.shape, 4)


def _turned(
    x: Unknowns, point: Point, setting: Setting
) -> tuple[Sums, Float[Array, ""]]:
    """d/dtheta of the averages and of the kept mass, for a keep-probability."""

    def at(theta):
        inputs = point.inputs._replace(theta=theta)
        problem, labels, *_ = _problem(point._replace(inputs=inputs), setting)
        sums = averages(x, problem, labels, setting, FINE).sums
        return sums, problem.keep_fraction

    theta = point.inputs.theta
    _, rates = jax.jvp(at, (theta,), (jnp.ones_like(theta),))
    return rates


@jax.custom_jvp
def _once(rates: Float[Array, "4 5"], point: Point) -> Float[Array, "4 5"]:
    return rates


@_once.defjvp
def _twice(primals, tangents):
    raise NotImplementedError(
        "perceptron_theory.solve_convex can be differentiated once: for second "
        "derivatives take finite differences of its gradient"
    )


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def convex_point(point: Point, setting: Setting) -> Found:
    """The student at one point; exact first derivatives."""
    start = sure_start(point, setting)
    return settle(start, LONG, point, setting)


@partial(convex_point.defjvp, symbolic_zeros=True)
def _point_jvp(setting, primals, tangents):
    (point,), (moved,) = jax.tree.map(lambda x: x, primals), tangents
    zero = jax.custom_derivatives.SymbolicZero
    is_zero = lambda x: isinstance(x, zero)  # noqa: E731
    if not all(map(is_zero, jax.tree.leaves(moved.rule, is_leaf=is_zero))):
        raise NotImplementedError(
            "derivatives with respect to a rule's own parameter are not available: "
            "differentiate with respect to the load, keep_fraction, theta, ridge or "
            "flip_probability"
        )
    found = convex_point(point, setting)
    rates = _once(found.rates, point)
    steps = *moved.inputs, moved.ridge, moved.flipped
    step = jnp.stack([jnp.zeros(()) if is_zero(t) else t for t in steps])
    still = jax.tree.map(
        lambda x: (
            jnp.zeros_like(x)
            if jnp.issubdtype(x.dtype, jnp.floating)
            else jnp.zeros(x.shape, jax.dtypes.float0)
        ),
        found,
    )
    return found, still._replace(value=rates @ step)
