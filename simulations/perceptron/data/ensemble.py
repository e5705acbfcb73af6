"""The parameters that an ensemble of training sets is drawn by."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from functools import cached_property

import jax.numpy as jnp
import numpy as np

from perceptron_theory import InputError, KeepProbability, Rule, resolve_rule
from perceptron_theory.errors import out_of_percent
from perceptron_theory.numerics.checks import check_margin
from perceptron_theory.numerics.precision import own_settings
from perceptron_theory.rules.agreeing import Agreeing, bound
from perceptron_theory.rules.rule import check_rule

from ..naming import as_number, function_name, numbers_mark, require, settle
from .pool import mean_keep_probability, pool_sizes


def _goes_with(rule: Rule, keep_fraction: float | None) -> bool:
    """Do what ``Rule.fits`` does without JAX, which a list of points must not start."""
    try:
        fit = rule.fits(np.float64(keep_fraction))  # type: ignore[arg-type]
    except TypeError:  # The parameters of the rule are no numbers.
        return False
    return bool(np.all(fit))


def _of_a_user(rule: Rule) -> bool:
    """Whether the class of a rule is none of the theory's."""
    return type(rule).__module__.partition(".")[0] != Rule.__module__.partition(".")[0]


@dataclass(frozen=True)
class Ensemble:
    """Parameters of a pool and of how it is pruned.

    ``alpha_prune`` = P/N is the kept load, ``theta`` the angle of the probe in radians,
    ``margin`` is "absolute" or "signed" (always, if the rule is label-aware).
    ``keep_fraction`` is left out for a ``KeepProbability``, which determines it.  A
    rule of a user's own is checked as ``solve`` checks it, by its cells, which starts
    JAX.

    Raises:
        InputError: a value lies outside its domain; the message names it.
    """

    alpha_prune: float
    keep_fraction: float | None = None
    theta: float = 0.0
    rule: str | Rule = "hard"
    margin: str = "absolute"

    def __post_init__(self) -> None:
        rule = resolve_rule(self.rule)
        check_margin(self.margin)
        if isinstance(rule, Agreeing):
            # whichever margin: it is the signed one where label and probe agree
            object.__setattr__(self, "margin", "signed")
            if isinstance(rule.rule, KeepProbability):
                rule, _ = bound(rule, self.margin, 0.0)
                object.__setattr__(self, "rule", rule)
        # 3, 3.0 and NumPy's 3.0 are one point, which has one random stream.
        settle(self, as_number, "alpha_prune", "theta")
        if self.keep_fraction is not None:
            settle(self, as_number, "keep_fraction")
        load, fraction, theta = self.alpha_prune, self.keep_fraction, self.theta
        require(0 < load < math.inf, "alpha_prune must be positive", load)
        if isinstance(rule, KeepProbability):
            if fraction is not None:
                raise InputError(
                    "keep_fraction follows from a KeepProbability: leave it out"
                )
        else:
            good = fraction is not None and 0 < fraction <= 1
            if not good:
                hint = "" if fraction is None else out_of_percent(fraction)
                raise InputError(
                    f"keep_fraction must lie in (0, 1], got {fraction!r}{hint}"
                )
            if _of_a_user(rule):
                check_rule(rule, np.asarray(fraction), self.margin)
            if not _goes_with(rule, fraction):
                raise InputError(
                    f"{self.rule_name} does not go with keep_fraction {fraction!r}: a "
                    "window ends at lower + f <= 1, with lower in [0, 1), and a share "
                    "lies in [0, 1]"
                )
        if not 0 <= theta <= math.pi / 2:
            hint = "; is it in degrees?" if theta > math.pi / 2 else ""
            raise InputError(
                f"theta must lie in [0, pi/2] radians, got {theta!r}{hint}"
            )
        self.check_agreeing(0.0)

    def check_agreeing(self, flip_probability: float) -> None:
        """Refuse label-aware keeping of more than agrees.

        Raises:
            InputError: less than the kept fraction of the pool agrees with the probe.
        """
        rule = resolve_rule(self.rule)
        if isinstance(rule, Agreeing):
            rule, margin = bound(rule, self.margin, self.theta, flip_probability)
            rule.check(np.asarray(self.keep_fraction), margin)

    @property
    def by_chance(self) -> bool:
        """Whether each example is kept by a draw of its own, not by its rank."""
        return isinstance(resolve_rule(self.rule), KeepProbability)

    @property
    def label_aware(self) -> bool:
        """Whether only examples are kept on which probe and label agree, by rank."""
        return isinstance(resolve_rule(self.rule), Agreeing)

    @property
    def fraction(self) -> float:
        """The kept fraction f, whether given or following from a KeepProbability."""
        return self.fraction_of(0.0)

    def fraction_of(self, flip_probability: float) -> float:
        """The kept fraction of a pool with wrong labels, which a rule may see."""
        if self.keep_fraction is not None:
            return self.keep_fraction
        rule = resolve_rule(self.rule)
        assert isinstance(rule, KeepProbability)  # as __post_init__ has checked
        return mean_keep_probability(rule, self.theta, self.margin, flip_probability)

    def pool_sizes(self, size: int, flip_probability: float = 0.0) -> tuple[int, int]:
        """(P_tot, P) at input dimension N; P is a mean for a ``KeepProbability``.

        Raises:
            InputError: no example would be kept.
        """
        return pool_sizes(size, self.alpha_prune, self.fraction_of(flip_probability))

    @property
    def rule_name(self) -> str:
        """The rule as text, which is the same for every way of giving it."""
        rule = resolve_rule(self.rule)
        if isinstance(rule, KeepProbability):
            name = function_name(rule.function, tuple(rule.breakpoints))
            return f"KeepProbability({name}, {rule.breakpoints})"
        return rule.text

    @cached_property
    def _cells_mark(self) -> str:
        """A mark of the cells of a user's rule, which may be edited under its name.

        It is of those at the kept fraction: no others decide what is drawn.  Our own
        rules are known by their names.
        """
        rule = resolve_rule(self.rule)
        if self.keep_fraction is None or not _of_a_user(rule):
            return ""
        with own_settings(x64=True):
            cells = rule.cells(jnp.asarray(self.keep_fraction))
        return f"#{numbers_mark(*cells)}"

    @property
    def label(self) -> str:
        """What identifies the ensemble, whichever student is trained on it."""
        return (
            f"alpha_prune={self.alpha_prune!r} keep_fraction={self.keep_fraction!r} "
            f"theta={self.theta!r} rule={self.rule_name}{self._cells_mark} "
            f"margin={self.margin}"
        )

    @property
    def stream(self) -> int:
        """32-bit number of the random stream, fixed by the label alone."""
        return zlib.crc32(self.label.encode())
