"""A few points of a validation: what was measured beside what was predicted."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from .. import style

FEW = 8  # fewer points than these have no distribution to show
_SETTINGS = ("alpha_prune", "keep_fraction", "theta", "rule", "margin", "student")


def draw(report: xr.Dataset, *, size: str = "slide") -> Figure:
    """A row a point: the theory's error, and the simulated one with its bar.

    The simulated one is what the verdict of the validation is about: extrapolated to
    infinite N where several were simulated.
    """
    theory = report["theory"].values[:, -1]
    mean = theory * (1 + report["difference"].values)
    bar = theory * report["difference_error"].values
    count, z = len(mean), report["z"].values
    sizes = report["size"].values
    bars = "extrapolated to infinite N,\n$\\pm$ 1 standard error"
    if len(sizes) == 1:
        bars = f"N = {sizes[0]},\n$\\pm$ 1 standard error, finite N allowed for"
    figure = style.canvas_of(size, height=1.3 + 0.5 * count)
    (axes,) = style.panels(figure, 1)
    mark: Any = {"color": style.BLUE, "linewidth": 2.0}
    look = style.BLACK, "none", "o"
    for n in range(count):
        axes.plot([theory[n]] * 2, [n - 0.25, n + 0.25], **mark)
        style.simulated(axes, [mean[n]], [n], None, look, xerr=[bar[n]])
        axes.annotate(
            f"{mean[n]:.4g} $\\pm$ {bar[n]:.2g}, theory {theory[n]:.4g}: "
            f"z = {z[n]:+.1f}",
            (0.5, n + 0.3),
            xycoords=("axes fraction", "data"),
            ha="center",
            va="top",
            fontsize=7,
        )
    axes.plot([], [], label="theory", **mark)
    style.simulated(axes, [], [], [], look, label=f"simulation, {bars}")
    axes.set_yticks(range(count), [_name(report, n) for n in range(count)])
    axes.set_ylim(count - 0.2, -0.6)
    axes.set_xlabel(style.LABELS["error"])
    low, high = (fun([theory, mean, mean - bar]) for fun in (np.min, np.max))
    if low > 0 and high > 8 * low:
        axes.set_xscale("log")
        style.plain_numbers(axes.xaxis)
    axes.margins(x=0.15)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2)
    return figure


def _name(report: xr.Dataset, n: int) -> str:
    """Where a point lies: what it does not share with all others, or all of it."""
    said = []
    for name in _SETTINGS:
        values = report[name].values if name in report else np.array([])
        if values.size and (len(values) == 1 or len(set(values.tolist())) > 1):
            signed = " margin" if name == "margin" else ""
            said.append(style.setting(name, values[n]) + signed)
    return "\n".join(said) or style.plain(report["label"].values[n])
