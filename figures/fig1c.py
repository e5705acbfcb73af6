"""Fig. 1C: where keeping hard examples beats keeping easy ones."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

import perceptron_theory as pt

from . import style

CAPTION = (
    "Error when the hard examples are kept less the error when the easy ones are, over "
    "the initial load and the kept fraction (perfect probe, theta = 0). Orange: keep "
    "the easy; blue: keep the hard. Line: the boundary, solved to tolerance."
)


def compute() -> xr.Dataset:
    """Errors of all strategies on a grid, and the boundaries between them."""
    return pt.phase_diagram(
        np.geomspace(0.5, 50, 33), np.linspace(0.02, 0.98, 33), theta=0.0
    )


def draw(data: xr.Dataset) -> Figure:
    """One map with the boundary on it."""
    figure = style.canvas(style.COLUMN * 1.25, 3.1)
    axes = figure.subplots()
    difference = (data["error_hard"] - data["error_easy"]).transpose(
        "keep_fraction", "alpha_tot"
    )
    reach = float(abs(difference).max())
    drawn = axes.pcolormesh(
        data["alpha_tot"],
        data["keep_fraction"],
        difference,
        norm=TwoSlopeNorm(0.0, -reach, reach),
        cmap="PuOr_r",
        shading="gouraud",
        rasterized=True,
    )
    crossing = data.isel(boundary_point=data["boundary_kind"] == "hard/easy")
    for _, branch in crossing.groupby("boundary_branch"):
        x, y = branch["boundary_alpha_tot"], branch["boundary_keep_fraction"]
        axes.plot(x, y, color=style.BLACK, linewidth=1.4)
    for x, y, text in ((1.0, 0.25, "keep\neasy"), (15.0, 0.6, "keep\nhard")):
        axes.text(x, y, text, ha="center", va="center", fontweight="bold")
    figure.colorbar(
        drawn, ax=axes, label=r"$\varepsilon_{\rm hard}-\varepsilon_{\rm easy}$"
    )
    axes.set(
        xscale="log",
        xlabel=style.LABELS["alpha_tot"],
        ylabel=style.LABELS["keep_fraction"],
    )
    axes.set_xticks([0.5, 1, 2, 5, 10, 20, 50], "0.5 1 2 5 10 20 50".split())
    return figure
