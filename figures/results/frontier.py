"""The Pareto frontier: the least error and the fraction that has it."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .. import style
from . import simulated, sweep

BEST = style.FAMILY[0]


def draw(
    data: xr.Dataset,
    *,
    size: str = "slide",
    simulation: xr.Dataset | None = None,
    fixed: xr.Dataset | None = None,
) -> Figure:
    """Error and best kept fraction against the load, of ``pareto_frontier``.

    Args:
        data: over ``alpha_prune`` or over ``alpha_tot``.
        size: "slide" or "column".
        simulation: of ``simulated_errors``, to be drawn over it.
        fixed: errors at fixed kept fractions, to compare with.
    """
    figure = style.canvas_of(size)
    left, right = style.panels(figure, 2)
    load = str(data["f_opt"].dims[0])
    of_pool = load == "alpha_tot"
    error, fraction = ("pool_error", "pool_f_opt") if of_pool else ("error", "f_opt")
    x = data[load].values
    if fixed is not None:
        sweep.curves(left, fixed, load, "keep_fraction")
    alone = fixed is None and simulation is None
    how = _thin(BEST) if alone else style.PARETO | {"zorder": 1}
    _line(left, x, data[error].values, how, "best $f$")
    _line(right, x, data[fraction].values, _thin(BEST), "least error of the pool")
    if of_pool:
        look = style.FAMILY[1]
        _line(right, x, data["f_opt"].values, _thin(look), "Pareto envelope")
        right.legend(loc="best")
    if simulation is not None:
        simulated.over(left, simulation, data, load)
    if not alone:
        left.legend(loc="lower left")
    _vanishing(left, right, x, data[error].values)
    for axes, name in ((left, "error"), (right, "keep_fraction")):
        ends = {} if len(x) == 1 or x.min() == x.max() else {"xlim": (min(x), max(x))}
        axes.set(xscale="log", xlabel=style.LABELS[load], **ends)
        axes.set(ylabel=style.LABELS[name])
        style.plain_numbers(axes.xaxis)
    if alone:
        left.set_ylabel(style.LABELS["error"] + ", best $f$")
    right.set_ylabel(r"best kept fraction  $f_{\rm opt}$")
    return figure


def _thin(look: tuple) -> dict:
    return {"color": look[0], "linestyle": look[1]}


def _line(axes: Axes, x: np.ndarray, y: np.ndarray, how: dict, label: str) -> None:
    """A line where there is something above zero, on a logarithmic axis."""
    shown = np.where(y > 0, y, np.nan)
    axes.plot(x, shown, label=label, **how)
    lone = style.lone(shown)
    if lone.any():
        axes.plot(x[lone], shown[lone], "o", color=how["color"], clip_on=False)
    if len(x) == 1 and np.isfinite(shown).any():
        style.number_beside(axes, x[0], shown[0], how["color"])
    if np.isfinite(shown).any():
        axes.set_yscale("log")
        style.plain_numbers(axes.yaxis)


def _vanishing(left: Axes, right: Axes, x: np.ndarray, error: np.ndarray) -> None:
    """Where the best error is zero, which a logarithmic axis has no place for."""
    if not (error == 0).any():
        return
    first = float(x[np.argmax(error == 0)])
    for axes, text in (
        (left, "error $\\to$ 0\nas $f \\to$ 0"),
        (right, "$f_{\\rm opt} \\to$ 0"),
    ):
        axes.axvspan(first, float(x.max()), color=style.GREY, alpha=0.15, linewidth=0)
        if (error == 0).all():
            axes.set_yticks([])  # of nothing
        middle = float(np.sqrt(first * x.max()))
        place = axes.get_xaxis_transform()
        axes.text(middle, 0.5, text, transform=place, ha="center", va="center")
