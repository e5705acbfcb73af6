"""How alike metrics rank the same examples: Spearman's correlation of every pair."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from . import style


def draw(matrix: xr.Dataset, *, size: str = "column") -> Figure:
    """The figure of ``simulations.vision.correlation.spearman_matrix``.

    Numbers are the correlation and, below, half the width of its interval.
    """
    names = [style.words(one) for one in matrix["metric"].values]
    found = matrix["correlation"].values.round(2) + 0.0  # no -0.00
    half = (matrix["upper"].values - matrix["lower"].values) / 2
    side = 0.48 * len(names) + 1.6
    figure = style.canvas_of(size, width=side + 0.5, height=side)
    axes = figure.subplots()
    picture = axes.imshow(found, vmin=-1, vmax=1, cmap="RdBu_r")
    for (i, j), value in np.ndenumerate(found):
        text = f"{value:.2f}" if i == j else f"{value:.2f}\n±{half[i, j]:.2f}"
        color = "white" if abs(value) > 0.65 else style.BLACK
        axes.text(j, i, text, ha="center", va="center", fontsize=5.5, color=color)
    ticks = range(len(names))
    axes.set_xticks(ticks, names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, names)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    figure.colorbar(picture, shrink=0.7, label="Spearman's correlation")
    return figure
