"""The spectrum of embeddings: their variance along each principal component."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from simulations.vision.principal_components import Spectrum

from .. import style


def spectrum_dataset(spectrum: Spectrum, dataset: str, network: str) -> xr.Dataset:
    """A spectrum, and of what it is.

    Args:
        spectrum: as ``simulations.vision.principal_components.spectrum`` gives
            it.
        dataset: name of the data set, for the title.
        network: name of what made the embeddings, for the title.
    """
    count = np.arange(1, len(spectrum.shares) + 1)
    said = {
        "dataset": dataset,
        "about": f"embeddings by {network}",
        "examples": spectrum.examples,
        "dimensions": spectrum.dimensions,
        "effective_dimensions": spectrum.effective_dimensions,
    }
    shares = ("component", spectrum.shares)
    return xr.Dataset({"variance_share": shares}, {"component": count}, said)


def draw(data: xr.Dataset, *, size: str = "slide") -> Figure:
    """Each component's share of the variance (left), of the first k (right)."""
    figure = style.canvas_of(size)
    left, right = style.panels(figure, 2, sharex=True)
    share = 100 * data["variance_share"].values
    k = data["component"].values
    color, _, mark = style.FAMILY[1]
    marked = style.open_marks(mark, len(k))
    left.plot(k, share, color=color, **marked)
    right.plot(k, np.cumsum(share), color=color, **marked)
    effective = float(data.attrs["effective_dimensions"])
    for axes in (left, right):
        axes.set(xscale="log", xlabel="principal component")
        high = 0.9 if axes is left else 1.0  # below the words
        axes.axvline(effective, ymax=high, color=style.GREY, linewidth=0.8, zorder=0)
        if len(k) > 1:
            style.plain_numbers(axes.xaxis)
    left.set_yscale("log")
    style.plain_numbers(left.yaxis)
    left.set_ylabel("variance in per cent of all")
    right.set(ylim=(0, 103), ylabel="variance of the first ones in per cent")
    left.text(
        1.0,
        1.0,
        f"effective: {effective:.3g} of {data.attrs['dimensions']} dimensions",
        transform=left.transAxes,
        color=style.GREY,
        ha="right",
        va="top",
        fontsize=7,
    )
    if left.get_ylim()[1] < 3 * share[0]:
        left.set_ylim(top=3 * share[0])  # above the curve, for the words
    return figure
