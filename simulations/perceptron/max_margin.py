r"""Hard-margin student, trained to certified optimality.

The student is the unit vector w that maximises the smallest signed margin
min_i x_i.w of the signed examples x_i = y_i x (Gardner, J. Phys. A 21, 257, 1988),
found by the interior-point steps of :mod:`simulations.perceptron.interior_point`.

Every w bounds the margin from below by min_i x_i.w/|w| and every lambda >= 0 from
above by |X^T lambda|/sum lambda.  The relative distance of the best two bounds is the
certificate ``gap``, and the only stopping rule.  A margin that is off by a relative
gap g leaves the direction of w off by an angle of at most about sqrt(2 g).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numpy.typing import ArrayLike

from perceptron_theory import InputError
from perceptron_theory.precision import require_x64, staged, traced

from .devices import spread
from .interior_point import State, advance, start

# |X^T lambda| below this, in units of the rms length of an example, is a zero
_SEPARABLE = 1e-12
# iterations without a better certificate before the rounding limit is accepted
_PATIENCE = 12
# numbers a CPU core holds in its cache: a larger batch is slower, by 3 at N = 200
_CACHE_NUMBERS = 2**18


class Status(enum.IntEnum):
    """How a training run ended."""

    CONVERGED = 0
    """The relative duality gap is at most the tolerance."""
    MAX_ITERATIONS = 1
    """The gap was still falling at the last iteration: raise ``max_iterations``."""
    NOT_SEPARABLE = 2
    """The multipliers combine the signed examples to zero: no margin is positive."""
    ROUNDING = 3
    """Rounding stopped the gap above the tolerance: trust the margin to ``gap``."""
    INVALID = 4
    """The examples contain NaN or infinity (under tracing; else an InputError)."""


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["weights", "margin", "gap", "status", "iterations", "multipliers"],
    meta_fields=[],
)
@dataclass(frozen=True)
class MaxMargin:
    """Result of :func:`max_margin`; all arrays carry the batch axes of its input."""

    weights: Float[Array | np.ndarray, "*batch N"]
    """Unit weights of the student (NaN if not separable)."""
    margin: Float[Array | np.ndarray, "*batch"]
    """Smallest margin min_i x_i.w of the unit weights (NaN if not separable)."""
    gap: Float[Array | np.ndarray, "*batch"]
    """(upper - margin)/upper, ``upper`` a bound proved by the multipliers."""
    status: Int[Array | np.ndarray, "*batch"]
    """A :class:`Status`."""
    iterations: Int[Array | np.ndarray, "*batch"]
    """Interior-point steps taken."""
    multipliers: Float[Array | np.ndarray, "*batch P"]
    """Convex weights lambda of the examples: |X^T lambda| bounds the margin."""


def _gap(state: State):
    zero = state.upper <= _SEPARABLE
    return jnp.where(zero, jnp.inf, 1.0 - state.lower / jnp.where(zero, 1, state.upper))


def _train(examples: Float[Array, "P N"], tolerance, max_iterations) -> MaxMargin:
    """Max-margin student of one set of signed examples."""
    count, dimension = examples.shape
    largest = jnp.max(jnp.abs(examples))  # squares of tiny or huge ones would be lost
    unit = jnp.where(largest > 0, largest, 1.0)
    length = largest * jnp.sqrt(jnp.sum((examples / unit) ** 2) / count)
    # one example a column: both products with w and lambda then read along rows
    columns = examples.T / jnp.where(length > 0, length, 1.0)
    gram = columns.T @ columns if count <= dimension else None

    def unfinished(state):
        return (
            (_gap(state) > tolerance)
            & (state.upper > _SEPARABLE)
            & (state.iteration < max_iterations)
            & (state.since_better < _PATIENCE)
        )

    final = jax.lax.while_loop(
        unfinished, partial(advance, columns, gram, tolerance), start(columns)
    )
    gap, separable = _gap(final), final.upper > _SEPARABLE
    status = jnp.where(
        gap <= tolerance,
        Status.CONVERGED,
        jnp.where(
            final.since_better >= _PATIENCE, Status.ROUNDING, Status.MAX_ITERATIONS
        ),
    )
    status = jnp.where(separable, status, Status.NOT_SEPARABLE)
    status = jnp.where(jnp.isfinite(length), status, Status.INVALID)
    usable = separable & jnp.isfinite(length)
    return MaxMargin(
        weights=jnp.where(usable, final.best_w, jnp.nan),
        margin=jnp.where(usable, final.lower * length, jnp.nan),
        gap=gap,
        status=status.astype(jnp.int32),
        iterations=final.iteration,
        multipliers=final.best_multipliers,
    )


def _group(batch: int, count: int, dimension: int) -> int:
    """How many sets to train together: a divisor of ``batch``."""
    if jax.default_backend() != "cpu":
        return batch
    most = max(_CACHE_NUMBERS // (count * dimension), 1)
    return max(n for n in range(1, min(most, batch) + 1) if batch % n == 0)


@partial(jax.jit, static_argnames=("max_iterations",))
def _train_batch(examples, tolerance, max_iterations) -> MaxMargin:
    batch = examples.shape[:-2]
    flat = examples.reshape((-1, *examples.shape[-2:]))
    train = partial(_train, tolerance=tolerance, max_iterations=max_iterations)
    result = jax.lax.map(train, flat, batch_size=_group(*flat.shape))
    return jax.tree.map(lambda leaf: leaf.reshape(batch + leaf.shape[1:]), result)


def max_margin(
    signed_examples: ArrayLike,
    *,
    tolerance: float = 1e-10,
    max_iterations: int = 100,
) -> MaxMargin:
    """Train the max-margin student on each set of signed examples y x.

    Always in float64: float32 or integer input is converted, and x64 is switched on
    for the call if it is off.  Works under jit and vmap when x64 is on.

    Args:
        signed_examples: examples times their labels, shape (..., P, N); the leading
            axes are independent training sets.
        tolerance: relative duality gap to stop at.
        max_iterations: interior-point steps allowed.

    Returns:
        :class:`MaxMargin` of NumPy arrays from an eager call, of JAX arrays inside a
        transformation.  A set that no weight vector separates has the status
        ``Status.NOT_SEPARABLE`` and NaN weights, and its ``multipliers`` prove it.

    Raises:
        InputError: fewer than two axes, no examples, NaN or infinite numbers, or a
            tolerance outside (0, 1).
        PrecisionError: called inside a JAX transformation while x64 is off.

    >>> student = max_margin([[2.0, 0.0], [0.0, 2.0]])
    >>> round(float(student.margin), 6), int(student.status)
    (1.414214, 0)
    """
    inside = traced(signed_examples) or staged()
    if inside:
        require_x64("simulations.perceptron.max_margin")
    if not 0 < tolerance < 1:
        raise InputError(f"tolerance must lie in (0, 1), got {tolerance!r}")
    shape = np.shape(signed_examples)
    if len(shape) < 2 or 0 in shape:
        raise InputError(
            "signed_examples must have shape (..., P, N) with at least one example, "
            f"got shape {shape}"
        )
    if not traced(signed_examples):
        signed_examples = np.asarray(signed_examples)
        if signed_examples.dtype.kind not in "biuf":
            raise InputError(
                f"signed_examples must be real numbers, got {signed_examples.dtype}"
            )
        bad = ~np.isfinite(signed_examples)
        if bad.any():
            where = tuple(int(i) for i in np.argwhere(bad)[0])
            raise InputError(
                f"signed_examples must be finite, got {bad.sum()} NaN or infinite "
                f"numbers, the first at index {where}"
            )
    with jax.enable_x64(True):
        examples = jnp.asarray(signed_examples, jnp.float64)
        if inside:
            return _train_batch(examples, tolerance, max_iterations)
        student = spread(
            _train_batch, (examples,), tolerance, max_iterations=max_iterations
        )
        return jax.tree.map(np.asarray, student)
