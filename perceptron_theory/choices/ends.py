"""The two ends of the margin as one rule, so that both are solved together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..rules.by_quantile import Easy, Hard
from ..rules.rule import Cells, Fractions, Rule


@dataclass(frozen=True)
class OneEnd(Rule):
    """Keep the hard examples where ``easy`` is 0, and the easy ones where it is 1."""

    easy: Any

    levels_depend_on_f = False

    def cells(self, keep_fraction: Float[Array, ""]) -> Cells:
        of_both = Easy().cells(keep_fraction), Hard().cells(keep_fraction)
        return jax.tree.map(lambda e, h: jnp.where(self.easy == 1, e, h), *of_both)

    def check(self, keep_fraction: Fractions, margin: str) -> None:
        pass
