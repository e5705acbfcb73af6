r"""Version space of a data set, sampled: the students that make no mistake on it.

The version space of the signed examples x_i = y_i x is the cone of all J with
x_i.J > 0, and a Gibbs student is a point drawn uniformly from its unit vectors.  That
is the direction of a standard Gaussian vector confined to the cone, which exact
Hamiltonian Monte Carlo samples (Pakman & Paninski, J. Comput. Graph. Stat. 23, 518,
2014): between two walls the motion J cos(t) + V sin(t) is known, and at the wall
x_i.J = 0 the velocity V is reflected.  No step is rejected and none has an error.

The walls pass through the origin, which makes the first of them easy to find.  With
a_i = x_i.J >= 0 and b_i = x_i.V the wall i is reached at t = pi/2 + arctan(b_i/a_i), so
that the first is the one of the smallest b_i/a_i, and the one just left (a_i = 0 is
written down there, b_i > 0) would be the last, at t = pi: nothing is reflected twice
by rounding.  An a_i below zero by rounding is taken for zero.

After t = pi/2 nothing but the reflections remembers the old point.  Measured (N = 60
to 100, loads 1 to 4, fractions 0.02 to 0.5, |q - 1| down to 1e-4), the next sample is
then nearly independent of the last, and 20 samples of warm-up do what 400 do.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numpy.typing import ArrayLike

from perceptron_theory import InputError
from perceptron_theory.numerics.precision import eager_only, own_settings

from ..hardware.devices import spread
from ..naming import as_number, require, whole_number
from .contract import angle_to_teacher, check_keys
from .hard_margin import Status, max_margin
from .training_batches import map_sets


class SampleStatus(enum.IntEnum):
    """How the sampling of a version space ended."""

    SAMPLED = 0
    """All samples were drawn."""
    MAX_BOUNCES = 1
    """A trajectory met too many walls: raise ``max_bounces``."""
    NOT_SEPARABLE = 2
    """The version space is empty: it is proved that no student separates the set."""
    NO_START = 3
    """No student with a positive margin was found, nor that there is none."""


class Estimate(NamedTuple):
    """Mean of a correlated series, and how well it is known."""

    mean: Float[np.ndarray, "*batch"]
    standard_error: Float[np.ndarray, "*batch"]
    effective_size: Float[np.ndarray, "*batch"]
    """Number of independent samples with the same standard error."""


@dataclass(frozen=True)
class VersionSpace:
    """Result of :func:`sample`; NaN where the status is not ``SAMPLED``."""

    samples: Float[np.ndarray, "*batch chains n N"]
    """Unit students, in the order they were drawn."""
    bounces: Int[np.ndarray, "*batch chains n"]
    """Reflections on the way to each sample."""
    status: Int[np.ndarray, "*batch"]
    """A :class:`SampleStatus`."""
    overlap: Estimate
    """A = J.T of single students, T = e_1 the teacher of the pool."""
    pair_overlap: Estimate
    """Overlap of the n-th students of the chains 0 and 1, 2 and 3, ..."""

    @property
    def effective_size(self) -> Float[np.ndarray, "*batch"]:
        """The smaller of the two effective sizes, both of series over all chains."""
        sizes = self.overlap.effective_size, self.pair_overlap.effective_size
        return np.minimum(*sizes)


class Flight(NamedTuple):
    """State of the motion between two samples."""

    x: Float[Array, " N"]
    v: Float[Array, " N"]
    a: Float[Array, " P"]  # products of x with the walls
    b: Float[Array, " P"]  # their derivatives, the products of v
    left: Float[Array, ""]  # time that is left
    bounces: Int[Array, ""]

    def after(self, step: Float[Array, ""]):
        """Where a great circle leads in a time: the new x, v, a and b."""
        x, v, a, b, *_ = self
        cos, sin = jnp.cos(step), jnp.sin(step)
        x, v = x * cos + v * sin, v * cos - x * sin
        a, b = a * cos + b * sin, b * cos - a * sin
        return x, v, a, b


def fly(to_next_wall, walls, position, velocity, travel, max_bounces) -> Flight:
    """Move for the time ``travel`` by steps that end at a wall, or with the time."""

    def moving(state: Flight):
        return (state.left > 0) & (state.bounces < max_bounces)

    none = jnp.zeros((), jnp.int32)
    start = Flight(position, velocity, walls @ position, walls @ velocity, travel, none)
    return jax.lax.while_loop(moving, to_next_wall, start)


def _trajectory(unit, gram, position, velocity, travel, max_bounces):
    """Move for the time ``travel``: the new position and the number of bounces."""
    walls = jnp.arange(len(unit))

    def to_next_wall(state: Flight):
        a, b, left = state.a, state.b, state.left
        inside = a > 0
        ratio = jnp.where(inside, b / jnp.where(inside, a, 1.0), jnp.inf)
        ratio = jnp.where(~inside & (b < 0), -jnp.inf, ratio)
        first = jnp.argmin(ratio)
        time = jnp.pi / 2 + jnp.arctan(ratio[first])
        hit = time < left
        x, v, a, b = state.after(jnp.where(hit, time, left))
        push = jnp.where(hit, 2 * jnp.maximum(-b[first], 0.0), 0.0)
        v, b = v + push * unit[first], b + push * gram[first]
        a = jnp.where(hit & (walls == first), 0.0, a)
        left = jnp.where(hit, left - time, 0.0)
        return Flight(x, v, a, b, left, state.bounces + hit)

    end = fly(to_next_wall, unit, position, velocity, travel, max_bounces)
    return end.x, end.bounces, end.left > 0


def _chain(unit, gram, start, key, travel, max_bounces, warmup, n_samples):
    """Draw one chain: samples, bounces, and whether a trajectory was cut short."""

    def step(position, key):
        velocity = jax.random.normal(key, position.shape)
        x, bounces, cut = _trajectory(
            unit, gram, position, velocity, travel, max_bounces
        )
        return x, (x / jnp.linalg.norm(x), bounces, cut)

    keys = jax.random.split(key, warmup + n_samples)
    _, (samples, bounces, cut) = jax.lax.scan(step, start, keys)
    return samples[warmup:], bounces[warmup:], cut.any()


@partial(jax.jit, static_argnames=("chains", "warmup", "n_samples"))
def _sample_batch(
    examples: Float[Array, "set P N"],
    starts: Float[Array, "set N"],
    keys: Array,
    travel,
    max_bounces,
    *,
    chains: int,
    warmup: int,
    n_samples: int,
):
    def one_set(x, start, key):
        unit = x / jnp.linalg.norm(x, axis=1, keepdims=True)
        chain = partial(
            _chain,
            unit,
            unit @ unit.T,
            start * math.sqrt(x.shape[1]),
            travel=travel,
            max_bounces=max_bounces,
            warmup=warmup,
            n_samples=n_samples,
        )
        samples, bounces, cut = jax.vmap(chain)(jax.random.split(key, chains))
        return samples, bounces, cut.any()

    # Sets advance bounce by bounce: on a CPU they are no faster together than alone.
    return map_sets(one_set, examples, starts, keys)


def estimate(series: Float[np.ndarray, "*batch chains n"]) -> Estimate:
    """Mean of the series of several chains, with its effective size.

    The sum of autocorrelations is cut by Geyer's initial monotone sequence (Stat. Sci.
    7, 473, 1992).  Deviations are from the mean of all chains, so that chains which
    disagree lower the effective size; it is at most the number of samples.
    """
    *_, chains, n = series.shape
    mean = series.mean((-2, -1))
    deviation = series - mean[..., None, None]
    spectrum = abs(np.fft.rfft(deviation, 2 * n, axis=-1)) ** 2
    covariance = np.fft.irfft(spectrum, 2 * n, axis=-1)[..., :n].mean(-2) / n
    variance = covariance[..., :1]
    even = n - n % 2
    pairs = covariance[..., :even].reshape(*covariance.shape[:-1], -1, 2).sum(-1)
    monotone = np.minimum.accumulate(np.maximum(pairs, 0.0), axis=-1)
    known = np.where(variance > 0, variance, 1.0)[..., 0]
    steps = np.maximum(2 * monotone.sum(-1) / known - 1, 1.0)
    effective = np.where(np.isfinite(mean), chains * n / steps, np.nan)
    return Estimate(mean, np.sqrt(variance[..., 0] / effective), effective)


def _check(n_samples, travel, chains, warmup, max_bounces) -> None:
    numbers = {
        "n_samples": n_samples,
        "chains": chains,
        "warmup": warmup,
        "max_bounces": max_bounces,
    }
    for name, value in numbers.items():
        whole_number(value, name)
    as_number(travel, "travel")
    if n_samples < 4 or chains < 2 or chains % 2 or warmup < 0 or max_bounces < 1:
        raise InputError(
            "need n_samples >= 4, an even number of chains, warmup >= 0 and "
            f"max_bounces >= 1; got {n_samples}, {chains}, {warmup}, {max_bounces}"
        )
    require(0 < travel < math.inf, "travel must be a positive time", travel)


@eager_only
def sample(
    signed_examples: ArrayLike,
    key: Array,
    *,
    n_samples: int = 100,
    travel: float = math.pi / 2,
    chains: int = 2,
    warmup: int = 20,
    max_bounces: int = 1_000_000,
) -> VersionSpace:
    """Draw Gibbs students of each set of signed examples y x.

    All is done in float64 and eagerly.  Every chain starts from the max-margin
    student.

    Args:
        signed_examples: examples times their labels, shape (..., P, N); the leading
            axes are independent data sets.  Their lengths do not matter.
        key: one JAX key, which is split over the sets, or an array of keys, one a set.
        n_samples: students a chain, at least 4.
        travel: time between two samples; pi/2 turns free motion into fresh samples.
        chains: independent chains a set, an even number.
        warmup: samples dropped at the start of a chain.
        max_bounces: reflections allowed on the way to one sample.

    Returns:
        :class:`VersionSpace`.  A set that no student separates has the status
        ``NOT_SEPARABLE`` and NaN samples, one of which rounding hides whether there is
        such a student ``NO_START``.

    Raises:
        InputError: the examples are none that :func:`max_margin` takes, the keys have
            another shape, a number is out of range, or the call is inside a JAX
            transformation.

    >>> import jax
    >>> found = sample([[1.0, 0.0], [0.0, 1.0]], jax.random.key(0))
    >>> found.samples.shape, bool((found.samples > 0).all())
    ((2, 100, 2), True)
    """
    _check(n_samples, travel, chains, warmup, max_bounces)
    # chains make much of the last bit of where they start
    student = max_margin(signed_examples, tolerance=1e-3, compiled=True)
    examples = np.asarray(signed_examples, np.float64)
    *batch, count, dimension = examples.shape
    check_keys(key)
    if key.shape not in ((), tuple(batch)):
        raise InputError(
            f"one key, or one for each set of the batch {tuple(batch)}, is needed; got "
            f"keys of shape {key.shape}"
        )
    sets = math.prod(batch)
    flat = examples.reshape(sets, count, dimension)
    margin = np.reshape(student.margin, sets)
    starts = np.reshape(student.weights, (sets, dimension))
    separable = margin > 0
    empty = np.reshape(student.status, sets) == Status.NOT_SEPARABLE
    # A set without students is replaced by one that costs nothing.
    flat = np.where(separable[:, None, None], flat, 1.0)
    starts = np.where(separable[:, None], starts, dimension**-0.5)
    # No example may be so short that its squares vanish.
    flat = flat / abs(flat).max(-1, keepdims=True)
    with own_settings(x64=True):
        one_a_set = key.shape == tuple(batch)
        keys = key.reshape(sets) if one_a_set else jax.random.split(key, sets)
        samples, bounces, cut = map(
            np.asarray,
            spread(
                _sample_batch,
                (flat, starts, keys),
                float(travel),
                max_bounces,
                chains=chains,
                warmup=warmup,
                n_samples=n_samples,
            ),
        )
    status = np.where(cut, SampleStatus.MAX_BOUNCES, SampleStatus.SAMPLED)
    status = np.where(separable, status, SampleStatus.NO_START)
    status = np.where(empty, SampleStatus.NOT_SEPARABLE, status)
    bad = (status != SampleStatus.SAMPLED)[:, None, None, None]
    samples = np.where(bad, np.nan, samples).reshape(*batch, chains, n_samples, -1)
    pairs = np.einsum(
        "...n,...n->...", samples[..., ::2, :, :], samples[..., 1::2, :, :]
    )
    return VersionSpace(
        samples=samples,
        bounces=bounces.reshape(*batch, chains, n_samples),
        status=status.reshape(batch),
        overlap=estimate(samples[..., 0]),
        pair_overlap=estimate(pairs),
    )


def overlaps(space: VersionSpace) -> dict[str, Float[np.ndarray, " draw"]]:
    """Order parameters and errors of each data set of a batch, by name.

    The teacher is e_1.  The columns are self_overlap (q of two chains), overlap (A, the
    mean of J.T), side_overlap (B, along e_2), gibbs_error (the mean of arccos(J.T)/pi
    over students), bayes_point_error (of the centre of mass, without the bias of a
    finite number of samples), effective_size, and bounces a sample.
    """
    samples = space.samples
    means = samples.mean(-2)  # (set, chain, N)
    first, second = means[:, ::2].mean(1), means[:, 1::2].mean(1)
    centre = (first + second) / 2
    # The square of a mean of n samples is too large by a variance; the product of two
    # independent means is not.
    product = first * second
    across = np.sqrt(np.maximum(product[:, 1:].sum(-1), 0.0))
    angle = angle_to_teacher(samples)
    return {
        "self_overlap": product.sum(-1),
        "overlap": centre[:, 0],
        "side_overlap": centre[:, 1],
        "gibbs_error": angle.mean((1, 2)) / np.pi,
        "bayes_point_error": np.arctan2(across, centre[:, 0]) / np.pi,
        "effective_size": space.effective_size,
        "bounces": space.bounces.mean((1, 2)),
    }
