r"""One student of a convex loss: the root, the path that leads to it, derivatives.

At a large ridge w is explicit: every example responds alike, V = 1/lambda, q =
1/sqrt(alpha), a = sqrt(alpha) E[u], b = sqrt(alpha) E[v].  From there the root is
followed in ln(lambda), unless there is a start close by.  At a kink of the hinge all
but identical examples are satisfied at once, within a narrow range of lambda in which r
falls by orders of magnitude: there the steps are in log r.

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

from .cell_table import levels_change
from .convex_equations import (
    COARSE,
    FINE,
    Evaluation,
    Setting,
    Sums,
    Unknowns,
    averages,
    equations,
    ridge_regression,
)
from .field_line import line_sums
from .gaussian import cdf, density
from .implicit import all_zero, is_zero, once, step_along, still
from .losses import square
from .max_margin import Problem
from .newton import kept_rows
from .noisy_pieces import Labels, labelled, mass_rate, noisy_problem
from .rules import Cells, KeepProbability, Rule
from .saddle_point import Inputs
from .thresholds import FARTHEST

TOLERANCE = 3e-8  # of the last step, which is taken
LONG = 30  # steps from the end of the path
STEEP = 2.0  # |dlog r/dln(ridge)| from which on log r is stepped along the path
LEAP = 0.7  # in log r


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


def _moved(x: Unknowns, step: Unknowns) -> Unknowns:
    """The unknowns after a step, a short one of which is straight in (1, A, B)/r.

    Of few examples, all close to the boundary of the probe, the student's weight along
    the probe hardly matters: in the curved coordinates that valley would be bent.  And
    where nearly like examples lie at a kink of the loss, (1 - A u - B v)/r is what
    counts, a small difference.
    """
    plain = x + step
    root = jnp.cosh(x[1])
    log_r = x[0] - jnp.log1p(-jnp.minimum(step[0], 0.7))
    a = jnp.sinh(x[1]) + root * step[1]
    b = root * (x[2] + step[2]) + x[2] * jnp.sinh(x[1]) * step[1]
    straight = jnp.stack([log_r, jnp.arcsinh(a), b / jnp.sqrt(1 + a * a), plain[3]])
    short = (jnp.abs(step[1]) < 0.7) & (jnp.abs(step[0]) < 0.7)
    return jnp.where(short, straight, plain)


def _newton(x: Unknowns, evaluate: Any, max_steps: Any, tolerance: Any) -> _Root:
    """Damped Newton steps (natural monotonicity test, as in :mod:`.newton`)."""

    def body(state):
        root, step, damping = state
        x, trial = root.x, _moved(root.x, damping * step)
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
    return root._replace(x=jnp.where(root.found, _moved(root.x, step), root.x))


def _problem(point: Point, setting: Setting) -> tuple[Problem, Labels, Cells | None]:
    inputs, _, flipped, rule = point
    problem, labels, rate = noisy_problem(
        inputs, rule, flipped, setting.mode, setting.noisy
    )
    if rate is not None and not levels_change(rule):
        rate = rate._replace(level=None)  # constant
    return problem, labels, rate


def sure_start(
    point: Point, setting: Setting, needed: bool | Bool[Array, ""] = True
) -> Start:
    """The root to a few digits, followed from a large ridge where ``needed``."""
    problem, labels, _ = _problem(point, setting)
    if setting.loss is square:
        x = ridge_regression(jnp.log(point.ridge), problem, labels, setting)
        return Start(x, jnp.ones((), int))
    alpha, on_line = problem.alpha_prune, setting.mode.on_line
    force = -jax.grad(setting.loss)(jnp.zeros(()))
    target = jnp.log(point.ridge)
    begin = jnp.maximum(target, jnp.log(10.0 * (1.0 + alpha) * (1.0 + force)))
    u, v, share = kept_rows(problem, labels)
    share = share * jnp.repeat(labels, share.shape[0] // labels.shape[0])
    a, b = (jnp.sqrt(alpha) * jnp.dot(x, share) for x in (u, v))
    b = jnp.zeros(()) if on_line else b
    log_r = 0.5 * jnp.log(alpha) + jnp.log(force) - begin
    ratio = b / jnp.sqrt(1.0 + a * a)
    x = jnp.stack([log_r, jnp.arcsinh(a), ratio, -begin])

    def body(state):
        x, tangent, place, step, steps, tries, _ = state
        first, gap = tries == 0, place - target
        hold = jnp.abs(tangent[0]) > STEEP
        hold = hold & (gap > 0)
        most_r = jnp.where(hold, LEAP / jnp.abs(tangent[0]), jnp.inf)
        step = jnp.minimum(jnp.minimum(step, most_r), jnp.abs(gap)) * jnp.sign(gap)
        last = ~hold & (jnp.abs(step) >= jnp.abs(gap))
        place_new = jnp.where(last, target, place - step)
        guess = _moved(x, -step * tangent)

        def evaluate(y):
            # log r is held where y has ln(ridge) in its place
            z = jnp.where(hold, y.at[0].set(guess[0]), y)
            here = jnp.where(hold, y[0], place_new)
            found = equations(z, here, problem, labels, setting, COARSE)
            turned = found.jacobian.at[:, 0].set(found.by_ridge)
            return found._replace(
                jacobian=jnp.where(hold, turned, found.jacobian),
                by_ridge=jnp.where(hold, found.jacobian[:, 0], found.by_ridge),
            )

        most = jnp.where(last | first, LONG, 12)
        close = jnp.minimum(1.0, jnp.exp(guess[0]))
        root = _newton(
            jnp.where(hold, guess.at[0].set(place_new), guess),
            evaluate,
            most,
            close * jnp.where(hold, 1e-4, jnp.where(last, 1e-3, 1e-2)),
        )
        good = root.found
        slope = -_solve(root.at.jacobian, root.at.by_ridge)
        # d/dlog r with that of ln(ridge) first, or d/dln(ridge)
        turned = (slope / slope[0]).at[0].set(1.0 / slope[0])
        place_new = jnp.where(hold, root.x[0], place_new)
        x_new = jnp.where(hold, root.x.at[0].set(guess[0]), root.x)
        # the ridge falls along the path
        good = good & (first | ~hold | (place_new < place))
        pick = partial(jnp.where, good)
        factor = pick(jnp.where(last | hold | (root.steps <= 5), 2.0, 1.0), 0.4)
        return (
            pick(x_new, x),
            pick(jnp.where(hold, turned, slope), tangent),
            pick(place_new, place),
            jnp.where(first, 1.0, factor * jnp.abs(step)),
            steps + root.steps,
            tries + 1,
            good,
        )

    def go_on(state):
        _, tangent, place, step, _, tries, good = state
        long = step * jnp.maximum(1.0, jnp.abs(tangent[0])) > 1e-3
        more = (place != target) & (tries < 150) & long
        return needed & ((tries == 0) | (more & (good | (tries > 1))))

    # the first try is at the beginning itself, and if it fails the last
    none = jnp.zeros((), int)
    state = x, jnp.zeros(4), begin, jnp.zeros(()), none, none, jnp.asarray(False)
    x, _, place, _, steps, _, good = jax.lax.while_loop(go_on, body, state)
    return Start(jnp.where(good & (place == target), x, jnp.nan), steps)


def settle(
    start: Start, max_steps: int | Int[Array, ""], point: Point, setting: Setting
) -> Found:
    """The root from a start, and its derivatives."""
    problem, labels, rate = _problem(point, setting)
    log_ridge = jnp.log(point.ridge)

    def evaluate(x):
        return equations(x, log_ridge, problem, labels, setting, FINE)

    root = _newton(start.x, evaluate, max_steps, TOLERANCE)
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
    root: _Root,
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
    return -jax.vmap(_solve, (None, 1), 1)(at.jacobian, right)


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
        problem, labels, _ = _problem(moved, setting)
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
