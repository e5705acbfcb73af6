"""Training sets: the kept, signed examples of the draws of a point.

Every draw has its own random stream, derived from (seed, point, N, number of the draw):
it is the same whichever others are made, in whatever order, on whatever machine.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from perceptron_theory import InputError, KeepProbability, resolve_rule

from ..running.naming import whole_number
from .direct_pool import draw_kept
from .pool import (
    draw_pool,
    keep_by_chance,
    keep_by_rank,
    pool_sizes,
    probe_margin,
    rank_segments,
    signed_examples,
)

if TYPE_CHECKING:
    from .point import Point

POOLS = ("drawn", "direct")
"""The whole pool is drawn and ranked, or its kept examples are drawn directly."""

# (u, v), margin, and what ranking them takes
_BYTES_OF_AN_EXAMPLE = 72
# a number of a training set, its copies and what training takes (N = 4000: 9.4 of 8)
_BYTES_OF_A_NUMBER = 80
# float64 numbers that a batch of draws may hold on one device (256 MiB)
_BATCH_NUMBERS = 2**25
_BATCH_DRAWS = 64


def realisable_sizes(
    point: Point, size: int, flip_probability: float = 0.0
) -> tuple[int, int]:
    """(P_tot, P) of a point at input dimension N; P is a mean for a KeepProbability."""
    return pool_sizes(size, point.alpha_prune, point.fraction_of(flip_probability))


def training_sets(
    point: Point,
    *,
    size: int,
    draws: int,
    seed: int,
    first: int = 0,
    flip_probability: float = 0.0,
    pool: str = "drawn",
) -> list[Float[np.ndarray, "_ {size}"]]:
    """Signed examples of the draws ``first`` .. ``first + draws - 1`` of a point.

    They do not depend on the student, so that students are compared on equal data.
    Labels are flipped before pruning: an example is signed by the label it bears, and
    so is the signed margin, while the absolute margin does not see labels.

    Args:
        point: the parameters; its student plays no part.
        size: input dimension N, at least 2.
        draws: number of sets.
        seed: of the whole family of experiments, >= 0.
        first: number of the first draw.
        flip_probability: of every label of the pool, before pruning.
        pool: "drawn", or "direct": the kept examples alone, of the same law by other
            random numbers, at a cost that does not depend on the kept fraction.

    Raises:
        InputError: sizes below 2, draws below 1, a probability outside [0, 1], nothing
            kept, a pool too large for the memory, or a direct draw of a rule that is
            not one of ranks.
    """
    check_request(size, draws, seed, first)
    if not 0 <= flip_probability <= 1:
        raise InputError(
            f"flip_probability must lie in [0, 1], got {flip_probability!r}"
        )
    rule = resolve_rule(point.rule)
    by_chance = isinstance(rule, KeepProbability)
    fraction = point.fraction_of(flip_probability)
    total, kept = pool_sizes(size, point.alpha_prune, fraction)
    check_pool(pool, point, total)
    check_training_set(point, size, kept)
    segments = () if by_chance else rank_segments(rule, fraction, total, kept)
    sets, ensemble = [], (seed, point.stream, size)
    for n in range(first, first + draws):
        stream = (*ensemble, n)
        if pool == "direct":
            rng = np.random.default_rng((*stream, POOLS.index(pool)))
            plane, signs = draw_kept(
                rng, segments, total, point.theta, point.margin, flip_probability
            )
        else:
            rng = np.random.default_rng(stream)
            plane = draw_pool(rng, total)
            margins = probe_margin(plane, point.theta, point.margin)
            signs = np.ones(total)
            if flip_probability:  # else the stream is that of clean labels
                signs[rng.random(total) < flip_probability] = -1.0
                margins = margins * signs if point.margin == "signed" else margins
            if by_chance:
                chosen = keep_by_chance(rng, margins, rule)
            else:
                chosen = keep_by_rank(rng, margins, segments)
            if not len(chosen):
                raise InputError(
                    f"draw {n} at N = {size} keeps no example: {point.label}"
                )
            plane, signs = plane[:, chosen], signs[chosen]
        examples = signed_examples(rng, plane, size)
        sets.append(signs[:, None] * examples)
    return sets


def draw_keys(seed: int, point: Point, numbers: Sequence[int]) -> Array:
    """The random streams of the students, one a draw, as those of the pools are."""
    with jax.enable_x64(True):
        root = jax.random.fold_in(jax.random.key(seed), point.stream)
        return jax.vmap(jax.random.fold_in, (None, 0))(root, jnp.array(numbers))


def check_request(size: int, draws: int, seed: int, first: int) -> None:
    """Refuse numbers that no experiment has.

    Raises:
        InputError: a number that is not whole or out of its range, with all of them.
    """
    numbers = {"size": size, "draws": draws, "first": first, "seed": seed}
    for name, value in numbers.items():
        whole_number(value, name)
    if size < 2 or draws < 1 or first < 0 or not 0 <= seed < 2**63:
        raise InputError(
            "need size >= 2, draws >= 1, first >= 0 and 0 <= seed < 2^63; got "
            f"{size}, {draws}, {first}, {seed}"
        )


def check_mode(pool: str) -> None:
    """Refuse an unknown way of drawing pools.

    Raises:
        InputError: it is none of ``POOLS``.
    """
    if pool not in POOLS:
        raise InputError(f"pool must be one of {', '.join(POOLS)}; got {pool!r}")


def check_pool(pool: str, point: Point, total: int) -> None:
    """Refuse a pool that this machine cannot hold, or a mode that a rule has not.

    Raises:
        InputError: see :func:`training_sets`.
    """
    check_mode(pool)
    by_chance = isinstance(resolve_rule(point.rule), KeepProbability)
    if total > 2**53:
        raise InputError(
            f"a pool of {total:.3g} examples has more ranks than float64 has numbers: "
            f"raise keep_fraction (now {point.keep_fraction}) or lower N"
        )
    if pool == "direct":
        if by_chance:
            raise InputError(
                "pool='direct' knows rules of ranks, not a KeepProbability, which has "
                "to see every example: use pool='drawn'"
            )
        return
    needed, memory = total * _BYTES_OF_AN_EXAMPLE, machine_memory()
    if needed > memory / 2:
        way_out = "raise keep_fraction" if by_chance else "use pool='direct'"
        raise InputError(
            f"a pool of {total:.3g} examples takes {needed / 2**30:.3g} GiB to draw, "
            f"and this machine has {memory / 2**30:.3g}: {way_out}, or a smaller N"
        )


def check_training_set(point: Point, size: int, kept: int) -> None:
    """Refuse a training set of P x N numbers that this machine cannot hold.

    Raises:
        InputError: it is too large.
    """
    needed, memory = kept * size * _BYTES_OF_A_NUMBER, machine_memory()
    if needed > memory / 1.5:
        raise InputError(
            f"training on {kept} examples at N = {size} takes about "
            f"{needed / 2**30:.3g} GiB, and this machine has {memory / 2**30:.3g}: "
            f"lower N or alpha_prune (now {point.alpha_prune:g})"
        )


def machine_memory() -> float:
    """Bytes that this process may use; infinite where the system does not say."""
    try:
        memory = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return math.inf
    try:  # of the container
        return min(memory, float(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):  # none, or the word max
        return memory


def fixed_rows(point: Point, kept: int) -> int:
    """Rows that sets of a point are filled up to: one shape for all of its draws.

    Shapes are few, in steps of at most an eighth: compiling for one takes as long as
    training dozens of sets.  A KeepProbability keeps a number of examples that
    fluctuates by sqrt(P) at most: there is room for six standard deviations.
    """
    if isinstance(resolve_rule(point.rule), KeepProbability):
        kept = math.ceil(kept + 6 * math.sqrt(kept))
    step = 2 ** max(kept.bit_length() - 4, 0)
    return step * math.ceil(kept / step)


def batch_draws(point: Point, size: int) -> int:
    """Draws that a device trains at once, so that memory stays bounded: 1 to 64.

    Most of what training needs is a few copies of the training set and of its N x N
    matrix.
    """
    _, kept = realisable_sizes(point, size)
    rows = fixed_rows(point, kept)
    fitting = max(_BATCH_NUMBERS // (4 * rows * size), 1)
    return min(2 ** int(math.log2(fitting)), _BATCH_DRAWS)


def stack_sets(
    sets: list[Float[np.ndarray, "_ N"]],
    batch: int,
    *,
    repeat: bool,
    rows: int | None = None,
) -> Float[np.ndarray, "{batch} P N"]:
    """One array of sets of random size, of few shapes, to compile for few.

    Sets are filled up with their own examples again (``repeat``) or with zeros, to at
    least ``rows``, and the batch with copies of the first set.
    """
    longest = max(map(len, sets))
    if rows is None or longest > rows:
        rows = longest if longest == min(map(len, sets)) else 32 * -(-longest // 32)
    stacked = np.zeros((batch, rows, sets[0].shape[1]))
    for n in range(batch):
        examples = sets[n] if n < len(sets) else sets[0]
        filled = np.resize(examples, stacked[n].shape) if repeat else examples
        stacked[n, : len(filled)] = filled
    return stacked


def even_chunks(first: int, draws: int, most: int) -> list[range]:
    """``draws`` numbers from ``first`` in chunks of one size, up to the last one.

    Raises:
        InputError: draws below 1.
    """
    if draws < 1:
        raise InputError(f"draws must be at least 1, got {draws}")
    end, length = first + draws, math.ceil(draws / math.ceil(draws / most))
    return [range(n, min(n + length, end)) for n in range(first, end, length)]


def draw_table(
    columns: dict[str, Float[np.ndarray, " draw"]],
    counts: list[int],
    *,
    point: Point,
    size: int,
    pool: int,
    seed: int,
    first: int,
) -> xr.Dataset:
    """Columns over ``draw``, with kept (P) and alpha_prune (P/N) added to them."""
    kept = np.array(counts)
    columns = columns | {"kept": kept, "alpha_prune": kept / size}
    return xr.Dataset(
        {name: ("draw", values) for name, values in columns.items()},
        coords={"draw": np.arange(first, first + len(kept))},
        attrs={"N": size, "pool": pool, "seed": seed, "point": point.label},
    )
