"""Errors of the package: a message says what came, what is allowed, how to fix it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

SHOWN = 6  # names that a beginning may stand for, in a message
_NEAR = 0.65  # of the letters: below, the name of another thing would be suggested


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


def nearest(received: object, allowed: Iterable[str]) -> list[str]:
    """The names that were probably meant, best first; none where nothing is near.

    A beginning stands for all names that have it, up to a few; else the one name of the
    nearest spelling, or with the nearest beginning.
    """
    allowed = list(allowed)
    text = _plain(str(received))
    if not text:
        return []
    begun = [name for name in allowed if _plain(name).startswith(text)]
    if begun:
        return begun[:SHOWN]
    likeness = {name: _likeness(text, _plain(name)) for name in allowed}
    best = max(allowed, key=likeness.__getitem__, default="")
    return [best] if best and likeness[best] >= _NEAR else []


def _likeness(text: str, name: str) -> float:
    """The part of letters that are the same in order, of a name or its beginning."""
    parts = {name, name[: len(text)]}
    return max(difflib.SequenceMatcher(None, part, text).ratio() for part in parts)


def did_you_mean(names: Iterable[str]) -> str:
    """The question that ends a message, or nothing: "; did you mean 'a' or 'b'?"."""
    *most, last = [*map(repr, names)] or [""]
    listed = f"{', '.join(most)} or {last}" if most else last
    return f"; did you mean {listed}?" if last else ""


def suggestion(received: object, allowed: Iterable[str]) -> str:
    """The end of a message on a name that is none of these: the nearest, or nothing."""
    return did_you_mean(nearest(received, allowed))


def _plain(name: str) -> str:
    return name.strip().lower().replace("-", "_")


def unknown_name(kind: str, received: object, allowed: Iterable[str]) -> InputError:
    """The error for a name outside a closed list, with the nearest allowed names."""
    allowed = list(allowed)
    hint = suggestion(received, allowed)
    names = ", ".join(map(repr, allowed))
    return InputError(f"unknown {kind} {received!r}: allowed are {names}{hint}")


def out_of_percent(value: Any) -> str:
    """What to say of a fraction that looks like a percentage, or nothing."""
    percent = 1 < value <= 100
    return f"; for {value:g} % write {value / 100:g}" if percent else ""


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
