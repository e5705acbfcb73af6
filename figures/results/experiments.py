"""An experiment on real data: error against kept examples, a colour a strategy."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulations.experiments.cells import NO_METRIC
from simulations.experiments.curves import POINT, metrics_of
from simulations.experiments.laws import means

from .. import style

_ACROSS = 3  # panels side by side
_WHOLE, _RANDOM = "unpruned", "random"
_LEARNERS = {
    "logistic": "linear heads",
    "max_margin": "max-margin students",
    "gibbs": "students of the version space",
    "network": "networks",
}
_LINES = ("-", (0, (6, 1.5)), (0, (1.2, 1.0)), (0, (4, 1, 1, 1)))


def experiment_dataset(rows: pd.DataFrame, dataset: str, learner: str) -> xr.Dataset:
    """Means over seeds of a table of results, with their standard errors.

    Args:
        rows: of a table, as ``simulations.experiments.read_table`` gives it.
        dataset: name of the data set, for the title.
        learner: name of what was trained, as in a configuration, for the title.
    """
    seeds = rows["seed"].nunique()
    what = _LEARNERS.get(learner, learner)
    about = f"error of {what}, means of {seeds} seeds with one standard error"
    found = xr.Dataset.from_dataframe(means(rows, POINT)).drop_vars("index")
    return found.assign_attrs(dataset=dataset, about=about)


def draw(data: xr.Dataset, *, size: str = "slide") -> Figure:
    """A panel a metric; a line a strategy and kept fraction over the sizes of the pool.

    Of one size a line a strategy, over the kept fractions.
    """
    points = data.to_dataframe()
    metrics = metrics_of(points, NO_METRIC) or [NO_METRIC]
    across = min(len(metrics), _ACROSS if size == "slide" else 1)
    down = -(-len(metrics) // across)
    figure = style.canvas_of(size, width=2.2 * across, height=2.1 * down)
    grid = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    panels = list(grid.flat)
    for axes, metric in zip(panels, metrics, strict=False):
        _panel(axes, points, metric)
        if metric != NO_METRIC:
            axes.set_title(f"by {style.metric(metric)}")
    for axes in panels[len(metrics) :]:
        axes.set_axis_off()
    for axes in panels[: len(metrics)][-across:]:
        axes.set_xlabel("kept examples")
        axes.tick_params(labelbottom=True)
    for axes in grid[:, 0]:
        axes.set_ylabel("error in per cent")
    _scales(panels[0], points)
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside right center",
        handlelength=2.4,
    )
    return figure


def _panel(axes: Axes, points: Any, metric: str) -> None:
    mine = points.loc[points["metric"].isin([metric, NO_METRIC])]
    looks = _looks(points)
    several = points["size"].nunique() > 1
    fractions = sorted(set(points["keep_fraction"]) - {1.0}, reverse=True)
    lines = dict(zip(fractions, cycle(_LINES), strict=False))
    for strategy, (color, _, mark) in looks.items():
        part = mine.loc[mine["strategy"] == strategy]
        groups = part.groupby("keep_fraction") if several else [(1.0, part)]
        for f, one in groups:
            _curve(axes, one, (color, lines.get(f, "-"), mark))
        name = f"keep {style.words(strategy)}" if strategy != _WHOLE else "all examples"
        style.legend_entry(axes, (color, "none", mark), name)
    for f, line in lines.items() if several else ():
        axes.plot([], [], color=style.GREY, linestyle=line, label=style.fraction(f))


def _curve(axes: Axes, part: Any, look) -> None:
    part = part.sort_values("kept")
    error, bars = 100 * part["error"], 100 * part["standard_error"]
    axes.plot(part["kept"], error, color=look[0], linestyle=look[1], linewidth=0.9)
    style.simulated(axes, part["kept"], error, bars, look)


def _looks(points: Any) -> dict[str, Any]:
    """All, then random, then the other strategies: those of every picture as there."""
    known = style.STRATEGIES
    others = [s for s in dict.fromkeys(points["strategy"]) if s not in known]
    free = iter([style.FAMILY[2], style.FAMILY[3]])
    looks = {_WHOLE: style.FAMILY[0], _RANDOM: style.RULES[_RANDOM]}
    looks |= {s: known[s] for s in ("hard", "easy", "middle")}
    looks |= {s: next(free, style.FAMILY[3]) for s in others if s != _WHOLE}
    there = set(points["strategy"])
    return {strategy: look for strategy, look in looks.items() if strategy in there}


def _scales(axes: Axes, points: Any) -> None:
    kept = np.unique(points["kept"].to_numpy(float))
    if kept.max() > 3 * kept.min():
        axes.set_xscale("log")
        style.plain_numbers(axes.xaxis)
    error = 100 * points["error"].to_numpy(float)
    if error.min() > 0 and error.max() > 4 * error.min():
        axes.set_yscale("log")
        style.plain_numbers(axes.yaxis)
    else:
        axes.set_ylim(0, None)
