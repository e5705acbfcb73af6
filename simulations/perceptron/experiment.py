r"""Draws of the whole experiment: pool, pruning, training, error of the student.

Every draw has its own random stream, derived from (seed, point, N, number of the draw):
it is the same whichever others are made, in whatever order.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from perceptron_theory import (
    ConvergenceError,
    InputError,
    KeepProbability,
    resolve_rule,
)

from .max_margin import Status, max_margin
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


class Draws(NamedTuple):
    """Results of single draws: the columns of every table of simulations."""

    error: Float[np.ndarray, " draw"]  # arccos(overlap)/pi
    overlap: Float[np.ndarray, " draw"]  # R
    probe_overlap: Float[np.ndarray, " draw"]  # rho
    margin: Float[np.ndarray, " draw"]  # kappa of the unit student
    gap: Float[np.ndarray, " draw"]
    status: Int[np.ndarray, " draw"]
    kept: Int[np.ndarray, " draw"]  # P


def _training_set(
    point: Point,
    total: int,
    segments: tuple[Segment, ...],
    size: int,
    seed: int,
    n: int,
) -> Float[np.ndarray, "kept {size}"]:
    """Signed examples of draw number ``n``."""
    rng = np.random.default_rng((seed, point.stream, size, n))
    plane = draw_pool(rng, total)
    margins = probe_margin(plane, point.theta, point.margin)
    rule = resolve_rule(point.rule)
    if isinstance(rule, KeepProbability):
        kept = keep_by_chance(rng, margins, rule)
    else:
        kept = keep_by_rank(rng, margins, segments)
    if not len(kept):
        raise InputError(f"draw {n} at N = {size} keeps no example: {point.label}")
    return signed_examples(rng, plane[:, kept], size)


def _train(sets: list[Float[np.ndarray, "_ N"]], theta: float) -> Draws:
    """Train one student on each set."""
    counts = np.array([len(examples) for examples in sets])
    rows = int(counts.max())
    if counts.min() < rows:
        # Repeating an example changes no margin: it fills sets of random size up to
        # one shape, of which there are few, to compile for few.
        rows = 32 * math.ceil(rows / 32)
        sets = [np.resize(s, (rows, s.shape[1])) for s in sets]
    student = max_margin(np.stack(sets))
    w = np.asarray(student.weights)
    overlap = w[:, 0]
    return Draws(
        # arctan2 keeps the relative precision of a small error
        error=np.arctan2(np.linalg.norm(w[:, 1:], axis=1), overlap) / np.pi,
        overlap=overlap,
        probe_overlap=math.cos(theta) * overlap + math.sin(theta) * w[:, 1],
        margin=np.asarray(student.margin),
        gap=np.asarray(student.gap),
        status=np.asarray(student.status),
        kept=counts,
    )


def chunk_draws(total: int, kept: int, size: int) -> int:
    """Draws made at once, so that memory stays bounded; a power of two up to 64."""
    fitting = max(_CHUNK_NUMBERS // (4 * kept * size + 8 * total), 1)
    return min(2 ** int(math.log2(fitting)), _CHUNK_DRAWS)


def realisable_sizes(
    point: Point, size: int, flip_probability: float = 0.0
) -> tuple[int, int]:
    """(P_tot, P) of a point at input dimension N; P is a mean for a KeepProbability."""
    return pool_sizes(size, point.alpha_prune, point.fraction_of(flip_probability))


def simulate(
    point: Point, *, size: int, draws: int, seed: int, first: int = 0
) -> xr.Dataset:
    """Draw pools, prune them, train the students and measure their errors.

    Args:
        point: the parameters.
        size: input dimension N, at least 2.
        draws: number of independent repetitions.
        seed: of the whole family of experiments, >= 0.
        first: number of the first draw: simulating 0..9 and then 10..19 gives the
            same as simulating 0..19.

    Returns:
        Dataset over ``draw`` of error, overlap (R), probe_overlap (rho), margin
        (kappa), gap, status and kept (P); attributes N, pool (P_tot), seed, point.

    Raises:
        InputError: sizes below 2, draws below 1, or nothing kept.
        ConvergenceError: a student whose certificate is worse than 1e-6.
    """
    if size < 2 or draws < 1 or first < 0 or seed < 0:
        raise InputError(
            "need size >= 2, draws >= 1, first >= 0 and seed >= 0; got "
            f"{size}, {draws}, {first}, {seed}"
        )
    rule = resolve_rule(point.rule)
    total, kept = realisable_sizes(point, size)
    segments: tuple[Segment, ...] = ()
    if not isinstance(rule, KeepProbability):
        segments = rank_segments(rule, point.fraction, total, kept)
    chunk, end = chunk_draws(total, kept, size), first + draws
    parts = []
    for start in range(first, end, chunk):
        numbers = range(start, min(start + chunk, end))
        sets = [_training_set(point, total, segments, size, seed, n) for n in numbers]
        # the last chunk repeats a set rather than compile for another batch
        parts.append(_train(sets + sets[:1] * (chunk - len(sets)), point.theta))
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
