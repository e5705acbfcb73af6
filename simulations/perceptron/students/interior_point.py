r"""Interior-point steps for the max-margin student.

The student is solved as the pair of quadratic programs

    maximise_{w, t}  t - |w|^2/2   with  x_i.w >= t
    minimise_lambda  |X^T lambda|^2/2  with  lambda >= 0, sum lambda = 1,

that is, as the point of the convex hull of the signed examples x_i nearest to the
origin.  Both are feasible for any data, separable or not, and neither depends on the
scale of w, which diverges near the threshold of pruned data when the margin is fixed
to one instead.  The method is Mehrotra's predictor-corrector (SIAM J. Optim. 2, 575,
1992) with w kept as a variable of its own: X^T lambda alone loses the digits of a small
margin by cancellation.

A further solve with the same factor pulls the products lambda_i slack_i that stray
towards their common target (Gondzio, Comput. Optim. Appl. 6, 137, 1996).

Every w bounds the margin from below by min_i x_i.w/|w| and every lambda >= 0 from above
by |X^T lambda|/sum lambda; the state carries the best two bounds and what proves them.

The examples are the *columns* here: both products, with w and with lambda, then read
along rows.  The Newton matrix is N x N, or P x P if there are fewer examples than
dimensions.  All of it runs in the precision of the columns it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.lax.linalg import cholesky
from jax.scipy.linalg import cho_solve
from jaxtyping import Array, Float, Int

# Solves for centrality a step: at N = 200 a second one takes the time that it saves.
_CORRECTORS = 1
# They are accepted if they lengthen the step by this much.
_LONGER = 1e-3
# Ridge of the covariance in the start, relative to its mean eigenvalue.
_RIDGE = 1e-4
# Rows of a block of a symmetric product; the upper half of a large one is left out.
_BLOCK = 512


class State(NamedTuple):
    """Iterates, and the best certificate so far."""

    w: Float[Array, " N"]
    t: Float[Array, ""]
    multipliers: Float[Array, " P"]
    slack: Float[Array, " P"]
    hull: Float[Array, " N"]  # X^T lambda
    margins: Float[Array, " P"]  # X w
    best_w: Float[Array, " N"]
    lower: Float[Array, ""]
    best_multipliers: Float[Array, " P"]
    upper: Float[Array, ""]
    iteration: Int[Array, ""]
    since_better: Int[Array, ""]


class Residuals(NamedTuple):
    """What is missing from x.w = t + slack, w = X^T lambda and sum lambda = 1."""

    slack: Float[Array, " P"]
    w: Float[Array, " N"]
    total: Float[Array, ""]


_Step = tuple[Array, Array, Array, Array]
_Solver = Callable[[Float[Array, " P"], Residuals], _Step]


def _symmetric_product(rows: Float[Array, "n P"]) -> Float[Array, "n n"]:
    """Product of rows and rows.T; a large one is zero above its diagonal blocks."""
    size = len(rows)
    if size <= 2 * _BLOCK:
        return rows @ rows.T
    blocks = []
    for first in range(0, size, _BLOCK):
        last = min(first + _BLOCK, size)
        block = rows[first:last] @ rows[:last].T
        blocks.append(jnp.pad(block, ((0, 0), (0, size - last))))
    return jnp.concatenate(blocks)


def _factor(matrix: Float[Array, "n n"]) -> tuple[Float[Array, "n n"], bool]:
    """Cholesky factor from the lower triangle, in the form that cho_solve takes."""
    return cholesky(matrix, symmetrize_input=False), True


def _newton_by_dimension(columns, multipliers, slack) -> _Solver:
    """Newton steps from the N x N matrix 1 + sum_i d_i (x_i - c)(x_i - c)^T.

    c is the mean of the x_i under d = lambda/slack; centring eliminates t without
    the cancellation of a Schur complement.
    """
    d = multipliers / slack
    total = d.sum()
    centre = columns @ d / total
    scaled = (columns - centre[:, None]) * jnp.sqrt(d)[None, :]
    one = jnp.eye(len(columns), dtype=columns.dtype)
    factor = _factor(one + _symmetric_product(scaled))

    def step(target, missing):
        g = target / slack - d * missing.slack
        excess = g.sum() - missing.total
        dw = cho_solve(factor, columns @ g - centre * excess + missing.w)
        dt = centre @ dw - excess / total
        dslack = dw @ columns - dt + missing.slack
        return dw, dt, (target - multipliers * dslack) / slack, dslack

    return step


def _newton_by_examples(columns, gram, multipliers, slack) -> _Solver:
    """The same steps from the P x P matrix X X^T + diag(slack/lambda)."""
    factor = _factor(gram + jnp.diag(slack / multipliers))
    unit = cho_solve(factor, jnp.ones_like(slack))

    def step(target, missing):
        right = target / multipliers - missing.slack - missing.w @ columns
        dlambda = cho_solve(factor, right)
        dt = (missing.total - dlambda.sum()) / unit.sum()
        dlambda = dlambda + dt * unit
        dw = columns @ dlambda + missing.w
        return dw, dt, dlambda, dw @ columns - dt + missing.slack

    return step


def longest_step(
    value: Float[Array, " k"], change: Float[Array, " k"]
) -> Float[Array, ""]:
    """Largest step in [0, 1] that keeps value + step * change >= 0."""
    ratio = jnp.where(change < 0, -value / jnp.where(change < 0, change, -1.0), 1.0)
    return jnp.minimum(jnp.min(ratio), 1.0)


def _certify(state: State) -> State:
    """Update the best bounds, each with the vector that proves it."""
    norm, total = jnp.linalg.norm(state.w), state.multipliers.sum()
    lower = state.margins.min() / jnp.where(norm > 0, norm, 1.0)
    upper = jnp.linalg.norm(state.hull) / total
    # A step that overflows, as happens in float32, proves nothing.
    raised = (lower > state.lower) & jnp.isfinite(lower) & jnp.isfinite(norm)
    lowered = (upper < state.upper) & jnp.isfinite(total)
    better = raised | lowered
    return state._replace(
        best_w=jnp.where(raised, state.w / norm, state.best_w),
        lower=jnp.where(raised, lower, state.lower),
        best_multipliers=jnp.where(
            lowered, state.multipliers / total, state.best_multipliers
        ),
        upper=jnp.where(lowered, upper, state.upper),
        since_better=jnp.where(better, 0, state.since_better + 1),
    )


def relative_gap(state: State) -> Float[Array, ""]:
    """(upper - lower)/upper of the best bounds."""
    zero = state.upper <= 0
    return jnp.where(zero, jnp.inf, 1.0 - state.lower / jnp.where(zero, 1, state.upper))


def begin(columns, w, t, multipliers, slack) -> State:
    """An iterate with its certificate."""
    zero = jnp.zeros((), jnp.int32)
    worst = jnp.asarray(jnp.inf, columns.dtype)
    state = State(
        w, t, multipliers, slack, columns @ multipliers, w @ columns,
        w, -worst, multipliers, worst, zero, zero,
    )  # fmt: skip
    return _certify(state)


def start(columns: Float[Array, "N P"]) -> State:
    """Equal multipliers, and a t low enough for every slack to be positive."""
    count = columns.shape[1]
    multipliers = jnp.full(count, 1.0 / count, columns.dtype)
    w = columns @ multipliers
    margins = w @ columns
    spread = jnp.mean(margins) - margins.min()
    # |w|^2 keeps the slack positive when all margins are equal
    t = margins.min() - jnp.maximum(spread, w @ w)
    return begin(columns, w, t, multipliers, margins - t)


def start_even(columns: Float[Array, "N P"]) -> State:
    """The w of the most even margins, C^-1 mean with the covariance C of the examples.

    It saves a quarter of the steps, and is :func:`start` where C is of no use.
    """
    dimension, count = columns.shape
    mean = columns.mean(1)
    covariance = _symmetric_product((columns - mean[:, None]) / count**0.5)
    ridge = _RIDGE * jnp.trace(covariance) / dimension
    one = jnp.eye(dimension, dtype=columns.dtype)
    w = cho_solve(_factor(covariance + ridge * one), mean)
    w = w * (w @ mean) / (w @ w)  # as long as w = X^T lambda of equal multipliers
    margins = w @ columns
    spread = margins.std()
    t = margins.mean() - spread
    slack = jnp.maximum(margins - t, spread / 2)
    multipliers = 1 / slack
    multipliers = multipliers / multipliers.sum()
    usable = jnp.isfinite(multipliers).all() & jnp.isfinite(w).all()
    return jax.tree.map(
        lambda even, plain: jnp.where(usable, even, plain),
        begin(columns, w, t, multipliers, slack),
        start(columns),
    )


def advance(
    columns: Float[Array, "N P"],
    gram: Float[Array, "P P"] | None,
    tolerance: float | Float[Array, ""],
    state: State,
) -> State:
    """One predictor-corrector step; with a Gram matrix in the P x P form."""
    count = columns.shape[1]
    multipliers, slack = state.multipliers, state.slack
    missing = Residuals(
        state.margins - state.t - slack, state.hull - state.w, 1.0 - multipliers.sum()
    )
    if gram is None:
        newton = _newton_by_dimension(columns, multipliers, slack)
    else:
        newton = _newton_by_examples(columns, gram, multipliers, slack)

    def longest(change):
        _, _, dlambda, dslack = change
        return jnp.minimum(
            longest_step(multipliers, dlambda), longest_step(slack, dslack)
        )

    product = multipliers * slack
    change = newton(-product, missing)
    step = longest(change)
    _, _, dlambda, dslack = change
    mean = product.sum() / count
    predicted = (multipliers + step * dlambda) @ (slack + step * dslack) / count
    ratio = predicted / mean
    # To aim far below the tolerance would only worsen the conditioning.
    floor = 0.1 * tolerance * (state.w @ state.w) / count
    target = jnp.maximum(ratio**3 * mean, floor)
    aim = target - product - dlambda * dslack
    change = newton(aim, missing)
    step = longest(change)
    for _ in range(_CORRECTORS):
        _, _, dlambda, dslack = change
        reach = jnp.minimum(1.08 * step + 0.08, 1.0)
        ahead = (multipliers + reach * dlambda) * (slack + reach * dslack)
        pull = jnp.clip(ahead, 0.1 * target, 10 * target) - ahead
        aim = aim + jnp.maximum(pull, -10 * target)
        other = newton(aim, missing)
        accepted = longest(other) >= step + _LONGER
        change = jax.tree.map(partial(jnp.where, accepted), other, change)
        step = jnp.where(accepted, longest(other), step)
    dw, dt, dlambda, dslack = change
    step = step * jnp.clip(1.0 - ratio, 0.9, 0.999)
    multipliers = multipliers + step * dlambda
    w = state.w + step * dw
    return _certify(
        state._replace(
            w=w,
            t=state.t + step * dt,
            multipliers=multipliers,
            slack=slack + step * dslack,
            hull=columns @ multipliers,
            margins=w @ columns,
            iteration=state.iteration + 1,
        )
    )
