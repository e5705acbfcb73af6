r"""Label-aware keeping: only where the probe agrees with the label, then by a rule.

The probe says sign(P.x) and the label is y, right or wrong; they agree where the signed
margin y P.x is positive.  What agrees is the part

    1 - D,    D = theta/pi + p (1 - 2 theta/pi),

of a pool with a part p of wrong labels.  Among those examples the signed and the
absolute margin are the same, and a rule of the quantile q of that margin is a rule of
the quantile D + (1 - D) q of the signed margin of the whole pool.  So label-aware
keeping is another rule of the signed margin, whose cells depend on D.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import InputError
from ..numerics.checks import as_array, check_theta
from ..numerics.precision import traced
from .keep_probability import KeepProbability
from .rule import Cells, Fractions, Rule


@dataclass(frozen=True)
class Agreeing(Rule):
    """Keep only examples on which probe and label agree, and of those by a rule.

    The keep fraction f stays the kept part of the *pool*: at most the part that agrees,
    1 - theta/pi, or with a part p of wrong labels (1 - p)(1 - theta/pi) + p theta/pi.
    ``Agreeing("hard")`` keeps the f with the smallest margins among those that agree,
    ``Agreeing("random")`` any f of them.  With a :class:`KeepProbability` each example
    that agrees is kept with that probability, and f follows:
    ``Agreeing(KeepProbability(jnp.ones_like))`` keeps all that agree.

    Which examples agree follows from the angle of the probe and from the wrong labels.
    ``solve``, ``solve_convex``, ``self_training`` and the simulator put them in; other
    functions refuse this rule.  ``margin`` makes no difference, as the signed margin
    is the absolute one where label and probe agree.

    Args:
        rule: "hard", "easy", "random" or a rule object, which sees the margins of the
            examples that agree, and the fraction of them.
    """

    rule: Any = "hard"

    def cells(self, keep_fraction: Float[Array, ""]) -> Cells:
        """Refused: the angle of the probe is not known here.

        Raises:
            InputError: always.
        """
        raise InputError(
            "Agreeing depends on the angle of the probe, which is known to solve, "
            "solve_convex, self_training and the simulator, not here: give another rule"
        )

    def check(self, keep_fraction: Fractions, margin: str) -> None:
        self.cells(None)  # type: ignore[arg-type] # says why not


@dataclass(frozen=True)
class AgreeingAt(Rule):
    """:class:`Agreeing` where the part of the pool that disagrees is known.

    A rule of the signed margin.
    """

    rule: Any
    disagreeing: Any

    @property
    def levels_depend_on_f(self) -> bool:  # type: ignore[override]
        return self.rule.levels_depend_on_f

    def cells(self, keep_fraction: Float[Array, ""]) -> Cells:
        """Those of the rule at the fraction of the agreeing part, put into the pool."""
        share = 1.0 - self.disagreeing
        below, above, level = self.rule.cells(keep_fraction / share)
        return Cells(self.disagreeing + share * below, share * above, level)

    def check(self, keep_fraction: Fractions, margin: str) -> None:
        """Refuse a fraction above the part of the pool that agrees.

        Raises:
            InputError: it is; or the rule itself refuses the fraction of that part.
        """
        assert keep_fraction is not None
        try:
            f, d = np.broadcast_arrays(keep_fraction, np.asarray(self.disagreeing))
        except ValueError:
            raise InputError(
                f"shapes do not broadcast: keep_fraction {keep_fraction.shape}, theta "
                f"and flip_probability {np.shape(self.disagreeing)}"
            ) from None
        bad = f > (1.0 - d) * (1.0 + 1e-12)
        if bad.any():
            most = 1.0 - d[bad].flat[0]
            raise InputError(
                "keep_fraction must be at most the part of the pool on which probe and "
                f"label agree, {most:.6g} here, got {f[bad].flat[0]:g}: keep fewer, or "
                "all that agree (see perceptron_theory.Agreeing)"
            )
        self.rule.check(np.minimum(f / (1.0 - d), 1.0), margin)

    def fits(self, keep_fraction: Any) -> Any:
        share = 1.0 - self.disagreeing
        good = keep_fraction <= share * (1.0 + 1e-12)
        return good & self.rule.fits(keep_fraction / share)


@dataclass(frozen=True)
class _WhereAgreeing:
    """A keep-probability on positive margins; equal if the function is."""

    function: Callable[[Float[Array, ""]], Float[Array, ""]]

    def __call__(self, margin: Float[Array, ""]) -> Float[Array, ""]:
        return jnp.where(margin > 0, self.function(jnp.abs(margin)), 0.0)


def disagreeing_part(theta: Any, flip_probability: Any = 0.0) -> Any:
    """The part of the pool whose label is not what the probe says.

    Args:
        theta: angle of teacher and probe in radians.
        flip_probability: part of the labels that is wrong.
    """
    part = theta / np.pi
    return part + flip_probability * (1.0 - 2.0 * part)


def bound(
    rule: Rule, margin: str, theta: Any, flip_probability: Any = 0.0
) -> tuple[Rule, str]:
    """The rule and the margin that it ranks, label-aware keeping put into its place.

    Any other rule is returned as it is.

    Args:
        rule: what ``resolve_rule`` returned.
        margin: "absolute" or "signed".
        theta: angle of the probe.
        flip_probability: part of the labels that is wrong.

    Raises:
        InputError: label-aware keeping with an angle out of range.
    """
    if not isinstance(rule, Agreeing):
        return rule, margin
    inner = rule.rule
    if isinstance(inner, KeepProbability):
        points = (0.0, *inner.breakpoints)
        return KeepProbability(_WhereAgreeing(inner.function), points), "signed"
    if not traced(theta):
        theta = as_array("theta", theta)
        check_theta(theta)
    if not traced(flip_probability):
        flip_probability = np.asarray(flip_probability, np.float64)
    return AgreeingAt(inner, disagreeing_part(theta, flip_probability)), "signed"
