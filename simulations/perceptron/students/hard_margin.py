r"""Hard-margin student, trained to certified optimality.

The student is the unit vector w that maximises the smallest signed margin
min_i x_i.w of the signed examples x_i = y_i x (Gardner, J. Phys. A 21, 257, 1988),
found by the interior-point steps of :mod:`.interior_point`.

Every w bounds the margin from below by min_i x_i.w/|w| and every lambda >= 0 from
above by |X^T lambda|/sum lambda.  The relative distance of the best two bounds is the
certificate ``gap``, and the only stopping rule.  A margin that is off by a relative
gap g leaves the direction of w off by an angle of at most about sqrt(2 g).
"""

from __future__ import annotations

import enum
import math
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numpy.typing import ArrayLike

from perceptron_theory import InputError
from perceptron_theory.numerics.precision import require_x64, staged, traced

from ..running.cpu_threads import cores, one_blas_thread
from ..running.devices import devices_in_use, spread
from ..running.naming import as_number, whole_number
from .working_set import SEPARABLE, finish, screen

# dimensions from which one set is work enough for all cores
_LARGE = 512


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


def _scale(examples: Float[Array, "P N"]):
    """Examples as columns in units of their rms length, and that length."""
    largest = jnp.max(jnp.abs(examples))  # squares of tiny or huge ones would be lost
    unit = jnp.where(largest > 0, largest, 1.0)
    length = largest * jnp.sqrt(jnp.sum((examples / unit) ** 2) / len(examples))
    # one example a column: both products with w and lambda then read along rows
    return examples.T / jnp.where(length > 0, length, 1.0), length


def _conclude(columns, length, screened, tolerance, max_iterations) -> MaxMargin:
    """The student, from what float32 steps have found."""
    found = finish(columns, screened, tolerance, max_iterations)
    separable, finite = found.upper > SEPARABLE, jnp.isfinite(length)
    gap = 1.0 - found.lower / jnp.where(separable, found.upper, 1.0)
    gap = jnp.where(separable, gap, jnp.inf)
    failed = jnp.where(found.stalled, Status.ROUNDING, Status.MAX_ITERATIONS)
    proven = jnp.isfinite(gap) & jnp.isfinite(found.w).all()
    status = jnp.where(proven & (gap <= tolerance), Status.CONVERGED, failed)
    status = jnp.where(separable, status, Status.NOT_SEPARABLE)
    status = jnp.where(finite, status, Status.INVALID)
    usable = separable & finite
    return MaxMargin(
        weights=jnp.where(usable, found.w, jnp.nan),
        margin=jnp.where(usable, found.lower * length, jnp.nan),
        gap=gap,
        status=status.astype(jnp.int32),
        iterations=found.iterations,
        multipliers=found.multipliers,
    )


def _train(examples: Float[Array, "P N"], tolerance, max_iterations) -> MaxMargin:
    """Max-margin student of one set of signed examples."""
    columns, length = _scale(examples)
    screened = screen(columns, max_iterations)
    return _conclude(columns, length, screened, tolerance, max_iterations)


def _each(function, *arrays):
    """``function`` of all sets, in turn on a CPU and at once on other devices."""
    if jax.default_backend() == "cpu":
        return jax.lax.map(lambda one: function(*one), arrays)
    return jax.vmap(function)(*arrays)


def _train_batch(examples, tolerance, max_iterations) -> MaxMargin:
    """All sets of a batch."""
    batch = examples.shape[:-2]
    flat = examples.reshape((-1, *examples.shape[-2:]))
    train = partial(_train, tolerance=tolerance, max_iterations=max_iterations)
    result = _each(train, flat)
    return jax.tree.map(lambda leaf: leaf.reshape(batch + leaf.shape[1:]), result)


def _options(shape: tuple[int, ...]) -> dict[str, bool] | None:
    """For XLA: on a CPU, matrix products of small sets keep to one thread."""
    small = jax.default_backend() == "cpu" and shape[-1] < _LARGE
    return {"xla_cpu_multi_thread_eigen": False} if small else None


@lru_cache(maxsize=32)
def _program(shape: tuple[int, ...], max_iterations: int):
    """Compiled for a shape."""
    train = jax.jit(
        partial(_train_batch, max_iterations=max_iterations),
        compiler_options=_options(shape),
    )
    examples = jax.ShapeDtypeStruct(shape, jnp.float64)
    return train.lower(examples, jnp.zeros((), jnp.float64)).compile()


def forget_programs() -> None:
    """Let go of the programs compiled for eager calls."""
    _program.cache_clear()


def _train_on_cores(examples: np.ndarray, tolerance, max_iterations) -> MaxMargin:
    """Small sets on a CPU: a part of the batch to each core, as fast as they come.

    Equal parts are one program; the last is filled up with copies of the first set.
    """
    batch = examples.shape[:-2]
    flat = examples.reshape((-1, *examples.shape[-2:]))
    size = math.ceil(len(flat) / min(cores(), len(flat)))
    program = _program((size, *flat.shape[1:]), max_iterations)
    lacking = -len(flat) % size
    filled = np.concatenate([flat, np.repeat(flat[:1], lacking, axis=0)])
    parts = [filled[n : n + size] for n in range(0, len(filled), size)]

    def run(part):
        with jax.enable_x64(True):  # a setting of the thread
            found = program(jnp.asarray(part), jnp.asarray(tolerance))
            return jax.tree.map(np.asarray, found)

    with one_blas_thread(), ThreadPoolExecutor(len(parts)) as pool:
        trained = list(pool.map(run, parts))
    return jax.tree.map(
        lambda *a: np.concatenate(a)[: len(flat)].reshape(batch + a[0].shape[1:]),
        *trained,
    )


_scale_sets = jax.jit(jax.vmap(_scale))
_screen_sets = jax.jit(lambda columns, most: _each(lambda c: screen(c, most), columns))
_conclude_sets = jax.jit(
    lambda columns, length, screened, tolerance, most: jax.lax.map(
        lambda one: _conclude(*one, tolerance, most), (columns, length, screened)
    )
)


def _train_in_float32(examples: np.ndarray, tolerance, max_iterations) -> MaxMargin:
    """Steps in float32 where JAX computes; candidates and certificate on the host."""
    batch = examples.shape[:-2]
    flat = examples.reshape((-1, *examples.shape[-2:]))
    host = jax.local_devices(backend="cpu")[0]
    with jax.default_device(host), jax.enable_x64(True):
        columns, length = _scale_sets(flat)
    single = np.asarray(columns, np.float32)
    with jax.enable_x64(False):
        screened = jax.tree.map(np.asarray, _screen_sets(single, max_iterations))
    with jax.default_device(host), jax.enable_x64(True):
        found = _conclude_sets(columns, length, screened, tolerance, max_iterations)
    return jax.tree.map(lambda a: np.asarray(a).reshape(batch + a.shape[1:]), found)


def max_margin(
    signed_examples: ArrayLike,
    *,
    tolerance: float = 1e-10,
    max_iterations: int = 100,
    precision: str = "float64",
) -> MaxMargin:
    """Train the max-margin student on each set of signed examples y x.

    The result is that of float64: float32 or integer input is converted, and x64 is
    switched on for the call if it is off.  Works under jit and vmap when x64 is on.
    Eager calls on a CPU train sets of fewer than 512 dimensions one a core, with BLAS
    kept to one thread meanwhile.  A student does not depend on the other sets of its
    batch.

    Args:
        signed_examples: examples times their labels, shape (..., P, N); the leading
            axes are independent training sets.
        tolerance: relative duality gap to stop at.
        max_iterations: interior-point steps allowed.
        precision: "float64", or "float32" for devices without float64 (TPUs; it has
            never run on one): these take the steps on all examples, the host those on
            the working set, and the certificate is of float64 as well.

    Returns:
        :class:`MaxMargin` of NumPy arrays from an eager call, of JAX arrays inside a
        transformation.  A set that no weight vector separates has the status
        ``Status.NOT_SEPARABLE`` and NaN weights, and its ``multipliers`` prove it.

    Raises:
        InputError: fewer than two axes, no examples, NaN or infinite numbers, a
            tolerance outside (0, 1), an unknown precision, or "float32" inside a JAX
            transformation.
        PrecisionError: called inside a JAX transformation while x64 is off.

    >>> student = max_margin([[2.0, 0.0], [0.0, 2.0]])
    >>> round(float(student.margin), 6), int(student.status)
    (1.414214, 0)
    """
    inside = traced(signed_examples) or staged()
    if inside:
        require_x64("simulations.perceptron.students.hard_margin")
    if not 0 < as_number(tolerance, "tolerance") < 1:
        raise InputError(f"tolerance must lie in (0, 1), got {tolerance!r}")
    if whole_number(max_iterations, "max_iterations") < 1:
        raise InputError(f"max_iterations must be at least 1, got {max_iterations}")
    if precision not in ("float64", "float32") or (inside and precision == "float32"):
        raise InputError(
            "precision must be 'float64' or, outside jit and vmap, 'float32', "
            f"got {precision!r}"
        )
    try:
        shape = np.shape(signed_examples)
    except ValueError:  # rows of different lengths
        shape = ()
    if len(shape) < 2 or 0 in shape:
        raise InputError(
            "signed_examples must have shape (..., P, N) with at least one example, "
            f"got {f'shape {shape}' if shape else 'a number, or rows of other lengths'}"
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
        if inside:
            examples = jnp.asarray(signed_examples, jnp.float64)
            return _train_batch(examples, tolerance, max_iterations)
        examples = np.asarray(signed_examples, np.float64)
        if precision == "float32":
            with one_blas_thread() if shape[-1] < _LARGE else nullcontext():
                return _train_in_float32(examples, tolerance, max_iterations)
        if devices_in_use() > 1:
            found = spread(
                _train_batch,
                (examples,),
                jnp.asarray(tolerance),
                compiler_options=_options(shape),
                max_iterations=max_iterations,
            )
        elif jax.default_backend() == "cpu" and shape[-1] < _LARGE:
            return _train_on_cores(examples, tolerance, max_iterations)
        else:
            program = _program(shape, max_iterations)
            found = program(examples, jnp.asarray(tolerance))
        return jax.tree.map(np.asarray, found)
