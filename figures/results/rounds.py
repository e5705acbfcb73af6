"""Errors of students that follow each other, round by round."""

from __future__ import annotations

import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .. import style

# what may stand beside the error, and its look
LINES = {
    "error": (style.FAMILY[1], "these rounds"),
    "random_all_error": (style.RULES["random"], "as many random labels"),
    "perfect_error": (style.FAMILY[0], "a perfect probe"),
}


def draw(data: xr.Dataset, *, size: str = "slide") -> Figure:
    """The error of each round, with those it is compared with."""
    figure = style.canvas_of(size)
    (axes,) = style.panels(figure, 1)
    shown = {name: look for name, look in LINES.items() if name in data}
    for name, ((color, line, mark), label) in shown.items():
        error = data[name].where(data[name] > 0)
        marked = style.open_marks(mark, error.size)
        axes.plot(
            data["round"], error, color=color, linestyle=line, label=label, **marked
        )
    axes.set(yscale="log", xlabel="round", ylabel=style.LABELS["error"])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    style.plain_numbers(axes.yaxis)
    if len(shown) > 1:
        axes.legend()
    return figure
