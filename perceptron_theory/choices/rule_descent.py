r"""Descent of the error among rules that keep a few intervals of the margin.

A rule is a row of masses, alternately dropped and kept from the smallest margin to the
largest.  Two moves lower the error, both by the derivative D of
:mod:`.margin_derivative`:

- a transfer of a small mass from the kept margins of largest D to the dropped ones of
  smallest D, by which intervals appear and vanish;
- Newton's method on the ends of the intervals, until D is the same at all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ..kept.noisy_pool import masses as noisy_masses
from ..kept.noisy_teacher import noise_of
from ..kept.problem import Inputs, Mode
from ..kept.thresholds import FARTHEST
from ..kept.wrong_labels import pool_masses
from ..numerics.batching import batched
from ..numerics.precision import own_settings
from ..rules.rule import Cells, Rule
from ..students.state import Point, State
from ..students.student import Student
from .margin_derivative import Rates, derivatives, errors, find, repeated

# of a rule: dropped, kept, ..., kept, dropped, from the smallest margin to the largest
Masses = Float[np.ndarray, " m"]

MOST = 4  # intervals of a rule, 2 MOST + 1 masses
BATCH, PROFILES = 32, 16  # sizes of the compiled programs
SCALES, CLUSTER = 80, 16  # nodes of a grid: on all scales, and on each side of an end
PARTS = np.geomspace(1e-7, 1.0, 32)  # of the mass that may be transferred
SHIFTS = np.concatenate([[1.0, 0.75], 0.5 ** np.arange(1, 13)])
MOVE = 1e-3  # of an end, in units of the stretch next to it, for second derivatives
CYCLES, NEWTON = 25, 30  # transfers, and steps after each, at most
TINY = 1e-9  # part of the kept or dropped mass that is no interval
EDGE = 1e-14  # ... of the pool at its ends, which may be thinner
GAIN = 1e-11  # of ln error: not worth a step


@dataclass(frozen=True)
class Blend(Rule):
    """Intervals with a ``share`` of the f, and the rest at random from what is left.

    One compiled program for every rule that is compared.  Its derivative with respect
    to f is not used (and would lack the change of the level).
    """

    masses: tuple[Any, ...]
    share: Any

    def cells(self, keep_fraction: Float[Array, ""]) -> Cells:
        f = keep_fraction
        masses = jnp.stack(self.masses)
        odd = jnp.arange(len(self.masses)) % 2 == 1
        chosen = self.share * f
        kept, dropped = jnp.sum(masses * odd), jnp.sum(masses * ~odd)
        ratio = lambda x, y: x / jnp.where(y > 0, y, 1.0)  # noqa: E731
        masses = masses * jnp.where(
            odd, ratio(chosen, kept), ratio(1 - chosen, dropped)
        )
        below = jnp.append(0.0, jnp.cumsum(masses))
        above = jnp.append(jnp.cumsum(masses[::-1])[::-1], 0.0)
        level = jnp.where(odd, 1.0, ratio(f - chosen, 1.0 - chosen))
        ends = lambda x: jnp.stack([x[:-1], x[1:]], axis=-1)  # noqa: E731
        return Cells(ends(below), ends(above), level)


class Place(NamedTuple):
    """Where a rule is sought, and for whom."""

    alpha: float
    fraction: float
    theta: float
    mode: Mode
    student: Student


class Grid(NamedTuple):
    """Margins (k,) in order, and the mass of the pool between neighbours (k - 1,)."""

    z: Float[np.ndarray, " k"]
    mass: Float[np.ndarray, " k1"]


# --- evaluation -------------------------------------------------------------------


def _points(masses: Any, share: Any, at: Place, size: int) -> Point:
    """Many candidates as points, padded to a compiled size."""
    masses = np.atleast_2d(masses)
    share = np.broadcast_to(share, len(masses)).astype(float)
    index = np.minimum(np.arange(size), len(masses) - 1)
    full: Any = lambda x: np.full(size, float(x))  # noqa: E731
    rule = Blend(tuple(masses[index].T), share[index])
    inputs = Inputs(full(at.alpha), full(at.fraction), full(at.theta))
    return Point(inputs, rule, repeated(at.student, size))


def solve_rules(
    masses: Any,
    at: Place,
    share: Any = 1.0,
    sure: bool = True,
    near: State | None = None,
) -> State:
    """The states of candidates (n, m), in batches of one size.

    Without ``sure`` the few that are hard to solve are given up; ``near`` is a state
    that is close to all of them.
    """
    masses = np.atleast_2d(masses)
    share = np.broadcast_to(share, len(masses))
    parts = []
    for i in range(0, len(masses), BATCH):
        some = _points(masses[i : i + BATCH], share[i : i + BATCH], at, BATCH)
        parts.append(find(some, at.mode, sure, near))
    return jax.tree.map(lambda *x: np.concatenate(x)[: len(masses)], *parts)


def log_errors(state: State, at: Place) -> Float[np.ndarray, " n"]:
    """Ln error of each state; inf where none was found."""
    value = np.log(errors(state, at.student))
    return np.where(np.isnan(value), np.inf, value)


def _profiles(state: State, masses: Any, at: Place, grid: Grid) -> Rates:
    """The rates of up to PROFILES states; the ends are those of the kept intervals."""
    count = len(np.atleast_2d(masses))
    some = _points(masses, 1.0, at, PROFILES)
    index = np.minimum(np.arange(PROFILES), count - 1)
    state = jax.tree.map(lambda x: x[index], state)
    rates = derivatives(state, some, grid.z, at.mode)
    rates = rates._replace(at_ends=rates.at_ends[:, 1::2], ends=rates.ends[:, 1::2])
    return jax.tree.map(lambda x: x[:count], rates)


@lru_cache
def _masses_of(margin: str) -> Any:
    """Compiled: the masses of the pool below and above ranked margins."""
    return batched(partial(pool_masses, margin=margin), (0, None, None))


def _grid(at: Place, ends: Float[np.ndarray, " n"]) -> Grid:
    """Margins on all scales, and closer and closer to the ends of the intervals.

    Always the same number; repeated ones do no harm.
    """
    least = min(1e-6, 1e-2 * at.fraction)
    lowest = 0.0
    scales = np.append(np.geomspace(least, FARTHEST, SCALES), 0.0)
    z = [scales, np.linspace(0.0, FARTHEST, SCALES)]
    flips = float(getattr(at.student, "flip_probability", 0.0))
    teacher = getattr(at.student, "label_noise", None)
    if at.mode.margin == "signed" and (flips or teacher or not at.mode.on_line):
        # wrong labels turn margins of all sizes, a tilted probe small ones
        width = 1.0 if flips or teacher else float(np.sin(at.theta))
        lowest = -FARTHEST * width
        z.append(-width * scales)
    ends = np.resize(ends, 2 * MOST)
    near = np.geomspace(1e-7, 0.5, CLUSTER)
    z.append((ends[:, None] + np.append(near, -near)).ravel())
    z.append(np.full(sum(map(len, z)) % 2, FARTHEST))
    z = np.sort(np.clip(np.concatenate(z), lowest, FARTHEST))
    with own_settings(x64=True):
        noise = flips
        if teacher and at.mode.margin == "signed":
            strength = jnp.asarray(getattr(at.student, "noise_strength"))  # noqa: B009
            noise = noise_of(teacher, strength, jnp.asarray(flips))
            masses = batched(noisy_masses, (0, None, None))
        else:
            masses = _masses_of(at.mode.margin)
        below, above = map(np.array, masses(z, at.theta, noise))
    below[z == lowest], above[z == lowest] = 0.0, 1.0
    below[z == FARTHEST], above[z == FARTHEST] = 1.0, 0.0
    # the difference of the smaller masses keeps its digits
    mass = np.where(below[1:] < 0.5, np.diff(below), -np.diff(above))
    return Grid(z, np.maximum(mass, 0.0))


# --- moves ------------------------------------------------------------------------


def _level(rates: Float[np.ndarray, " k"], mass: Any, part: np.ndarray) -> np.ndarray:
    """Levels below which D, linear in the mass between nodes, has the given masses."""
    low, high = (np.full(part.shape, end(rates)) for end in (np.min, np.max))
    for _ in range(60):
        middle = 0.5 * (low + high)
        below = _part_below(rates, middle) @ mass < part
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return 0.5 * (low + high)


def _part_below(rates: Float[np.ndarray, " k"], level: np.ndarray) -> np.ndarray:
    """The part of each stretch between nodes where D lies below each level."""
    least, width = np.minimum(rates[1:], rates[:-1]), np.abs(np.diff(rates))
    above = level[:, None] - least
    some = width > 0
    return np.where(some, np.clip(above / np.where(some, width, 1), 0, 1), above >= 0)


def _transfers(
    masses: Masses, rates: Float[np.ndarray, " k"], grid: Grid
) -> Float[np.ndarray, "n m"]:
    """Rules with more and more of the worst kept mass exchanged for the best dropped.

    At most all of it where the derivative says that it helps.
    """
    # far out D is constant but for rounding: there let margins count in their order
    rates = rates + 1e-11 * np.ptp(rates) * grid.z
    at = np.append(0.0, np.cumsum(grid.mass))
    middle = 0.5 * (at[1:] + at[:-1])
    kept = np.searchsorted(np.cumsum(masses), middle) % 2 == 1
    into, out = (np.where(side, grid.mass, 0.0) for side in (~kept, kept))
    most = min(into.sum(), out.sum())
    parts = most * PARTS
    add = _part_below(rates, _level(rates, into, parts))
    stay = _part_below(rates, _level(rates, out, out.sum() - parts))
    rules = []
    for part in np.where(kept, stay, add):
        pieces = np.stack([part, 1.0 - part]) * grid.mass
        keep = np.array([[True], [False]]) & np.ones(len(grid.mass), bool)
        falls = np.diff(rates) < 0  # what is kept of a stretch is its lower side
        pieces[:, falls], keep[:, falls] = pieces[::-1, falls], keep[::-1, falls]
        rules.append(alternating(pieces.T.ravel(), keep.T.ravel()))
    return np.stack(rules)


def alternating(mass: Masses, keep: Bool[np.ndarray, " m"]) -> Float[np.ndarray, " k"]:
    """Stretches in order, joined to a row of 2 MOST + 1 masses dropped and kept.

    Of more than MOST intervals the smallest are left out, the smallest gaps closed.
    """
    least = min(mass @ keep, mass @ ~keep) * TINY
    mass, keep = _joined(mass, keep, mass > 0)
    some = mass > least
    some[[0, -1]] = mass[[0, -1]] > EDGE
    mass, keep = _joined(mass, keep, some)
    row = list(mass)
    row = [0.0, *row] if keep[0] else row
    row = row if len(row) % 2 else [*row, 0.0]
    while len(row) > 2 * MOST + 1:
        i = 1 + int(np.argmin(row[1:-1]))
        row[i - 1 : i + 2] = [sum(row[i - 1 : i + 2])]
    return np.array(row + [0.0] * (2 * MOST + 1 - len(row)))


def _joined(
    mass: Masses, keep: Bool[np.ndarray, " m"], some: Bool[np.ndarray, " m"]
) -> tuple[Float[np.ndarray, " k"], Bool[np.ndarray, " k"]]:
    """``some`` of the stretches, neighbours of a kind made one."""
    mass, keep = mass[some], keep[some]
    start = np.nonzero(np.diff(keep, prepend=~keep[0]))[0]
    return np.add.reduceat(mass, start), keep[start]


KEPT = np.arange(2 * MOST + 1) % 2 == 1  # which masses of a row are kept
SIGN = np.where(KEPT, 1.0, -1.0)[:-1]  # whether an end that moves up keeps more


class Found(NamedTuple):
    """A rule that the moves do not improve.

    ``ends`` (n, 2) are margins; ``multiplier``, ``violation`` and ``gap`` are in units
    of ln error (see :class:`.optimal_rule.OptimalRule`).
    """

    masses: Masses
    log_error: float
    ends: Float[np.ndarray, "n 2"]
    multiplier: float
    violation: float
    gap: float


def descend(masses: Masses, at: Place, fixed: bool = False) -> Found:
    """The local minimum of the error that is reached from a rule.

    ``fixed``: only the ends of the intervals that there are move.
    """
    masses = _polish(masses, at)
    found, rates, grid = _examined(masses, at)
    for _ in range(CYCLES):
        if fixed or found.gap < GAIN or not np.isfinite(found.log_error):
            break
        trials = _scaled(_transfers(masses, rates, grid), at.fraction)
        here = solve_rules(masses, at)
        new = log_errors(solve_rules(trials, at, sure=False, near=here), at)
        best = int(np.argmin(new))
        if not new[best] < found.log_error - GAIN:
            break
        masses = _polish(trials[best], at)
        found, rates, grid = _examined(masses, at)
    return found


def _scaled(masses: Float[np.ndarray, "*n m"], f: float) -> Float[np.ndarray, "*n m"]:
    """Rows with the kept masses scaled to the sum f and the dropped ones to 1 - f."""
    kept, dropped = (np.where(side, masses, 0.0) for side in (KEPT, ~KEPT))
    ratio = [f, 1.0 - f] / np.stack([kept.sum(-1), dropped.sum(-1)], axis=-1)
    return kept * ratio[..., :1] + dropped * ratio[..., 1:]


def _count(masses: Masses) -> int:
    return int(np.sum(masses[KEPT] > 0))


def _examined(masses: Masses, at: Place) -> tuple[Found, Float[np.ndarray, " k"], Grid]:
    """How far D of a rule is from lying below mu where it keeps, above elsewhere.

    Also D, and the margins it is given at.
    """
    state = solve_rules(masses, at)
    n = _count(masses)
    ends = _profiles(state, masses, at, _grid(at, np.ones(1))).ends[0, :n]
    grid = _grid(at, np.clip(ends.ravel(), -FARTHEST, FARTHEST))
    rates = _profiles(state, masses, at, grid)
    mu = float(np.mean(rates.at_ends[0].ravel()[_active(masses)]))
    inside = (grid.z[:, None] >= ends[:, 0]) & (grid.z[:, None] <= ends[:, 1])
    wrong = np.maximum(np.where(inside.any(axis=1), 1, -1) * (rates.at[0] - mu), 0.0)
    gap = float(np.sum(grid.mass * 0.5 * (wrong[1:] + wrong[:-1])))
    value = float(log_errors(state, at)[0])
    return Found(masses, value, ends, mu, float(wrong.max()), gap), rates.at[0], grid


def _active(masses: Masses) -> Bool[np.ndarray, " m-1"]:
    """Which ends lie inside the pool."""
    last = 2 * _count(masses)
    active = np.arange(len(masses) - 1) < last
    active[0] &= masses[0] > 0
    active[last - 1] &= masses[last] > 0
    return active


def _shifted(masses: Masses, shifts: Float[np.ndarray, "n m-1"]) -> np.ndarray:
    """Masses (n, m) after moving the ends by masses."""
    edge = np.zeros((len(shifts), 1))
    return masses + np.diff(shifts, prepend=edge, append=edge, axis=1)


def _polish(masses: Masses, at: Place) -> Masses:
    """Newton's method on the ends, at fixed kept mass, until D is the same at all."""
    final = 0
    for _ in range(NEWTON):
        active = np.nonzero(_active(masses))[0]
        if len(active) < 2:
            break
        # each end in units of the smaller stretch next to it
        unit = np.minimum(masses[active], masses[active + 1])
        free = np.linalg.svd((SIGN[active] * unit)[None])[2][1:]  # keep f
        directions = np.zeros((len(free), len(masses) - 1))
        directions[:, active] = free * unit
        moves = np.concatenate([0 * directions[:1], directions, -directions])
        moves[1:] *= MOVE
        rules = _shifted(masses, moves)
        state = solve_rules(rules, at, sure=False, near=solve_rules(masses, at))
        if not state.found.all():
            break
        grid = _grid(at, np.ones(1))
        rates = _profiles(state, rules, at, grid).at_ends.reshape(len(rules), -1)
        slopes = (rates[:, active] * SIGN[active] * unit) @ free.T
        slope, n = slopes[0], len(free)
        hessian = (slopes[1 : n + 1] - slopes[n + 1 :]) / (2 * MOVE)
        curve, axes = np.linalg.eigh(0.5 * (hessian + hessian.T))
        curve = np.maximum(np.abs(curve), 1e-10 * np.abs(curve).max() + 1e-300)
        along = axes.T @ slope
        step = -(axes @ (along / curve)) @ directions
        gain = 0.5 * float(np.sum(along**2 / curve))
        change = _shifted(masses, step[None])[0] - masses
        falling = change < 0
        room = np.min(-masses[falling] / change[falling], initial=np.inf)
        if gain < 1e-8 and room > 2.0:  # below what the errors tell: D decides
            masses, final = masses + change, final + 1
            if final == 2 or gain < 1e-16:
                break
            continue
        trials = masses + min(1.0, room) * SHIFTS[:, None] * change
        trials[trials < 1e-12 * masses] = 0.0  # a stretch that vanishes
        value = log_errors(solve_rules(trials, at, sure=False, near=state), at)
        best = int(np.argmin(value))
        if not value[best] < log_errors(state, at)[0] - GAIN:
            break
        masses = _scaled(alternating(trials[best], KEPT), at.fraction)
    return masses
