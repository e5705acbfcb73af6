"""Linear heads on features of CIFAR-10: error against kept examples."""

from __future__ import annotations

import xarray as xr
from matplotlib.figure import Figure

from . import scaling
from .tables import shipped

SOURCE = "CIFAR-10, linear heads"
CAPTION = (
    "Linear heads for the ten classes of CIFAR-10 on 64 features of SimCLR, 10 seeds. "
    "Error against kept examples by the metric (EL2N of a head that was trained on 200 "
    "or 5,000 other examples; across) and strategy (down). Means with one standard "
    "error; plus: random examples."
)


def compute() -> xr.Dataset:
    """Means over the seeds of the table."""
    return xr.Dataset.from_dataframe(scaling.points_of(shipped("cifar10_logistic")))


def draw(data: xr.Dataset) -> Figure:
    """A panel a metric and strategy."""
    return scaling.draw(data.to_dataframe())
