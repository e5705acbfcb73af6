r"""Minimisation of a convex loss with ridge: L-BFGS, and interior points for the hinge.

Both minimise F(w) = (1/N) sum_i l(x_i.w) + (ridge/2) |w|^2 and return the best w, a
proved bound on F(w) - min F (``gap``) and the number of steps.

For a loss with a derivative the proof is the gradient, gap = |grad F|^2/(2 ridge), and
the method L-BFGS (optax).  The hinge has none at its bend: it is solved with its dual
over beta in [0, 1]^P (w = X^T beta/(N ridge)) by a predictor-corrector interior-point
method (Mehrotra, SIAM J. Optim. 2, 575, 1992), and the proof is the duality gap

    (1/N) sum_i [(1 - beta_i) (1 - m_i)_+ + beta_i (m_i - 1)_+]
        + (ridge/2) |w - X^T beta/(N ridge)|^2,    m_i = x_i.w,

a sum without cancellation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .interior_point import longest_step

# Steps without progress before the rounding limit is accepted.
_PATIENCE = 40
_PATIENCE_INTERIOR = 10
# Pairs of steps and gradients that L-BFGS remembers.
_MEMORY = 20


class Minimum(NamedTuple):
    """The best weights that a method has found."""

    w: Float[Array, " N"]
    gap: Float[Array, ""]
    """Proved bound on F(w) - min F."""
    gradient_norm: Float[Array, ""]
    """|grad F|; NaN for the hinge."""
    iterations: Int[Array, ""]


class _Quasi(NamedTuple):
    """State of L-BFGS."""

    w: Float[Array, " N"]
    memory: Any  # of optax
    best_w: Float[Array, " N"]
    best: Float[Array, ""]  # the smallest gradient norm, that of best_w
    lowest: Float[Array, ""]  # the smallest F
    idle: Int[Array, ""]  # steps since the last progress
    iteration: Int[Array, ""]


def minimise_smooth(loss, examples, ridge, tolerance, max_iterations) -> Minimum:
    """Follow L-BFGS to the w of the smallest gradient."""
    import optax  # other students do not wait for it

    dimension = examples.shape[1]

    def objective(w):
        losses = jax.vmap(loss)(examples @ w)
        return losses.sum() / dimension + ridge / 2 * (w @ w)

    solver = optax.lbfgs(memory_size=_MEMORY)
    value_and_grad: Any = optax.value_and_grad_from_state(objective)

    def unfinished(state: _Quasi):
        return (
            (state.best > tolerance * ridge * jnp.linalg.norm(state.best_w))
            & (state.iteration < max_iterations)
            & (state.idle < _PATIENCE)
        )

    def step(state: _Quasi):
        w, memory = state.w, state.memory
        value, gradient = value_and_grad(w, state=memory)
        norm = jnp.linalg.norm(gradient)
        better = norm < state.best
        # In the narrow valleys of a small ridge the gradient grows while F falls.
        progress = better | (value < state.lowest)
        update, memory = solver.update(
            gradient, memory, w, value=value, grad=gradient, value_fn=objective
        )
        return _Quasi(
            w=optax.apply_updates(w, update),  # type: ignore[arg-type] # an array
            memory=memory,
            best_w=jnp.where(better, w, state.best_w),
            best=jnp.where(better, norm, state.best),
            lowest=jnp.minimum(value, state.lowest),
            idle=jnp.where(progress, 0, state.idle + 1),
            iteration=state.iteration + 1,
        )

    w, worst, none = jnp.zeros(dimension), jnp.asarray(jnp.inf), jnp.asarray(0)
    start = _Quasi(w, solver.init(w), w, worst, worst, none, none)
    end = jax.lax.while_loop(unfinished, step, start)
    gap = end.best**2 / (2 * ridge)
    return Minimum(end.best_w, gap, end.best, end.iteration)


class _Interior(NamedTuple):
    """Iterates for the hinge, its dual, and the best w.

    ``low`` and ``high`` are the multipliers of beta >= 0 and beta <= 1: at the solution
    (m - 1)_+ and (1 - m)_+.
    """

    w: Float[Array, " N"]
    beta: Float[Array, " P"]
    low: Float[Array, " P"]
    high: Float[Array, " P"]
    best_w: Float[Array, " N"]
    best: Float[Array, ""]  # the smallest gap, that of best_w
    idle: Int[Array, ""]  # steps since the last progress
    iteration: Int[Array, ""]


def minimise_hinge(examples, ridge, tolerance, max_iterations) -> Minimum:
    """Follow interior points to the w of the smallest duality gap."""
    count, dimension = examples.shape
    scale = ridge * dimension

    def certify(w, beta):
        short, apart = 1.0 - examples @ w, beta @ examples / scale - w
        gap = (1 - beta) * jnp.maximum(short, 0) + beta * jnp.maximum(-short, 0)
        return short, apart, gap.sum() / dimension + ridge / 2 * (apart @ apart)

    def unfinished(state: _Interior):
        away = jnp.sqrt(2 * state.best / ridge)
        return (
            (away > tolerance * jnp.linalg.norm(state.best_w))
            & (state.iteration < max_iterations)
            & (state.idle < _PATIENCE_INTERIOR)
        )

    def step(state: _Interior):
        w, beta, low, high = state.w, state.beta, state.low, state.high
        short, apart, gap = certify(w, beta)
        better = gap < state.best
        rest = 1 - beta
        missing = short - (high - low)
        inverse = 1 / (low / beta + high / rest)
        factor = jax.scipy.linalg.cho_factor(
            scale * jnp.eye(dimension) + (examples.T * inverse) @ examples
        )

        def newton(for_low, for_high):
            right = missing - for_high / rest + for_low / beta
            pull = (inverse * right) @ examples + scale * apart
            dw = jax.scipy.linalg.cho_solve(factor, pull)
            dbeta = inverse * (right - examples @ dw)
            return (
                dw,
                dbeta,
                (for_low - low * dbeta) / beta,
                (for_high + high * dbeta) / rest,
            )

        def length(_, dbeta, dlow, dhigh):
            change = jnp.concatenate([dbeta, -dbeta, dlow, dhigh])
            return longest_step(jnp.concatenate([beta, rest, low, high]), change)

        at_low, at_high = low * beta, high * rest
        change = newton(-at_low, -at_high)
        _, dbeta, dlow, dhigh = change
        trial = length(*change)
        mean = (at_low.sum() + at_high.sum()) / (2 * count)
        ahead = (low + trial * dlow) @ (beta + trial * dbeta)
        ahead += (high + trial * dhigh) @ (rest - trial * dbeta)
        target = mean * (ahead / (2 * count * mean)) ** 3
        change = newton(
            target - at_low - dlow * dbeta, target - at_high + dhigh * dbeta
        )
        move = 0.995 * length(*change)
        return _Interior(
            *jax.tree.map(lambda a, d: a + move * d, (w, beta, low, high), change),
            best_w=jnp.where(better, w, state.best_w),
            best=jnp.where(better, gap, state.best),
            idle=jnp.where(better, 0, state.idle + 1),
            iteration=state.iteration + 1,
        )

    beta = jnp.full(count, 0.5)
    w = beta @ examples / scale
    short, *_ = certify(w, beta)
    low, high = 1 + jnp.maximum(-short, 0), 1 + jnp.maximum(short, 0)
    worst, none = jnp.asarray(jnp.inf), jnp.asarray(0)
    start = _Interior(w, beta, low, high, w, worst, none, none)
    end = jax.lax.while_loop(unfinished, step, start)
    return Minimum(end.best_w, end.best, jnp.asarray(jnp.nan), end.iteration)
