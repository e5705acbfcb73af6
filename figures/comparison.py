"""What pruning costs on data of one's own, against the kept fraction."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from simulations.experiments.cells import NO_METRIC

from . import style


def costs_dataset(
    costs: pd.DataFrame, keep_fraction: float, dataset: str, model: str
) -> xr.Dataset:
    """What every way to prune costs.

    Args:
        costs: as ``simulations.experiments.comparison.costs_of`` gives them.
        keep_fraction: the one that was asked about, which is marked.
        dataset: name of the data set, for the title.
        model: name of what was trained, for the title.
    """
    rows = xr.Dataset.from_dataframe(costs).drop_vars("index")
    what = "linear heads" if model == "linear" else model
    said = {"dataset": dataset, "about": f"error of {what} by what is kept"}
    return rows.assign_attrs(said | {"keep_fraction": keep_fraction})


def draw(data: xr.Dataset, *, size: str = "slide") -> Figure:
    """Errors of what was trained on the kept, with those of all examples."""
    costs, keep_fraction = data.to_dataframe(), float(data.attrs["keep_fraction"])
    metrics = [one for one in dict.fromkeys(costs["metric"]) if one != NO_METRIC]
    figure = style.canvas_of(size)
    panels = style.panels(figure, len(metrics), sharey=True)
    full = costs[costs["strategy"] == "unpruned"].iloc[0]
    for axes, metric in zip(panels, metrics, strict=True):
        axes.axvline(100 * keep_fraction, color=style.GREY, linewidth=0.6, zorder=0)
        leftmost = keep_fraction <= float(costs["keep_fraction"].to_numpy().min())
        axes.annotate(
            f"{100 * keep_fraction:.3g} % asked",
            (100 * keep_fraction, 1.0),
            (3 if leftmost else -2, 0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            color=style.GREY,
            fontsize=7,
            rotation=90,
            ha="left" if leftmost else "right",
            va="top",
        )
        for strategy, look in style.STRATEGIES.items():
            by = NO_METRIC if strategy == "random" else metric
            mine = costs[(costs["strategy"] == strategy) & (costs["metric"] == by)]
            mine = pd.concat([mine, full.to_frame().T]).sort_values("keep_fraction")
            f = 100 * mine["keep_fraction"].to_numpy(float)
            error = 100 * mine["error"].to_numpy(float)
            color, line, _ = look
            axes.plot(f, error, color=color, linestyle=line, label=f"keep {strategy}")
            bars = 100 * mine["error_se"].to_numpy(float)
            style.simulated(axes, f[:-1], error[:-1], bars[:-1], look)
        error, bar = 100 * float(full["error"]), 100 * float(full["error_se"])
        style.simulated(axes, [100], [error], [bar], (style.BLACK, "-", "o"))
        axes.annotate(
            "all", (100, error + bar), (0, 3), textcoords="offset points", ha="center"
        )
        axes.set_title(f"by {style.words(metric)}")
        axes.set_xscale("log")
        ticks = np.unique([*(100 * costs["keep_fraction"].to_numpy(float)), 100.0])
        axes.set_xticks(ticks, [f"{one:.3g}" for one in ticks])
        axes.minorticks_off()
        axes.set_xlabel("kept examples in per cent")
    panels[0].set_ylim(bottom=0)  # of all panels, after the last
    panels[0].set_ylabel("wrong on the test set, in per cent")
    panels[-1].legend(loc="upper right")
    return figure
