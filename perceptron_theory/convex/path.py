r"""The root of a convex loss's equations, and the path that leads to it.

At a large ridge w is explicit: every example responds alike, V = 1/lambda, q =
1/sqrt(alpha), a = sqrt(alpha) E[u], b = sqrt(alpha) E[v] (of structured inputs see
:mod:`.spectrum_starts`).  From there the root is
followed in ln(lambda), unless there is a start close by.  At a kink of the hinge all
but identical examples are satisfied at once, within a narrow range of lambda in which r
falls by orders of magnitude: there the steps are in log r.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..kept.averages import kept_rows
from ..kept.problem import Problem
from ..kept.wrong_labels import Labels
from ..numerics.newtons_method import Chart, newton, solve_scaled
from ..students.state import Start
from ..students.student import LONG
from .equations import blank, evaluate_at, ridge_regression
from .kink import close, mended, origins_of
from .pulls import (
    COARSE,
    Setting,
    Unknowns,
    student_of,
    unknowns_of,
    weights,
    with_slack,
)
from .spectrum_starts import of_large_ridge

STEEP = 2.0  # |dlog r/dln(ridge)| from which on log r is stepped along the path
LEAP = 0.7  # in log r


def size_of(step: Unknowns, x: Unknowns, near: Bool[Array, ""]) -> Float[Array, ""]:
    """A change in units that matter: b, sigma and w on the scale of 1 + their size.

    Unless the kink is ``near`` w is no unknown of its own, and as coarse as a and b.
    """
    root = jnp.cosh(x[1])
    across = jnp.where(near, 1.0, root) + jnp.abs(x[5])
    ratio, sigma = 1.0 / root + jnp.abs(x[2]), 1.0 + jnp.abs(x[4])
    unit = jnp.ones(6).at[2].set(ratio).at[4].set(sigma).at[5].set(across)
    return jnp.max(jnp.abs(step) / unit)


def moved(x: Unknowns, step: Unknowns) -> Unknowns:
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
    straight = jnp.stack([log_r, jnp.arcsinh(a), b / jnp.sqrt(1 + a * a), *plain[3:]])
    short = (jnp.abs(step[1]) < 0.7) & (jnp.abs(step[0]) < 0.7)
    return jnp.where(short, straight, plain)


def chart(
    problem: Problem,
    labels: Labels,
    setting: Setting,
    log_r: Float[Array, ""] | None = None,
) -> Chart:
    """The coordinates of the search, in which sigma and w stay what the others say.

    ``log_r`` is that of the student where it is held, and x[0] something else.
    """
    origins = origins_of(problem, labels, setting.loss, setting.mode.on_line)

    def move(x: Unknowns, step: Unknowns) -> Unknowns:
        new = moved(x, step)
        p = student_of(new, problem).along
        here = new[0] if log_r is None else jnp.where(jnp.isnan(log_r), new[0], log_r)
        sigma = mended(
            new[4],
            setting.loss.kink * jnp.exp(-here),
            p * origins.main,
        )
        (a, b), c, s = weights(new), problem.cos_theta, problem.sin_theta
        return new.at[4:].set(jnp.stack([sigma, mended(new[5], a * s, b * c)]))

    def size(step: Unknowns, x: Unknowns) -> Float[Array, ""]:
        return size_of(step, x, close(x[4], x[0], origins, setting.loss))

    return Chart(size, lambda step, x: 1.5 / size(step, x), move)


class _Walk(NamedTuple):
    """How far the path has been followed, and how it goes on."""

    x: Unknowns
    tangent: Unknowns
    place: Float[Array, ""]  # ln(ridge)
    step: Float[Array, ""]
    steps: Int[Array, ""]
    tries: Int[Array, ""]
    good: Bool[Array, ""]


def follow(
    ridge: Float[Array, ""],
    problem: Problem,
    labels: Labels,
    setting: Setting,
    needed: bool | Bool[Array, ""],
) -> Start:
    """The root to a few digits, followed from a large ridge where ``needed``."""
    if setting.loss.linear:
        x = ridge_regression(jnp.log(ridge), problem, labels, setting)
        return Start(x, jnp.ones((), int))
    alpha, on_line = problem.alpha_prune, setting.mode.on_line
    force = -jax.grad(setting.loss)(jnp.zeros(()))
    target = jnp.log(ridge)
    u, v, share = kept_rows(problem, labels)
    # the margin that all examples give to each other, of a unit force and ridge
    reach = alpha * (1.0 + jnp.dot(u * u + v * v, share))
    if problem.spectrum is not None:
        reach = reach * jnp.max(problem.spectrum.eigenvalues)
    begin = jnp.maximum(target, jnp.log(10.0 * (1.0 + reach) * (1.0 + force)))
    share = share * jnp.repeat(labels, share.shape[0] // labels.shape[0])
    if problem.spectrum is None:
        a, b = (jnp.sqrt(alpha) * jnp.dot(x, share) for x in (u, v))
        b = jnp.zeros(()) if on_line else b
        log_r = 0.5 * jnp.log(alpha) + jnp.log(force) - begin
        x = unknowns_of(log_r, a, b, -begin)
    else:
        u, v = (jnp.dot(x, share) for x in (u, v))
        v = jnp.zeros(()) if on_line else v
        x = of_large_ridge(problem.spectrum, alpha, force, begin, u, v)
    x = with_slack(x, problem, labels, setting)
    free = chart(problem, labels, setting)

    def body(state: _Walk) -> _Walk:
        x, tangent, place, step, steps, tries, _ = state
        first, gap = tries == 0, place - target
        hold = jnp.abs(tangent[0]) > STEEP
        hold = hold & (gap > 0)
        most_r = jnp.where(hold, LEAP / jnp.abs(tangent[0]), jnp.inf)
        step = jnp.minimum(jnp.minimum(step, most_r), jnp.abs(gap)) * jnp.sign(gap)
        last = ~hold & (jnp.abs(step) >= jnp.abs(gap))
        place_new = jnp.where(last, target, place - step)
        guess = free.moved(x, -step * tangent)

        def evaluate(y):
            # log r is held where y has ln(ridge) in its place
            z = jnp.where(hold, y.at[0].set(guess[0]), y)
            here = jnp.where(hold, y[0], place_new)
            found = evaluate_at(z, here, problem, labels, setting, COARSE)
            turned = found.jacobian.at[:, 0].set(found.by_ridge)
            return found._replace(
                jacobian=jnp.where(hold, turned, found.jacobian),
                by_ridge=jnp.where(hold, found.jacobian[:, 0], found.by_ridge),
            )

        most = jnp.where(last | first, LONG, 12)
        close = 1.0 if setting.loss.kink else jnp.minimum(1.0, jnp.exp(guess[0]))
        held = jnp.where(hold, guess[0], jnp.nan)
        root = newton(
            jnp.where(hold, guess.at[0].set(place_new), guess),
            evaluate,
            blank(),
            chart(problem, labels, setting, held),
            most,
            close * jnp.where(hold, 1e-4, jnp.where(last, 1e-3, 1e-2)),
        )
        # all equations are relative: where one is off by all of its size a short step
        # says nothing
        good = root.found & (root.residual < 1.0)
        slope = -solve_scaled(root.at.jacobian, root.at.by_ridge)
        # d/dlog r with that of ln(ridge) first, or d/dln(ridge)
        turned = (slope / slope[0]).at[0].set(1.0 / slope[0])
        place_new = jnp.where(hold, root.x[0], place_new)
        x_new = jnp.where(hold, root.x.at[0].set(guess[0]), root.x)
        # the ridge falls along the path
        good = good & (first | ~hold | (place_new < place))
        pick = partial(jnp.where, good)
        factor = pick(jnp.where(last | hold | (root.steps <= 5), 2.0, 1.0), 0.4)
        return _Walk(
            pick(x_new, x),
            pick(jnp.where(hold, turned, slope), tangent),
            pick(place_new, place),
            jnp.where(first, 1.0, factor * jnp.abs(step)),
            steps + root.steps,
            tries + 1,
            good,
        )

    def go_on(state: _Walk) -> Bool[Array, ""]:
        _, tangent, place, step, _, tries, good = state
        # past a kink a good step is short as well, and grows again
        long = good | (step * jnp.maximum(1.0, jnp.abs(tangent[0])) > 1e-3)
        more = (place != target) & (tries < 200) & long
        return needed & ((tries == 0) | (more & (good | (tries > 1))))

    # the first try is at the beginning itself, and if it fails the last
    none = jnp.zeros((), int)
    no = jnp.zeros((), bool)
    state = _Walk(x, jnp.zeros(6), begin, jnp.zeros(()), none, none, no)
    end = jax.lax.while_loop(go_on, body, state)
    arrived = end.good & (end.place == target)
    return Start(jnp.where(arrived, end.x, jnp.nan), end.steps)
