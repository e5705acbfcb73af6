"""The rules of the paper, and those between them, by quantiles of the margin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import InputError, unknown_name
from ..numerics.checks import as_array, refuse, refuse_part
from .rule import Cells, Fractions, Rule, cells_of


@dataclass(frozen=True)
class Hard(Rule):
    """Keep the fraction f of smallest margin: margin < gamma."""

    levels_depend_on_f = False

    def cells(self, keep_fraction: Float[Array, ""]) -> Cells:
        f = keep_fraction
        return cells_of((0.0, f, 1.0, 1.0 - f, 1.0))

    def check(self, keep_fraction: Fractions, margin: str) -> None:
        pass


@dataclass(frozen=True)
class Easy(Rule):
    """Keep the fraction f of largest margin: margin > gamma."""

    levels_depend_on_f = False

    def cells(self, keep_fraction: Float[Array, ""]) -> Cells:
        f = keep_fraction
        return cells_of((1.0 - f, 1.0, f, 0.0, 1.0))

    def check(self, keep_fraction: Fractions, margin: str) -> None:
        pass


@dataclass(frozen=True)
class Random(Rule):
    """Keep a random fraction f, whatever the margin."""

    indifferent = True

    def cells(self, keep_fraction: Float[Array, ""]) -> Cells:
        return cells_of((0.0, 1.0, 1.0, 0.0, keep_fraction))

    def check(self, keep_fraction: Fractions, margin: str) -> None:
        pass


@dataclass(frozen=True)
class Window(Rule):
    """Keep the margins between the quantiles ``lower`` and ``lower`` + f of the pool.

    ``lower`` is 0 for the hard rule and 1 - f for the easy one; lower + f <= 1.
    """

    lower: Any  # a float or an array that broadcasts with the other inputs

    levels_depend_on_f = False

    def cells(self, keep_fraction: Float[Array, ""]) -> Cells:
        f, lower = keep_fraction, self.lower
        # max(): lower = 1 - f may leave -2e-17 above the window
        rest = jnp.maximum((1.0 - f) - lower, 0.0)
        return cells_of((lower, lower + f, 1.0 - lower, rest, 1.0))

    def check(self, keep_fraction: Fractions, margin: str) -> None:
        assert keep_fraction is not None
        lower = as_array("Window.lower", self.lower)
        refuse("Window.lower", lower, ~((lower >= 0) & (lower < 1)), "in [0, 1)")
        try:
            lower, fraction = np.broadcast_arrays(lower, keep_fraction)
        except ValueError:
            raise InputError(
                f"shapes do not broadcast: Window.lower {lower.shape}, keep_fraction "
                f"{keep_fraction.shape}"
            ) from None
        bad = lower + fraction > 1 + 1e-12
        if bad.any():
            raise InputError(
                "Window.lower + keep_fraction must not exceed 1, got "
                f"{lower[bad].flat[0]:g} + {fraction[bad].flat[0]:g}"
            )

    def fits(self, keep_fraction: Any) -> Any:
        top = self.lower + keep_fraction
        return (self.lower >= 0) & (self.lower < 1) & (top <= 1 + 1e-12)

    @property
    def largest_fraction(self) -> float:
        return 1.0 - float(self.lower)

    def realised(self, kept: tuple[tuple[int, int, int], ...], total: int) -> Rule:
        ((first, _, _),) = kept
        return Window(first / total)


@dataclass(frozen=True)
class Mixture(Rule):
    """Keep a ``share`` of the f by margin, and draw the rest at random.

    share * f of the pool is kept by ``rule`` ("hard" or "easy"); the other
    (1 - share) * f is a random part of what that rule left out, so that exactly a
    fraction f is kept and no example twice.  0 <= share <= 1.
    """

    share: Any  # a float or an array that broadcasts with the other inputs
    rule: str = "hard"

    static = ("rule",)

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
            low, high = (0.0, chosen, 1.0, left, 1.0), (chosen, 1.0, left, 0.0, rest)
        else:
            low, high = (0.0, left, 1.0, chosen, rest), (left, 1.0, chosen, 0.0, 1.0)
        return cells_of(low, high)

    def check(self, keep_fraction: Fractions, margin: str) -> None:
        share = as_array("Mixture.share", self.share)
        bad = ~((share >= 0) & (share <= 1))
        refuse_part("Mixture.share", share, bad, "in [0, 1]")

    def fits(self, keep_fraction: Any) -> Any:
        return (self.share >= 0) & (self.share <= 1)

    def realised(self, kept: tuple[tuple[int, int, int], ...], total: int) -> Rule:
        if len(kept) == 1:  # all chosen, or all at random
            return self
        chosen = kept[0 if self.rule == "hard" else -1]
        return Mixture(chosen[2] / sum(cell[2] for cell in kept), self.rule)
