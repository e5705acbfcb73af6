r"""Students of any convex loss with ridge, trained to a certified distance.

The student of the signed examples x_i = y_i x is the minimum over w of

    F(w) = (1/N) sum_i l(x_i.w) + (ridge/2) |w|^2,

1/N times the training objective sum_i l + (N ridge/2) |w|^2.  F is strongly convex with
the modulus ridge, so that whatever proves F(w) - min F <= gap also proves
|w - w*| <= sqrt(2 gap/ridge).  The methods, and their proofs, are those of
:mod:`.convex_methods`.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numpy.typing import ArrayLike

import perceptron_theory as pt
from perceptron_theory.convex.losses import Loss, hinge, resolve_loss
from perceptron_theory.numerics.precision import eager_only, own_settings

from ..hardware.devices import spread
from ..naming import as_number, require, settle, whole_number
from .contract import Named, Trained, check_batch, check_sets, unit
from .convex_methods import minimise_hinge, minimise_smooth

# A certified relative distance at which a student that rounding stopped is still taken.
_ENOUGH = 1e-4


class ConvexStatus(enum.IntEnum):
    """How a training run ended."""

    CONVERGED = 0
    """The certified distance is at most the tolerance."""
    MAX_ITERATIONS = 1
    """The certificate still improved at the last iteration: raise
    ``max_iterations``."""
    STALLED = 2
    """No better certificate came for many steps: rounding, or a loss with a bend."""


@dataclass(frozen=True)
class ConvexStudent:
    """Result of :func:`train`; all arrays carry the batch axes of its input."""

    weights: Float[np.ndarray, "*batch N"]
    """w, of any length."""
    gap: Float[np.ndarray, "*batch"]
    """Proved bound on F(w) - min F."""
    distance: Float[np.ndarray, "*batch"]
    """Proved bound on |w - w*|, which is sqrt(2 gap/ridge)."""
    gradient_norm: Float[np.ndarray, "*batch"]
    """|grad F|; NaN for the hinge."""
    status: Int[np.ndarray, "*batch"]
    """A :class:`ConvexStatus`."""
    iterations: Int[np.ndarray, "*batch"]
    """L-BFGS or interior-point steps taken."""


@partial(jax.jit, static_argnames=("loss",))
def _train_batch(examples, ridge, tolerance, max_iterations, *, loss):
    solve = minimise_hinge if loss is hinge else partial(minimise_smooth, loss)

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

    All is done in float64 and eagerly.  An example of zeros adds a constant to the
    objective and leaves the student as it is.

    Args:
        signed_examples: examples times their labels, shape (..., P, N); the leading
            axes are independent training sets.
        loss: "logistic", "hinge", "squared_hinge", "square" (defined by the functions
            of these names), or a convex differentiable JAX function of one margin.
        ridge: positive strength of the ridge in F, as at the top of this file.
        tolerance: certified distance |w - w*|, relative to |w|, to stop at.
        max_iterations: L-BFGS or interior-point steps allowed.

    Returns:
        :class:`ConvexStudent`.

    Raises:
        InputError: the examples have the wrong shape or are not finite, the loss is
            unknown or not convex, a number is out of range, or the call is inside a
            JAX transformation.

    >>> student = train([[2.0, 0.0]], "square", ridge=1.0)  # w = 2/(4 + N ridge)
    >>> student.weights.round(6).tolist(), int(student.status)
    ([0.333333, 0.0], 0)
    """
    function = resolve_loss(loss)
    good = 0 < as_number(ridge, "ridge") < math.inf
    require(good, "ridge must be positive and finite", ridge)
    good = 0 < as_number(tolerance, "tolerance") < 1
    require(good, "tolerance must lie in (0, 1)", tolerance)
    good = whole_number(max_iterations, "max_iterations") >= 1
    require(good, "max_iterations must be at least 1", max_iterations)
    *batch, count, dimension = check_sets(signed_examples)
    flat = np.reshape(signed_examples, (-1, count, dimension)).astype(np.float64)
    with own_settings(x64=True):
        limits = ridge, tolerance, max_iterations
        found = spread(_train_batch, (flat,), *limits, loss=function)
    w, gap, distance, norm, status, iterations = (
        np.asarray(a).reshape((*batch, *a.shape[1:])) for a in found
    )
    return ConvexStudent(w, gap, distance, norm, status, iterations)


@dataclass(frozen=True)
class ConvexRidge(Named, called="convex_ridge"):
    """The minimum of a convex loss with ridge, as :func:`train` finds it."""

    loss: str | Loss
    ridge: float
    tolerance: float = 1e-6

    certificate_name = "relative distance to the optimum"
    padding = "zero"

    def __post_init__(self) -> None:
        resolve_loss(self.loss)
        settle(self, as_number, "ridge", "tolerance")
        require(0 < self.ridge < math.inf, "ridge must be positive", self)
        require(0 < self.tolerance < 1, "tolerance must lie in (0, 1)", self)

    def __call__(self, examples: Float[np.ndarray, "batch P N"], key: Array) -> Trained:
        """Train each set; the columns are length (|w|) and margin; no key is used."""
        check_batch(examples, key)
        found = train(examples, self.loss, ridge=self.ridge, tolerance=self.tolerance)
        length = np.linalg.norm(found.weights, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):  # of no length, zeros
            distance, weights = found.distance / length, unit(found.weights)
        good = found.status == ConvexStatus.CONVERGED
        done = (good | (distance <= _ENOUGH)) & (length > 0)
        columns = {"length": length, "margin": _margin(examples, weights)}
        return Trained(weights, distance, done, columns)

    def theory(self, **where):
        """Solve the equations of this loss and ridge for pruned data."""
        return pt.solve_convex(loss=self.loss, ridge=self.ridge, **where)


def _margin(examples: np.ndarray, weights: np.ndarray) -> Float[np.ndarray, " batch"]:
    """Smallest margin of each unit student over the examples that are not zeros."""
    margins = np.einsum("bpn,bn->bp", examples, weights)
    return np.where(examples.any(-1), margins, np.inf).min(1)
