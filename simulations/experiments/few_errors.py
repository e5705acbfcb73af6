"""The least standard error of what hardly ever, or always, happened in a test.

Where no example of T is wrong, the scatter between examples is zero, but the error is
not: up to 3/T it would pass unseen in one test of twenty (the rule of three, from
(1 - p)^T = 0.05).  Half of that is taken for the standard error, so that two of them
are this limit.  The scatter sqrt(p (1 - p)/T) is as large from 2.25 examples on.
"""

from __future__ import annotations

RARE = 3
"""With so many examples, or more, the scatter between them says enough."""
_HALF_OF_THREE = 1.5


def least_standard_error(seen: int, tested: int) -> float:
    """The least standard error of a share of test examples.

    Args:
        seen: Test examples that differ from all others: are wrong where those are
            right, or right where those are wrong.
        tested: Test examples.

    Returns:
        1.5 / ``tested`` if fewer than ``RARE`` were seen, else 0.
    """
    return _HALF_OF_THREE / tested if seen < RARE else 0.0
