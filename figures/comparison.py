"""What pruning costs on data of one's own, against the kept fraction."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulations.experiments.cells import NO_METRIC

from . import style

_APART = 0.02  # of the width between the marks of two strategies
_ROOM = 0.05  # of the height below no errors


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
    # whether few test examples differ is for the sentences of the answer
    shown = costs.drop(columns="few", errors="ignore")
    rows = xr.Dataset.from_dataframe(shown).drop_vars("index")
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
        for i, (strategy, look) in enumerate(style.STRATEGIES.items()):
            by = NO_METRIC if strategy == "random" else metric
            mine = costs[(costs["strategy"] == strategy) & (costs["metric"] == by)]
            mine = pd.concat([mine, full.to_frame().T]).sort_values("keep_fraction")
            f = 100 * mine["keep_fraction"].to_numpy(float)
            f[:-1] *= (100 / f[0]) ** (_APART * (i - 1.5))
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
        asked = f"grey line: {100 * keep_fraction:.3g} % asked"
        axes.set_xlabel(f"kept examples in per cent\n({asked})")
    _from_zero(panels[0], 100 * costs["error"].to_numpy(float))  # after the last
    figure.supylabel("wrong on the test set, in %", fontsize="medium")
    columns = 4 if figure.get_figwidth() > style.COLUMN else 2
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=columns)
    return figure


def _from_zero(axes: Axes, errors: np.ndarray) -> None:
    """Begin at no errors, or a little below where marks would be cut off there."""
    top = axes.get_ylim()[1]
    if errors.min() > _ROOM * top:
        axes.set_ylim(bottom=0)
        return
    axes.set_ylim(bottom=-_ROOM * top)
    for one in axes.figure.axes:
        one.axhline(0, color=style.GREY, linewidth=0.6, zorder=0)
