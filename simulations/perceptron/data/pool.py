r"""Teacher, probe, Gaussian pool and pruning by rank: the real procedure at size N.

The teacher is the unit vector e_1 and the probe cos(theta) e_1 + sin(theta) e_2: an
isotropic Gaussian pool looks the same to every pair of unit vectors at angle theta, so
that rotating the pair would only rotate the student with it.  An example is
x = (u, v, rest), its label sign(u), and nothing but (u, v) enters the margin of the
probe.  So (u, v) is drawn for the whole pool and the other N - 2 coordinates, which
are independent of the selection, for the kept examples alone.  This is exact, and it
makes a kept fraction of 1e-3 cost no more than the students it trains.

Which margins are kept is not decided here: a rule says it in cells of the
margin-quantile axis (:mod:`perceptron_theory.rules.rule`), which become ranks here and
thresholds of the margin in the theory.

All this is NumPy: JAX would compile it anew for every size of the pool, which took
longer than the draws.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr

from perceptron_theory import InputError, KeepProbability, Rule
from perceptron_theory.numerics.precision import own_settings
from perceptron_theory.rules.agreeing import Agreeing

# To rounding, no Gaussian margin lies beyond.
_FAR = 12.0


class Segment(NamedTuple):
    """Ranks ``first`` .. ``last`` - 1 of the pool, of which ``kept`` are kept.

    Rank 0 has the smallest margin.  Where ``kept`` is less than the length, the kept
    ones are a uniformly random subset of that exact size.
    """

    first: int
    last: int
    kept: int


def pool_sizes(size: int, alpha_prune: float, keep_fraction: float) -> tuple[int, int]:
    """(P_tot, P): examples in the pool and examples kept, for inputs of length N.

    P_tot = round(alpha_prune N / keep_fraction) and P = round(keep_fraction P_tot).

    Raises:
        InputError: no example would be kept.
    """
    if not keep_fraction > 0:
        raise InputError(f"the rule keeps a fraction {keep_fraction} of the pool: none")
    if not alpha_prune * size / keep_fraction < 1e300:
        raise InputError(
            f"a pool of {alpha_prune} * {size} / {keep_fraction} examples is too large "
            "for any machine: lower the load or N, or raise keep_fraction"
        )
    total = round(alpha_prune * size / keep_fraction)
    kept = round(keep_fraction * total)
    if kept < 1:
        raise InputError(
            f"no example is kept at N = {size}, alpha_prune = {alpha_prune}, "
            f"keep_fraction = {keep_fraction}: raise alpha_prune or N"
        )
    return total, kept


def rank_segments(
    rule: Rule, keep_fraction: float, total: int, kept: int
) -> tuple[Segment, ...]:
    """The cells of a rule as ranks of a pool of ``total`` examples, ``kept`` in all.

    The sum is exactly ``kept``: of one cell of level one and one that is kept in part
    the latter gets the rest; of more cells those with the largest remainder do.  The
    segments are in order and share no rank.
    """
    assert not isinstance(rule, KeepProbability)  # which knows no ranks
    if kept == total:
        return (Segment(0, total, total),)
    with own_settings(x64=True):
        below, above, level = map(np.asarray, rule.cells(jnp.asarray(keep_fraction)))
    # Ranks are counted from the nearer end, where the mass has all its digits, so that
    # ends which cells share stay shared.
    from_end = total - np.rint(above * total)
    edges = np.where(below <= 0.5, np.rint(below * total), from_end).astype(int)
    whole, part = np.flatnonzero(level >= 1.0), np.flatnonzero(level < 1.0)
    if len(whole) > 1 or len(part) > 1:
        return _many_segments(edges, above, level, total, kept)
    segments, left = {}, kept
    for i in whole:
        first, last = edges[i]
        count = min(last - first, kept) if len(part) else kept
        # rounding may be one out: the end at the middle of the pool gives way
        first = last - count if above[i, 1] == 0 else min(first, total - count)
        segments[i] = Segment(int(first), int(first + count), int(count))
        left -= int(count)
    for i in part:
        first, last = map(int, edges[i])
        # cells that share an end go on sharing it
        if i - 1 in segments and below[i - 1, 1] == below[i, 0]:
            first = segments[i - 1].last
        if i + 1 in segments and below[i + 1, 0] == below[i, 1]:
            last = segments[i + 1].first
        segments[i] = Segment(first, last, left)
    return _apart([segments[i] for i in range(len(level))], level, total)


def _many_segments(
    edges: Int[np.ndarray, "n 2"],
    above: Float[np.ndarray, "n 2"],
    level: Float[np.ndarray, " n"],
    total: int,
    kept: int,
) -> tuple[Segment, ...]:
    """Cells of any number as ranks, the rounding shared out by largest remainder."""
    wanted = level * (above[:, 0] - above[:, 1])
    wanted = wanted * kept / wanted.sum()
    counts = np.floor(wanted).astype(int)
    rest = np.argsort(counts - wanted, kind="stable")[: kept - counts.sum()]
    counts[rest] += 1
    found = [
        Segment(int(first), int(last), int(count))
        for (first, last), count in zip(edges, counts, strict=True)
    ]
    return _apart(found, level, total)


def _apart(
    segments: list[Segment], level: Float[np.ndarray, " n"], total: int
) -> tuple[Segment, ...]:
    """The segments in order inside the pool, with no rank in two of them.

    A cell of level one is as long as what it keeps, any other at least as long.
    Rounding may make a cell reach into the next one, which then begins behind it; what
    that pushes beyond the pool comes back into it, and pushes back those before it.
    There is room, as no more is kept than the pool has.
    """
    forth, free = [], 0
    for (first, last, count), kind in zip(segments, level, strict=True):
        first = max(first, free)
        free = first + count if kind >= 1.0 else max(last, first + count)
        forth.append(Segment(first, free, count))
    back, free = [], total
    for first, last, count in reversed(forth):
        last = min(last, free)
        free = min(first, last - count)
        back.append(Segment(free, last, count))
    return tuple(reversed(back))


def realised_rule(rule: Rule, keep_fraction: float, total: int, kept: int) -> Rule:
    """The rule at the parameters that whole numbers of examples leave of it.

    Of 43 kept examples a share of 0.92 is 40, which is 0.93: the theory is to be
    evaluated there.
    """
    if not rule.takes_fraction or kept == total or isinstance(rule, Agreeing):
        return rule
    return rule.realised(rank_segments(rule, keep_fraction, total, kept), total)


def draw_pool(rng: np.random.Generator, total: int) -> Float[np.ndarray, "2 total"]:
    """(u, v) of every example: along the teacher, and orthogonal to it in the plane."""
    return rng.standard_normal((2, total))


def probe_margin(
    plane: Float[np.ndarray, "2 total"], theta: float, margin: str
) -> Float[np.ndarray, " total"]:
    """Margin of the unit probe: |P.x| ("absolute") or y P.x ("signed")."""
    u, v = plane
    along = math.cos(theta) * u + math.sin(theta) * v
    return np.abs(along) if margin == "absolute" else np.where(u < 0, -along, along)


def keep_by_rank(
    rng: np.random.Generator,
    margins: Float[np.ndarray, " total"],
    segments: tuple[Segment, ...],
) -> Int[np.ndarray, " kept"]:
    """Indices of the kept examples, by the rank of their margin.

    Equal margins are ranked at random, not by position in the pool.
    """
    shuffled = rng.permutation(len(margins))
    order = shuffled[np.argsort(margins[shuffled], kind="stable")]
    return np.concatenate(
        [
            rng.choice(order[first:last], kept, replace=False, shuffle=False)
            if kept < last - first
            else order[first:last]
            for first, last, kept in segments
        ]
    )


def keep_agreeing(
    rng: np.random.Generator,
    margins: Float[np.ndarray, " total"],
    rule: Rule,
    kept: int,
) -> Int[np.ndarray, " kept"]:
    """Indices of what label-aware keeping keeps, by rank among what agrees.

    How many examples agree varies from pool to pool: where they are fewer than
    ``kept`` all of them are kept.

    Args:
        rng: for ties, and for what is kept in part.
        margins: signed ones, positive where probe and label agree.
        rule: of the examples that agree.
        kept: number to keep.
    """
    agreeing = np.flatnonzero(margins > 0)
    total, kept = len(agreeing), min(kept, len(agreeing))
    if not total:
        return agreeing
    segments = rank_segments(rule, kept / total, total, kept)
    return agreeing[keep_by_rank(rng, margins[agreeing], segments)]


def keep_by_chance(
    rng: np.random.Generator,
    margins: Float[np.ndarray, " total"],
    rule: KeepProbability,
) -> Int[np.ndarray, " kept"]:
    """Indices of what a keep-probability keeps, by a draw for each example.

    Raises:
        InputError: a probability lies outside [0, 1].
    """
    with own_settings(x64=True):
        probability = np.asarray(jax.vmap(rule.function)(jnp.asarray(margins)))
    low, high = probability.min(), probability.max()
    if not (low >= 0 and high <= 1):
        raise InputError(
            "a keep-probability must lie in [0, 1], got values from "
            f"{low:g} to {high:g}"
        )
    return np.flatnonzero(rng.random(len(margins)) < probability)


def mean_keep_probability(
    rule: KeepProbability, theta: float, margin: str, flip_probability: float = 0.0
) -> float:
    """Fraction of an infinite pool that a keep-probability keeps.

    The density of the absolute margin is 2 phi(z) on z > 0; of the signed margin
    2 phi(z) Phi(z cot(theta)), which tends to the same as theta -> 0.  A flipped label
    turns the sign of the margin that is ranked.
    """
    from scipy.integrate import quad

    def density(z):
        return math.sqrt(2 / math.pi) * math.exp(-(z**2) / 2)

    def kept(z):
        keep = float(rule.function(jnp.asarray(z)))
        if margin == "signed" and flip_probability:
            turned = float(rule.function(jnp.asarray(-z)))
            keep += flip_probability * (turned - keep)
        if margin == "absolute" or theta == 0:
            return density(z) * keep
        return density(z) * ndtr(z / math.tan(theta)) * keep

    first = -_FAR if margin == "signed" and theta > 0 else 0.0
    bends = {*rule.breakpoints, *(-b for b in rule.breakpoints)}
    inner = sorted(b for b in bends if first < b < _FAR)
    # The density is steep where the label turns over; 0 splits the range there.
    ends = sorted({first, 0.0, *inner, _FAR})
    with own_settings(x64=True):
        return sum(quad(kept, *span)[0] for span in itertools.pairwise(ends))


def signed_examples(
    rng: np.random.Generator, plane: Float[np.ndarray, "2 kept"], size: int
) -> Float[np.ndarray, "kept {size}"]:
    """Examples times labels, of N = ``size`` coordinates, the others drawn now."""
    examples = np.empty((plane.shape[1], size))
    examples[:, :2] = plane.T
    examples[:, 2:] = rng.standard_normal((plane.shape[1], size - 2))
    return np.where(plane[0] < 0, -1.0, 1.0)[:, None] * examples
