"""What commands on real data compute: classes, numbers of clusters, laws, verdicts."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from .. import style
from .bars import points_with_bars

_MOST_NAMES = 40  # classes that have their names at the axis
_VERDICTS = {"confirmed": style.GREEN, "not confirmed": style.ORANGE}


def draw_selection(data: xr.Dataset, *, size: str = "slide") -> Figure:
    """How many of each class are kept, of how many there were."""
    kept, before = data["kept"].values, data["before"].values
    figure = style.canvas_of(size)
    (axes,) = style.panels(figure, 1)
    place = np.arange(len(kept))
    axes.bar(place, before, color=style.GREY, alpha=0.35, label="before")
    axes.bar(place, kept, color=style.GREEN, label="kept")
    if len(place) <= _MOST_NAMES:
        names = [style.tick(name) for name in data["class"].values]
        turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        long = max(map(len, names)) * len(names) > 60
        axes.set_xticks(place, names, **(turned if long else {}))
    else:
        axes.set_xlabel(f"{len(place)} classes")
    axes.set_ylabel("examples")
    axes.set_ylim(0, 1.22 * max(before.max(), 1))
    axes.legend(loc="upper right", ncols=2)
    return figure


def draw_clusters(data: xr.Dataset, *, size: str = "slide") -> Figure:
    """How scores of prototypes depend on k, of ``sensitivity``."""
    figure = style.canvas_of(size)
    left, right = style.panels(figure, 2, sharex=True)
    for axes, parts in (
        (left, {"reference": "with the reference k", "ceiling": "of two starts"}),
        (
            right,
            {"overlap": "with the reference k", "overlap_ceiling": "of two starts"},
        ),
    ):
        for (name, text), look in zip(parts.items(), style.FAMILY, strict=False):
            axes.plot(
                data["k"],
                data[name],
                color=look[0],
                ls=look[1],
                marker=look[2],
                markerfacecolor="white",
                label=text,
            )
        axes.set(xscale="log", xlabel="clusters  $k$")
        style.plain_numbers(axes.xaxis)
        axes.legend(loc="best")
    left.set_ylabel("rank correlation of the scores")
    right.set_ylabel("shared part of the kept sets")
    return figure


def draw_exponents(data: xr.Dataset, *, size: str = "slide") -> Figure:
    """The exponents of ``laws`` with their 95 % intervals, a row a curve."""
    rows = data[["strategy", "metric", "keep_fraction", "exponent", "lower", "upper"]]
    table: Any = rows.to_dataframe().reset_index(drop=True)
    names = [
        row["strategy"]
        if row["strategy"] in ("unpruned", "random") and row["keep_fraction"] == 1
        else f"{row['strategy']} {100 * row['keep_fraction']:.3g} %"
        + ("" if row["metric"] == "none" else f", {row['metric']}")
        for _, row in table.iterrows()
    ]
    colors = [style.RULES.get(one, (style.BLACK,))[0] for one in table["strategy"]]
    figure = style.canvas_of(size, height=0.21 * len(names) + 0.9)
    (axes,) = style.panels(figure, 1)
    middle = table["exponent"].to_numpy(float)
    bars = np.array([middle - table["lower"], table["upper"] - middle])
    points_with_bars(axes, names, middle, np.nan_to_num(bars), colors=colors)
    axes.set_xlabel("exponent of the error, with its 95 % interval")
    return figure


def draw_verdicts(data: xr.Dataset, *, size: str = "slide") -> Figure:
    """A row a claim, with its verdict as a word and a colour."""
    table = data[["claim", "metric", "verdict"]].to_dataframe()
    figure = style.canvas_of(size, height=0.24 * len(table) + 0.6)
    (axes,) = style.panels(figure, 1)
    for i, (claim, metric, verdict) in enumerate(table.to_numpy()):
        color = _VERDICTS.get(str(verdict), style.GREY)
        axes.plot([0], [i], "s", color=color, markersize=7, clip_on=False)
        axes.text(0.02, i, style.plain(verdict), color=color, va="center")
        text = f"{claim} ({metric})"
        axes.text(0.24, i, style.plain(text), va="center")
    axes.set(xlim=(0, 1), ylim=(len(table) - 0.5, -0.5))
    axes.axis("off")
    return figure
