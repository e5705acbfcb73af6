"""Many points at once, eagerly: batches of a fixed size on all cores.

The points of a batch wait for each other, so like goes with like, and the few that are
hard are taken apart.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..kept.problem import Mode
from ..numerics.batching import Program, batched, put, take
from ..numerics.precision import own_settings
from ..rules.rule import Rule
from ..rules.table import CellTable, cell_rows
from ..students.solution import Status
from ..students.state import Point, Start, State
from ..students.student import LONG, Student
from .neighbours import dense, earlier, joined, places_of, remember

ROWS = 512, 4096  # points in a batch of what is little work


def solve_many(point: Point, mode: Mode) -> Any:
    """The solutions of flat arrays of points that share a mode."""
    return _compiled(_describe, mode).in_batches(ROWS, point, find_many(point, mode))


def find_many(point: Point, mode: Mode) -> State:
    """The states of flat arrays of points that share a mode.

    Of many points a few are solved first; the others start next to them, and so do
    those that are far from where their search began.
    """
    count, student = len(point.inputs.alpha), point.student
    at, here = tabulated(point, mode)
    cold = nowhere(student, count)
    if count > student.few[mode.on_line]:
        _compiled(_settle, here).announce(cold, cold.steps, at)
        _compiled(_sure_start, here).announce(at)
    least = student.first_round[mode.on_line]
    if least is None:
        state = search(cold, at, here)
    else:
        state = _beside_each_other(cold, at, here, point.rule, least)
    if mode.total and not here.total:  # from alpha_prune to alpha_tot = alpha_prune/f
        by_load = state.rates[..., 0]
        state.rates[..., 1] += by_load * point.inputs.alpha[:, None]
        state.rates[..., 0] = by_load * point.inputs.keep_fraction[:, None]
    return state


def _beside_each_other(
    start: Start, at: Point, mode: Mode, rule: Rule, least: int
) -> State:
    """As :func:`find_many`, in rounds: the first of at least so many points.

    At last those that are left are searched for to be sure.
    """
    student, count = at.student, len(start.steps)
    places, kind = places_of(at, rule), (mode, jax.tree.structure((at, rule)))
    order = np.random.default_rng(0).permutation(count)
    sizes = (count >> shift for shift in (8, 6, 4, 2))
    rounds = [n for n in sizes if n >= least and dense(places[order[:n]])]
    parts = np.split(order, rounds)
    state, known, left = None, earlier(kind), order[:0]
    if rounds or known is not None:
        parts.append(left)
    for i, part in enumerate(parts):
        todo = np.sort(np.concatenate([left, part]))
        if not todo.size:
            break
        here = take(todo, start)
        if known is not None:
            x, by_work = known.starts(student, places[todo])
            here, todo = take(by_work, Start(x, here.steps)), todo[by_work]
        some = take(todo, at)
        last = i == len(parts) - 1
        if last or (known is None and student.always_path):
            found = search(here, some, mode)
        else:
            found = settled(here, student.near_steps[0], some, mode)
        if state is None:
            blank = lambda x: np.zeros((count, *x.shape[1:]), x.dtype)  # noqa: E731
            state = jax.tree.map(blank, found)
        put(found, todo, state)
        start.steps[todo] = found.steps
        left, good = todo[~found.found], todo[found.found]
        known = joined(known, at, places, good, state)
    assert state is not None
    if known is not None:
        remember(kind, known)
    return state


def tabulated(point: Point, mode: Mode) -> tuple[Point, Mode]:
    """The same points with their rule written out.

    One compiled program does for all rules with as many cells, for both loads and,
    where it does not matter, for both margins.
    """
    if not point.rule.takes_fraction:
        return point, mode
    f = point.inputs.keep_fraction
    alpha = point.inputs.alpha * f if mode.total else point.inputs.alpha
    if mode.on_line and not point.student.wrong_labels:
        mode = mode._replace(margin="absolute")
    if not isinstance(point.rule, CellTable):
        rows = _rows_of.in_batches(ROWS, point.rule, f)
        table = CellTable(rows, point.rule.levels_depend_on_f)
        point = point._replace(rule=table)
    point = point._replace(inputs=point.inputs._replace(alpha=alpha))
    return point, mode._replace(total=False)


@batched
def _rows_of(rule: Rule, keep_fraction: Any) -> Any:
    return cell_rows(rule, keep_fraction)


def search(start: Start, point: Point, mode: Mode) -> State:
    """The roots, and for the few that take long more and more steps, to be sure.

    First from the start, then from a guess, at last by the path.
    """
    student, cold = point.student, not np.isfinite(start.x).any()
    if student.always_path and cold:
        return settled(_path(point, mode), LONG, point, mode)
    near, *more = (LONG,) if cold else student.near_steps
    state = settled(start, near, point, mode)
    stages = ["on" for _ in more]
    stages += [] if student.always_path or cold else ["guess"]
    stages += ["path"] if student.has_path else []
    for stage in stages:
        rest = np.nonzero(~state.found)[0]
        if not rest.size:
            break
        some = take(rest, point)
        if stage == "on":
            again = Start(student.start_of(take(rest, state)), 0 * rest)
        elif stage == "guess":
            again = nowhere(student, rest.size)
        else:
            again = _path(some, mode)
        again = again._replace(steps=again.steps + state.steps[rest])
        put(settled(again, more[0] if stage == "on" else LONG, some, mode), rest, state)
    return state


def settled(start: Start, most: int, point: Point, mode: Mode) -> State:
    """The states that at most so many steps from a start lead to."""
    count = len(start.steps)
    limit = np.full(count, most)
    return _computed(_settle, mode, start, limit, point)


def _path(point: Point, mode: Mode) -> Start:
    return _computed(_sure_start, mode, point)


def _computed(function: Any, mode: Mode, *arguments: Any) -> Any:
    """What is much work, for all points: the last of the arguments."""
    student = arguments[-1].student
    sizes = (student.batch_sizes[mode.on_line],)
    return _compiled(function, mode).in_batches(
        sizes, *arguments, few=student.few[mode.on_line]
    )


def nowhere(student: Student, count: int) -> Start:
    """No start, for so many points."""
    with own_settings(x64=True):
        size = jax.eval_shape(student.nowhere).x.shape[0]
    return Start(np.full((count, size), np.nan), np.zeros(count, int))


def _settle(start: Start, limit: Any, point: Point, mode: Mode) -> State:
    return point.student.settle(start, limit, point, mode)


def _sure_start(point: Point, mode: Mode) -> Start:
    return point.student.sure_start(point, mode)


def _describe(point: Point, state: State, mode: Mode) -> Any:
    status = jnp.where(state.found, Status.CONVERGED, Status.NOT_CONVERGED)
    return point.student.describe(point, state, status, mode)


@lru_cache(maxsize=256)
def _compiled(function: Any, mode: Mode) -> Program:
    return batched(partial(function, mode=mode))
