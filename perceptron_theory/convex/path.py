r"""The root of a convex loss's equations, and the path that leads to it.

At a large ridge w is explicit: every example responds alike, V = 1/lambda, q =
1/sqrt(alpha), a = sqrt(alpha) E[u], b = sqrt(alpha) E[v].  From there the root is
followed in ln(lambda), unless there is a start close by.  At a kink of the hinge all
but identical examples are satisfied at once, within a narrow range of lambda in which r
falls by orders of magnitude: there the steps are in log r.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..rules.rule import Cells, Rule
from ..rules.table import levels_change
from ..solving.saddle_point import Inputs
from ..students.max_margin import Problem
from ..students.newton import kept_rows
from .equations import (
    COARSE,
    Evaluation,
    Setting,
    Unknowns,
    equations,
    ridge_regression,
)
from .losses import square
from .noisy_pieces import Labels, noisy_problem

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


class Root(NamedTuple):
    """Where Newton's method ended."""

    x: Unknowns
    at: Evaluation
    steps: Int[Array, ""]
    found: Bool[Array, ""]


def solve_scaled(matrix: Float[Array, "4 4"], right: Float[Array, " 4"]) -> Any:
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


def newton(x: Unknowns, evaluate: Any, max_steps: Any, tolerance: Any) -> Root:
    """Damped Newton steps (natural monotonicity test, as in :mod:`.newton`)."""

    def body(state):
        root, step, damping = state
        x, trial = root.x, _moved(root.x, damping * step)
        new = evaluate(trial)
        simplified = _size(solve_scaled(root.at.jacobian, -new.value), x)
        new_step = solve_scaled(new.jacobian, -new.value)
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
        return Root(x, at, root.steps + 1, done), pick(new_step, step), damping

    none, square = jnp.full(4, jnp.inf), jnp.eye(4)
    at = Evaluation(none, square, square, none, none)
    root = Root(x, at, jnp.zeros((), int), jnp.asarray(False))
    state = root, jnp.zeros(4), jnp.ones(())
    go_on = lambda s: (s[0].steps < max_steps) & ~s[0].found  # noqa: E731
    root, step, _ = jax.lax.while_loop(go_on, body, state)
    return root._replace(x=jnp.where(root.found, _moved(root.x, step), root.x))


def problem_of(point: Point, setting: Setting) -> tuple[Problem, Labels, Cells | None]:
    """The pieces of the kept region, their labels, and how its masses move."""
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
    problem, labels, _ = problem_of(point, setting)
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
        root = newton(
            jnp.where(hold, guess.at[0].set(place_new), guess),
            evaluate,
            most,
            close * jnp.where(hold, 1e-4, jnp.where(last, 1e-3, 1e-2)),
        )
        good = root.found
        slope = -solve_scaled(root.at.jacobian, root.at.by_ridge)
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
