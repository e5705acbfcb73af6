"""Error against kept examples on real data, beside the theory where there is one."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulations.experiments.cells import NO_METRIC
from simulations.experiments.curves import POINT, curve, fractions, metrics_of
from simulations.experiments.laws import by_cost, means
from simulations.experiments.theory import predictions

from . import style


def points_of(rows: pd.DataFrame, cost: str = "kept") -> pd.DataFrame:
    """Means over seeds of a table of results, and the theory where it has any.

    Args:
        rows: of a table.
        cost: what is to stand in the place of ``kept``, see ``laws.by_cost``.

    Returns:
        ``size``, ``keep_fraction``, ``strategy``, ``metric``, ``kept``, ``error``,
        ``standard_error`` and, of probes at an angle, ``theory``.
    """
    points = means(by_cost(rows, cost), POINT)
    if not rows["metric"].str.startswith("theta:").any():
        return points
    theory = predictions(rows)[[*POINT, "theory"]]
    return points.merge(theory, on=POINT)


def draw(points: pd.DataFrame, label: str = "kept examples") -> Figure:
    """A panel a metric (across) and strategy (down), a colour a kept fraction.

    Args:
        points: of :func:`points_of`.  Without ``theory``, lines join the points.
        label: of what stands in ``kept``.
    """
    metrics = metrics_of(points, NO_METRIC)
    strategies = [s for s in ("hard", "easy") if s in set(points["strategy"])]
    kept = fractions(points)
    looks = dict(zip([1.0, *kept], style.FAMILY, strict=False))
    width, height = 2.3 * len(metrics) + 0.5, 2.1 * len(strategies) + 0.7
    figure = style.canvas(max(width, style.COLUMN), height)
    panels = figure.subplots(
        len(strategies), len(metrics), squeeze=False, sharex=True, sharey=True
    )
    for row, strategy in zip(panels, strategies, strict=True):
        for axes, metric in zip(row, metrics, strict=True):
            shown = [("unpruned", NO_METRIC, 1.0)]
            shown += [(strategy, metric, f) for f in kept]
            for name, of, f in shown:
                _curve(axes, points, (name, of, f), looks[f])
            _chance(axes, points, kept[-1], looks[kept[-1]][0])
            axes.set_title(f"{style.KEEP[strategy]}, {style.metric(metric)}")
            axes.set(xscale="log", yscale="log")
            if np.ptp(np.log10(points["error"].to_numpy(float))) < 1:
                axes.yaxis.set_minor_formatter("{x:.1f}")
                axes.yaxis.set_major_formatter("{x:g}")
    for axes in panels[-1]:
        axes.set_xlabel(label)
    for axes in panels[:, 0]:
        axes.set_ylabel("error")
    for f, look in looks.items():
        style.legend_entry(panels[0, 0], look, style.fraction(f))
    panels[0, 0].plot([], [], "+", color=style.GREY, label="random")
    panels[0, 0].legend(loc="lower left", fontsize=5.5, handlelength=2)
    return figure


def _curve(axes: Axes, points, key, look) -> None:
    found = curve(points, *key)
    style.simulated(axes, found["kept"], found["error"], found["standard_error"], look)
    color, line, _ = look
    lines = "theory" if "theory" in found else "error"
    axes.plot(found["kept"], found[lines], color=color, linestyle=line, lw=0.9)


def _chance(axes: Axes, points, f: float, color) -> None:
    """Random pruning of one kept fraction: as no pruning of so many examples."""
    found = curve(points, "random", NO_METRIC, f)
    axes.plot(found["kept"], found["error"], "+", color=color, markersize=4, zorder=5)
