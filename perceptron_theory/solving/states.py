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
from jaxtyping import Float

from ..kept.problem import Mode
from ..numerics.batching import Program, batched, put, take
from ..numerics.precision import own_settings
from ..rules.rule import Rule
from ..rules.table import CellTable, cell_rows
from ..students.solution import Status
from ..students.state import Point, Start, State
from ..students.student import LONG, Student

ROWS = 512, 4096  # points in a batch of what is little work


def solve_many(point: Point, mode: Mode) -> Any:
    """The solutions of flat arrays of points that share a mode."""
    return _compiled(_describe, mode).in_batches(ROWS, point, find_many(point, mode))


def find_many(point: Point, mode: Mode) -> State:
    """The states of flat arrays of points that share a mode.

    Of many points a few are solved first; the others start next to them.
    """
    count, student = len(point.inputs.alpha), point.student
    at, here = tabulated(point, mode)
    if count > student.few[mode.on_line]:
        cold = nowhere(student, count)
        _compiled(_settle, here).announce(cold, cold.steps, at)
        _compiled(_sure_start, here).announce(at)
    least = student.first_round[mode.on_line]
    sizes = count // 64, count // 8
    rounds = [n for n in sizes if least is not None and n >= least]
    order = np.random.default_rng(0).permutation(count)
    first, *later = (np.sort(part) for part in np.split(order, rounds))
    found = search(nowhere(student, first.size), take(first, at), here)
    blank = lambda x: np.zeros((count, *x.shape[1:]), x.dtype)  # noqa: E731
    state = jax.tree.map(blank, found)
    put(found, first, state)
    known, features = first, np.empty((0, 0))
    if later:
        features = np.concatenate([_smooth(at), _parameters(point.rule, count)], axis=1)
    for todo in later:
        solved = known[state.found[known]]
        start, todo = _beside(at, features, solved, todo, state)
        put(search(start, take(todo, at), here), todo, state)
        known = np.concatenate([known, todo])
    if mode.total and not here.total:  # from alpha_prune to alpha_tot = alpha_prune/f
        by_load = state.rates[..., 0]
        state.rates[..., 1] += by_load * point.inputs.alpha[:, None]
        state.rates[..., 0] = by_load * point.inputs.keep_fraction[:, None]
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
    # in NumPy no point waits for others, and takes the steps that it needs
    most = student.few[mode.on_line]
    few = _compiled(_settle, mode).are_few(most, start, start.steps, point)
    at_once = cold and few
    near, *more = (LONG,) if at_once else student.near_steps
    state = settled(start, near, point, mode)
    stages = ["on" for _ in more]
    stages += [] if student.always_path or at_once else ["guess"]
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
        size = student.nowhere().x.shape[0]
    return Start(np.full((count, size), np.nan), np.zeros(count, int))


def _beside(
    at: Point,
    features: Float[np.ndarray, "n k"],
    known: np.ndarray,
    todo: np.ndarray,
    state: State,
) -> tuple[Start, np.ndarray]:
    """Starts of points ``todo``, extrapolated from the nearest of the ``known`` ones.

    Also the points, put in the order of the work an evaluation took there.
    """
    from scipy.spatial import KDTree  # a third of a second to import

    student = at.student
    if not known.size:
        return nowhere(student, todo.size), todo
    distance, nearest = KDTree(features[known]).query(features[todo])
    near = known[nearest]
    order = np.lexsort((distance, near, state.work[near]))
    distance, near, todo = distance[order], near[order], todo[order]
    smooth = _smooth(at)
    # d(input) for a step in its log
    step = smooth[todo] - smooth[near]
    step = np.where(_logarithmic(student), _inputs(at)[near] * step, step)
    moved = np.einsum("nij,nj->ni", state.rates[near], step)
    x = student.near(take(near, state), moved, distance)
    return Start(x, 0 * near), todo


def _inputs(at: Point) -> Float[np.ndarray, "n k"]:
    """The inputs that the rates are derivatives with respect to."""
    return np.stack([*at.inputs, *jax.tree.leaves(at.student)], axis=1)


def _logarithmic(student: Student) -> np.ndarray:
    own = [name in student.logarithmic for name in student.numbers()]
    return np.array([True, True, True, *own])


def _smooth(at: Point) -> Float[np.ndarray, "n k"]:
    """The inputs, or their logs, on which the student depends smoothly."""
    values = _inputs(at)
    logs = np.log(np.maximum(values, 1e-300))
    return np.where(_logarithmic(at.student), logs, values)


def _parameters(rule: Rule, count: int) -> Float[np.ndarray, "n k"]:
    return np.array([*jax.tree.leaves(rule)]).reshape(-1, count).T


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
