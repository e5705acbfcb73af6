"""Students by name.

A module of this package that has students to offer by name lists them in ``BY_NAME``;
the catalogue finds them there, so that a new student is one new file.

>>> student = resolve_student("perceptron")
>>> student.name, student.certificate_name, student.padding
('perceptron(max_updates=1000000)', 'training mistakes', 'zero')
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name

from ..naming import require
from .contract import PADDINGS, Student, missing_parts


def _found() -> dict[str, Student]:
    """The students of all modules beside this one."""
    students: dict[str, Student] = {}
    for module in iter_modules([str(Path(__file__).parent)]):
        if module.name != Path(__file__).stem:
            offered = import_module(f".{module.name}", __package__)
            students |= getattr(offered, "BY_NAME", {})
    return students


STUDENTS: dict[str, Student] = _found()


def resolve_student(student: str | Student) -> Student:
    """The student of a name, with its default settings; a student as it is.

    Raises:
        InputError: the name is unknown, an object lacks a part of the contract, or it
            has the name of another student.
    """
    if isinstance(student, str):
        if student not in STUDENTS:
            raise unknown_name("student", student, STUDENTS)
        return STUDENTS[student]
    wanted = f"student must be one of {', '.join(STUDENTS)}, or an object with a name, "
    wanted += "a certificate_name, a padding and a __call__"
    if isinstance(student, type):
        raise InputError(
            f"{wanted}; {student.__name__} is a class: give an instance, "
            f"{student.__name__}(...)"
        )
    missing = missing_parts(student)
    if missing:
        what = type(student).__name__
        raise InputError(f"{wanted}; this {what} lacks: {', '.join(missing)}")
    what = "padding of a student must be 'repeat' or 'zero'"
    require(student.padding in PADDINGS, what, student.padding)
    known = STUDENTS.get(student.name)
    if known is not None and student != known:
        raise InputError(
            f"{student.name!r} is the name of another student: give yours its own"
        )
    return student
