"""A point of parameter space, the same for theory and simulation."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from perceptron_theory import InputError, KeepProbability, Rule, resolve_rule
from perceptron_theory.numerics.checks import check_margin

from ..running.naming import as_number, function_name
from .pool import mean_keep_probability

if TYPE_CHECKING:
    from ..students.contract import Student


def _goes_with(rule: Rule, keep_fraction: float | None) -> bool:
    """``Rule.fits`` without JAX, which importing the suites must not start."""
    try:
        fit = rule.fits(np.float64(keep_fraction))  # type: ignore[arg-type]
    except TypeError:  # parameters that are no numbers
        return False
    return bool(np.all(fit))


@dataclass(frozen=True)
class Point:
    """One set of parameters to simulate.

    ``alpha_prune`` = P/N is the kept load, ``theta`` the angle of the probe in radians,
    ``margin`` "absolute" or "signed".  ``keep_fraction`` is left out for a
    ``KeepProbability``, which determines it.  ``precision`` is the relative standard
    error that a validation aims at for the value extrapolated to infinite N.
    ``student`` is a name or an object of
    :mod:`simulations.perceptron.students.catalog`.

    Raises:
        InputError: a value outside its domain, by name.
    """

    alpha_prune: float
    keep_fraction: float | None = None
    theta: float = 0.0
    rule: str | Rule = "hard"
    margin: str = "absolute"
    precision: float = 0.01
    student: str | Student = "max_margin"

    def __post_init__(self) -> None:
        rule = resolve_rule(self.rule)
        check_margin(self.margin)
        for name in ("alpha_prune", "keep_fraction", "theta", "precision"):
            value = getattr(self, name)
            if value is not None or name != "keep_fraction":
                # 3, 3.0 and NumPy's 3.0 are one point, of one random stream
                object.__setattr__(self, name, as_number(value, name))
        if not (self.alpha_prune > 0 and math.isfinite(self.alpha_prune)):
            raise InputError(f"alpha_prune must be positive, got {self.alpha_prune!r}")
        if isinstance(rule, KeepProbability):
            if self.keep_fraction is not None:
                raise InputError(
                    "keep_fraction follows from a KeepProbability: leave it out"
                )
        elif self.keep_fraction is None or not 0 < self.keep_fraction <= 1:
            raise InputError(
                f"keep_fraction must lie in (0, 1], got {self.keep_fraction!r}"
            )
        elif not _goes_with(rule, self.keep_fraction):
            raise InputError(
                f"{self.rule_name} does not go with keep_fraction "
                f"{self.keep_fraction!r}: a window ends at lower + f <= 1, with lower "
                "in [0, 1), and a share lies in [0, 1]"
            )
        if not 0 <= self.theta <= math.pi / 2:
            hint = "; is it in degrees?" if self.theta > math.pi / 2 else ""
            raise InputError(
                f"theta must lie in [0, pi/2] radians, got {self.theta!r}{hint}"
            )
        if not 0 < self.precision < 1:
            raise InputError(f"precision must lie in (0, 1), got {self.precision!r}")

    @property
    def fraction(self) -> float:
        """The kept fraction f, whether given or following from a KeepProbability."""
        return self.fraction_of(0.0)

    def fraction_of(self, flip_probability: float) -> float:
        """The same of a pool with wrong labels, which a KeepProbability may see."""
        if self.keep_fraction is not None:
            return self.keep_fraction
        rule = resolve_rule(self.rule)
        assert isinstance(rule, KeepProbability)  # as __post_init__ has checked
        return mean_keep_probability(rule, self.theta, self.margin, flip_probability)

    @property
    def rule_name(self) -> str:
        """The rule as text, the same for every way of giving it."""
        rule = resolve_rule(self.rule)
        if isinstance(rule, KeepProbability):
            name = function_name(rule.function, tuple(rule.breakpoints))
            return f"KeepProbability({name}, {rule.breakpoints})"
        plain = not vars(rule)  # "hard", "easy", "random"
        return type(rule).__name__.lower() if plain else repr(rule)

    @property
    def label(self) -> str:
        """What identifies the ensemble of training sets, whichever the student."""
        return (
            f"alpha_prune={self.alpha_prune!r} keep_fraction={self.keep_fraction!r} "
            f"theta={self.theta!r} rule={self.rule_name} margin={self.margin}"
        )

    @property
    def student_name(self) -> str:
        """The student with its settings, as files call it.

        Raises:
            InputError: no such student.
        """
        from ..students.catalog import resolve_student  # some simulate points

        return resolve_student(self.student).name

    @property
    def title(self) -> str:
        """Ensemble and student, the maximum margin being understood."""
        name = self.student_name
        return self.label if name == "max_margin" else f"{self.label} student={name}"

    @property
    def stream(self) -> int:
        """32-bit number of the point's random stream, fixed by its label alone."""
        return zlib.crc32(self.label.encode())
