"""A small network on CIFAR-10: error against kept examples."""

from __future__ import annotations

import xarray as xr
from matplotlib.figure import Figure

from . import scaling
from .tables import shipped

SOURCE = "CIFAR-10, ResNet-8"
CAPTION = (
    "ResNet-8 with a strided stem on CIFAR-10, 10 epochs, 3 seeds: an illustration. "
    "Error against kept examples when hard or easy examples by EL2N are kept. Means "
    "with one standard error; plus: random examples."
)


def compute() -> xr.Dataset:
    """Means over the seeds of the table."""
    return xr.Dataset.from_dataframe(scaling.points_of(shipped("cifar10_networks")))


def draw(data: xr.Dataset) -> Figure:
    """A panel a metric and strategy."""
    return scaling.draw(data.to_dataframe())
