r"""Students that select for their successors: the probe is the student of last round.

In every round a fresh pool is scored by the student of the round before, a rule keeps a
part of it, the true labels of that part are bought (with ``margin="signed"`` those of
the whole pool are known), and the next student is trained on it.  Of a student that is
trained on it alone the pool is independent of its probe, so that a round is the theory
of a probe at the angle theta, exactly as N -> infinity, and of the past only that angle
counts:

    theta' = pi error(theta),

with the error of :func:`solve`.  The map begins at theta = pi/2 with a probe that knows
nothing, where no rule of the absolute margin has an effect, and rests where theta' =
theta; its slope there is what is left of a small distance after a round.  As theta >= 0
no rest is better than error(0), that of a perfect probe, wherever the error rises with
theta.  A student of the labels of all rounds is another matter: :mod:`.all_labels`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from ..errors import InputError
from ..numerics.checks import (
    HALF_PI,
    check_theta,
    one_load,
    one_number,
    truth_value,
)
from ..numerics.precision import eager_only
from ..rules.names import resolve_rule
from ..rules.rule import Rule
from ..solving.front_door import solve
from ..solving.one_round import (
    GRID,
    Round,
    attributes_of,
    each_round,
    fixed_points,
    number_of_rounds,
    round_of,
)
from ..students.names import resolve_student
from ..students.student import Student
from .all_labels import rows_of_all_labels
from .attributes import KEPT, PER_DIMENSION, POOL, text
from .pareto import pareto_frontier

if TYPE_CHECKING:
    import xarray as xr

BEST = "best"

Values = Float[np.ndarray, " n"]


@eager_only
def selection_rounds(
    *,
    rounds: int = 10,
    alpha_prune: Any = None,
    alpha_tot: Any = None,
    keep_fraction: Any = None,
    rule: str | Rule = "hard",
    margin: str = "absolute",
    student: str | Student = "max_margin",
    first_theta: Any = HALF_PI,
    max_alpha_tot: Any = None,
    all_labels: bool = False,
) -> xr.Dataset:
    r"""Students that select the next student's examples, round by round, N -> infinity.

    The equation is at the top of :mod:`perceptron_theory.choices.student_probes`.

    Args:
        rounds: how many students follow each other, at least 1.
        alpha_prune: kept examples per dimension, one number or one for each round; or
        alpha_tot: examples of each pool per dimension, the same.
        keep_fraction: f, one number or one for each round; or "best", the f of least
            error in each round (with ``alpha_prune`` and the absolute margin; by
            :func:`pareto_frontier`); not for a :class:`KeepProbability`.
        rule: as in :func:`solve`.
        margin: "absolute", which needs no labels, or "signed", which needs those of the
            whole pool.
        student: as in :func:`solve`, such as ``Convex("logistic", ridge=0.1)``, with
            flips or label noise, too.
        first_theta: angle of the teacher and the probe of the first round, in radians,
            [0, pi/2]; a random probe without.
        max_alpha_tot: the largest pool there is, with "best".
        all_labels: train each student on the kept examples of all rounds so far, not of
            its own alone.  Solved for the square loss, ``Convex("square", ridge)``,
            with a rule of the absolute margin, and with flips or probit noise.

    Returns:
        Dataset over ``round``, 0 (the first probe) to ``rounds``: ``error``, theta/pi
        of the next round, and ``labels``, how many were bought up to here; and, from
        round 1 on, ``gain``, the error of the round before over that of this one; the
        ``alpha_prune``, ``alpha_tot`` and ``keep_fraction`` of the round; and of what
        the same student makes of other examples: ``random_error``, of as many random
        ones, ``random_all_error``, of as many random ones as all rounds bought up to
        here, and ``perfect_error``, of those that a perfect probe keeps (in all rounds,
        with ``all_labels``).  (A "bayes_optimal" student is told the probe and its
        angle, and knows the more for it; a perfect probe is hidden from it.)

    Raises:
        InputError: an argument outside its range, or not as many numbers as rounds.
        ConvergenceError: a round that was not solved.

    Example:
        >>> import perceptron_theory as pt
        >>> found = pt.selection_rounds(rounds=3, alpha_prune=4.0, keep_fraction=0.2)
        >>> found["error"].values.round(4).tolist()
        [0.5, 0.1137, 0.1584, 0.2129]
        >>> best = pt.selection_rounds(rounds=3, alpha_prune=4.0, keep_fraction="best")
        >>> best["error"].values.round(4).tolist()
        [0.5, 0.1137, 0.0688, 0.0468]
    """
    import xarray as xr

    count, theta = number_of_rounds(rounds), _first_angle(first_theta)
    name, load = one_load(alpha_prune, alpha_tot)
    loads = each_round(name, load, count)
    how = {"rule": rule, "margin": margin, "student": student}
    together = truth_value("all_labels", all_labels)
    if isinstance(keep_fraction, str):
        _check_best(keep_fraction, name, margin, together)
        rows = _best_rounds(loads, theta, max_alpha_tot, how)
    elif max_alpha_tot is not None:
        raise InputError("max_alpha_tot goes with keep_fraction='best': leave it out")
    else:
        fractions = [None] * count
        if keep_fraction is not None:
            fractions = each_round("keep_fraction", keep_fraction, count)
        other = "alpha_tot" if name == "alpha_prune" else "alpha_prune"
        every = [
            round_of(**{name: load, other: None}, keep_fraction=f, **how)
            for load, f in zip(loads, fractions, strict=True)
        ]
        rows = (rows_of_all_labels if together else _given_rounds)(every, theta)
    columns = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    labels = np.cumsum(columns["alpha_prune"])
    random = _random_errors(np.append(columns["alpha_prune"], labels), student)
    error = np.append(theta / np.pi, columns.pop("error"))
    columns |= {"gain": error[:-1] / error[1:]}
    columns |= {"random_error": random[:count], "random_all_error": random[count:]}
    later = {key: np.append(np.nan, value) for key, value in columns.items()}
    values = {"error": error, "labels": np.append(0.0, labels)} | later
    attrs = {"rule": resolve_rule(rule).text, "margin": margin}
    attrs |= {"student": resolve_student(student).name, "first_theta": theta}
    attrs |= {"trained_on": "all rounds" if together else "its own round"}
    return xr.Dataset(
        {key: ("round", value, _ABOUT[key]) for key, value in values.items()},
        {"round": ("round", np.arange(count + 1), text("round"))},
        attrs,
    )


@eager_only
def selection_fixed_points(
    *,
    alpha_prune: Any = None,
    alpha_tot: Any = None,
    keep_fraction: Any = None,
    rule: str | Rule = "hard",
    margin: str = "absolute",
    student: str | Student = "max_margin",
) -> xr.Dataset:
    """Where students that select for their successors come to rest.

    They are looked for between neighbours of 81 angles from 0 to pi/2, for the signed
    margin from 0 to pi: two between the same neighbours are not seen.

    Args:
        alpha_prune: as in :func:`selection_rounds`, one number, and the others.
        alpha_tot: the same.
        keep_fraction: the same, one number.
        rule: the same.
        margin: the same.
        student: the same.

    Returns:
        Dataset over ``fixed_point``, in order of ``error``: that error, its ``theta``,
        the ``slope`` of the map theta -> theta' there, the part of a small distance
        from rest that a round leaves, and whether it is ``stable`` (|slope| < 1); with
        ``random_error`` and ``perfect_error`` of as many examples, random or kept by a
        perfect probe, and the ``alpha_prune`` that rest has.

    Raises:
        InputError: an argument outside its range, or more than one number.
        ConvergenceError: a point of the map that was not solved.

    Example:
        >>> import perceptron_theory as pt
        >>> rest = pt.selection_fixed_points(alpha_prune=4.0, keep_fraction=0.2)
        >>> rest["error"].values.round(4).tolist(), rest["stable"].values.tolist()
        ([0.0264, 0.0866, 0.2145], [True, False, True])
    """
    import xarray as xr

    loads = {"alpha_prune": alpha_prune, "alpha_tot": alpha_tot}
    how = {"rule": rule, "margin": margin, "student": student}
    every = round_of(**loads, keep_fraction=keep_fraction, **how)
    far = HALF_PI if margin == "absolute" else np.pi

    def rise(theta: Any) -> Any:
        return np.pi * every.error(theta) - theta

    found, slope = fixed_points(rise, np.linspace(0.0, far, GRID + 1))
    kept = every.solve(np.zeros(1))
    rest = every.solve(np.minimum(found, np.pi - found)) if found.size else kept
    load = np.broadcast_to(rest.alpha_prune, rest.error.shape)[: found.size]
    columns = {
        "error": found / np.pi,
        "theta": found,
        "slope": slope,
        "stable": np.abs(slope) < 1,
        "alpha_prune": load,
        "random_error": _random_errors(load, student) if found.size else found,
        "perfect_error": np.full(found.size, kept.error[0]),
    }
    return xr.Dataset(
        {key: ("fixed_point", value) for key, value in columns.items()},
        attrs=attributes_of(every),
    )


_ABOUT = {
    "error": text("error"),
    "labels": text("labels bought so far", PER_DIMENSION),
    "gain": text("error before over error"),
    "alpha_prune": text(KEPT, PER_DIMENSION),
    "alpha_tot": text(POOL, PER_DIMENSION),
    "keep_fraction": text("kept part of the pool"),
    "random_error": text("error, as many random", "1", "examples in this round"),
    "random_all_error": text("error, all labels random", "1", "labels of all rounds"),
    "perfect_error": text("error, perfect probe"),
}


def _first_angle(first_theta: Any) -> float:
    """The angle of the first probe, under its own name in a message.

    Raises:
        InputError: not one number in [0, pi/2].
    """
    theta = one_number("first_theta", first_theta)
    try:
        check_theta(theta)
    except InputError as error:
        raise InputError(str(error).replace("theta", "first_theta", 1)) from None
    return float(theta)


def _check_best(keep_fraction: str, name: str, margin: str, all_labels: bool) -> None:
    """Refuse what the best fraction is not defined for.

    Raises:
        InputError: another word, another load, another margin or the labels of all.
    """
    if keep_fraction != BEST:
        raise InputError(
            f"keep_fraction must be in (0, 1] or 'best', got {keep_fraction!r}"
        )
    if name != "alpha_prune":
        raise InputError(
            "the best keep_fraction is that at a fixed number of labels: give "
            "alpha_prune in place of alpha_tot"
        )
    if margin != "absolute":
        raise InputError(
            "keep_fraction='best' is for the absolute margin (a probe that is worse "
            f"than chance would turn the rule round), got {margin!r}"
        )
    if all_labels:
        raise InputError(
            "keep_fraction='best' is of students of their own round: give numbers with "
            "all_labels"
        )


def _given_rounds(every: list[Round], theta: float) -> list[dict[str, float]]:
    """Rounds at the fractions that are given, each with a perfect probe beside it."""
    names = "error", "alpha_prune", "alpha_tot", "keep_fraction"
    rows, last, perfect = [], None, 0.0
    for one in every:
        if one != last:  # most often all are the same
            last, perfect = one, float(one.solve(0.0).error)
        here = one if theta <= HALF_PI else one.turned(theta)
        found = here.solve(min(theta, np.pi - theta))
        row = {name: float(getattr(found, name)) for name in names}
        rows.append(row | {"perfect_error": perfect})
        theta = np.pi * row["error"]
    return rows


def _best_rounds(
    loads: Values, theta: float, largest: Any, how: dict[str, Any]
) -> list[dict[str, float]]:
    """Rounds at the fractions of least error, and those of a perfect probe."""

    @cache
    def perfect(load: float) -> float:
        return float(_best_at(load, 0.0, largest, how)["error"][0])

    rows = []
    for load in loads.tolist():
        here = _best_at(load, min(theta, np.pi - theta), largest, how)
        rows.append(
            {
                "error": float(here["error"][0]),
                "alpha_prune": load,
                "alpha_tot": float(here["alpha_tot"][0]),
                "keep_fraction": float(here["f_opt"][0]),
                "perfect_error": perfect(load),
            }
        )
        theta = np.pi * rows[-1]["error"]
    return rows


def _best_at(load: float, theta: float, largest: Any, how: dict[str, Any]) -> Any:
    """The fraction of least error at a load and an angle."""
    return pareto_frontier([load], theta=theta, max_alpha_tot=largest, **how)


def _random_errors(loads: Values, student: str | Student) -> Values:
    """The errors of so many random examples."""
    how: dict[str, Any] = {"rule": "random", "student": resolve_student(student)}
    return np.asarray(solve(alpha_prune=loads, keep_fraction=1.0, **how).error)
