"""A round of training on a pool that a probe prunes, and the same from the other side.

A probe at more than a right angle to whoever labels is the opposite of one at less, and
ranks signed margins the other way round.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ..errors import InputError
from ..numerics.checks import (
    HALF_PI,
    as_array,
    check_fraction,
    check_load,
    check_margin,
    one_load,
    one_number,
)
from ..rules.agreeing import Agreeing, AgreeingAt, disagreeing_part
from ..rules.keep_probability import KeepProbability
from ..rules.names import resolve_rule
from ..rules.rule import Cells, Rule
from ..students.names import resolve_student
from ..students.student import Student
from ..students.three_directions import ThreeDirections
from .front_door import solve

GRID = 80  # steps of the angle between which fixed points are looked for
STEP = 1e-3  # of the argument of a map, for its slope
NOTHING = 1e-12  # a cosine, or an angle, of no size


Values = Float[np.ndarray, " n"]


@dataclass(frozen=True)
class Mirrored(Rule):
    """A rule as it looks from the opposite probe, whose signed margins are opposite."""

    rule: Any

    @property
    def levels_depend_on_f(self) -> bool:  # type: ignore[override]
        return self.rule.levels_depend_on_f

    def cells(self, keep_fraction: Any) -> Cells:
        below, above, level = self.rule.cells(keep_fraction)
        return Cells(above[::-1, ::-1], below[::-1, ::-1], level[::-1])

    def check(self, keep_fraction: Any, margin: str) -> None:
        self.rule.check(keep_fraction, margin)

    def fits(self, keep_fraction: Any) -> Any:
        return self.rule.fits(keep_fraction)


@dataclass(frozen=True)
class Round:
    """What every round has in common."""

    load: dict[str, Any]
    keep_fraction: float | None
    rule: Rule
    margin: str
    student: Student

    def solve(self, theta: Any) -> Any:
        """The student of generators at angles theta to the probe, [0, pi/2]."""
        return solve(
            **self.load,
            keep_fraction=self.keep_fraction,
            theta=theta,
            rule=self.rule,
            margin=self.margin,
            student=self.student,
        )

    def probe_cosine(self, x: Values) -> Values:
        """The map: cosines of the students with the probe, from their generators'."""
        theta, new = np.arccos(np.clip(x, -1.0, 1.0)), np.empty_like(x)
        near = theta <= HALF_PI
        if near.any():
            new[near] = self.solve(theta[near]).probe_overlap
        if not near.all():
            turned = self.turned(theta[~near]).solve(np.pi - theta[~near])
            new[~near] = -np.asarray(turned.probe_overlap)
        return new

    def error(self, theta: Values) -> Values:
        """Errors against the generators' labels, at angles [0, pi] to the probe."""
        near, error = theta <= HALF_PI, np.empty_like(theta)
        if near.any():
            error[near] = self.solve(theta[near]).error
        if not near.all():
            beyond = np.pi - theta[~near]
            error[~near] = self.turned(theta[~near]).solve(beyond).error
        return error

    def trained_on(self, three: ThreeDirections) -> tuple[Any, float, float]:
        """The solution of a round, and the student's angles to truth and probe.

        A generator at more than a right angle to the probe is one at less to the
        opposite probe, whose margins rank the other way round.
        """
        here, turned = self, three.between > HALF_PI
        if turned:
            here = self.turned(three.between)
            three = three.replaced(
                probe_angle=np.pi - three.probe_angle, between=np.pi - three.between
            )
        found = here.solve(three.between)
        to_probe = three.replaced(label_angle=three.between, probe_angle=0.0)
        angles = (np.pi * found.error_against(x) for x in (three, to_probe))
        truth, probe = map(float, angles)
        return found, truth, np.pi - probe if turned else probe

    def turned(self, theta: Any) -> Round:
        """A round as the opposite probe sees it, theta the angle of the probe."""
        rule, margin = self.rule, self.margin
        if isinstance(rule, Agreeing):
            margin = "signed"
            if isinstance(rule.rule, KeepProbability):
                raise InputError(
                    "a student came to lie at more than a right angle to the probe, "
                    "where label-aware keeping takes rules of ranks: not a "
                    "KeepProbability"
                )
            seen = self.student.labels_seen(theta)
            rule = AgreeingAt(rule.rule, disagreeing_part(*seen))
        if margin == "signed":
            known = isinstance(rule, KeepProbability)
            rule = rule.mirrored() if known else Mirrored(rule)
        return Round(self.load, self.keep_fraction, rule, margin, self.student)


def fixed_points(
    rise: Callable[[Values], Values], grid: Values
) -> tuple[Values, Values]:
    """Where a map comes to rest, in order, and the slope of the map there.

    They are at points of the grid, and between two where the rise changes its sign.

    Args:
        rise: of arrays, the map less its argument.
        grid: of arguments, increasing.
    """
    from scipy.optimize import brentq

    values = rise(grid)
    zero = np.abs(values) < NOTHING
    crosses = (values[1:] * values[:-1] < 0) & ~zero[1:] & ~zero[:-1]
    one: Any = lambda x: float(rise(np.array([x]))[0])  # noqa: E731
    between: Any = [
        brentq(one, grid[i], grid[i + 1], xtol=1e-10) for i in np.flatnonzero(crosses)
    ]
    found = np.sort(np.append(grid[zero], between))
    if not found.size:
        return found, found
    low, high = (np.clip(found + by, grid[0], grid[-1]) for by in (-STEP, STEP))
    return found, 1.0 + (rise(high) - rise(low)) / (high - low)


def number_of_rounds(rounds: Any) -> int:
    """How many rounds there are to be.

    Raises:
        InputError: not a whole number from 1 on.
    """
    count = float(one_number("rounds", rounds))
    if count != int(count) or not 1 <= count <= 1e5:
        raise InputError(f"rounds must be a whole number of at least 1, got {rounds}")
    return int(count)


def each_round(name: str, value: Any, count: int) -> Values:
    """A number for each round.

    Raises:
        InputError: neither one number nor as many as there are rounds.
    """
    array = as_array(name, value)
    if array.ndim > 1 or array.size not in (1, count):
        raise InputError(
            f"{name} must be one number or one for each of {count} rounds, got "
            f"{array.size} in the shape {array.shape}"
        )
    return np.broadcast_to(array.ravel(), count)


def round_of(
    alpha_prune: Any,
    alpha_tot: Any,
    keep_fraction: Any,
    rule: str | Rule,
    margin: str,
    student: str | Student,
) -> Round:
    """The arguments that every round shares, each one number.

    Raises:
        InputError: one is outside its range.
    """
    name, load = one_load(alpha_prune, alpha_tot)
    load = one_number(name, load)
    check_load(name, load)
    if keep_fraction is not None:
        keep_fraction = one_number("keep_fraction", keep_fraction)
        check_fraction("keep_fraction", keep_fraction)
        keep_fraction = float(keep_fraction)
    kind = resolve_student(student)
    for own in kind.numbers():
        one_number(own, as_array(own, getattr(kind, own)))
    one = {name: float(load)}
    return Round(one, keep_fraction, resolve_rule(rule), check_margin(margin), kind)


def attributes_of(every: Round) -> dict[str, Any]:
    """The arguments as attributes of a dataset."""
    fraction = {} if every.keep_fraction is None else {"fraction": every.keep_fraction}
    names = {"rule": every.rule.text, "margin": every.margin}
    return every.load | fraction | names | {"student": every.student.name}
