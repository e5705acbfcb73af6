"""What goes on, on stderr, with a terminal and without one."""

import io
import re
import subprocess
import sys
import time

import pytest

from simulations import progress
from simulations.progress import aside, hush, progress_bar, spoken, waiting


class Terminal(io.StringIO):
    def isatty(self):
        return True


def plain(text):
    """What a terminal was sent, without its codes, a line each time it was drawn."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", text).replace("\r", "\n")


@pytest.fixture
def soon(monkeypatch):
    """Lines after 0.05 and 0.3 s in place of seconds."""
    monkeypatch.setattr(progress, "LINES", (0.05, 0.3))
    monkeypatch.setattr(progress, "BRIEF", 0.05)


def until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def test_lines_without_a_terminal(monkeypatch, soon):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    with waiting("solving the grid"):
        until(lambda: out.getvalue().count("\n") == 2)
    assert out.getvalue() == "... solving the grid\n" * 2


@pytest.mark.slow
def test_nothing_is_silent_for_more_than_two_seconds():
    program = """
import time
from simulations.progress import waiting
with waiting("solving the grid"):
    time.sleep(2.9)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    # 1.5 s after the start of the module, which is 1 or 2 in whole seconds
    assert re.fullmatch(rb"\.\.\. solving the grid, [12] s so far\n", done.stderr)


def test_a_message_comes_between_and_what_is_shown_goes_on(monkeypatch, soon):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    with waiting("outer"):
        with aside():
            print("wrote a.nc", file=sys.stderr)
        until(lambda: "outer" in out.getvalue())
    assert out.getvalue().startswith("wrote a.nc\n... outer")


@pytest.mark.parametrize("terminal", [False, True])
def test_what_is_left_after_something_inner_has_its_own_words(
    monkeypatch, soon, terminal
):
    kind = Terminal if terminal else io.StringIO
    monkeypatch.setattr(sys, "stderr", out := kind())
    with waiting("starting", then="drawing"):
        with waiting("solving"):
            pass
        until(lambda: "drawing" in out.getvalue())


def test_a_silence_before_it_counts(monkeypatch):
    """What comes after a second without a sign says so soon, and not at once."""
    monkeypatch.setattr(progress, "LINES", (1.0, 1000.0))
    monkeypatch.setattr(progress, "_SAID", [time.monotonic() - 10.0])
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    begun = time.monotonic()
    with waiting("solving"):
        until(out.getvalue)
    assert progress.BRIEF <= time.monotonic() - begun
    assert out.getvalue().count("\n") == 1


def test_what_is_soon_done_says_nothing(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    with waiting("solving"), progress_bar(3) as advance:
        advance(1, "one")
    assert out.getvalue() == ""


def test_a_bar_without_a_terminal_says_how_far_and_how_long(monkeypatch, soon):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    with progress_bar(10, unit="points", what="compiling") as advance:
        advance(4, "before")  # of an earlier run
        time.sleep(0.02)
        advance(1, "alpha_prune = 3")
        until(lambda: out.getvalue())
    assert out.getvalue().startswith(
        "... alpha_prune = 3, 5 of 10 points, about 0 s left\n"
    )


@pytest.mark.parametrize("columns", [30, 50, 80])
def test_the_bar_and_the_time_are_there_at_any_width(monkeypatch, columns):
    out = Terminal()
    monkeypatch.setattr(sys, "stderr", out)
    for name, value in {"COLUMNS": columns, "TERM": "xterm", "LINES": 20}.items():
        monkeypatch.setenv(name, str(value))
    with progress_bar(43, unit="points") as advance:
        advance(7, "alpha_prune=3.1415926535897931 theta=0.17453292519943295 " * 2)
    lines = [line for line in plain(out.getvalue()).split("\n") if line.strip()]
    assert all(len(line) <= columns for line in lines)
    assert "7/43" in lines[-1] and ":" in lines[-1] and "\u2501" in lines[-1]


def test_one_thing_is_shown_at_a_time(monkeypatch, soon):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    with waiting("outer"):
        with waiting("inner"):
            until(lambda: out.getvalue().count("inner") == 2)
        assert "outer" not in out.getvalue()
        until(lambda: "outer" in out.getvalue())
        hush()
        before = out.getvalue()
        time.sleep(0.1)
        assert out.getvalue() == before
    assert progress._SHOWN == []


def test_results_do_not_go_to_the_terminal_of_stderr(monkeypatch, capsys):
    out = Terminal()
    monkeypatch.setattr(sys, "stderr", out)
    with waiting("solving"):
        print("error 0.5")
    assert capsys.readouterr().out == "error 0.5\n"
    assert "0.5" not in out.getvalue()


def test_an_error_takes_the_line_away(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(KeyError), waiting("solving"):
        raise KeyError
    assert progress._SHOWN == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (99, "99 s"), (100, "2 min"), (5900, "98 min"), (9000, "2.5 h")],
)
def test_times_as_one_says_them(seconds, words):
    assert spoken(seconds) == words
