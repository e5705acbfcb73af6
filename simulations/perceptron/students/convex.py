r"""Students of any convex loss with ridge, trained to a certified distance.

The student of the signed examples x_i = y_i x is the minimum over w of

    F(w) = (1/N) sum_i l(x_i.w) + (ridge/2) |w|^2,

1/N times the training objective sum_i l + (N ridge/2) |w|^2.  F is strongly convex with
the modulus ridge, so that whatever proves F(w) - min F <= gap also proves
|w - w*| <= sqrt(2 gap/ridge).  For a loss with a derivative the proof is the gradient,
gap = |grad F|^2/(2 ridge), and the method L-BFGS (optax).  The hinge has none at its
bend: it is solved with its dual over beta in [0, 1]^P (w = X^T beta/(N ridge)) by a
predictor-corrector interior-point method (Mehrotra, SIAM J. Optim. 2, 575, 1992), and
the proof is the duality gap

    (1/N) sum_i [(1 - beta_i) (1 - m_i)_+ + beta_i (m_i - 1)_+]
        + (ridge/2) |w - X^T beta/(N ridge)|^2,    m_i = x_i.w,

a sum without cancellation.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from perceptron_theory import ConvergenceError, InputError
from perceptron_theory.convex.losses import Loss, hinge, resolve_loss
from perceptron_theory.numerics.precision import eager_only

from ..data.point import Point
from ..data.training_sets import (
    batch_draws,
    draw_table,
    even_chunks,
    realisable_sizes,
    stack_sets,
    training_sets,
)
from ..running.devices import spread
from .contract import angle_to_teacher
from .interior_point import _longest

# steps without progress before the rounding limit is accepted
_PATIENCE = 40
_PATIENCE_INTERIOR = 10
# pairs of steps and gradients that L-BFGS remembers
_MEMORY = 20


class ConvexStatus(enum.IntEnum):
    """How a training run ended."""

    CONVERGED = 0
    """The certified distance is at most the tolerance."""
    MAX_ITERATIONS = 1
    """Still improving at the last iteration: raise ``max_iterations``."""
    STALLED = 2
    """No better certificate for many steps: rounding, or a loss with a bend."""


@dataclass(frozen=True)
class ConvexStudent:
    """Result of :func:`train`; all arrays carry the batch axes of its input."""

    weights: Float[np.ndarray, "*batch N"]
    gap: Float[np.ndarray, "*batch"]
    """Proved bound on F(w) - min F."""
    distance: Float[np.ndarray, "*batch"]
    """Proved bound on |w - w*|: sqrt(2 gap/ridge)."""
    gradient_norm: Float[np.ndarray, "*batch"]
    """|grad F|; NaN for the hinge."""
    status: Int[np.ndarray, "*batch"]
    """A :class:`ConvexStatus`."""
    iterations: Int[np.ndarray, "*batch"]


def _smooth(loss, examples, ridge, tolerance, max_iterations):
    """L-BFGS: the w of the smallest gradient, its gap, gradient norm and steps."""
    dimension = examples.shape[1]

    def objective(w):
        losses = jax.vmap(loss)(examples @ w)
        return losses.sum() / dimension + ridge / 2 * (w @ w)

    solver = optax.lbfgs(memory_size=_MEMORY)
    value_and_grad = optax.value_and_grad_from_state(objective)

    def unfinished(state):
        *_, best_w, best, _, since, iteration = state
        return (
            (best > tolerance * ridge * jnp.linalg.norm(best_w))
            & (iteration < max_iterations)
            & (since < _PATIENCE)
        )

    def step(state):
        w, memory, best_w, best, lowest, since, iteration = state
        value, gradient = value_and_grad(w, state=memory)
        norm = jnp.linalg.norm(gradient)
        better = norm < best
        # in the narrow valleys of a small ridge the gradient grows while F falls
        progress = better | (value < lowest)
        update, memory = solver.update(
            gradient, memory, w, value=value, grad=gradient, value_fn=objective
        )
        return (
            w + update,
            memory,
            jnp.where(better, w, best_w),
            jnp.where(better, norm, best),
            jnp.minimum(value, lowest),
            jnp.where(progress, 0, since + 1),
            iteration + 1,
        )

    w = jnp.zeros(dimension)
    start = w, solver.init(w), w, jnp.inf, jnp.inf, 0, 0
    *_, w, norm, _, _, iteration = jax.lax.while_loop(unfinished, step, start)
    return w, norm**2 / (2 * ridge), norm, iteration


def _hinge(examples, ridge, tolerance, max_iterations):
    """Interior point: what :func:`_smooth` returns, its gap that of the dual.

    ``high`` and ``low`` are the multipliers of beta <= 1 and beta >= 0: at the solution
    (1 - m)_+ and (m - 1)_+.
    """
    count, dimension = examples.shape
    scale = ridge * dimension

    def certify(w, beta):
        short, apart = 1.0 - examples @ w, beta @ examples / scale - w
        gap = (1 - beta) * jnp.maximum(short, 0) + beta * jnp.maximum(-short, 0)
        return short, apart, gap.sum() / dimension + ridge / 2 * (apart @ apart)

    def unfinished(state):
        *_, best_w, best, since, iteration = state
        return (
            (jnp.sqrt(2 * best / ridge) > tolerance * jnp.linalg.norm(best_w))
            & (iteration < max_iterations)
            & (since < _PATIENCE_INTERIOR)
        )

    def step(state):
        w, beta, low, high, best_w, best, since, iteration = state
        short, apart, gap = certify(w, beta)
        better = gap < best
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
            return _longest(jnp.concatenate([beta, rest, low, high]), change)

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
        return (
            *jax.tree.map(lambda a, d: a + move * d, (w, beta, low, high), change),
            jnp.where(better, w, best_w),
            jnp.where(better, gap, best),
            jnp.where(better, 0, since + 1),
            iteration + 1,
        )

    beta = jnp.full(count, 0.5)
    w = beta @ examples / scale
    short, *_ = certify(w, beta)
    low, high = 1 + jnp.maximum(-short, 0), 1 + jnp.maximum(short, 0)
    start = w, beta, low, high, w, jnp.inf, 0, 0
    *_, w, gap, _, iteration = jax.lax.while_loop(unfinished, step, start)
    return w, gap, jnp.nan, iteration


@partial(jax.jit, static_argnames=("loss",))
def _train_batch(examples, ridge, tolerance, max_iterations, *, loss):
    solve = _hinge if loss is hinge else partial(_smooth, loss)

    def one_set(x):
        w, gap, norm, iteration = solve(x, ridge, tolerance, max_iterations)
        distance = jnp.sqrt(2 * gap / ridge)
        done = distance <= tolerance * jnp.linalg.norm(w)
        early = iteration < max_iterations
        failed = jnp.where(early, ConvexStatus.STALLED, ConvexStatus.MAX_ITERATIONS)
        status = jnp.where(done, ConvexStatus.CONVERGED, failed)
        return w, gap, distance, norm + 0 * gap, status, iteration

    return jax.lax.map(one_set, examples, batch_size=min(len(examples), 8))


@eager_only
def train(
    signed_examples: ArrayLike,
    loss: str | Loss,
    *,
    ridge: float,
    tolerance: float = 1e-6,
    max_iterations: int = 5000,
) -> ConvexStudent:
    """Train the student of a convex loss on each set of signed examples y x.

    Always in float64, eagerly.  An example of zeros adds a constant to the objective
    and leaves the student as it is.

    Args:
        signed_examples: examples times their labels, shape (..., P, N); the leading
            axes are independent training sets.
        loss: "logistic", "hinge", "squared_hinge", "square" (defined by the functions
            of these names), or a convex differentiable JAX function of one margin.
        ridge: positive; F as at the top of this file.
        tolerance: certified distance |w - w*|, relative to |w|, to stop at.
        max_iterations: L-BFGS or interior-point steps allowed.

    Returns:
        :class:`ConvexStudent`.

    Raises:
        InputError: examples of the wrong shape or not finite, a loss that
            :func:`resolve_loss` refuses, numbers out of range, or a call inside a JAX
            transformation.

    >>> student = train([[2.0, 0.0]], "square", ridge=1.0)  # w = 2/(4 + N ridge)
    >>> student.weights.round(6).tolist(), int(student.status)
    ([0.333333, 0.0], 0)
    """
    function = resolve_loss(loss)
    if not (ridge > 0 and math.isfinite(ridge)):
        raise InputError(f"ridge must be positive and finite, got {ridge!r}")
    if not 0 < tolerance < 1:
        raise InputError(f"tolerance must lie in (0, 1), got {tolerance!r}")
    examples = np.asarray(signed_examples)
    if examples.dtype.kind not in "biuf" or not np.isfinite(examples).all():
        raise InputError("signed_examples must be finite real numbers")
    if examples.ndim < 2 or 0 in examples.shape:
        raise InputError(
            f"signed_examples must have shape (..., P, N), got {examples.shape}"
        )
    *batch, count, dimension = examples.shape
    flat = examples.reshape(-1, count, dimension).astype(np.float64)
    with jax.enable_x64(True):
        limits = ridge, tolerance, max_iterations
        found = spread(_train_batch, (flat,), *limits, loss=function)
    w, gap, distance, norm, status, iterations = (
        np.asarray(a).reshape((*batch, *a.shape[1:])) for a in found
    )
    return ConvexStudent(w, gap, distance, norm, status, iterations)


def simulate_convex(
    point: Point,
    loss: str | Loss,
    *,
    ridge: float,
    size: int,
    draws: int,
    seed: int,
    first: int = 0,
    flip_probability: float = 0.0,
    tolerance: float = 1e-6,
) -> xr.Dataset:
    """Draw pools, flip labels, prune and train the student of a convex loss.

    The data sets are those of :func:`simulations.perceptron.simulate` for the same
    seed; flips draw further numbers from each stream, the same for all probabilities.

    Args:
        point: the parameters of the pool and of pruning.
        loss: as in :func:`train`, like ``ridge`` and ``tolerance``.
        ridge: positive.
        size: input dimension N, at least 2.
        draws: number of data sets.
        seed: of the whole family of experiments, >= 0.
        first: number of the first draw, as in ``simulate``.
        flip_probability: of every label of the pool, before pruning: the signed margin
            is that of the flipped label.
        tolerance: in (0, 1).

    Returns:
        Dataset over ``draw`` of overlap (A = w.T), side_overlap (B = w.T_perp), rest
        (r, the length of the other N - 2 coordinates), error (arccos(w.T/|w|)/pi, on
        clean labels), distance (certified |w - w*|), kept (P) and alpha_prune (P/N);
        attributes N, pool (P_tot), seed, point.  Means and standard errors:
        :func:`.averages.averages`.

    Raises:
        InputError: see :func:`train` and :func:`.training_sets.training_sets`.
        ConvergenceError: a student certified to no better than 1e-4 of its length.
    """
    total, _ = realisable_sizes(point, size, flip_probability)
    chunks = even_chunks(first, draws, batch_draws(point, size))
    students, counts = [], []
    for numbers in chunks:
        sets = training_sets(
            point,
            size=size,
            draws=len(numbers),
            seed=seed,
            first=numbers[0],
            flip_probability=flip_probability,
        )
        # examples of zeros leave the student as it is
        filled = stack_sets(sets, len(chunks[0]), repeat=False)
        students.append(train(filled, loss, ridge=ridge, tolerance=tolerance))
        counts += [len(s) for s in sets]
    w = np.concatenate([s.weights for s in students])[:draws]
    distance = np.concatenate([s.distance for s in students])[:draws]
    bad = np.flatnonzero(~(distance <= 1e-4 * np.linalg.norm(w, axis=1)))
    if len(bad):
        raise ConvergenceError(
            f"student of draw {first + bad[0]} at N = {size}, seed {seed} is known "
            f"only to {distance[bad[0]]:.1e}: raise the ridge {ridge}; {point.label}"
        )
    columns = {
        "overlap": w[:, 0],
        "side_overlap": w[:, 1],
        "rest": np.linalg.norm(w[:, 2:], axis=1),
        "error": angle_to_teacher(w) / np.pi,
        "distance": distance,
    }
    return draw_table(
        columns, counts, point=point, size=size, pool=total, seed=seed, first=first
    )
