"""The parts of a student that somebody else wrote, tried without computing a number."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import InputError, not_traced
from ..kept.problem import Inputs, Mode
from ..numerics.precision import own_settings
from ..rules.by_quantile import Hard
from .state import Direction, Point
from .student import Student


def try_student(student: Student) -> None:
    """Refuse a guess, equations or a direction that the search could not take.

    They are traced with numbers that are not known, as the search will do it, and not
    compiled; once for all students of one structure.

    Raises:
        InputError: a part cannot be traced, or what it returns has another size or
            type; the message names the part and what came.
    """
    tree = jax.tree.structure(student)
    try:
        hash(tree)
    except TypeError as error:
        raise InputError(
            f"the static fields of the student {type(student).__name__} must be "
            f"hashable (a tuple in place of a list): {error}"
        ) from None
    for on_line in (True, False):
        _try_parts(tree, Mode("absolute", on_line, False))


@lru_cache(maxsize=64)
def _try_parts(tree: Any, mode: Mode) -> None:
    """Try the parts of the students of one structure, in one mode."""
    with own_settings(x64=True):
        number = jax.ShapeDtypeStruct((), np.float64)
        given = [number] * 3, [number] * tree.num_leaves
        own: Student = jax.tree.unflatten(tree, given[1])
        n = own.unknowns
        x = jax.ShapeDtypeStruct((n,), np.float64)

        def seen(inputs: list[Any], numbers: list[Any]) -> tuple[Student, Any]:
            student: Student = jax.tree.unflatten(tree, numbers)
            point = Point(Inputs(*inputs), Hard(), student)
            return student, student.problem(point, mode)[0]

        def guess(inputs: list[Any], numbers: list[Any]) -> Any:
            student, problem = seen(inputs, numbers)
            return student.guess(problem, mode)

        def equations(x: Any, inputs: list[Any], numbers: list[Any]) -> Any:
            student, problem = seen(inputs, numbers)
            return student.equations(x, problem, mode)

        def direction(x: Any, numbers: list[Any]) -> Any:
            return jax.tree.unflatten(tree, numbers).direction(x)

        name, wanted = type(own).__name__, f"an array of {n} real numbers (unknowns)"
        try:
            _check_array(name, "guess", _traced(name, guess, *given), n, wanted)
            found = _traced(name, equations, x, *given)
            _check_array(name, "equations", found, n, wanted)
            by_x = jax.jacfwd(lambda *all_: jnp.asarray(equations(*all_)))
            by_x.__name__ = "equations"
            _traced(name, by_x, x, *given)
            found = _traced(name, direction, x, given[1])
        except _NotForThis:
            return
        if not isinstance(found, Direction):
            raise InputError(
                f"direction of the student {name} must return "
                f"perceptron_theory.Direction(a, b), got {_text(found)}"
            )
        for part, value in zip(Direction._fields, found, strict=True):
            if _kind(value) != ((), "f"):
                raise InputError(
                    f"direction of the student {name} must return "
                    f"perceptron_theory.Direction of real numbers, got {part} = "
                    f"{_text(value)}"
                )


class _NotForThis(Exception):
    """A part refuses the problem that it is tried on, in words of its own."""


def _traced(name: str, part: Callable[..., Any], *given: Any) -> Any:
    """What a part of a student returns, as shapes and types."""
    try:
        return jax.eval_shape(part, *given)
    except InputError as error:
        # not every student is one for every angle and margin
        raise _NotForThis from error
    except Exception as error:  # whatever a user's student raises
        what = f"{part.__name__} of the student {name} must be a JAX function as "
        raise not_traced(f"{what}perceptron_theory.Student has it", error) from error


def _check_array(name: str, part: str, found: Any, n: int, wanted: str) -> None:
    if _kind(found) != ((n,), "f"):
        raise InputError(
            f"{part} of the student {name} must return {wanted}, got {_text(found)}"
        )


def _kind(value: Any) -> Any:
    """The shape of an array and the kind of its numbers."""
    return (value.shape, value.dtype.kind) if hasattr(value, "dtype") else None


def _text(value: Any) -> str:
    if hasattr(value, "dtype"):
        return f"{value.dtype} of shape {value.shape}"
    return type(value).__name__
