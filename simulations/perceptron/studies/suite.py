"""The points of the validation: where the law of finite N is tame.

They leave out the surroundings of the threshold (alpha_prune = 2, small f, theta = 0),
where the error of single draws is broad and skewed at any affordable N and the theory
itself is ill-conditioned; :func:`.scans.threshold_scan` shows that region.
"""

from __future__ import annotations

import math

from perceptron_theory import Mixture, Window

from ..running.point import Point

_TEN, _THIRTY = math.radians(10), math.radians(30)
_FINE = 0.005

VALIDATION_POINTS: tuple[Point, ...] = (
    # theta = 0: both margins are the same
    Point(0.5, 1.0, rule="random", precision=_FINE),
    Point(2.0, 1.0, rule="random", precision=_FINE),
    Point(2.0, 0.25, rule="random", precision=_FINE),
    Point(4.0, 0.5, rule="random"),
    Point(8.0, 1.0, rule="random"),
    Point(0.5, 0.5, rule="hard", precision=_FINE),
    Point(1.0, 0.5, rule="hard", precision=_FINE),
    Point(3.0, 0.5, rule="hard"),
    Point(4.0, 0.25, rule="hard"),
    Point(4.0, 0.1, rule="hard"),
    Point(8.0, 0.5, rule="hard"),
    Point(0.5, 0.5, rule="easy", precision=_FINE),
    Point(2.0, 0.5, rule="easy", precision=_FINE),
    Point(2.0, 0.25, rule="easy", precision=_FINE),
    Point(6.0, 0.5, rule="easy"),
    Point(2.0, 0.5, rule=Window(0.3125)),
    Point(2.0, 0.5, rule=Mixture(0.5)),
    # theta = 10 degrees
    Point(1.0, 0.5, _TEN, "hard"),
    Point(2.0, 0.5, _TEN, "hard"),
    Point(4.0, 0.5, _TEN, "hard"),
    Point(4.0, 0.25, _TEN, "hard"),
    Point(6.0, 0.25, _TEN, "hard"),
    Point(4.0, 0.5, _TEN, "hard", "signed"),
    Point(6.0, 0.25, _TEN, "hard", "signed"),
    Point(2.0, 0.5, _TEN, "easy", precision=_FINE),
    Point(4.0, 0.25, _TEN, "easy"),
    Point(2.0, 0.5, _TEN, "easy", "signed"),
    Point(2.0, 0.5, _TEN, "random"),
    # theta = 30 degrees
    Point(1.0, 0.5, _THIRTY, "hard"),
    Point(2.0, 0.25, _THIRTY, "hard"),
    Point(4.0, 0.5, _THIRTY, "hard"),
    Point(4.0, 0.4, _THIRTY, "hard"),
    Point(8.0, 0.5, _THIRTY, "hard"),
    Point(1.0, 0.5, _THIRTY, "hard", "signed"),
    Point(2.0, 0.25, _THIRTY, "hard", "signed", precision=_FINE),
    Point(4.0, 0.4, _THIRTY, "hard", "signed"),
    Point(4.0, 0.5, _THIRTY, "hard", "signed"),
    Point(8.0, 0.5, _THIRTY, "hard", "signed"),
    Point(2.0, 0.5, _THIRTY, "easy"),
    Point(4.0, 0.25, _THIRTY, "easy"),
    Point(2.0, 0.5, _THIRTY, "easy", "signed"),
    Point(4.0, 0.25, _THIRTY, "easy", "signed", precision=_FINE),
    Point(4.0, 0.5, _THIRTY, Mixture(0.5), "signed"),
)
"""All rules, both margins, theta = 0, 10, 30 degrees, alpha_prune from 0.5 to 8.

Those where single draws spread least are taken to half the standard error.
"""

DEMO_POINTS: tuple[Point, ...] = (
    Point(2.0, 1.0, rule="random"),
    Point(1.0, 0.5, rule="hard"),
    Point(3.0, 0.5, rule="hard"),
    Point(2.0, 0.5, rule="easy"),
    Point(4.0, 0.5, _TEN, "hard"),
    Point(2.0, 0.5, _TEN, "easy"),
    Point(2.0, 0.25, _THIRTY, "hard"),
    Point(2.0, 0.25, _THIRTY, "hard", "signed"),
    Point(2.0, 0.5, _THIRTY, "easy"),
)
"""A few of them, for one size in less than a minute."""
