"""How many examples, not pruned, a head needs for an error."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq

import perceptron_theory as pt
from perceptron_theory import ConvergenceError, InputError

STEP = 2.0  # between the sizes at which the curve is computed
FURTHEST = 2.0**7  # times as many, or as few, examples as one starts from


@dataclass
class UnprunedCurve:
    """The error of heads on unpruned examples by their number, computed as needed.

    Attributes:
        law: of the data.
        head: loss, ridge and intercept, as :func:`perceptron_theory.predict` has them.
    """

    law: pt.FieldLaw
    head: dict[str, Any]
    _found: dict[int, pt.Prediction] = field(default_factory=dict)

    def at(self, size: int) -> pt.Prediction:
        """The prediction for so many examples.

        Raises:
            InputError, ConvergenceError: as :func:`perceptron_theory.predict`.
        """
        if size not in self._found:
            self._found[size] = pt.predict(self.law, size, 1.0, "random", **self.head)
        return self._found[size]

    def size(self, error: float, near: int) -> float:
        """The number of examples with an error, the nearest to ``near``.

        Approximate: the curve is computed at sizes a factor of two apart and
        interpolated by monotone cubics between them, in the logarithm of the size.

        Returns:
            The number; inf where 128 times as many still have more error, as the curve
            levels off; where hardly any examples are left the last one that it has;
            NaN where it cannot be computed.
        """
        start = round(np.log2(near))
        here = self._error(start)
        if here is None:
            return float("nan")
        up = here > error  # more examples are needed
        place = start
        while here is not None and (here > error) == up:
            if abs(place - start) > np.log2(FURTHEST):
                return float("inf") if up else STEP**place
            place += 1 if up else -1
            here = self._error(place)
        if here is None:
            return float("nan") if up else STEP ** (place + 1)
        low = place - 1 if up else place
        around = [low - 1, low, low + 1, low + 2]
        known = {one: self._error(one) for one in around}
        x = [one for one in around if known[one] is not None]
        curve = PchipInterpolator(x, [known[one] for one in x])
        inside = brentq(lambda one: float(curve(one)) - error, low, low + 1)
        return STEP ** float(inside)  # pyright: ignore[reportArgumentType]

    def _error(self, place: int) -> float | None:
        """At a size of the grid; None where there is no prediction."""
        size = round(STEP**place)
        if size < 2:
            return None
        try:
            return self.at(size).error
        except (InputError, ConvergenceError):
            return None
