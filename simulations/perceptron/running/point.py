"""A point of parameter space, which is the same for theory and simulation."""

from __future__ import annotations

from dataclasses import dataclass

from ..data.ensemble import Ensemble
from ..naming import as_number, require, settle
from ..students.catalog import resolve_student
from ..students.contract import Student


@dataclass(frozen=True)
class Point(Ensemble):
    """One set of parameters to simulate: an ensemble of training sets, and a student.

    ``precision`` is the relative standard error that a validation aims at for the value
    extrapolated to infinite N.  ``student`` is a name or an object that satisfies
    :class:`~simulations.perceptron.students.contract.Student`.

    Raises:
        InputError: a value lies outside its domain; the message names it.
    """

    precision: float = 0.01
    student: str | Student = "max_margin"

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, as_number, "precision")
        good = 0 < self.precision < 1
        require(good, "precision must lie in (0, 1)", self.precision)

    @property
    def student_name(self) -> str:
        """The student with its settings, as files call it.

        Raises:
            InputError: there is no such student.
        """
        return resolve_student(self.student).name

    @property
    def title(self) -> str:
        """Ensemble and student; the maximum margin is understood and left out."""
        name = self.student_name
        return self.label if name == "max_margin" else f"{self.label} student={name}"
