"""Every failure of the command line: one line on stderr and an exit status."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130

# OSErrors that are about the path that was given, not about the machine
_PATH_ERRORS = (
    FileExistsError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)


class Interrupted(Exception):
    """Ctrl-C, with what the library said of it: typer keeps only the exit status."""


def report(error: BaseException) -> int:
    """Print ``error: ...`` on one line of stderr and return the exit status."""
    if os.environ.get("PRUNING_LAWS_DEBUG"):
        traceback.print_exception(error)
    from perceptron_theory.wording import in_degrees

    message, code = _describe(error)
    message = in_degrees(message)  # the library has radians
    print("error:", " ".join(message.split()), file=sys.stderr)
    if isinstance(error, OSError):
        close_stdout()
    return code


def one_line_of(show: Callable[..., None]) -> Callable[..., None]:
    """Warnings about data as ``warning: ...`` on stderr; others by ``show``."""

    def shown(message: Warning | str, category: type[Warning], *rest: Any) -> None:
        from perceptron_theory.errors import DataWarning
        from perceptron_theory.wording import in_degrees

        if not issubclass(category, DataWarning):
            return show(message, category, *rest)
        print("warning:", in_degrees(" ".join(str(message).split())), file=sys.stderr)

    return shown


def close_stdout() -> None:
    """Send the rest of stdout nowhere: the flush at exit would fail again."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _describe(error: BaseException) -> tuple[str, int]:
    if isinstance(error, Interrupted):
        return f"interrupted: {error}".removesuffix(": "), INTERRUPTED
    if hasattr(error, "format_message"):  # typer's: unknown options, bad values
        return _usage(error), getattr(error, "exit_code", BAD_INPUT)
    if isinstance(error, OSError):
        where = f"{error.filename!r}: " if error.filename is not None else ""
        what = error.strerror or str(error)
        return where + what, BAD_INPUT if isinstance(error, _PATH_ERRORS) else FAILED
    if isinstance(error, MemoryError):
        return "not enough memory: ask for a smaller grid", FAILED
    if _is_of_environment(error):
        return (
            f"JAX does not start with an environment variable that is set: {error}; "
            "unset it, or give it an allowed value"
        ), BAD_INPUT

    from perceptron_theory import ConvergenceError, InputError, PrecisionError

    if isinstance(error, InputError):
        return str(error), BAD_INPUT
    if isinstance(error, ConvergenceError | PrecisionError):
        return str(error), FAILED
    return (
        f"unexpected {type(error).__name__}: {error} "
        "(a fault of the program; PRUNING_LAWS_DEBUG=1 shows where)"
    ), FAILED


def _is_of_environment(error: BaseException) -> bool:
    """Whether JAX refused to be imported for what a variable of its settings says."""
    frames = traceback.extract_tb(error.__traceback__)
    settings = os.path.join("jax", "_src", "config.py")
    of_settings = any(frame.filename.endswith(settings) for frame in frames)
    return isinstance(error, ValueError) and of_settings and "jax" not in sys.modules


def _usage(error: BaseException) -> str:
    context = getattr(error, "ctx", None)
    see = f" (see {context.command_path} --help)" if context else ""
    return error.format_message() + see  # type: ignore[attr-defined]
