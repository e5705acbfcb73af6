r"""Draws of the whole experiment: pool, pruning, training, error of the student.

Every draw has its own key, derived from (seed, point, N, number of the draw) by
``fold_in``: a draw is the same whichever others are made, in whatever order.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from perceptron_theory import (
    ConvergenceError,
    InputError,
    KeepProbability,
    resolve_rule,
)

from .max_margin import MaxMargin, Status, max_margin
from .point import Point
from .pool import (
    Segment,
    draw_pool,
    keep_by_chance,
    keep_by_rank,
    pool_sizes,
    probe_margin,
    rank_segments,
    signed_examples,
)

# float64 numbers that a chunk of draws may hold at once (256 MiB)
_CHUNK_NUMBERS = 2**25
_CHUNK_DRAWS = 64


_Array = Array | np.ndarray


class Draws(NamedTuple):
    """Results of single draws: the columns of every table of simulations."""

    error: Float[_Array, " draw"]  # arccos(overlap)/pi
    overlap: Float[_Array, " draw"]  # R
    probe_overlap: Float[_Array, " draw"]  # rho
    margin: Float[_Array, " draw"]  # kappa of the unit student
    gap: Float[_Array, " draw"]
    status: Int[_Array, " draw"]
    kept: Int[_Array, " draw"]  # P


def _key(seed: int, point: Point, size: int) -> PRNGKeyArray:
    return jax.random.fold_in(
        jax.random.fold_in(jax.random.key(seed), point.stream), size
    )


@jax.jit
def _measure(
    student: MaxMargin, theta: Float[Array, ""], kept: Int[Array, " draw"]
) -> Draws:
    w = student.weights
    overlap = w[:, 0]
    return Draws(
        # atan2 keeps the relative precision of a small error
        error=jnp.arctan2(jnp.linalg.norm(w[:, 1:], axis=1), overlap) / jnp.pi,
        overlap=overlap,
        probe_overlap=jnp.cos(theta) * overlap + jnp.sin(theta) * w[:, 1],
        margin=student.margin,
        gap=student.gap,
        status=student.status,
        kept=kept,
    )


@partial(jax.jit, static_argnames=("total", "segments", "size", "margin"))
def _ranked(
    keys: PRNGKeyArray,
    theta: Float[Array, ""],
    total: int,
    segments: tuple[Segment, ...],
    size: int,
    margin: str,
) -> Float[Array, "draw kept {size}"]:
    """Training sets of a rule of ranks, one for each key."""

    def examples(key):
        pool_key, rule_key, rest_key = jax.random.split(key, 3)
        plane = draw_pool(pool_key, total)
        kept = keep_by_rank(rule_key, probe_margin(plane, theta, margin), segments)
        return signed_examples(rest_key, plane[:, kept], size)

    return jax.vmap(examples)(keys)


@partial(jax.jit, static_argnames=("total", "rule", "margin"))
def _chosen(keys, theta, total: int, rule: KeepProbability, margin: str):
    """Planes, keep-decisions and keys of the rest, for a keep-probability."""

    def choose(key):
        pool_key, rule_key, rest_key = jax.random.split(key, 3)
        plane = draw_pool(pool_key, total)
        margins = probe_margin(plane, theta, margin)
        probability = jax.vmap(rule.function)(margins)
        return plane, keep_by_chance(rule_key, margins, rule), rest_key, probability

    return jax.vmap(choose)(keys)


@partial(jax.jit, static_argnames=("capacity", "size"))
def _filled(planes, chosen, keys, capacity: int, size: int):
    """Training sets of a keep-probability, filled up to one shape, and their sizes."""

    def examples(key, plane, mask):
        count = mask.sum()
        kept = jnp.nonzero(mask, size=capacity)[0]
        full = signed_examples(key, plane[:, kept], size)
        # repeating an example changes no margin: it fills the fixed shape
        return full[jnp.arange(capacity) % count], count

    return jax.vmap(examples)(keys, planes, chosen)


def _by_chance(keys, point: Point, rule: KeepProbability, total: int, size: int):
    """Training sets of a keep-probability and the number of examples in each."""
    theta = jnp.asarray(point.theta)
    planes, chosen, rest_keys, probability = _chosen(
        keys, theta, total, rule, point.margin
    )
    low, high = float(jnp.min(probability)), float(jnp.max(probability))
    if not (low >= 0 and high <= 1):
        raise InputError(
            f"a keep-probability must lie in [0, 1], got values from {low:g} to "
            f"{high:g}: {point.label}"
        )
    counts = np.asarray(chosen.sum(axis=1))
    if counts.min() < 1:
        raise InputError(f"no example is kept at N = {size}: {point.label}")
    capacity = 32 * math.ceil(counts.max() / 32)  # few shapes, few compilations
    return _filled(planes, chosen, rest_keys, capacity, size)


def chunk_draws(total: int, kept: int, size: int) -> int:
    """Draws made at once, so that memory stays bounded; a power of two up to 64."""
    fitting = max(_CHUNK_NUMBERS // (4 * kept * size + 8 * total), 1)
    return min(2 ** int(math.log2(fitting)), _CHUNK_DRAWS)


def realisable_sizes(point: Point, size: int) -> tuple[int, int]:
    """(P_tot, P) of a point at input dimension N; P is a mean for a KeepProbability."""
    return pool_sizes(size, point.alpha_prune, point.fraction)


def simulate(
    point: Point, *, size: int, draws: int, seed: int, first: int = 0
) -> xr.Dataset:
    """Draw pools, prune them, train the students and measure their errors.

    Args:
        point: the parameters.
        size: input dimension N, at least 2.
        draws: number of independent repetitions.
        seed: of the whole family of experiments; ``point``, ``size`` and the number
            of the draw are folded into it.
        first: number of the first draw: simulating 0..9 and then 10..19 gives the
            same as simulating 0..19.

    Returns:
        Dataset over ``draw`` of error, overlap (R), probe_overlap (rho), margin
        (kappa), gap, status and kept (P); attributes N, pool (P_tot), seed, point.

    Raises:
        InputError: sizes below 2, draws below 1, or nothing kept.
        ConvergenceError: a student whose certificate is worse than 1e-6.
    """
    if size < 2 or draws < 1 or first < 0:
        raise InputError(
            f"need size >= 2, draws >= 1, first >= 0; got {size}, {draws}, {first}"
        )
    rule = resolve_rule(point.rule)
    total, kept = realisable_sizes(point, size)
    chunk = chunk_draws(total, kept, size)
    parts = []
    with jax.enable_x64(True):
        base, theta = _key(seed, point, size), jnp.asarray(point.theta)
        for start in range(first, first + draws, chunk):
            numbers = jnp.arange(start, start + chunk)
            keys = jax.vmap(partial(jax.random.fold_in, base))(numbers)
            if isinstance(rule, KeepProbability):
                examples, counts = _by_chance(keys, point, rule, total, size)
            else:
                segments = rank_segments(rule, point.fraction, total, kept)
                examples = _ranked(keys, theta, total, segments, size, point.margin)
                counts = jnp.full(chunk, kept)
            # compiled apart: points of equal P and N share the training
            part = _measure(max_margin(examples), theta, counts)
            parts.append(jax.tree.map(np.asarray, part))
    columns = Draws(*(np.concatenate(c)[:draws] for c in zip(*parts, strict=True)))
    bad = (columns.status != Status.CONVERGED) & ~(columns.gap <= 1e-6)
    if bad.any():
        worst = int(np.argmax(bad))
        raise ConvergenceError(
            f"student of draw {first + worst} at N = {size}, seed {seed} ended as "
            f"{Status(int(columns.status[worst])).name} with a relative gap of "
            f"{columns.gap[worst]:.1e}: {point.label}"
        )
    return xr.Dataset(
        {name: ("draw", values) for name, values in columns._asdict().items()},
        coords={"draw": np.arange(first, first + draws)},
        attrs={"N": size, "pool": total, "seed": seed, "point": point.label},
    )


class Summary(NamedTuple):
    """Statistics of the errors of many draws at one N."""

    mean: float
    standard_error: float
    median: float
    median_error: float
    """Half the distance of the order statistics at n/2 -+ sqrt(n)/2 (one sigma)."""
    alpha_prune: float
    """Realised P/N: where the theory is to be evaluated."""
    keep_fraction: float
    """Realised P/P_tot."""
    draws: int


def summarize(draws: xr.Dataset) -> Summary:
    """Mean and median error of the draws of :func:`simulate`, with their errors.

    Raises:
        InputError: fewer than two draws.
    """
    errors = np.sort(draws.error.values)
    n = len(errors)
    if n < 2:
        raise InputError(f"a standard error needs at least 2 draws, got {n}")
    half = math.sqrt(n) / 2
    low, high = np.interp([n / 2 - half - 0.5, n / 2 + half - 0.5], range(n), errors)
    kept = float(draws.kept.mean())
    return Summary(
        mean=float(errors.mean()),
        standard_error=float(errors.std(ddof=1) / math.sqrt(n)),
        median=float(np.median(errors)),
        median_error=float(high - low) / 2,
        alpha_prune=kept / draws.attrs["N"],
        keep_fraction=kept / draws.attrs["pool"],
        draws=n,
    )
