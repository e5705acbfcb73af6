"""Errors of the package: a message says what came, what is allowed, how to fix it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class InputError(ValueError):
    """An argument outside what a function is defined for, said in one line.

    Line breaks of what is shown, as in an array, become spaces, and what is no text,
    as in the name of a file, is escaped: the line can be printed everywhere.
    """

    def __init__(self, line: object) -> None:
        lines = str(line).encode("utf-8", "backslashreplace").decode().splitlines()
        super().__init__(" ".join(part.strip() for part in lines))


class ConvergenceError(RuntimeError):
    """A saddle point was not found to tolerance; the message names the point.

    Attributes:
        problem: what :func:`.save_problem` writes, if ``solve`` raised the error.
    """

    problem: dict[str, Any] | None = None


class PrecisionError(RuntimeError):
    """The theory was called inside a JAX transformation while x64 is off."""


class DataWarning(UserWarning):
    """Data that were read, in a way that may not be what was meant."""


def first_line(error: BaseException) -> str:
    """The first line of what another library says; the kind of error if it is mute."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def unknown_name(kind: str, received: object, allowed: Iterable[str]) -> InputError:
    """The error for a name outside a closed list, with the nearest allowed name."""
    allowed = list(allowed)
    near = difflib.get_close_matches(str(received).lower(), allowed, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    names = ", ".join(map(repr, allowed))
    return InputError(f"unknown {kind} {received!r}: allowed are {names}{hint}")


def not_traced(what: str, error: Exception) -> InputError:
    """What to say of a user's function that JAX could not trace, and why it could not.

    Args:
        what: the function, and what it must be.
        error: what it raised.
    """
    first = str(error).strip().partition("\n")[0]
    return InputError(
        f"{what} (written with jax.numpy, jnp.where in place of if), got a "
        f"{type(error).__name__} from it: {first}"
    )
