"""The fraction to keep: the Pareto frontier of Sorscher et al. 2022, Figs. 1A and 1E.

Two questions are kept apart.  How well can ``alpha_prune`` kept examples do, from
however large a pool (minimum over f at fixed alpha_prune)?  And what is the best use
of a pool of ``alpha_tot`` (minimum over f at fixed alpha_tot)?  In the plane of
alpha_prune and error the answers to the first are the lower envelope of the curves of
all pools; a pool's curve touches it where f is the best for its own alpha_prune.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from ..errors import ConvergenceError, InputError
from ..numerics.checks import (
    SMALLEST,
    as_array,
    check_load,
    one_load,
)
from ..numerics.minima import Function, Minimum, minimise
from ..numerics.precision import eager_only
from ..rules.names import resolve_rule
from ..rules.rule import Rule, check_rule, keeps_hardest
from ..solving.neighbours import remembering
from ..students.student import Student
from ..wording import some_of
from .attributes import KEPT, PER_DIMENSION, POOL, Parts, Variable, text
from .learner import Learner, learner_at, single_load
from .scans import roots_of_rows

if TYPE_CHECKING:
    import xarray as xr

LEAST_LOAD = 1e-3  # the least alpha_prune that is solved
ABSCISSA = 0.01  # step of the derivative with respect to ln f

INTERIOR = "interior"
NO_PRUNING = "no pruning (f = 1)"
WIDEST = "widest window (f = 1 - lower)"
CAP = "cap (initial data)"
LIMIT = "limit f -> 0"
LOWER_END = f"lower end (f = {SMALLEST:g})"
SMALLEST_LOAD = f"lower end (alpha_prune = {LEAST_LOAD:g})"
NONE = "no contact"

Values = Float[np.ndarray, " n"]


@eager_only
def pareto_frontier(
    alpha_prune: Any = None,
    *,
    alpha_tot: Any = None,
    theta: Any = 0.0,
    max_alpha_tot: Any = None,
    rule: str | Rule = "hard",
    margin: str = "absolute",
    student: str | Student = "max_margin",
    loss: Any = None,
    ridge: Any = None,
    flip_probability: Any = 0.0,
    label_noise: Any = None,
) -> xr.Dataset:
    """The keep fraction of least error, by minimisation over f in [1e-8, 1].

    With ``alpha_prune``: for each number of kept examples the global minimum over f,
    the pool being as large as f asks for or at most ``max_alpha_tot``.  Variables on
    the dimension ``alpha_prune``: ``f_opt``, ``error``, ``alpha_tot`` and ``kind``,
    which says what sort of optimum it is: "interior", "no pruning (f = 1)",
    "cap (initial data)" (all of the pool that is allowed is used), "lower end
    (f = 1e-8)" (the error still falls there), or "limit f -> 0": at theta = 0 the hard
    rule has no best f once alpha_prune >= 2, its error goes to 0 with f, and so
    f_opt = 0, error = 0 and alpha_tot = inf.

    With ``alpha_tot``: on the dimension ``alpha_tot``, two sets of variables.
    ``f_opt``, ``alpha_prune``, ``error``, ``kind``: the envelope as the paper draws it,
    the point at which this pool's curve of error against alpha_prune touches the
    envelope of the curves of all pools, d error/d f = 0 at fixed alpha_prune.  It is
    not where the pool's own error is least, which is ``pool_f_opt``,
    ``pool_alpha_prune``, ``pool_error``, ``pool_kind``: the minimum over f at fixed
    alpha_tot.  NaN and the kind "no contact" stand where a pool's curve does not reach
    the envelope.

    Args:
        alpha_prune: kept examples per dimension, (n,) or a number.
        alpha_tot: examples of the pool per dimension; give one of the two.
        theta: angle of teacher and probe in radians.
        max_alpha_tot: the largest pool there is; only with ``alpha_prune``, and not
            smaller than it.
        rule: "hard", "easy", "random" or a rule object with a keep fraction.
        margin: "absolute" (|P.x|) or "signed" (y P.x).
        student: any that :func:`solve` takes.
        loss: a convex loss in place of a student, as in :func:`solve_convex`.
        ridge: of that loss: a number, or "optimal", the best one at every point.
        flip_probability: of the labels of the pool, with a loss.
        label_noise: of the teacher, with a loss: as in :func:`solve_convex`, with its
            strength, ``Probit(0.5)`` or "probit:0.5".

    Raises:
        InputError: an argument outside its range, or not exactly one load.
        ConvergenceError: an optimum whose error could not be solved.
    """
    given = dict(locals())
    import xarray as xr  # a third of a second

    return xr.Dataset(*frontier(**given))


@remembering()
def frontier(
    rule: str | Rule,
    margin: str,
    theta: Any,
    *,
    max_alpha_tot: Any,
    alpha_prune: Any = None,
    alpha_tot: Any = None,
    **learner_of: Any,
) -> Parts:
    """As :func:`pareto_frontier`, for those who need no dataset."""
    one_load(alpha_prune, alpha_tot)
    kind = resolve_rule(rule)
    name = rule if isinstance(rule, str) else kind.text
    learner = learner_at(theta, margin, **learner_of)
    if not kind.takes_fraction:
        raise InputError(
            f"a {type(kind).__name__} rule fixes its keep fraction: there is none to "
            "optimise"
        )
    check_rule(kind, np.full((), SMALLEST))
    if any(np.ndim(leaf) for leaf in jax.tree.leaves(kind)):
        raise InputError(f"a rule must have numbers as parameters here, got {rule!r}")
    task = Task(learner, kind)
    if alpha_prune is not None:
        loads = _loads("alpha_prune", alpha_prune)
        variables, coords, attrs = _at_fixed_load(loads, max_alpha_tot, task)
    else:
        if max_alpha_tot is not None:
            raise InputError("max_alpha_tot goes with alpha_prune: leave it out")
        loads = _loads("alpha_tot", alpha_tot)
        variables, coords, attrs = _envelope(loads, task)
    attrs |= {"theta": learner.theta, "rule": name, "margin": margin}
    return variables, coords, attrs | {"student": learner.student.name}


class Task(NamedTuple):
    """Whose error is minimised over the kept fraction of which rule."""

    learner: Learner
    rule: Rule

    def log_error(self, alpha: Any, fraction: Any) -> np.ndarray:
        """Ln error; NaN where the point did not converge."""
        # exp(log(f)) may exceed 1 in its last digit
        at = {"alpha_prune": alpha, "keep_fraction": np.minimum(fraction, 1.0)}
        return self.learner.log_error(self.rule, **at)

    def falls_to_zero(self, alpha: Values) -> np.ndarray:
        """Where a vanishing part of the hardest examples fixes the teacher."""
        if self.learner.theta > 0 or not keeps_hardest(self.rule):
            return np.zeros(np.shape(alpha), bool)
        return self.learner.student.falls_to_zero(alpha)

    @property
    def top(self) -> str:
        """What kind of optimum the largest fraction is."""
        return NO_PRUNING if self.rule.largest_fraction == 1 else WIDEST


def _loads(name: str, value: Any) -> Values:
    loads = np.atleast_1d(as_array(name, value))
    if loads.ndim > 1:
        raise InputError(f"{name} must be a number or 1-D, got shape {loads.shape}")
    check_load(name, loads)
    if (loads < LEAST_LOAD).any():
        raise InputError(f"{name} must be at least {LEAST_LOAD:g}, got {loads.min():g}")
    return loads


def _best_of_all(loads: Values, largest: float, task: Task) -> tuple[Minimum, Values]:
    """The minimum over ln f at fixed alpha_prune, and its lower ends in f."""
    least = np.maximum(SMALLEST, loads / largest)

    def along(x: Float[np.ndarray, "n k"], row: Any) -> Float[np.ndarray, "n k"]:
        return task.log_error(loads[row, None], np.exp(x))

    return _minimise(along, least, task.rule), least


def _minimise(along: Function, least: Values, rule: Rule) -> Minimum:
    if rule.indifferent:  # every f is as good: keep all
        end = np.zeros(len(least))
        value = along(end[:, None], np.arange(len(end)))[:, 0]
        return Minimum(end, value, end < 0, end == 0)
    widest = np.full(len(least), rule.largest_fraction)
    return minimise(along, np.log(np.minimum(least, widest)), np.log(widest))


def _kinds(minimum: Minimum, lower: np.ndarray, top: str) -> np.ndarray:
    """What sort of optimum each one is, by what the lower ends and the top are."""
    # a pool of just the examples to keep leaves no choice: no pruning comes first
    kind = np.where(minimum.at_lower, lower, INTERIOR)
    return np.where(minimum.at_upper, top, kind)


def _require_solved(minimum: Minimum, name: str, loads: Values) -> None:
    bad = np.isnan(minimum.value)
    if bad.any():
        raise ConvergenceError(
            f"the optimum of {some_of(bad.sum(), bad.size, 'point')} did not converge, "
            f"{'the first ' * (bad.size > 1)}at {name} = {loads[bad][0]:.17g}"
        )


def _at_fixed_load(loads: Values, largest: Any, task: Task) -> Parts:
    cap, rule = np.inf, task.rule
    if largest is not None:
        cap = single_load("max_alpha_tot", largest)
        if cap < loads.max() / rule.largest_fraction:
            raise InputError(
                f"max_alpha_tot must be at least what is kept, {loads.max():g}"
                f" / {rule.largest_fraction:g}, got {cap:g}"
            )
    minimum, least = _best_of_all(loads, cap, task)
    lower = np.where(least > SMALLEST, CAP, LOWER_END)
    kind = _kinds(minimum, lower, task.top)
    _require_solved(minimum, "alpha_prune", loads)
    fraction, error = np.exp(minimum.position), np.exp(minimum.value)
    fraction = np.where(minimum.at_upper, rule.largest_fraction, fraction)
    limit = np.full(len(loads), False)
    if cap == np.inf:
        limit = task.falls_to_zero(loads)
    fraction, error = np.where(limit, 0.0, fraction), np.where(limit, 0.0, error)
    total = np.divide(loads, fraction, out=np.full(len(loads), np.inf), where=~limit)

    def on(values: Any, *about: str) -> Variable:
        return ("alpha_prune",), values, text(*about)

    variables = {
        "f_opt": on(fraction, "best kept fraction"),
        "error": on(error, "error at f_opt"),
        "alpha_tot": on(total, POOL, PER_DIMENSION),
        "kind": on(np.where(limit, LIMIT, kind), "optimum"),
    }
    coords = {"alpha_prune": on(loads, KEPT, PER_DIMENSION)}
    return variables, coords, {"max_alpha_tot": cap}


def _envelope(loads: Values, task: Task) -> Parts:
    least = np.maximum(SMALLEST, LEAST_LOAD / loads)

    def along(x: Float[np.ndarray, "n k"], row: Any) -> Float[np.ndarray, "n k"]:
        return task.log_error(loads[row, None] * np.exp(x), np.exp(x))

    pool = _minimise(along, least, task.rule)
    _require_solved(pool, "alpha_tot", loads)
    lower = np.where(least > SMALLEST, SMALLEST_LOAD, LOWER_END)
    pool_kind = _kinds(pool, lower, task.top)
    pool_f = np.exp(pool.position)
    fraction, error, kind = _contacts(loads, least, task)
    of_curve = "of the point where this pool's curve touches the envelope of all pools"
    of_pool = "of the minimum of the error over f at fixed alpha_tot"

    def on(values: Any, *about: str) -> Variable:
        return ("alpha_tot",), values, text(*about)

    variables = {
        "f_opt": on(fraction, "envelope keep fraction", "1", of_curve),
        "alpha_prune": on(fraction * loads, KEPT, PER_DIMENSION, of_curve),
        "error": on(error, "error of the envelope", "1", of_curve),
        "kind": on(kind, "optimum of the envelope", "1", of_curve),
        "pool_f_opt": on(pool_f, "best kept fraction", "1", of_pool),
        "pool_alpha_prune": on(pool_f * loads, KEPT, PER_DIMENSION, of_pool),
        "pool_error": on(np.exp(pool.value), "least error of the pool", "1", of_pool),
        "pool_kind": on(pool_kind, "optimum of the pool", "1", of_pool),
    }
    return variables, {"alpha_tot": on(loads, POOL, PER_DIMENSION)}, {}


def _contacts(
    loads: Values, least: Values, task: Task
) -> tuple[Values, Values, np.ndarray]:
    """Where d error/d f = 0 at fixed alpha_prune = f alpha_tot, on the lower envelope.

    The derivative is taken along each pool's curve, its roots bracketed by a scan; a
    root counts if no other f does better with the same alpha_prune.
    """
    rule = task.rule
    top = np.log(rule.largest_fraction)

    def slope(x: Values, row: Any) -> Values:
        return _slope(x, loads[row], task, top)

    if rule.indifferent:
        row, x = np.arange(len(loads)), np.zeros(len(loads))
    else:
        count = 2 + int(np.ceil(-np.log(least).min() / 0.5))
        share = np.linspace(0.0, 1.0, count)
        low = np.log(least)[:, None]
        grid = low + (top - low) * share
        flat = np.repeat(np.arange(len(loads)), count)
        slopes = slope(grid.ravel(), flat).reshape(grid.shape)
        for k in range(1, count):  # a point not solved takes its neighbour's side
            slopes[:, k] = np.where(
                np.isnan(slopes[:, k]), slopes[:, k - 1], slopes[:, k]
            )
        changes = np.sign(slopes[:, :-1]) * np.sign(slopes[:, 1:]) < 0
        # of ln f to 1e-13: near the threshold it is alpha - 2 that matters
        row, x = roots_of_rows(slope, grid, slopes, changes, 1e-13)
        whole = np.nonzero(slopes[:, -1] <= 0)[0]
        row, x = np.concatenate([row, whole]), np.concatenate([x, 0 * whole + top])
    fraction, error = np.full(len(loads), np.nan), np.full(len(loads), np.nan)
    kind = np.full(len(loads), NONE, dtype="U40")
    if len(row):
        alpha = loads[row] * np.exp(x)
        value = task.log_error(alpha, np.exp(x))
        best, _ = _best_of_all(alpha, np.inf, task)
        # the errors near the threshold are known to 1e-7 or so, not to 1e-8
        good = value <= best.value + 1e-6
        good &= ~task.falls_to_zero(alpha)
        # of several contacts the one of least error, which is written last
        last = [n for n in np.argsort(-value, kind="stable") if good[n]]
        fraction[row[last]], error[row[last]] = np.exp(x[last]), np.exp(value[last])
        kind[row[last]] = np.where(x[last] == top, task.top, INTERIOR)
    return fraction, error, kind


def _slope(x: Values, alpha_tot: Values, task: Task, top: float) -> Values:
    """D ln error / d ln f at fixed alpha_prune, by differences of fourth order."""
    inside = (x + 2 * ABSCISSA <= top)[:, None]
    steps = np.where(inside, [-2, -1, 0, 1, 2], [-4, -3, -2, -1, 0]) * ABSCISSA
    weights = np.where(inside, [1, -8, 0, 8, -1], [3, -16, 36, -48, 25])
    alpha = (alpha_tot * np.exp(x))[:, None]
    values = task.log_error(alpha, np.exp(x[:, None] + steps))
    return np.sum(np.where(weights == 0, 0.0, weights * values), 1) / (12 * ABSCISSA)
