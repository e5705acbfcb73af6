"""Many points at once, eagerly: batches of a fixed size on all cores.

Compiling takes seconds, so there are few sizes; the points of a batch wait for each
other, so like goes with like, and the few that are hard are taken apart.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..numerics.compilation import batched
from ..rules.rule import KeepProbability, Rule
from ..rules.table import CellTable, cell_rows, levels_change
from .saddle_point import LONG, Inputs, Mode, Start, State, settle, sure_start
from .solution import Solution, Status, describe

# points in a compiled batch: few sizes, few compilations
SIZES = {True: (1, 512), False: (1, 32)}  # at theta = 0 a point is little work
DESCRIBED = 1, 512, 4096
FEW, SHORT = 5, 8  # steps in a batch before those that need more are taken apart
CLOSE = 1e-6  # of the derivatives, at theta = 0, where only the conditioning needs them
WORKERS = 2
_READY: set[Any] = set()  # programs that are compiled


def solve_many(inputs: Inputs, rule: Rule, mode: Mode) -> Solution:
    """Solve flat arrays of points that share a mode.

    Of many points a few are solved first; the others start next to them (which at
    theta = 0 costs more than it saves).
    """
    count, parameters = len(inputs.alpha), jax.tree.leaves(rule)
    at, asked = (inputs, rule), mode
    if not isinstance(rule, KeepProbability):
        # the same program for all rules, both loads and, where it counts, both margins
        margin = "absolute" if mode.on_line else mode.margin
        mode = mode._replace(total=False, margin=margin)
        f = inputs.keep_fraction
        alpha = inputs.alpha * f if asked.total else inputs.alpha
        table = _in_batches(_rows_of, DESCRIBED, rule, f)
        at = inputs._replace(alpha=alpha), CellTable(table, levels_change(rule))
    rounds = [] if mode.on_line else [r for r in (count // 64, count // 8) if r >= 64]
    order = np.random.default_rng(0).permutation(count)
    first, *later = (np.sort(part) for part in np.split(order, rounds))
    found = _search(_nowhere(first.size), *_take(first, at), mode)
    blank = lambda x: np.zeros((count, *x.shape[1:]), x.dtype)  # noqa: E731
    state = jax.tree.map(blank, found)
    _put(found, first, state)
    known, features = first, np.empty(0)
    if later:
        features = np.stack([*map(np.log, at[0]), *parameters], axis=1)
    for todo in later:
        known_roots = known[state.found[known]]
        start, todo = _nearby(at[0], features, known_roots, todo, state)
        _put(_search(start, *_take(todo, at), mode), todo, state)
        known = np.concatenate([known, todo])
    if asked.total and not mode.total:  # from alpha_prune to alpha_tot = alpha_prune/f
        by_load = state.rates[..., 0]
        state.rates[..., 1] += by_load * inputs.alpha[:, None]
        state.rates[..., 0] = by_load * inputs.keep_fraction[:, None]
    return _in_batches(_described(asked), DESCRIBED, inputs, state)


@batched
def _rows_of(rule: Rule, keep_fraction: Any) -> Any:
    return cell_rows(rule, keep_fraction)  # pyright: ignore


def _nearby(
    at: Inputs,
    features: np.ndarray,
    known: np.ndarray,
    todo: np.ndarray,
    state: State,
) -> tuple[Start, np.ndarray]:
    """Starts of points ``todo``, extrapolated from the nearest of the ``known`` ones.

    Also the points, put in the order of the work an evaluation took there.
    """
    if not known.size:
        return _nowhere(todo.size), todo
    from scipy.spatial import KDTree

    distance, nearest = KDTree(features[known]).query(features[todo])
    near = known[nearest]
    work = np.argsort(state.panels[near], kind="stable")
    distance, near, todo = distance[work], near[work], todo[work]
    (log_a, b, tau), rates = state.value[near, :3].T, state.rates[near, :3]
    step = np.stack([x[near] * np.log(x[todo] / x[near]) for x in at], axis=1)
    grown, more_b, more_tau = np.einsum("nij,nj->in", rates, step)
    far = (distance > 1.0) | (np.abs(grown) > 1.0)
    ratio = (b + more_b - b * grown) * np.exp(-log_a)
    log_a = np.where(far, np.nan, log_a + grown)
    return Start(log_a, ratio, tau + more_tau, state.slack[near], 0 * near), todo


def _search(start: Start, inputs: Inputs, rule: Rule, mode: Mode) -> State:
    """The roots, and for the few that take long more and more steps, to be sure.

    First from the start, then from a guess, at last by the path.
    """
    count, sizes = len(start.steps), SIZES[mode.on_line]
    state = _settled(start, np.full(count, FEW), inputs, rule, mode)
    for stage in ("on", "guess", "sure"):
        rest = np.nonzero(~state.found)[0]
        if not rest.size:
            break
        some = _take(rest, (inputs, rule))
        log_a, b, tau = state.value[rest, :3].T
        again = Start(log_a, b * np.exp(-log_a), tau, state.slack[rest], 0 * rest)
        if stage == "guess":
            again = _nowhere(rest.size)
        elif stage == "sure":
            again = _in_batches(_compiled("sure", mode), sizes, *some)
        again = again._replace(steps=again.steps + state.steps[rest])
        limit = np.full(rest.size, SHORT if stage == "on" else LONG)
        _put(_settled(again, limit, *some, mode), rest, state)
    return state


def _take(points: np.ndarray, tree: Any) -> Any:
    return jax.tree.map(lambda x: x[points], tree)


def _put(part: Any, points: np.ndarray, state: Any) -> None:
    for whole, piece in zip(state, part, strict=True):
        np.asarray(whole)[points] = piece


def _nowhere(count: int) -> Start:
    return Start(*np.full((4, count), np.nan), np.zeros(count, int))


def _settled(
    start: Start, max_steps: np.ndarray, inputs: Inputs, rule: Rule, mode: Mode
) -> State:
    settle, sizes = _compiled("settle", mode), SIZES[mode.on_line]
    return _in_batches(settle, sizes, start, max_steps, inputs, rule)


@lru_cache
def _compiled(stage: str, mode: Mode) -> Any:
    contraction = CLOSE if mode.on_line else 0.0
    near = partial(settle, contraction=contraction)
    stages = {"sure": sure_start, "settle": near}
    return batched(partial(stages[stage], mode=mode))


@lru_cache
def _described(mode: Mode) -> Any:
    def one(inputs, state):
        status = jnp.where(state.found, Status.CONVERGED, Status.NOT_CONVERGED)
        return describe(inputs, state, status, mode.total, mode.student)

    return batched(one)


def _in_batches(function: Any, sizes: tuple[int, ...], *arguments: Any) -> Any:
    """A vmapped function on any number of points, in batches of a few fixed sizes."""
    count = len(jax.tree.leaves(arguments)[0])
    size = next((s for s in sizes if s >= count), sizes[-1])

    def run(start: int) -> Any:
        index: Any = slice(start, start + size)
        if start + size > count:
            index = np.minimum(np.arange(start, start + size), count - 1)
        with jax.enable_x64(True):
            out = function(*jax.tree.map(lambda x: x[index], arguments))
            return jax.tree.map(np.asarray, out)

    starts = range(0, count, size)
    program = function, size, jax.tree.structure(arguments)
    alone = 0 if program in _READY else 1  # compile once, not once a thread
    parts = [run(start) for start in starts[:alone]]
    _READY.add(program)
    if len(starts) > alone:
        with ThreadPoolExecutor(WORKERS) as pool:
            parts += pool.map(run, starts[alone:])
    return jax.tree.map(lambda *x: np.concatenate(x)[:count], *parts)
