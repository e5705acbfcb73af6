r"""The pruning rule of least error, among all keep-probabilities of the margin.

At fixed alpha_prune and kept fraction f the error is a function of q(z) in [0, 1] with
the mean f over the pool, and D(z) of :mod:`.margin_derivative` its gradient.  At a
minimum q = 1 where D lies below a multiplier mu and q = 0 where it lies above: but for
margins at which D is flat, the best rule keeps a few intervals with certainty.

At theta = 0 those of the max-margin student are one interval, or the two ends of the
pool.  There, with the slack t = tau - a u <= tau and constants l,

    D = const + l_1 G_2(t) + l_2 (G_0(t) + u G_1(t)/a),
    dD/dt = G_1 [2 l_1 + l_2 (r(t) - 1)/a^2],  r = ((tau - t) G_0 + a^2 phi)/G_1,

where G_0/G_1 and phi/G_1 fall with t (G_1 is log-concave, and its derivative's tail
t G_1 + G_0 = G_2 > 0), so r is monotone and D has at most one extremum.  For theta > 0
nothing of the kind is assumed, nor for the other students.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ..errors import ConvergenceError, InputError
from ..kept.problem import Mode
from ..numerics.checks import (
    SMALLEST,
    check_fraction,
    one_number,
)
from ..numerics.precision import eager_only
from ..rules.by_quantile import Mixture, Window
from ..rules.intervals import Intervals
from ..students.student import Student
from .best_ridge import Optimum
from .learner import Learner, best_ridge, has_best_ridge, learner_at, single_load
from .margin_derivative import check_differentiable
from .rule_descent import MOST, Found, Masses, Place, descend, log_errors, solve_rules

SCAN = 64  # windows, and splits between the two ends, that are tried first
ZOOMS = 4  # refinements of the share of a mixture
SAME = 1e-9  # optima whose ln errors are closer than this are one
TURNS = 20  # of rule and ridge, at most
SETTLED = 1e-9  # relative gain of a turn that counts as none
STATIONARY = 1e-6  # the gap up to which the end of a search counts as an optimum


@dataclass(frozen=True)
class OptimalRule:
    """The best rule that was found, how sure that is, and what simpler rules reach.

    Attributes:
        rule: the rule, for :func:`solve` with the ``keep_fraction`` given here.
        error: its generalisation error.
        alpha_prune: kept examples per dimension.
        alpha_tot: examples of the pool per dimension.
        keep_fraction: f.
        theta: angle of teacher and probe, radians.
        margin: "absolute" or "signed".
        student: for which the rule is best.
        intervals: the margins between which everything is kept, (n, 2).
        quantiles: the same as quantiles of the pool's margin, (n, 2).
        multiplier: mu, the value of D at every end; by the envelope theorem also
            d error/d keep_fraction at fixed alpha_prune, of the best rule at each f.
            NaN at f = 1, where there is no end.
        violation: the most by which D/error lies above mu/error where the rule keeps,
            or below it where it drops, on a grid of about 500 margins.
        gap: the integral of that over the pool: no change of q, whatever its form,
            lowers ln error by more than this to first order.
        random_error: error of a random part of the pool (whatever the fraction).
        hard_error: error of the hard rule at the same alpha_prune and f.
        easy_error: the same for the easy rule.
        window_error: the same for the best window.
        window: that window.
        mixture_error: error of the best mixture of hard or easy with random.
        mixture: that mixture.
        local_optima: the rules at which the searches from several starts ended, best
            first, as pairs of their error and quantiles; more than one if the error
            has several minima.
    """

    rule: Intervals
    error: float
    alpha_prune: float
    alpha_tot: float
    keep_fraction: float
    theta: float
    margin: str
    student: str
    intervals: Float[np.ndarray, "n 2"]
    quantiles: Float[np.ndarray, "n 2"]
    multiplier: float
    violation: float
    gap: float
    random_error: float
    hard_error: float
    easy_error: float
    window_error: float
    window: Window
    mixture_error: float
    mixture: Mixture
    local_optima: tuple[tuple[float, Float[np.ndarray, "n 2"]], ...]


@eager_only
def optimal_rule(
    *,
    alpha_prune: Any = None,
    alpha_tot: Any = None,
    keep_fraction: Any = None,
    theta: Any = 0.0,
    margin: str = "absolute",
    student: str | Student = "max_margin",
    loss: Any = None,
    ridge: Any = None,
    flip_probability: Any = 0.0,
    label_noise: Any = None,
) -> OptimalRule:
    """The keep-probability of the margin with the least error at a given kept fraction.

    The search starts from the hard and the easy rule, the best window and the best
    split between the two ends of the pool, and moves by transfers of kept mass along
    the exact functional derivative and Newton's method (:mod:`.rule_descent`).  What is
    certified is stationarity (``violation``, ``gap``); that no other local minimum is
    lower is not proved.

    Args:
        alpha_prune: kept examples per dimension, one number.
        alpha_tot: examples of the pool per dimension.
        keep_fraction: f = alpha_prune/alpha_tot in (0, 1]; give two of the three.
        theta: angle of teacher and probe in radians, [0, pi/2].
        margin: "absolute" (|P.x|) or "signed" (y P.x): what the rule may depend on.
        student: any but "bayes_optimal", which sees the rule itself.
        loss: a convex loss in place of a student, as in :func:`solve_convex`.
        ridge: of that loss: a number, or "optimal": rule and ridge are then improved in
            turn until neither gains.
        flip_probability: of the labels of the pool, with a loss.
        label_noise: of the teacher, with a loss: as in :func:`solve_convex`, with its
            strength, ``Probit(0.5)`` or "probit:0.5".

    Raises:
        InputError: an argument outside its range, not two of the three loads, or more
            to be kept than the pool has.
        ConvergenceError: none of the starts could be solved.

    Example:
        >>> best = optimal_rule(alpha_prune=2.0, keep_fraction=0.5)
        >>> f"{best.error:.8f} {best.hard_error:.8f} {best.easy_error:.8f}"
        '0.11266228 0.13609713 0.11730597'
    """
    alpha, fraction = _loads(alpha_prune, alpha_tot, keep_fraction)
    how = student, loss, ridge, flip_probability, label_noise
    learner = learner_at(theta, margin, *how)
    kind, angle, _ = learner
    if has_best_ridge(kind):
        return _with_best_ridge(learner, alpha, fraction)
    check_differentiable(kind)
    kind = kind.traced_variant()
    # at theta = 0 the two margins are one, y P.x = |P.x|, if the labels are right
    ranked = "absolute" if angle == 0 and not kind.wrong_labels else margin
    mode = Mode(ranked, angle == 0, False, exact=False)
    return _search(Place(alpha, fraction, angle, mode, kind), margin)


def _with_best_ridge(learner: Learner, alpha: float, fraction: float) -> OptimalRule:
    """The rule and the ridge of least error, each improved in turn.

    Raises:
        ConvergenceError: they do not settle, or the best ridge is 0 or infinite.
    """
    student, theta, margin = learner
    where: dict[str, Any] = {"theta": theta, "margin": margin}
    where |= {"alpha_prune": alpha, "keep_fraction": fraction}
    rule: Any = "hard"
    last = np.inf
    for _ in range(TURNS):
        best = best_ridge(student, rule=rule, **where)
        if best.kind != Optimum.INTERIOR:
            raise ConvergenceError(
                f"the best ridge is {best.ridge:g} with the rule {rule!r}: "
                "give ridge as a number"
            )
        found = optimal_rule(student=student.replaced(ridge=float(best.ridge)), **where)
        if found.error > last * (1.0 - SETTLED):
            return found
        rule, last = found.rule, found.error
    raise ConvergenceError("the best rule and the best ridge did not settle")


def _search(at: Place, margin: str) -> OptimalRule:
    alpha, fraction, angle = at.alpha, at.fraction, at.theta
    hard, easy = _row(0.0, fraction), _row(1.0 - fraction, fraction)
    share = [1.0, 1.0, float(fraction == 1)]  # all of the pool is no random part
    simple = log_errors(solve_rules(np.stack([hard, easy, hard]), at, share), at)
    if fraction == 1.0:
        window = _whole(simple[2], at)
        found, mixture = [window], (simple[2], Mixture(0.0))
    else:
        window = descend(_best(_windows(fraction), at), at, fixed=True)
        mixture = _best_mixture(at)
        starts = [hard, easy, window.masses, _best(_splits(fraction), at)]
        found = [descend(start, at) for start in starts]
        # what a few intervals come to if only the largest is kept
        widest = min(found, key=lambda f: f.log_error).masses[1::2].argmax()
        lower = min(found, key=lambda f: f.log_error).masses[: 2 * widest + 1].sum()
        again = descend(_row(min(lower, 1.0 - fraction), fraction), at, fixed=True)
        single = [f for f in (window, again, *found) if len(f.ends) == 1]
        window = min(single, key=lambda f: f.log_error)
    every, found = found, _distinct(found)
    if not found:
        raise ConvergenceError(
            f"no rule could be solved at alpha_prune = {alpha:.17g}, keep_fraction = "
            f"{fraction:.17g}, theta = {angle:.17g}"
        )
    ties = [f for f in (window, *every) if f.log_error < found[0].log_error + SAME]
    best = min(ties, key=lambda f: (len(f.ends), f.gap))  # the simplest of equals
    error = float(np.exp(best.log_error))
    n = 2 * len(best.ends)
    lower = min(float(window.masses[0]), 1.0 - fraction)
    return OptimalRule(
        rule=_intervals(best.masses[: n + 1]),
        error=error,
        alpha_prune=alpha,
        alpha_tot=alpha / fraction,
        keep_fraction=fraction,
        theta=angle,
        margin=margin,
        student=at.student.name,
        intervals=best.ends,
        quantiles=_quantiles(best),
        multiplier=best.multiplier * error,
        violation=best.violation,
        gap=best.gap,
        hard_error=float(np.exp(simple[0])),
        easy_error=float(np.exp(simple[1])),
        random_error=float(np.exp(simple[2])),
        window_error=float(np.exp(window.log_error)),
        window=Window(lower),
        mixture_error=float(np.exp(mixture[0])),
        mixture=mixture[1],
        local_optima=tuple((float(np.exp(f.log_error)), _quantiles(f)) for f in found),
    )


def _loads(alpha_prune: Any, alpha_tot: Any, keep_fraction: Any) -> tuple[float, float]:
    """(alpha_prune, f) from two of the three."""
    given = {"alpha_prune": alpha_prune, "alpha_tot": alpha_tot}
    loads = {k: single_load(k, v) for k, v in given.items() if v is not None}
    if len(loads) + (keep_fraction is not None) != 2:
        raise InputError("give two of alpha_prune, alpha_tot and keep_fraction")
    if keep_fraction is not None:
        fraction = one_number("keep_fraction", keep_fraction)
    else:
        fraction = loads["alpha_prune"] / loads["alpha_tot"]
        if fraction > 1:
            raise InputError(
                f"alpha_prune must not exceed alpha_tot, the examples there are, got "
                f"{loads['alpha_prune']:g} > {loads['alpha_tot']:g}"
            )
    check_fraction("keep_fraction", np.asarray(fraction))
    if fraction < SMALLEST:
        raise InputError(
            f"keep_fraction must be at least {SMALLEST:g} here, got {fraction:g}"
        )
    alpha = loads.get("alpha_prune", loads.get("alpha_tot", 0.0) * fraction)
    return float(alpha), float(fraction)


def _row(*masses: float) -> Masses:
    """Alternating masses, filled up: what is left over after the last is dropped."""
    row = np.zeros(2 * MOST + 1)
    row[: len(masses)] = masses
    row[len(masses)] = max(1.0 - sum(masses), 0.0)
    return row


def _windows(f: float) -> Float[np.ndarray, "n m"]:
    """Windows from hard to easy, close to both ends on the scale of f and finer."""
    near = np.geomspace(min(1e-3, 0.01 * f), 0.5, SCAN // 2)
    lower = (1.0 - f) * np.append(near, 1.0 - near[-2::-1])
    return np.stack([_row(x, f) for x in lower])


def _splits(f: float) -> Float[np.ndarray, "n m"]:
    """A part of f at the lower end of the pool, the rest at the upper one."""
    near = np.geomspace(1e-3, 0.5, SCAN // 2)
    part = f * np.append(near, 1.0 - near[-2::-1])
    return np.stack([_row(0.0, x, 1.0 - f, f - x) for x in part])


def _best(rows: Float[np.ndarray, "n m"], at: Place) -> Masses:
    return rows[np.argmin(log_errors(solve_rules(rows, at), at))]


def _best_mixture(at: Place) -> tuple[float, Mixture]:
    """Ln error and rule: the share in a scan of both kinds, its bracket refined."""
    f, best = at.fraction, (np.inf, Mixture(0.0))
    for kind, row in (("hard", _row(0.0, f)), ("easy", _row(1.0 - f, f))):
        low, high = 0.0, 1.0
        for _ in range(ZOOMS):
            share = np.linspace(low, high, SCAN // 2)
            rows = np.tile(row, (len(share), 1))
            value = log_errors(solve_rules(rows, at, share, sure=False), at)
            i = int(np.argmin(value))
            here = float(value[i]), Mixture(float(share[i]), kind)
            best = min(best, here, key=lambda pair: pair[0])
            low, high = share[max(i - 1, 0)], share[min(i + 1, len(share) - 1)]
    return best


def _whole(log_error: float, at: Place) -> Found:
    """All of the pool: there is nothing to choose."""
    least = 0.0 if at.mode.margin == "absolute" else -np.inf
    ends = np.array([[least, np.inf]])
    return Found(_row(0.0, 1.0), float(log_error), ends, np.nan, 0.0, 0.0)


def _distinct(found: list[Found]) -> list[Found]:
    """The optima in order of their errors, one of each error."""
    found = [f for f in found if np.isfinite(f.log_error)]
    found.sort(key=lambda f: f.log_error)
    first = found[:1]
    for one in found[1:]:
        if one.log_error > first[-1].log_error + SAME and one.gap < STATIONARY:
            first.append(one)
    return first


def _intervals(masses: Masses) -> Intervals:
    dropped = masses[::2] if masses[::2].any() else masses[::2] + 1.0  # f = 1
    return Intervals(tuple(map(float, dropped)), tuple(map(float, masses[1::2])))


def _quantiles(found: Found) -> Float[np.ndarray, "n 2"]:
    n = 2 * len(found.ends)
    return np.minimum(np.cumsum(found.masses[:n]), 1.0).reshape(-1, 2)
