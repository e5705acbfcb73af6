"""Numbers of things in messages, in the singular where there is one."""

from __future__ import annotations

import math
import re


def counted(number: int, thing: str) -> str:
    """A number of things: "1 point", "43 points".

    >>> counted(1, "point"), counted(0, "class"), counted(3, "study")
    ('1 point', '0 classes', '3 studies')
    >>> counted(10, "epoch"), counted(2, "batch")
    ('10 epochs', '2 batches')
    """
    if number == 1:
        return f"1 {thing}"
    if thing.endswith(("s", "x", "ch", "sh")) and not thing.endswith("epoch"):
        return f"{number} {thing}es"
    if thing.endswith("y") and thing[-2] not in "aeiou":
        return f"{number} {thing[:-1]}ies"
    return f"{number} {thing}s"


def some_of(number: int, whole: int, thing: str) -> str:
    """Some of several things, or the only one: "2 of 43 points", "the only point".

    >>> some_of(1, 43, "point"), some_of(1, 1, "point")
    ('1 of 43 points', 'the only point')
    """
    if whole == 1:
        return f"the only {thing}"
    return f"{number} of {counted(whole, thing)}"


_THETA = re.compile(
    r"\btheta( = |=| )(\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?!\w|\.\d|°| degrees| radians)"
)


def in_degrees(text: str) -> str:
    """A text with the angles theta, which are radians everywhere else, in degrees.

    >>> in_degrees("no solution at alpha_prune = 3, theta = 0.17453292519943295.")
    'no solution at alpha_prune = 3, theta = 10°.'
    """

    def degrees(found: re.Match[str]) -> str:
        return f"theta{found[1]}{math.degrees(float(found[2])):.6g}°"

    return _THETA.sub(degrees, text)


def shortened(text: str) -> str:
    """A text with its numbers to four digits and theta in degrees, for people to read.

    >>> shortened("alpha=1.2589254117941673 theta=0.17453292519943295 N=1000")
    'alpha=1.259 theta=10° N=1000'
    """
    text = in_degrees(text)
    return re.sub(r"\d+\.\d{4,}", lambda found: f"{float(found[0]):.4g}", text)
