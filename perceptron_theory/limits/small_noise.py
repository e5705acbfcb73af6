"""The law of large loads as the noise of the teacher goes to zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..convex.losses import resolve_loss
from ..errors import InputError
from ..numerics.checks import check_margin, one_number
from ..numerics.precision import eager_only, own_settings
from ..rules.names import resolve_rule
from ..rules.rule import Rule
from ..solving.front_door import pruned_by
from .large_loads import ROUNDING, LargeLoad, expanded, teacher_law
from .noisy_nodes import LayerNodes


@dataclass(frozen=True)
class SmallNoise:
    """The law of large loads as the strength sigma of the noise goes to 0.

    Attributes:
        floor: over sigma.
        slope: t_1 over sigma.
        crossover: the load at which hard and random examples are equal, times sigma; 0
            where the rule loses at every large load, inf where its floor vanishes
            faster than sigma.
    """

    floor: float
    slope: float
    crossover: float


@eager_only
def small_noise_limit(
    keep_fraction: Any,
    *,
    theta: Any,
    rule: str | Rule = "hard",
    margin: str = "signed",
    label_noise: Any,
) -> SmallNoise:
    """What :func:`large_load` tends to at small noise; logistic loss, ridge 0.

    The student grows, A = a/sigma, so that only examples next to the teacher's boundary
    pull, u = sigma t, z = s v: (a, b) minimise the integral of F(t) phi(v) q(s v)
    l(a t + b v), and with the density 2 phi(0)/f of u there

        pi floor = sigma |b|/a,    t_1 = sigma f (pi/2)^(1/2) t_1 of the layer.

    Floor and t_1 are both in proportion to sigma, so that the load of the crossover
    grows like 1/sigma.  A ridge has to be small against sigma^2 for this.

    Args:
        keep_fraction: f in (0, 1].
        theta: angle of teacher and probe in radians, in (0, pi/2].
        rule: "hard", "easy" or a rule object that keeps f.
        margin: "absolute", where b = 0 by symmetry and the floor vanishes faster, or
            "signed".
        label_noise: a law; its strength does not matter.

    Raises:
        InputError: an argument outside its range, or theta = 0.

    Example:
        >>> near = small_noise_limit(0.6, theta=0.35, label_noise="probit:1")
        >>> f"{near.floor:.5f}"
        '0.00746'
    """
    rule, margin = resolve_rule(rule), check_margin(margin)
    arrays = pruned_by(rule, margin, keep_fraction, theta)
    f, angle = (float(one_number(x, arrays[x])) for x in ("keep_fraction", "theta"))
    if not angle > 0:
        raise InputError("theta must be above 0 here: at 0 there is no floor")
    law, loss = teacher_law(label_noise), resolve_loss("logistic")

    def slope(part: float, found: LargeLoad) -> float:
        return float(part * np.sqrt(np.pi / 2.0) * found.slope)

    with own_settings(x64=True):
        own = expanded(
            LayerNodes(f, angle, rule, margin, law.law), loss, 0.0, flat=False
        )
        whole = LayerNodes(1.0, angle, resolve_rule("hard"), "absolute", law.law)
        other = expanded(whole, loss, 0.0, flat=False)
    t_1, gain = slope(f, own), slope(1.0, other) - slope(f, own)
    square = own.floor_square
    crossover = np.inf if square < ROUNDING else gain / square
    floor = np.sqrt(square) / np.pi
    return SmallNoise(float(floor), t_1, float(crossover) if gain > 0 else 0.0)
