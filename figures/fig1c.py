"""Fig. 1C: where keeping hard examples beats keeping easy ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

import perceptron_theory as pt

from . import style

SOURCE = "theory: max-margin student, theta = 0 degrees"
CAPTION = (
    "Error when the hard examples are kept against the error when the easy ones are, "
    "in per cent of the latter, over the initial load and the kept fraction (perfect "
    "probe, theta = 0). Orange: keep the hard; blue: keep the easy; beyond the ends of "
    "the scale the colour stays that of the end. Line: the boundary, solved to "
    "tolerance."
)
MOST = math.log(4)  # of ln of the ratio at the ends of the colours


def compute() -> xr.Dataset:
    """Errors of all strategies on a grid, and the boundaries between them."""
    diagram = pt.phase_diagram(
        np.geomspace(0.5, 50, 129), np.linspace(0.02, 0.98, 97), theta=0.0
    )
    return diagram.drop_vars(["best", "error_random"])  # this figure is without them


def draw(data: xr.Dataset) -> Figure:
    """One map with the boundary on it."""
    figure = style.canvas(style.COLUMN * 1.25, 3.1)
    axes = figure.subplots()
    hard, easy = data["error_hard"], data["error_easy"]
    # of errors that are small on the right: their ratio, which is seen everywhere
    ratio: Any = np.log(hard / easy)  # a DataArray, which NumPy's types do not say
    ratio = ratio.transpose("keep_fraction", "alpha_tot")
    drawn = axes.pcolormesh(
        data["alpha_tot"],
        data["keep_fraction"],
        ratio,
        norm=Normalize(-MOST, MOST),
        cmap=style.better("easy"),
        shading="gouraud",
        rasterized=True,
    )
    crossing = data.isel(boundary_point=data["boundary_kind"] == "hard/easy")
    for _, branch in crossing.groupby("boundary_branch"):
        x, y = branch["boundary_alpha_tot"], branch["boundary_keep_fraction"]
        axes.plot(x, y, color=style.BLACK, linewidth=1.4)
    for x, y, text in ((1.0, 0.25, "keep\neasy"), (15.0, 0.6, "keep\nhard")):
        axes.text(x, y, text, ha="center", va="center", fontweight="bold")
    label = r"hard better $\leftarrow$ error against easy $\rightarrow$ hard worse"
    bar = figure.colorbar(drawn, ax=axes, label=label, extend="both")
    style.percent_axis(bar.ax.yaxis)
    axes.set(
        xscale="log",
        xlabel=style.LABELS["alpha_tot"],
        ylabel=style.LABELS["keep_fraction"],
    )
    axes.set_xticks([0.5, 1, 2, 5, 10, 20, 50], "0.5 1 2 5 10 20 50".split())
    return figure
