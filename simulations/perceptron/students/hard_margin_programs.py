"""Programs that train max-margin students, and where they run.

One program is compiled for each shape of a batch, which takes longer than to train on
hundreds of small sets.  A few are therefore trained by NumPy programs, made of the same
operations (:mod:`perceptron_theory.numerics.in_numpy`).  On a CPU small sets are
trained one a core; sets of :data:`LARGE` dimensions or more have all cores to
themselves.
"""

from __future__ import annotations

import enum
import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from perceptron_theory.numerics.compilation import executable, written
from perceptron_theory.numerics.cpu_threads import cores, one_blas_thread
from perceptron_theory.numerics.precision import own_settings

from ..hardware.devices import devices_in_use, spread
from . import no_margin
from .working_set import finish, screen

LARGE = 512
"""Dimensions from which one set is work enough for all cores."""
FEW = 32
"""Sets of a batch that NumPy trains sooner than XLA compiles a program for them."""
SOME = 256
"""And sets of a shape that it trains, in calls of few, before XLA compiles."""
_SMALL = 2**17  # numbers of a set; for larger ones NumPy has no less to do than XLA
_seen: Counter[tuple[int, int]] = Counter()


class Status(enum.IntEnum):
    """How a training run ended."""

    CONVERGED = 0
    """The relative duality gap is at most the tolerance."""
    MAX_ITERATIONS = 1
    """The gap was still falling at the last iteration: raise ``max_iterations``."""
    NOT_SEPARABLE = 2
    """The multipliers combine the signed examples to zero: no margin is positive.
    It is proved to rounding, see :mod:`.no_margin`, whatever the sizes of examples and
    of coordinates are."""
    ROUNDING = 3
    """Rounding stopped the gap above the tolerance: trust the margin to ``gap``.  With
    a gap of one or more it is not known whether a weight vector separates the set."""
    INVALID = 4
    """The examples contain NaN or infinity (under tracing; else an InputError)."""


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["weights", "margin", "gap", "status", "iterations", "multipliers"],
    meta_fields=[],
)
@dataclass(frozen=True)
class MaxMargin:
    """Result of :func:`~.hard_margin.max_margin`, with the batch axes of its input."""

    weights: Float[Array | np.ndarray, "*batch N"]
    """Unit weights of the student (NaN if not separable, or beyond float64)."""
    margin: Float[Array | np.ndarray, "*batch"]
    """Smallest margin min_i x_i.w of the unit weights (NaN where they are)."""
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
    finite = jnp.isfinite(length)
    nothing = ~(length > 0) & finite  # all examples are zero
    separable = ~(nothing | no_margin.is_proved(columns, found.multipliers))
    known = separable & (found.upper > 0)
    gap = 1.0 - found.lower / jnp.where(known, found.upper, 1.0)
    gap = jnp.where(known, gap, jnp.inf)
    some = jnp.isfinite(found.w).all()
    stopped = found.stalled | ~some  # a length that overflowed is no step that was left
    failed = jnp.where(stopped, Status.ROUNDING, Status.MAX_ITERATIONS)
    proven = jnp.isfinite(gap) & some
    status = jnp.where(proven & (gap <= tolerance), Status.CONVERGED, failed)
    status = jnp.where(separable, status, Status.NOT_SEPARABLE)
    status = jnp.where(finite, status, Status.INVALID)
    usable = separable & finite & some
    return MaxMargin(
        weights=jnp.where(usable, found.w, jnp.nan),
        margin=jnp.where(usable, found.lower * length, jnp.nan),
        gap=gap,
        status=status.astype(jnp.int32),
        iterations=found.iterations,
        multipliers=found.multipliers,
    )


def _train(examples: Float[Array, "P N"], tolerance, max_iterations) -> MaxMargin:
    """Train the max-margin student of one set of signed examples."""
    columns, length = _scale(examples)
    screened = screen(columns, max_iterations)
    return _conclude(columns, length, screened, tolerance, max_iterations)


def _each(function, *arrays):
    """Call ``function`` on all sets, in turn on a CPU and at once on other devices."""
    if jax.default_backend() == "cpu":
        return jax.lax.map(lambda one: function(*one), arrays)
    return jax.vmap(function)(*arrays)


def train_batch(
    examples: Float[Array, "set P N"], tolerance, max_iterations
) -> MaxMargin:
    """Train on all sets of a batch."""
    train = partial(_train, tolerance=tolerance, max_iterations=max_iterations)
    return _each(train, examples)


def compiler_options(shape: tuple[int, ...]) -> dict[str, bool] | None:
    """Options of XLA: on a CPU, matrix products of small sets keep to one thread."""
    small = jax.default_backend() == "cpu" and shape[-1] < LARGE
    return {"xla_cpu_multi_thread_eigen": False} if small else None


@lru_cache(maxsize=32)
def _program(shape: tuple[int, ...], max_iterations: int):
    """The training of batches of a shape, compiled, or read where programs are kept."""
    train = partial(train_batch, max_iterations=max_iterations)
    options = compiler_options(shape)
    program = jax.jit(train, compiler_options=options)
    if shape[-1] >= LARGE:  # arguments only to look at them would be large, too
        return program
    some = np.zeros(shape), np.float64(1.0)
    return executable(program, train, some, options)


@lru_cache(maxsize=32)
def _numpy_program(shape: tuple[int, int], max_iterations: int):
    """The training of one set of a shape by NumPy; None where that cannot be had."""
    train = partial(_train, max_iterations=max_iterations)
    forms = [jax.ShapeDtypeStruct(form, jnp.float64) for form in (shape, ())]
    return written(train, tuple(forms), (False, False))


def forget_programs() -> None:
    """Let go of the programs made for eager calls."""
    _program.cache_clear()
    _numpy_program.cache_clear()
    _seen.clear()


def are_few(shape: tuple[int, int, int]) -> bool:
    """Whether NumPy is to train these sets, with those of this shape so far."""
    _seen[shape[1:]] += shape[0]
    return shape[0] <= FEW and _seen[shape[1:]] <= SOME


def train_sets(
    examples: Float[np.ndarray, "set P N"],
    tolerance: float,
    max_iterations: int,
    *,
    few: bool,
) -> MaxMargin:
    """Train on all sets, on all devices in use or on all cores.

    Args:
        examples: signed examples, in float64.
        tolerance: relative duality gap to stop at.
        max_iterations: interior-point steps allowed.
        few: whether NumPy may train them, on a CPU, if they are small.
    """
    shape = examples.shape
    if devices_in_use() > 1:
        found = spread(
            train_batch,
            (examples,),
            jnp.asarray(tolerance),
            compiler_options=compiler_options(shape),
            max_iterations=max_iterations,
        )
    elif on_cores(shape):
        small = few and math.prod(shape[1:]) <= _SMALL
        numpy = _numpy_program(shape[1:], max_iterations) if small else None
        if numpy is not None:
            found = _train_by_numpy(examples, numpy, tolerance)
        else:
            found = _train_on_cores(examples, tolerance, max_iterations)
    else:
        program = _program(shape, max_iterations)
        found = program(examples, np.float64(tolerance))
    return _settled(examples, jax.tree.map(np.asarray, found))


def _settled(examples: Float[np.ndarray, "set P N"], found: MaxMargin) -> MaxMargin:
    """With a proof for the sets whose convex hull has zero on its surface."""
    unknown = (found.status == Status.ROUNDING) | (
        found.status == Status.MAX_ITERATIONS
    )
    for i in np.flatnonzero(unknown & ~(found.margin > 0)):
        multipliers = no_margin.on_surface(examples[i])
        if multipliers is None:
            continue
        proved = {
            "weights": np.nan,
            "margin": np.nan,
            "gap": np.inf,
            "status": Status.NOT_SEPARABLE,
            "multipliers": multipliers,
        }
        for name, value in proved.items():
            array = getattr(found, name).copy()  # those of JAX are read-only
            array[i] = value
            found = replace(found, **{name: array})
    return found


def on_cores(shape: tuple[int, ...]) -> bool:
    """Whether sets of this shape are trained by this CPU, one a core."""
    small = jax.default_backend() == "cpu" and shape[-1] < LARGE
    return small and devices_in_use() == 1


def _train_on_cores(examples, tolerance, max_iterations) -> MaxMargin:
    """Train on equal parts of the sets, a part to each core.

    Equal parts are one program; the last is filled up with copies of the first set.
    """
    size = math.ceil(len(examples) / min(cores(), len(examples)))
    program = _program((size, *examples.shape[1:]), max_iterations)
    lacking = -len(examples) % size
    filled = np.concatenate([examples, np.repeat(examples[:1], lacking, axis=0)])
    parts = [filled[n : n + size] for n in range(0, len(filled), size)]

    def run(part):
        with own_settings(x64=True):  # a setting of the thread
            # Arrays of NumPy: to place those of JAX is one more program a shape.
            found = program(part, np.float64(tolerance))
            return jax.tree.map(np.asarray, found)

    trained = _on_all_cores(run, parts)
    return jax.tree.map(lambda *a: np.concatenate(a)[: len(examples)], *trained)


def _train_by_numpy(examples, program, tolerance) -> MaxMargin:
    """Train on one set after another, a set to each core."""
    trained = _on_all_cores(lambda x: program(x, np.float64(tolerance)), examples)
    return jax.tree.map(lambda *a: np.stack(a), *trained)


def _on_all_cores(run, parts) -> list[MaxMargin]:
    with one_blas_thread(), ThreadPoolExecutor(min(cores(), len(parts))) as pool:
        return list(pool.map(run, parts))


_scale_sets = jax.jit(jax.vmap(_scale))
_screen_sets = jax.jit(lambda columns, most: _each(lambda c: screen(c, most), columns))
_conclude_sets = jax.jit(
    lambda columns, length, screened, tolerance, most: jax.lax.map(
        lambda one: _conclude(*one, tolerance, most), (columns, length, screened)
    )
)


def train_in_float32(
    examples: Float[np.ndarray, "set P N"], tolerance, max_iterations
) -> MaxMargin:
    """Take steps in float32 where JAX computes, and certify on the host."""
    host = jax.local_devices(backend="cpu")[0]
    with jax.default_device(host), own_settings(x64=True):
        columns, length = _scale_sets(examples)
    single = np.asarray(columns, np.float32)
    with own_settings(x64=False):
        screened = jax.tree.map(np.asarray, _screen_sets(single, max_iterations))
    with jax.default_device(host), own_settings(x64=True):
        found = _conclude_sets(columns, length, screened, tolerance, max_iterations)
    return _settled(examples, jax.tree.map(np.asarray, found))
