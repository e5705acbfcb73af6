"""What a property test is here, and when a call is right.

A call is either right, or it refuses what it was given with one ``InputError`` of one
line.  Any other exception, a warning, a hang, an array that was changed in place and
another answer for the same numbers are faults.
"""

import inspect
import signal
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from perceptron_theory import InputError
from perceptron_theory.errors import DataWarning

HANGS = 120  # seconds that no example takes, on a busy machine while XLA compiles


def holds(few: int, many: int, **strategies):
    """Make a test of a property: of few examples in `make test`, many in the slow ones.

    Examples are random; the head of a run has the seed, see ``tests/conftest.py``.
    Arguments of the property without a strategy are pytest's.
    """

    def decorate(check: Callable[..., object]):
        @pytest.mark.unchecked
        @pytest.mark.parametrize(
            "examples",
            [
                pytest.param(few, id="few"),
                pytest.param(many, id="many", marks=pytest.mark.slow),
            ],
        )
        def test(examples, record_property, **cases):
            tried = 0

            def one(**drawn):
                nonlocal tried
                tried += 1
                with no_hang():
                    check(**drawn, **cases)

            how = settings(
                max_examples=examples,
                database=None,
                deadline=None,
                print_blob=True,
                suppress_health_check=list(HealthCheck),
            )
            try:
                how(given(**strategies)(one))()
            finally:
                record_property("examples", tried)

        own = [n for n in inspect.signature(check).parameters if n not in strategies]
        names = ["examples", "record_property", *own]
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        test.__signature__ = inspect.Signature(  # type: ignore[attr-defined] # pytest reads it
            [inspect.Parameter(name, kind) for name in names]
        )
        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return decorate


@contextmanager
def no_hang():
    """Interrupt what takes longer than ``HANGS``."""

    def stop(*_):
        raise TimeoutError(f"no answer within {HANGS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(HANGS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class Outcome(NamedTuple):
    """What a call came to: an answer, or the line by which it refused."""

    answer: Any
    refusal: str | None


def outcome(call: Callable[..., Any], *args: Any, **options: Any) -> Outcome:
    """Call, and see that a refusal is one line of text that can be printed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            return Outcome(call(*args, **options), None)
    except InputError as error:
        line = str(error)
        assert line.strip() and len(line.splitlines()) == 1, repr(line)
        line.encode()
        return Outcome(None, line)


def refused(call: Callable[..., Any], *args: Any, **options: Any) -> str:
    """The line by which a call refuses what it was given."""
    found = outcome(call, *args, **options)
    assert found.refusal is not None, f"took it: {found.answer!r}"
    return found.refusal


def same(one: Outcome, two: Outcome, rtol: float = 0.0, atol: float = 0.0) -> None:
    """Both are the same to rounding, or both refuse."""
    assert (one.refusal is None) == (two.refusal is None), (one, two)
    if one.refusal is None:
        leaves = zip(*map(jax.tree.leaves, (one.answer, two.answer)), strict=True)
        for a, b in leaves:
            np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def bytes_of(value: Any) -> bytes:
    """The numbers of an array as bytes, to see that nobody wrote there."""
    array = np.asarray(value)
    if array.dtype == np.longdouble:  # of its 16 bytes some are not used
        with np.errstate(over="ignore"):
            array = array.astype(np.float64)
    return array.tobytes()
