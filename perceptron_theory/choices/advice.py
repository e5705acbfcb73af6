"""What to keep of the data one has, what it buys, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ..errors import ConvergenceError, InputError
from ..numerics.checks import HALF_PI, SMALLEST, one_number
from ..numerics.minima import minimise
from ..numerics.precision import eager_only
from ..rules.names import resolve_rule
from ..solving.neighbours import remembering
from ..students.student import Student
from .learner import Learner, has_best_ridge, learner_at, single_load, slopes
from .pareto import LEAST_LOAD
from .scans import first_below

WRONG = np.deg2rad(2.0)  # the error of theta that is tried
EQUAL = 1e-8  # of ln error: no reason to prune
LARGEST = 1e9  # unpruned examples per dimension, beyond which none are counted
SCAN = 0.2  # step in ln f of the search for the fewest examples
UNPRUNED = 96  # loads of a scan for the error of unpruned data
STEP = 1e-4  # of theta, where there is no exact derivative
RULES = ("hard", "easy")

Values = Float[np.ndarray, " n"]


@dataclass(frozen=True)
class Choice:
    """A rule and how much to keep by it.

    Attributes:
        rule: "hard", "easy" or "random".
        keep_fraction: f.
        alpha_prune: kept examples per dimension.
        error: predicted generalisation error.
        unpruned_alpha: examples per dimension that unpruned data would need for that
            error; inf beyond 1e9.
        saving: unpruned_alpha / alpha_prune.
        error_closer: the error if the true theta is 2 degrees smaller (or 0).
        error_further: the error if it is 2 degrees larger (or pi/2).
        error_by_theta: d error/d theta at fixed rule and f, per radian; exact.
    """

    rule: str
    keep_fraction: float
    alpha_prune: float
    error: float
    unpruned_alpha: float
    saving: float
    error_closer: float
    error_further: float
    error_by_theta: float


@dataclass(frozen=True)
class Advice:
    """What to keep of a pool.

    Attributes:
        alpha_tot: examples of the pool per dimension.
        theta: angle of teacher and probe, radians.
        margin: "absolute" or "signed".
        max_alpha_prune: the budget of kept examples per dimension, or None.
        best: the choice of least error without a budget.
        within_budget: the same with at most ``max_alpha_prune`` kept (equal to ``best``
            without a budget).
        pool_error: the error without pruning.
        tolerance: how far above the whole pool's error is still as good, a part of it.
        fewest: the fewest kept examples whose error lies within that.
        text: all of it in a few sentences.
    """

    alpha_tot: float
    theta: float
    margin: str
    max_alpha_prune: float | None
    best: Choice
    within_budget: Choice
    pool_error: float
    tolerance: float
    fewest: Choice

    @property
    def choices(self) -> dict[str, Choice]:
        """What can be chosen, by name; within the budget only if there is one."""
        names = ["best", "within_budget", "fewest"]
        if self.max_alpha_prune is None:
            names.remove("within_budget")
        return {name: getattr(self, name) for name in names}

    @property
    def text(self) -> str:
        """The advice in plain sentences."""
        best, few, budget = self.best, self.fewest, self.within_budget
        lines = [
            f"Of {self.alpha_tot:.4g} examples per dimension, with a probe "
            f"{np.rad2deg(self.theta):.3g} degrees from the teacher: "
            f"{_instruction(best)}. Predicted error {best.error:.4g}"
            + ("." if best.keep_fraction == 1 else f", unpruned {self.pool_error:.4g}.")
        ]
        if self.max_alpha_prune is not None and budget != best:
            lines.append(
                f"With at most {self.max_alpha_prune:.4g} kept: {_instruction(budget)}."
                f" Predicted error {budget.error:.4g}."
            )
        lines.append(_saving(budget))
        limit = f"{100 * self.tolerance:.3g} % of the error of the whole pool"
        lines.append(
            f"Within {limit}: {_instruction(few)}."
            if few.keep_fraction < 1
            else f"No smaller part comes within {limit}."
        )
        lines.append(_doubt(budget, self.theta))
        return " ".join(lines)


def _instruction(choice: Choice) -> str:
    if choice.rule == "random" and choice.keep_fraction == 1:
        return "keep all"
    share = (
        f"{100 * choice.keep_fraction:.3g} % ({choice.alpha_prune:.4g} per dimension)"
    )
    if choice.rule == "random":
        return f"keep a random {share}"
    return f"keep the {'hardest' if choice.rule == 'hard' else 'easiest'} {share}"


def _saving(choice: Choice) -> str:
    if choice.rule == "random":
        return "Choosing by the margin saves nothing there."
    return (
        f"Unpruned data would need {choice.unpruned_alpha:.4g} examples per dimension "
        f"for that error, {choice.saving:.3g} times as many."
    )


def _doubt(choice: Choice, theta: float) -> str:
    if choice.rule == "random":
        return "A wrong theta does not matter to that choice."
    degrees = np.rad2deg(min(theta, WRONG))
    closer = f", if {degrees:.3g} degrees smaller {choice.error_closer:.4g}"
    return (
        f"If theta is 2 degrees larger the error is {choice.error_further:.4g}"
        f"{closer if theta > 0 else ''}; it changes by {choice.error_by_theta:.3g} per "
        "radian."
    )


@eager_only
@remembering()
def advise(
    *,
    alpha_tot: Any,
    theta: Any,
    margin: str = "absolute",
    student: str | Student = "max_margin",
    loss: Any = None,
    ridge: Any = None,
    flip_probability: Any = 0.0,
    label_noise: Any = None,
    max_alpha_prune: Any = None,
    tolerance: Any = 0.05,
) -> Advice:
    """Which of hard, easy and random to keep of a given pool, and how much.

    The global minimum of the error over f at fixed alpha_tot, for each rule, with and
    without a budget of kept examples; the two rules' own optima are compared, and
    random is the whole pool (or all of the budget).

    Args:
        alpha_tot: examples of the pool per dimension, one number.
        theta: angle of teacher and probe in radians, [0, pi/2].
        margin: "absolute" (|P.x|) or "signed" (y P.x).
        student: any that :func:`solve` takes.
        loss: a convex loss in place of a student, as in :func:`solve_convex`.
        ridge: of that loss: a number, or "optimal", the best one of each choice.
        flip_probability: of the labels of the pool, with a loss.
        label_noise: of the teacher, with a loss: as in :func:`solve_convex`, with its
            strength, ``Probit(0.5)`` or "probit:0.5".
        max_alpha_prune: the most examples per dimension that may be kept.
        tolerance: part of the whole pool's error by which ``fewest`` may exceed it.

    Raises:
        InputError: an argument outside its range.
        ConvergenceError: an optimum that could not be solved.

    Example:
        >>> best = advise(alpha_tot=10.0, theta=0.0).best
        >>> f"{best.rule} {best.keep_fraction:.3f} {best.error:.5f}"
        'easy 0.903 0.04883'
    """
    pool = single_load("alpha_tot", alpha_tot)
    how = student, loss, ridge, flip_probability, label_noise
    learner = learner_at(theta, margin, *how)
    if pool > LARGEST:
        raise InputError(
            f"alpha_tot must be at most {LARGEST:g}, got {pool:g}: beyond, "
            "power_law_coefficient gives the error of every rule"
        )
    most = None
    if max_alpha_prune is not None:
        most = single_load("max_alpha_prune", max_alpha_prune)
    near = float(one_number("tolerance", tolerance))
    if not 0 <= near < np.inf:
        raise InputError(f"tolerance must be a part of the error >= 0, got {near:g}")
    budget = pool if most is None else min(most, pool)
    if budget < LEAST_LOAD:
        raise InputError(
            f"alpha_tot and max_alpha_prune must be at least {LEAST_LOAD:g}, the least "
            f"load that is solved, got {budget:g}"
        )
    task = Task(learner, pool)
    optima = {load: _optimum(task, load) for load in {pool, budget}}
    whole = float(task.log_error("random", np.zeros(()))[()])
    best = _choice(task, *optima[pool])
    return Advice(
        alpha_tot=pool,
        theta=learner.theta,
        margin=margin,
        max_alpha_prune=most,
        best=best,
        within_budget=best if budget == pool else _choice(task, *optima[budget]),
        pool_error=float(np.exp(whole)),
        tolerance=near,
        fewest=_choice(task, *_fewest(task, whole + np.log1p(near))),
    )


class Task(NamedTuple):
    """Whose errors are compared, for which pool."""

    learner: Learner
    pool: float

    def log_error(self, rule: str, x: Any, theta: float | None = None) -> Any:
        """Ln error where exp(x) of the pool is kept; NaN where it was not solved."""
        learner, fraction = self.learner, np.minimum(np.exp(x), 1.0)
        if theta is not None:
            learner = learner._replace(theta=theta)
        return learner.log_error(rule, alpha_tot=self.pool, keep_fraction=fraction)


def _least(pool: float) -> float:
    return float(np.log(max(SMALLEST, LEAST_LOAD / pool)))


def _optimum(task: Task, most: float) -> tuple[str, float]:
    """The rule and ln f of least error with at most ``most`` kept."""
    at, pool = task.log_error, task.pool
    top = float(np.log(most / pool))
    best, value = ("random", top), float(at("random", np.full(1, top))[0])
    for rule in RULES:
        low = np.array([min(_least(pool), top)])
        found = minimise(lambda x, row, rule=rule: at(rule, x), low, np.array([top]))
        if np.isnan(found.value[0]):
            raise ConvergenceError(
                f"the best {rule} fraction of alpha_tot = {pool:.17g} did not converge"
            )
        if found.value[0] < value - EQUAL:
            x = top if found.at_upper[0] else float(found.position[0])
            best, value = (rule, x), float(found.value[0])
    return best


def _fewest(task: Task, goal: float) -> tuple[str, float]:
    """The rule and least ln f whose ln error is at most ``goal``."""
    at, low = task.log_error, _least(task.pool)
    x = np.linspace(low, 0.0, 2 + int(-low / SCAN))
    best = ("random", 0.0)
    for rule in (*RULES, "random"):
        gap = lambda x, row, rule=rule: at(rule, x) - goal  # noqa: E731
        values = gap(x, None)
        good = values <= 0
        if not good.any() or x[np.argmax(good)] >= best[1] + 1.01 * SCAN:
            continue
        root = first_below(gap, x, values, 1e-10)
        if root < best[1] - EQUAL:
            best = (rule, root)
    return best


def _choice(task: Task, rule: str, x: float) -> Choice:
    fraction = 1.0 if x == 0 else float(np.exp(x))
    alpha, theta = task.pool * fraction, task.learner.theta
    tried = [theta, max(theta - WRONG, 0.0), min(theta + WRONG, HALF_PI)]
    blind = rule == "random" and not task.learner.student.knows_probe
    if blind:
        tried = [theta] * 3
    values = [float(np.exp(task.log_error(rule, x, t))) for t in tried]
    slope, unpruned = 0.0, alpha
    if not blind:
        slope = _by_theta(task, rule, x, fraction, values[0])
    if rule != "random":
        unpruned = _unpruned(task, np.log(values[0]))
    if np.isnan(values).any():
        raise ConvergenceError(
            f"{rule} did not converge at alpha_prune = {alpha:.17g}, keep_fraction = "
            f"{fraction:.17g} and within 2 degrees of theta = {theta:.17g}"
        )
    end = unpruned, unpruned / alpha, values[1], values[2], slope
    return Choice(rule, fraction, alpha, values[0], *end)


def _by_theta(task: Task, rule: str, x: float, f: float, error: float) -> float:
    """D error/d theta: exact, from the rates of the saddle point.

    With the best ridge, which moves with theta but where it does not matter to first
    order, by a difference.
    """
    student, theta, margin = task.learner
    if has_best_ridge(student):
        ends = np.clip([theta - STEP, theta + STEP], 0.0, HALF_PI)
        low, high = (float(np.exp(task.log_error(rule, x, end))) for end in ends)
        return (high - low) / float(ends[1] - ends[0])
    where = {"alpha_prune": task.pool * f, "keep_fraction": f, "theta": theta}
    rates, _ = slopes(student, resolve_rule(rule), **where, margin=margin)
    return float(rates[0, 2] * error)


def _unpruned(task: Task, log_error: float) -> float:
    """The least load at which unpruned data have this error; inf if it is beyond all.

    The errors of most students fall with the load; those of a small ridge have a peak
    on the way, so that a scan comes first.
    """

    def gap(x: Values, row: Any) -> Values:
        loads = np.exp(x)
        at = task.learner.log_error("random", alpha_prune=loads, keep_fraction=1.0)
        return at - log_error

    ends = np.linspace(np.log(LEAST_LOAD), np.log(LARGEST), UNPRUNED)
    return float(np.exp(first_below(gap, ends, gap(ends, None), 1e-12)))
