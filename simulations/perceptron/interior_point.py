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

Every w bounds the margin from below by min_i x_i.w/|w| and every lambda >= 0 from above
by |X^T lambda|/sum lambda; the state carries the best two bounds and what proves them.

The examples are the *columns* here: both products, with w and with lambda, then read
along rows.  The Newton matrix is N x N, or P x P if there are fewer examples than
dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax.lax.linalg import cholesky
from jax.scipy.linalg import cho_solve
from jaxtyping import Array, Float, Int


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


def _newton_by_dimension(columns, multipliers, slack) -> _Solver:
    """Newton steps from the N x N matrix 1 + sum_i d_i (x_i - c)(x_i - c)^T.

    c is the mean of the x_i under d = lambda/slack; centring eliminates t without
    the cancellation of a Schur complement.
    """
    d = multipliers / slack
    total = d.sum()
    centre = columns @ d / total
    scaled = (columns - centre[:, None]) * jnp.sqrt(d)[None, :]
    factor = cholesky(jnp.eye(columns.shape[0]) + scaled @ scaled.T)

    def step(target, missing):
        g = target / slack - d * missing.slack
        excess = g.sum() - missing.total
        dw = cho_solve((factor, True), columns @ g - centre * excess + missing.w)
        dt = centre @ dw - excess / total
        dslack = dw @ columns - dt + missing.slack
        return dw, dt, (target - multipliers * dslack) / slack, dslack

    return step


def _newton_by_examples(columns, gram, multipliers, slack) -> _Solver:
    """The same steps from the P x P matrix X X^T + diag(slack/lambda)."""
    factor = (cholesky(gram + jnp.diag(slack / multipliers)), True)
    unit = cho_solve(factor, jnp.ones_like(slack))

    def step(target, missing):
        right = target / multipliers - missing.slack - missing.w @ columns
        dlambda = cho_solve(factor, right)
        dt = (missing.total - dlambda.sum()) / unit.sum()
        dlambda = dlambda + dt * unit
        dw = columns @ dlambda + missing.w
        return dw, dt, dlambda, dw @ columns - dt + missing.slack

    return step


def _longest(value, change):
    """Largest step in [0, 1] that keeps value + step * change >= 0."""
    ratio = jnp.where(change < 0, -value / jnp.where(change < 0, change, -1.0), 1.0)
    return jnp.minimum(jnp.min(ratio), 1.0)


def _certify(state: State) -> State:
    """Update the best bounds, each with the vector that proves it."""
    norm = jnp.linalg.norm(state.w)
    lower = state.margins.min() / jnp.where(norm > 0, norm, 1.0)
    upper = jnp.linalg.norm(state.hull) / state.multipliers.sum()
    raised, lowered = lower > state.lower, upper < state.upper
    better = raised | lowered
    return state._replace(
        best_w=jnp.where(raised, state.w / norm, state.best_w),
        lower=jnp.where(raised, lower, state.lower),
        best_multipliers=jnp.where(
            lowered, state.multipliers / state.multipliers.sum(), state.best_multipliers
        ),
        upper=jnp.where(lowered, upper, state.upper),
        since_better=jnp.where(better, 0, state.since_better + 1),
    )


def start(columns: Float[Array, "N P"]) -> State:
    """Equal multipliers, and a t low enough for every slack to be positive."""
    count = columns.shape[1]
    multipliers = jnp.full(count, 1.0 / count)
    w = columns @ multipliers
    margins = w @ columns
    spread = jnp.mean(margins) - margins.min()
    # |w|^2 keeps the slack positive when all margins are equal
    t = margins.min() - jnp.maximum(spread, w @ w)
    zero = jnp.zeros((), jnp.int32)
    worst = jnp.asarray(jnp.inf, columns.dtype)
    state = State(
        w, t, multipliers, margins - t, w, margins,
        w, -worst, multipliers, worst, zero, zero,
    )  # fmt: skip
    return _certify(state)


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
    product = multipliers * slack
    _, _, dlambda, dslack = newton(-product, missing)
    step = jnp.minimum(_longest(multipliers, dlambda), _longest(slack, dslack))
    mean = product.sum() / count
    predicted = (multipliers + step * dlambda) @ (slack + step * dslack) / count
    ratio = predicted / mean
    # aiming far below the tolerance would only worsen the conditioning
    floor = 0.1 * tolerance * (state.w @ state.w) / count
    target = jnp.maximum(ratio**3 * mean, floor)
    dw, dt, dlambda, dslack = newton(target - product - dlambda * dslack, missing)
    step = jnp.minimum(_longest(multipliers, dlambda), _longest(slack, dslack))
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
