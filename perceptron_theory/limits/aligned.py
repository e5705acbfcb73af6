r"""The limit f -> 0 at fixed alpha_prune of the perfect probe, theta = 0, hard rule.

u is uniform on (0, gamma) with gamma = f sqrt(pi/2).  For alpha > 2, G = a gamma stays
finite, and the equations of :mod:`.max_margin` become

    < t G_1(t) > = 0,    alpha < Phi(t) > = 1,    t = tau - s, s uniform on (0, G),

error = 1/(pi a).  For alpha < 2, a vanishes instead: alpha G_2(tau) = 1, the capacity
of random labels at margin tau, and a = gamma/(2 tau), error = 1/2 - a/pi.  Close to
alpha = 2 both G and tau are small, with the next order in u,

    (a gamma)^2/24 = (alpha - 2)/4 + gamma phi(0)/a.

The students of the version space: see :mod:`.version_space_limits`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.special import erf, ndtr

from ..errors import InputError
from ..numerics.gaussian import SQRT_2, SQRT_2PI
from ..numerics.limit_nodes import Nodes, nodes_between, rectified_moments, root_between
from ..numerics.precision import eager_only
from ..rules.inputs import as_array, check_fraction, check_load
from ..rules.rule import Hard, Rule, Window, resolve_rule
from ..students.bayes_limits import aligned_bayes_coefficient
from ..students.version_space_limits import aligned_coefficient
from .power_law import Values, check_student, random_coefficient


@dataclass(frozen=True)
class AlignedLimit:
    """The law error ~ limit + coefficient * f**exponent as f -> 0.

    Every field has the shape of the inputs.
    """

    limit: Values
    coefficient: Values
    exponent: Values


@eager_only
def aligned_limit(
    alpha_prune: Any, rule: str | Rule = "hard", student: str = "max_margin"
) -> AlignedLimit:
    r"""The error for f -> 0 at fixed alpha_prune, perfect probe, hard examples.

    Equations of this module's docstring:

    - alpha > 2: error ~ a(alpha) f, a = 1/(sqrt(2 pi) G);
      a ~ 1/sqrt(12 pi (alpha - 2)) just above 2 and C_random/alpha for large alpha;
    - alpha = 2: error ~ (f/(24 pi^2))^(1/3) = 0.1616 f^(1/3);
    - alpha < 2: error ~ 1/2 - f/(sqrt(8 pi) tau) with G_2(tau) = 1/alpha, the
      capacity of random labels at margin tau; 1/2 - 2 f/(pi (2 - alpha)) just below 2.

    The version space (student "gibbs" or "bayes_point") has its threshold at 2 as well:
    above it error ~ f (1 + Delta^2)^(1/2)/(sqrt(2 pi) G) (bayes_point without Delta),
    which just above 2 grows like (alpha - 2)^(-2/3); at 2 itself error ~ 0.2678
    f^(1/5) for both, more than for max margin; below it 1/2 - O(f).

    The next term is relative and of order f^2, f^(2/3) at alpha = 2 (version space:
    f^(1/3)).  Close to 2 the
    laws want f well below |alpha - 2|^(3/4) above and |alpha - 2| below it;
    :func:`threshold_error` joins the three.

    The student that knows the rule (student "bayes_optimal") has its threshold at 1:
    above it error ~ a f (:func:`.bayes_limits.aligned_bayes_coefficient`), at 1 it goes
    to 1/4, and below it 1/2 - f (alpha/(8 pi (1 - alpha)))^(1/2).

    Raises:
        InputError: a load that is not positive and finite, or that is 1 for the student
            bayes_optimal (its next term is not known); or a rule other than hard, whose
            kept examples do not close in on the teacher's boundary.

    Example:
        >>> law = aligned_limit([1.0, 2.0, 3.0])
        >>> [f"{c:.6f}" for c in law.coefficient]
        ['-0.423816', '0.161620', '0.176403']
    """
    check_student(student, _LAWS)
    rule = resolve_rule(rule)
    if not (
        isinstance(rule, Hard) or (isinstance(rule, Window) and not np.any(rule.lower))
    ):
        raise InputError(
            f"the limit f -> 0 at theta = 0 exists for rule='hard' only, got {rule!r}: "
            "other rules keep examples away from the teacher's boundary"
        )
    alpha = as_array("alpha_prune", alpha_prune)
    check_load("alpha_prune", alpha)
    threshold = 1.0 if student == "bayes_optimal" else 2.0
    if student == "bayes_optimal" and (alpha == 1.0).any():
        raise InputError(
            "at alpha_prune = 1 the error of bayes_optimal goes to 1/4, and its next "
            "term is not known: give loads above or below"
        )
    law = _LAWS[student]
    rows = np.array([law(x) for x in alpha.flat]).reshape(*alpha.shape, 2)
    limit = np.where(alpha < threshold, 0.5, 0.0)
    return AlignedLimit(limit[()], rows[..., 0][()], rows[..., 1][()])


def _max_margin(alpha: float) -> tuple[float, float]:
    """The coefficient and exponent of :func:`aligned_limit` at one load."""
    if alpha == 2.0:
        return float(np.cbrt(1.0 / (24.0 * np.pi**2))), 1.0 / 3.0
    if alpha < 2.0:
        return -1.0 / (np.sqrt(8.0 * np.pi) * _margin_at_capacity(alpha)), 1.0

    def slacks(scale: float) -> tuple[Nodes, Nodes]:
        """Nodes of t and weights of the uniform s, at the tau that balances."""
        end = min(scale, 12.0)  # the slack of the rest is below -11: no support
        s, width = nodes_between(np.linspace(0.0, end, 9))

        def balance(tau: float) -> float:
            t = tau - s
            return float(np.sum(width * t * rectified_moments(t)[1]))

        tau = root_between(balance, 0.0, min(1.0, scale), 1e-16)
        return tau - s, width / scale

    def excess(log_scale: float) -> float:
        """< Phi(t) > - 1/alpha; of small loads from differences to 1/2."""
        scale = np.exp(log_scale)
        t, weight = slacks(scale)
        if alpha > 4.0:
            return float(alpha * np.sum(weight * ndtr(t)) - 1.0)
        rest = max(0.0, 1.0 - 12.0 / scale)  # weight of the s beyond the nodes
        mean = 0.5 * np.sum(weight * erf(t / SQRT_2)) - 0.5 * rest
        return float(mean + 0.5 * (alpha - 2.0) / alpha)

    # between the laws at both ends, G^2 = 6 (alpha - 2) and G = alpha/(sqrt(2 pi) C)
    near = np.sqrt(6.0 * (alpha - 2.0))
    far = alpha / (SQRT_2PI * random_coefficient())
    low, high = min(near, far) / 8.0, max(near, far) * 8.0
    log_scale = root_between(excess, np.log(low), np.log(high), 1e-14)
    return float(np.exp(-log_scale) / SQRT_2PI), 1.0


# (coefficient, exponent) of every student at one load
def _bayes_optimal(alpha: float) -> tuple[float, float]:
    """As :func:`_max_margin`, of the student that knows the rule."""
    if alpha > 1.0:
        return float(aligned_bayes_coefficient(alpha)), 1.0
    return -math.sqrt(alpha / (8.0 * np.pi * (1.0 - alpha))), 1.0


_LAWS: dict[str, Callable[[float], tuple[float, float]]] = {
    "max_margin": _max_margin,
    "gibbs": partial(aligned_coefficient, gibbs=True),
    "bayes_point": partial(aligned_coefficient, gibbs=False),
    "bayes_optimal": _bayes_optimal,
}


def _margin_at_capacity(alpha: float) -> float:
    """Tau with alpha G_2(tau) = 1 (Gardner 1988), from differences to 1/2."""

    def excess(tau: float) -> float:
        # G_2 - 1/2 = (tau^2 + 1)(Phi - 1/2) + tau phi + tau^2/2
        half = 0.5 * erf(tau / SQRT_2)
        bell = np.exp(-0.5 * tau * tau) / SQRT_2PI
        rise = (tau * tau + 1.0) * half + tau * bell + 0.5 * tau * tau
        return rise - (2.0 - alpha) / (2.0 * alpha)

    return root_between(excess, 0.0, 1.0 + np.sqrt(1.0 / alpha), 1e-300)


def threshold_error(alpha_prune: Any, keep_fraction: Any) -> Values:
    r"""The error close to alpha = 2 and f = 0 (theta = 0, hard, max margin).

    There a solves gamma^2 a^3/24 = (alpha - 2) a/4 + gamma phi(0) with
    gamma = f sqrt(pi/2), and error = arctan(1/a)/pi: the three laws of
    :func:`aligned_limit` near alpha = 2 in one.  Relative corrections are of order
    |alpha - 2| and f^(2/3).

    Raises:
        InputError: a load or fraction outside its range, shapes that do not broadcast.
    """
    alpha = as_array("alpha_prune", alpha_prune)
    f = as_array("keep_fraction", keep_fraction)
    check_load("alpha_prune", alpha)
    check_fraction("keep_fraction", f)
    try:
        alpha, f = np.broadcast_arrays(alpha, f)
    except ValueError as error:
        raise InputError(
            f"alpha_prune {alpha.shape} and keep_fraction {f.shape} do not broadcast"
        ) from error
    scale = np.cbrt(24.0 / (np.pi * f))  # a = scale y with y^3 = x y + 1
    x = (alpha - 2.0) * scale / (2.0 * f)

    def root(x: float) -> float:
        cubic = lambda y: y**3 - x * y - 1.0  # noqa: E731
        return root_between(cubic, 0.0, 1.0 + np.sqrt(max(x, 0.0)), 1e-300)

    y = np.array([root(value) for value in x.flat]).reshape(x.shape)
    return (np.arctan(1.0 / (scale * y)) / np.pi)[()]
