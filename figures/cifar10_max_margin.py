"""The theory's own student on features of CIFAR-10."""

from __future__ import annotations

import xarray as xr
from matplotlib.figure import Figure

from . import scaling
from .tables import shipped

SOURCE = "CIFAR-10, the theory's student (marks), and theory (lines)"
CAPTION = (
    "The theory's own student on CIFAR-10: max margin on the 64 whitened features of "
    "SimCLR, labels by a linear teacher, 10 seeds. Error against kept examples by the "
    "angle of the probe (across) and strategy (down). Marks: means with one standard "
    "error. Lines: the theory of Gaussian inputs at the same alpha, f and theta; "
    "nothing is fitted. Plus: random examples."
)


def compute() -> xr.Dataset:
    """Means over the seeds of the table."""
    return xr.Dataset.from_dataframe(scaling.points_of(shipped("cifar10_max_margin")))


def draw(data: xr.Dataset) -> Figure:
    """A panel a metric and strategy."""
    return scaling.draw(data.to_dataframe())
