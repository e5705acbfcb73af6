"""Points and curves of a table: the columns that name them, and the choice of some."""

from __future__ import annotations

import pandas as pd

POINT = ["size", "keep_fraction", "strategy", "metric"]
RUN = [*POINT, "seed"]


def curve(
    table: pd.DataFrame, strategy: str, metric: str, keep_fraction: float
) -> pd.DataFrame:
    """The rows of a strategy, metric and kept fraction, by rising size.

    Args:
        table: with the columns of ``POINT``.
        strategy: as in the table.
        metric: as in the table.
        keep_fraction: to within rounding.
    """
    here = (table["keep_fraction"] - keep_fraction).abs() < 1e-9
    here &= (table["strategy"] == strategy) & (table["metric"] == metric)
    return table.loc[here.to_numpy()].sort_values("size", kind="stable")


def fractions(table: pd.DataFrame) -> list[float]:
    """Those of pruned sets, rising: without 1, which is no pruning."""
    return sorted(set(table["keep_fraction"]) - {1.0})


def metrics_of(table: pd.DataFrame, none: str) -> list[str]:
    """The metrics of a table but ``none``, by the number in a name and by name."""
    named = set(map(str, table["metric"])) - {none}
    return sorted(named, key=lambda metric: (number_in(metric), metric))


def number_in(metric: str) -> float:
    """The N of probe:N, the degrees of theta:DEGREES; 0 of a score file."""
    return float(metric.partition(":")[2] or 0)
