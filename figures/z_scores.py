"""All z-scores of a validation at once: are they those of a theory that is right?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import beta, norm

from . import style
from .results import checked

CAPTION = (
    "Theory against simulation, all points of a validation. A: difference of the two, "
    "extrapolated to infinite N, in standard errors, against the load, by student. "
    "B: the same in order, against what as many standard normal numbers would give "
    "(line; band: 95 % of such sets at each place). C: the differences themselves, "
    "relative to the theory, with bars of one standard error."
)


def draw(report: xr.Dataset, *, size: str = "column") -> Figure:
    """The figure of a ``Report.dataset`` of :mod:`simulations.perceptron`.

    Of a few points, which have no distribution, what was measured and predicted.
    """
    if report.sizes["point"] < checked.FEW:
        return checked.draw(report, size=size)
    height = 2.6 if size == "column" else style.PAGE * 9 / 16
    figure = style.canvas_of(size, width=style.PAGE, height=height)
    panels = figure.subplots(1, 3)
    kinds = np.array([name.partition("(")[0] for name in report["student"].values])
    for name, look in zip(dict.fromkeys(kinds), style.FAMILY, strict=False):
        _points(panels[0], report.isel(point=kinds == name), look, name)
    panels[0].axhspan(-2, 2, color=style.GREY, alpha=0.15, linewidth=0)
    panels[0].set(xscale="log", xlabel=style.LABELS["alpha_prune"], ylabel="z")
    style.plain_numbers(panels[0].xaxis)
    panels[0].set_ylim(*_room(panels[0].get_ylim()))
    panels[0].legend(loc="upper left", ncols=2, columnspacing=0.8, handlelength=0.8)
    _in_order(panels[1], report["z"].values)
    _differences(panels[2], report)
    style.letter(panels)
    return figure


def save(report: xr.Dataset, path: Path) -> None:
    """Draw the figure into a PNG file, which appears whole or not at all."""
    style.save(lambda: draw(report), path)


def _points(axes: Axes, one: xr.Dataset, look, name: str) -> None:
    color, _, mark = look
    axes.plot(
        one["alpha_prune"],
        one["z"],
        linestyle="none",
        marker=mark,
        markersize=2.8,
        color=color,
        markerfacecolor="white",
        markeredgewidth=0.8,
        label=style.words(name),
    )


def _room(limits: tuple[float, float]) -> tuple[float, float]:
    """Place for the legend above."""
    low, high = limits
    return low, high + 0.35 * (high - low)


def _in_order(axes: Axes, z: np.ndarray) -> None:
    """Order statistics of z and of normal numbers, which are Beta in their ranks."""
    n = len(z)
    rank = np.arange(1, n + 1)
    law = beta(rank, n + 1 - rank)
    middle, low, high = (norm.ppf(law.ppf(p)) for p in (0.5, 0.025, 0.975))
    axes.fill_between(middle, low, high, color=style.GREY, alpha=0.25, linewidth=0)
    axes.plot(middle, middle, color=style.GREY, linewidth=0.8)
    axes.plot(middle, np.sort(z), "o", color=style.BLUE, markersize=2.2)
    axes.set(xlabel="normal numbers in order", ylabel="z in order")


def _differences(axes: Axes, report: xr.Dataset) -> None:
    order = np.argsort(report["difference_error"].values)
    one = report.isel(point=order)
    place = np.arange(len(order))
    axes.errorbar(
        place,
        100 * one["difference"],
        yerr=100 * one["difference_error"],
        linestyle="none",
        marker=".",
        markersize=2,
        color=style.BLACK,
        elinewidth=0.5,
    )
    axes.axhline(0, color=style.GREY, linewidth=0.8)
    axes.set(xlabel="points by standard error", ylabel="simulation / theory - 1 (%)")
