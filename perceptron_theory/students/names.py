"""Students by name, and the refusal of what is no student."""

from __future__ import annotations

from typing import Any

from ..errors import InputError, unknown_name
from ..numerics.parameters import check_dataclass, check_fields, check_object
from .bayes_optimal import BayesOptimal
from .max_margin import MaxMargin
from .student import Student
from .trial import try_student
from .version_space import BayesPoint, Gibbs

STUDENTS: dict[str, Student] = {
    "max_margin": MaxMargin(),
    "gibbs": Gibbs(),
    "bayes_point": BayesPoint(),
    "bayes_optimal": BayesOptimal(),
}


def resolve_student(student: Any) -> Student:
    """The student object behind a name; an object is returned as it is.

    Raises:
        InputError: unknown name (the nearest known one is suggested), or an object that
            is no student, with the part of the contract that it lacks.
    """
    if isinstance(student, Student):
        if type(student).settle is Student.settle:
            for part in ("guess", "equations"):
                if getattr(type(student), part) is getattr(Student, part):
                    raise InputError(
                        f"the student {type(student).__name__} lacks {part}: write "
                        "that method (see perceptron_theory.Student)"
                    )
            if type(student).unknowns < 1:
                raise InputError(
                    f"the student {type(student).__name__} lacks unknowns: the number "
                    "of them, as an attribute of the class"
                )
            # JAX clamps an index: b would be a
            alone = type(student).unknowns == 1
            if alone and type(student).direction is Student.direction:
                raise InputError(
                    f"the student {type(student).__name__} has 1 unknown: write "
                    "direction(value), it returns perceptron_theory.Direction(a, b)"
                )
        check_dataclass("student", student)
        student = student.with_arrays()
        if type(student).settle is Student.settle:
            check_fields("student", student)
            try_student(student)
        return student
    check_object("student", student, Student)
    if not isinstance(student, str):
        raise InputError(
            f"student must be one of {', '.join(map(repr, STUDENTS))} or an object of "
            f"a class derived from perceptron_theory.Student, got {student!r}"
        )
    if student not in STUDENTS:
        raise unknown_name("student", student, STUDENTS)
    return STUDENTS[student]
