"""Transfer: pruned data to pre-train on, and pruned data to fine-tune on."""

from __future__ import annotations

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from simulations.experiments.curves import POINT
from simulations.experiments.laws import means

from . import style
from .tables import shipped

SOURCE = "CIFAR-10, ResNet-8"
CAPTION = (
    "Transfer with ResNet-8 (strided stem): pre-trained on six classes of CIFAR-10, "
    "fine-tuned and tested on the other four; means of 3 (A) and 8 (B) seeds with one "
    "standard error. A: what is pruned is upstream, all downstream examples are used. "
    "B: what is pruned is downstream, from one network that was pre-trained on all "
    "upstream examples. Hard and easy by EL2N of networks trained on these classes."
)
SIDES = {"upstream": "A", "downstream": "B"}
LOOKS = {**style.RULES, "unpruned": (style.BLACK, "-", "s")}


def compute() -> xr.Dataset:
    """Means over seeds of both tables."""
    found = [
        means(shipped(f"cifar10_{side}"), POINT).assign(side=side) for side in SIDES
    ]
    return xr.Dataset.from_dataframe(pd.concat(found, ignore_index=True))


def draw(data: xr.Dataset) -> Figure:
    """Error after fine-tuning against the kept fraction."""
    table = data.to_dataframe()
    figure = style.canvas(style.PAGE, 2.5)
    panels = figure.subplots(1, 2)
    for axes, side in zip(panels, SIDES, strict=True):
        part = table.loc[(table["side"] == side).to_numpy()]
        for strategy, points in part.groupby("strategy"):
            look = LOOKS[str(strategy)]
            x, y = points["keep_fraction"], points["error"]
            style.simulated(axes, x, y, points["standard_error"], look)
            axes.plot(x, y, color=look[0], linestyle=look[1], linewidth=0.9)
            style.legend_entry(axes, look, style.KEEP.get(str(strategy), str(strategy)))
        axes.set(xlabel=f"kept fraction of the {side} data", ylabel="downstream error")
    panels[0].legend()
    style.letter(panels)
    return figure
