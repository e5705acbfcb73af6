r"""Pruning rules: which examples of the pool are kept, given the probe's margin.

An example x with label y = sign(T.x) has, under a unit probe P, the margin
|P.x| ("absolute", the convention of the replica equations of Sorscher et al. 2022,
arXiv 2206.14486, App. A) or y P.x ("signed", the wording of the paper's algorithm).
Small margin = hard, large margin = easy.

Every rule but :class:`KeepProbability` is piecewise constant on the axis of margin
*quantiles* [0, 1] (0 = smallest margin of the pool): a few cells, in each of which an
example is kept with a constant probability, the ``level``.  The cells are the one
definition of a rule: the theory turns their ends into thresholds of the margin, the
simulator into ranks of a finite pool.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ..errors import InputError, unknown_name

MARGINS = ("absolute", "signed")
# ends of the panels for a keep-probability given as a function
KNOTS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)


class Cells(NamedTuple):
    """Cells of the margin-quantile axis.

    ``below`` and ``above`` (n, 2) are the masses of the pool below and above the two
    ends of each cell; they add up to one, and both are kept because a quantile close
    to 1 loses its digits as 1 - above.  ``level`` (n,) is the keep-probability.
    """

    below: Float[Array, "n 2"]
    above: Float[Array, "n 2"]
    level: Float[Array, " n"]


def _cells(*rows: tuple[Any, Any, Any, Any, Any]) -> Cells:
    lower, upper, lower_above, upper_above, level = zip(*rows, strict=True)
    stack = lambda values: jnp.stack([jnp.asarray(v) * 1.0 for v in values])  # noqa: E731
    return Cells(
        jnp.stack([stack(lower), stack(upper)], axis=-1),
        jnp.stack([stack(lower_above), stack(upper_above)], axis=-1),
        stack(level),
    )


@dataclass(frozen=True)
class Hard:
    """Keep the fraction f of smallest margin: margin < gamma."""

    def cells(self, keep_fraction: Float[Array, ""]) -> Cells:
        f = keep_fraction
        return _cells((0.0, f, 1.0, 1.0 - f, 1.0))


@dataclass(frozen=True)
class Easy:
    """Keep the fraction f of largest margin: margin > gamma."""

    def cells(self, keep_fraction: Float[Array, ""]) -> Cells:
        f = keep_fraction
        return _cells((1.0 - f, 1.0, f, 0.0, 1.0))


@dataclass(frozen=True)
class Random:
    """Keep a random fraction f, whatever the margin."""

    def cells(self, keep_fraction: Float[Array, ""]) -> Cells:
        return _cells((0.0, 1.0, 1.0, 0.0, keep_fraction))


@dataclass(frozen=True)
class Window:
    """Keep the margins between the quantiles ``lower`` and ``lower`` + f of the pool.

    ``lower`` is 0 for the hard rule and 1 - f for the easy one; lower + f <= 1.
    """

    lower: Any  # a float or an array that broadcasts with the other inputs

    def cells(self, keep_fraction: Float[Array, ""]) -> Cells:
        f, lower = keep_fraction, self.lower
        # max(): lower = 1 - f may leave -2e-17 above the window
        rest = jnp.maximum((1.0 - f) - lower, 0.0)
        return _cells((lower, lower + f, 1.0 - lower, rest, 1.0))


@dataclass(frozen=True)
class Mixture:
    """Keep a ``share`` of the f by margin, and draw the rest at random.

    share * f of the pool is kept by ``rule`` ("hard" or "easy"); the other
    (1 - share) * f is a random part of what that rule left out, so that exactly a
    fraction f is kept and no example twice.  0 <= share <= 1.
    """

    share: Any  # a float or an array that broadcasts with the other inputs
    rule: str = "hard"

    def __post_init__(self) -> None:
        if self.rule not in ("hard", "easy"):
            raise unknown_name("mixture rule", self.rule, ("hard", "easy"))

    def cells(self, keep_fraction: Float[Array, ""]) -> Cells:
        f = keep_fraction
        chosen = self.share * f
        left = 1.0 - chosen
        # share = f = 1 leaves nothing over: any level describes an empty cell
        rest = jnp.where(left > 0, (f - chosen) / jnp.where(left > 0, left, 1.0), 1.0)
        if self.rule == "hard":
            return _cells((0.0, chosen, 1.0, left, 1.0), (chosen, 1.0, left, 0.0, rest))
        return _cells((0.0, left, 1.0, chosen, rest), (left, 1.0, chosen, 0.0, 1.0))


@dataclass(frozen=True)
class KeepProbability:
    """Keep an example of margin z with probability ``function(z)`` in [0, 1].

    ``function`` is a JAX function of one margin (absolute or signed, as the call
    says).  It may have kinks and jumps only at ``breakpoints`` (increasing margins):
    between them it is integrated as a smooth function.  The kept fraction follows
    from it, so ``keep_fraction`` is not given.
    """

    function: Callable[[Float[Array, ""]], Float[Array, ""]]
    breakpoints: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        try:
            points = tuple(float(x) for x in self.breakpoints)
        except (TypeError, ValueError):
            raise InputError(
                "KeepProbability.breakpoints must be a tuple of margins, got "
                f"{self.breakpoints!r}"
            ) from None
        # hashable: compiled programs are kept by rule
        object.__setattr__(self, "breakpoints", points)


class CellRule:
    """Base of the rules of other files: pytrees that bring ``cells``, as above."""

    def cells(self, keep_fraction: Float[Array, ""]) -> Cells:
        raise NotImplementedError


Rule = Hard | Easy | Random | Window | Mixture | KeepProbability | CellRule


def _register(
    cls: type, data: tuple[str, ...] = (), meta: tuple[str, ...] = ()
) -> None:
    """Make a rule a pytree with its class in the static part.

    register_dataclass does not: structures of two classes without static fields compare
    equal (jax 0.10.2), and a compiled function of one is then called with the other.
    """

    def flatten(rule: Any) -> tuple[Any, Any]:
        values = tuple(getattr(rule, name) for name in meta)
        return tuple(getattr(rule, name) for name in data), (cls.__name__, *values)

    def unflatten(static: Any, leaves: Any) -> Any:
        rule = object.__new__(cls)
        for name, value in zip((*data, *meta), (*leaves, *static[1:]), strict=True):
            object.__setattr__(rule, name, value)
        return rule

    jax.tree_util.register_pytree_node(cls, flatten, unflatten)


for _rule in (Hard, Easy, Random):
    _register(_rule)
_register(Window, ("lower",))
_register(Mixture, ("share",), ("rule",))
_register(KeepProbability, (), ("function", "breakpoints"))

RULES: dict[str, type] = {"hard": Hard, "easy": Easy, "random": Random}


def resolve_rule(rule: str | Rule) -> Rule:
    """The rule object behind a name; a rule object is returned as it is.

    Raises:
        InputError: unknown name (the nearest known one is suggested) or type.
    """
    if isinstance(rule, Window) and isinstance(rule.lower, list | tuple):
        return Window(np.asarray(rule.lower))  # a list would be a pytree of its numbers
    if isinstance(rule, Mixture) and isinstance(rule.share, list | tuple):
        return Mixture(np.asarray(rule.share), rule.rule)
    if isinstance(rule, Rule):
        return rule
    if not isinstance(rule, str):
        raise InputError(
            f"rule must be one of {', '.join(map(repr, RULES))} or a rule object "
            f"such as perceptron_theory.Window(lower=0.3), got {rule!r}"
        )
    if rule in ("window", "mixture"):
        example = "Window(lower=0.3)" if rule == "window" else "Mixture(share=0.5)"
        raise InputError(
            f"rule {rule!r} has a parameter: give perceptron_theory.{example}"
        )
    if rule not in RULES:
        raise unknown_name("rule", rule, RULES)
    return RULES[rule]()


def check_margin(margin: str) -> str:
    """``margin`` itself if it names a convention, InputError otherwise."""
    if margin not in MARGINS:
        raise unknown_name("margin", margin, MARGINS)
    return margin


def fits(rule: Rule, keep_fraction: Float[Array, ""]) -> Bool[Array, ""] | bool:
    """Whether a rule's parameters are in range and go with f, for a trace."""
    if isinstance(rule, Window):
        top = rule.lower + keep_fraction
        return (rule.lower >= 0) & (rule.lower < 1) & (top <= 1 + 1e-12)
    if isinstance(rule, Mixture):
        return (rule.share >= 0) & (rule.share <= 1)
    return True
