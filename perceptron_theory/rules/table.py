"""Rules written out: one compiled program for all with the same number of cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .rule import Cells, Rule


@dataclass(frozen=True)
class CellTable(Rule):
    """The cells of a rule at one keep fraction, with their derivatives.

    Args:
        rows: (n, 10): ``below``, ``above`` and ``level`` of each cell, then the
            derivatives of the five with respect to f.
        levels_depend_on_f: whether the levels change with f.
    """

    rows: Any
    levels_depend_on_f: bool

    static = ("levels_depend_on_f",)

    def cells(self, keep_fraction: Float[Array, ""]) -> Cells:
        # the value that was computed, and the derivative to whoever asks for it
        step = keep_fraction - jax.lax.stop_gradient(keep_fraction)
        at = self.rows[:, :5] + step * self.rows[:, 5:]
        return Cells(at[:, :2], at[:, 2:4], at[:, 4])


def cell_rows(rule: Rule, keep_fraction: Float[Array, ""]) -> Float[Array, "n 10"]:
    """The rows of a :class:`CellTable`."""
    return rows_of(
        *jax.jvp(rule.cells, (keep_fraction,), (jnp.ones_like(keep_fraction),))
    )


def rows_of(cells: Cells, rates: Cells) -> Float[Array, "n 10"]:
    """The rows of cells that move at some rates."""
    columns = [jnp.column_stack([*part[:2], part.level]) for part in (cells, rates)]
    return jnp.concatenate(columns, axis=1)
