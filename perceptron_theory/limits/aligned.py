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

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from ..errors import InputError
from ..numerics.checks import (
    as_array,
    broadcast,
    check_fraction,
    check_load,
    refuse_other_order,
)
from ..numerics.limit_nodes import Values, root_between
from ..numerics.precision import eager_only
from ..rules.names import resolve_rule
from ..rules.rule import Rule, keeps_hardest
from ..students.names import resolve_student
from ..students.student import Student


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
    alpha_prune: Any,
    rule: str | Rule = "hard",
    student: str | Student = "max_margin",
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
    kind, rule = resolve_student(student), resolve_rule(rule)
    if any(np.ndim(x) for x in jax.tree.leaves(rule)) or not keeps_hardest(rule):
        raise InputError(
            f"the limit f -> 0 at theta = 0 exists for rule='hard' only, got {rule!r}: "
            "other rules keep examples away from the teacher's boundary"
        )
    alpha = as_array("alpha_prune", alpha_prune)
    check_load("alpha_prune", alpha)
    threshold = kind.threshold
    if threshold == 1.0 and (alpha == 1.0).any():
        raise InputError(
            f"at alpha_prune = 1 the error of {kind.name} goes to 1/4, and its next "
            "term is not known: give loads above or below"
        )
    rows = np.array([kind.aligned_law(float(x)) for x in alpha.flat]).reshape(
        *alpha.shape, 2
    )
    limit = np.where(alpha < threshold, 0.5, 0.0)
    return AlignedLimit(limit[()], rows[..., 0][()], rows[..., 1][()])


def threshold_error(alpha_prune: Any, keep_fraction: Any) -> Values:
    r"""The error close to alpha = 2 and f = 0 (theta = 0, hard, max margin).

    There a solves gamma^2 a^3/24 = (alpha - 2) a/4 + gamma phi(0) with
    gamma = f sqrt(pi/2), and error = arctan(1/a)/pi: the three laws of
    :func:`aligned_limit` near alpha = 2 in one.  Relative corrections are of order
    |alpha - 2| and f^(2/3).

    Raises:
        InputError: a load or fraction outside its range, shapes that do not broadcast.
    """
    given = {"alpha_prune": alpha_prune, "keep_fraction": keep_fraction}
    refuse_other_order(given)
    alpha = as_array("alpha_prune", alpha_prune)
    f = as_array("keep_fraction", keep_fraction)
    check_load("alpha_prune", alpha)
    check_fraction("keep_fraction", f)
    alpha, f = broadcast({"alpha_prune": alpha, "keep_fraction": f})
    scale = np.cbrt(24.0 / (np.pi * f))  # a = scale y with y^3 = x y + 1
    x = (alpha - 2.0) * scale / (2.0 * f)

    def root(x: float) -> float:
        cubic = lambda y: y**3 - x * y - 1.0  # noqa: E731
        return root_between(cubic, 0.0, 1.0 + np.sqrt(max(x, 0.0)), 1e-300)

    y = np.array([root(value) for value in x.flat]).reshape(x.shape)
    return (np.arctan(1.0 / (scale * y)) / np.pi)[()]
