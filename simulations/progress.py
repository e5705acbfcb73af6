"""What goes on, on stderr: a moving line on a terminal, else a line now and then.

On a terminal a line shows what is being done, for how long, and where the amount is
known a bar and the time left; it narrows to the terminal, the texts first.  Without a
terminal (a pipe, a log file) plain lines say the same, ever more rarely.

One thing is shown at a time: what begins within another takes its place until it ends.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

# seconds after which a line is written where there is no terminal; then every so often
LINES = (1.5, 5.0, 10.0, 20.0, 40.0)
EVERY = 30.0
BRIEF = 0.3  # what takes less is not worth a line


@runtime_checkable
class Advance(Protocol):
    """Told of steps (or what is counted) that were done, and how it goes."""

    def __call__(self, count: int, text: str = "") -> None: ...


class _Display(Protocol):
    def start(self) -> None: ...
    def resume(self) -> None: ...  # after something within it has ended
    def stop(self) -> None: ...
    def update(self, done: int, text: str) -> None: ...


_SHOWN: list[_Display] = []  # the last one is to be seen
_SAID = [time.monotonic()]  # when something was last to be seen; at first, the start


@contextmanager
def waiting(what: str, then: str = "") -> Iterator[None]:
    """Say what is being done, as "solving the grid", until it is done.

    Args:
        what: is being done.
        then: what is left to do once something else was shown within it; the same
            if it is empty.
    """
    with _displayed(_display(what, None, "", then)):
        yield


@contextmanager
def aside() -> Iterator[None]:
    """Take away what is shown, for a message, and show it again afterwards."""
    if _SHOWN:
        _SHOWN[-1].stop()
    try:
        yield
    finally:
        _SAID[0] = time.monotonic()
        if _SHOWN:
            _SHOWN[-1].start()


@contextmanager
def progress_bar(
    total: int, show: bool = True, unit: str = "steps", what: str = ""
) -> Iterator[Advance]:
    """A function that moves a bar on stderr and says how it goes.

    Args:
        total: how many there are to do.
        show: whether there is anything to be seen at all.
        unit: what they are, in the plural.
        what: what is done before the first of them is.
    """
    if not show:
        yield lambda count, text="": None
        return
    display, done = _display(what, total, unit), 0

    def advance(count: int, text: str = "") -> None:
        nonlocal done
        done += count
        display.update(done, text)

    with _displayed(display):
        yield advance


def hush() -> None:
    """Take away what is shown, for good: the results come now."""
    while _SHOWN:
        _SHOWN.pop().stop()


@contextmanager
def _displayed(display: _Display) -> Iterator[None]:
    if _SHOWN:
        _SHOWN[-1].stop()
    _SHOWN.append(display)
    display.start()
    try:
        yield
    finally:
        display.stop()
        if display in _SHOWN:
            _SHOWN.remove(display)
        if _SHOWN:
            _SHOWN[-1].resume()


def _display(what: str, total: int | None, unit: str, then: str = "") -> _Display:
    kind = _Line if sys.stderr.isatty() else _Lines
    return kind(what, total, unit, then)


class _Lines:
    """Plain lines, now and then."""

    def __init__(self, what: str, total: int | None, unit: str, then: str) -> None:
        self._what, self._total, self._unit, self._then = what, total, unit, then
        self._done, self._text = 0, what
        self._first: tuple[int, float] | None = None
        self._times = list(LINES)
        self._begun, self._started, self._said = time.monotonic(), 0.0, False
        self._ended: threading.Event | None = None

    def start(self) -> None:
        self._ended, self._started = threading.Event(), time.monotonic()
        threading.Thread(target=self._write, args=(self._ended,), daemon=True).start()

    def resume(self) -> None:
        self._text = self._then or self._text
        self.start()

    def stop(self) -> None:
        if self._ended is not None:
            self._ended.set()

    def update(self, done: int, text: str) -> None:
        if self._first is None:
            self._first = done, time.monotonic()
        self._done, self._text = done, text or self._text

    def _left(self) -> float | None:
        """Seconds, by the speed since the first that was done.

        What was done before, in an earlier run or while it compiled, says nothing.
        """
        if self._first is None or self._total is None or self._done <= self._first[0]:
            return None
        done, when = self._first
        each = (time.monotonic() - when) / (self._done - done)
        return each * (self._total - self._done)

    def _write(self, ended: threading.Event) -> None:
        while not ended.wait(max(0.0, self._due() - time.monotonic())):
            passed = time.monotonic() - self._begun
            self._said, _SAID[0] = True, time.monotonic()
            later = passed + LINES[0]
            self._times = [each for each in self._times if each > later] or [
                (passed // EVERY + 1) * EVERY
            ]
            try:
                print(self._says(passed), file=sys.stderr, flush=True)
            except (OSError, ValueError):  # closed: nobody reads them
                return

    def _due(self) -> float:
        """When the next line comes: soon after a silence, but not at once."""
        due = self._begun + self._times[0]
        if not self._said:
            due = min(due, _SAID[0] + LINES[0])
        return max(due, _SAID[0] + LINES[0], self._started + BRIEF)

    def _says(self, passed: float) -> str:
        parts = [self._text or self._what or "working"]
        if self._total is not None:
            parts.append(f"{self._done} of {self._total} {self._unit}")
        if passed >= 0.5:
            parts.append(f"{spoken(passed)} so far")
        if self._total and (left := self._left()) is not None:
            parts.append(f"about {spoken(left)} left")
        return "... " + ", ".join(parts)


class _Line:
    """One line that moves, by rich."""

    def __init__(self, what: str, total: int | None, unit: str, then: str) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
        )
        from rich.progress import TimeElapsedColumn as Elapsed
        from rich.progress import TimeRemainingColumn as Remaining
        from rich.table import Column

        # only the text gives way where the terminal is narrow, and is cut there
        text = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        says = TextColumn("{task.description}", markup=False, table_column=text)
        columns: tuple[Any, ...]
        if total is None:
            columns = SpinnerColumn(), Elapsed(), says
        else:
            fixed = Column(no_wrap=True)
            named = TextColumn(unit, markup=False, table_column=Column(no_wrap=True))
            columns = (
                BarColumn(12, table_column=fixed),
                MofNCompleteColumn(table_column=Column(no_wrap=True)),
                named,
                Remaining(compact=True, table_column=Column(no_wrap=True)),
                says,
            )
        # results go to stdout, which is not to be taken for the terminal of stderr
        self._progress = Progress(
            *columns,
            console=Console(stderr=True),
            redirect_stdout=False,
            transient=total is None,
            expand=True,
        )
        self._what, self._then = what, then
        self._task = self._progress.add_task(what, total=total)

    def start(self) -> None:
        self._progress.start()

    def resume(self) -> None:
        if self._then:
            self._what = self._then
            self._progress.update(self._task, description=self._what)
        self.start()

    def stop(self) -> None:
        self._progress.stop()

    def update(self, done: int, text: str) -> None:
        self._what = text or self._what
        self._progress.update(self._task, completed=done, description=self._what)


def spoken(seconds: float) -> str:
    """A time as one says it: 40 s, 3 min, 2.5 h."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if seconds < 99.5 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
