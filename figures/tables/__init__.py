"""Tables of results that figures are drawn from: as ``pruning-laws experiment`` wrote.

The commands that made them are in docs/experiments.md.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from simulations.experiments import read_table


def shipped(name: str) -> pd.DataFrame:
    """A table by its name, verified.

    Raises:
        InputError: it is not there, or was edited.
    """
    return read_table(Path(__file__).parent / f"{name}.csv")
