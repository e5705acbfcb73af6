"""Fig. 1E: the error over kept load and kept fraction, and the best fraction."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

import perceptron_theory as pt

from . import curves, style

SOURCE = "theory: max-margin student, theta = 0 degrees"
CAPTION = (
    "Error over the kept load and the kept fraction f when the hardest examples are "
    "kept by a perfect probe (theta = 0), with lines of equal error. Dashed: the best "
    "f at each load. It falls from 1 (no pruning) at small loads to 0 at "
    "alpha_prune = 2; beyond it, pruning harder is always better."
)
# errors, colour and places of the numbers: dark lines on light ground, and the others
CONTOURS = (
    ((0.05, 0.2, 0.3, 0.4), style.BLACK, ((5, 0.5), (1.2, 0.5), (0.9, 0.3))),
    ((1e-4, 1e-3, 1e-2), "white", ((7, 1.3e-3), (5, 9e-3), (5, 0.1))),
)


def compute() -> xr.Dataset:
    """The map, and f_opt up to the threshold."""
    load = np.union1d(np.geomspace(0.5, 10, 49), np.linspace(1.8, 2.3, 26))
    theory = curves.errors(load, np.geomspace(1e-3, 1, 46))
    frontier = pt.pareto_frontier(curves.loads_to_threshold(), theta=0.0)
    return xr.merge([theory, curves.prefixed(frontier, "pareto")])


def draw(data: xr.Dataset) -> Figure:
    """One map, logarithmic in both parameters and in the error."""
    figure = style.canvas(style.COLUMN * 1.25, 3.1)
    axes = figure.subplots()
    x, y = data["alpha_prune"], data["keep_fraction"]
    error = data["error"].transpose("keep_fraction", "alpha_prune")
    scale = LogNorm(float(error.min()), 0.5)
    drawn = axes.pcolormesh(
        x, y, error, norm=scale, cmap="viridis", shading="gouraud", rasterized=True
    )
    for levels, color, places in CONTOURS:
        lines = axes.contour(x, y, error, levels, colors=color, linewidths=0.6)
        axes.clabel(lines, fmt="%g", fontsize=6, manual=places)
    axes.plot(
        data["pareto_alpha_prune"],
        np.maximum(data["pareto_f_opt"], 1e-12),
        color=style.BLACK,
        linewidth=2.2,
        linestyle="--",
        label=r"$f_{\rm opt}$",
    )
    figure.colorbar(drawn, ax=axes, label=style.LABELS["error"])
    axes.set(
        xscale="log",
        yscale="log",
        xlabel=style.LABELS["alpha_prune"],
        ylabel=style.LABELS["keep_fraction"],
        ylim=(float(y.min()), 1),
    )
    axes.set_xticks([0.5, 1, 2, 5, 10], ["0.5", "1", "2", "5", "10"])
    axes.legend(loc="lower left")
    return figure
