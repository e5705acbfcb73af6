"""Predicted errors of heads on real data against the examples that they keep."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .. import style

_REST = (style.FAMILY[2], style.FAMILY[3], style.FAMILY[5])
_NAMED = 6  # lines of a strategy that have room for a label each


def draw_predicted(data: xr.Dataset, *, size: str = "slide") -> Figure:
    """A panel a score: lines with bands of one standard error; marks were trained."""
    scores = data["score"].values
    figure = style.canvas_of(size)
    panels = style.panels(figure, len(scores), sharex=True, sharey=True)
    looks = _looks([str(one) for one in data["strategy"].values])
    for axes, score in zip(panels, scores, strict=True):
        mine = data.sel(score=score)
        _draw_random(axes, mine)
        for strategy, look in looks.items():
            _draw_strategy(axes, mine.sel(strategy=strategy), strategy, look)
        if len(scores) > 1:
            axes.set_title(f"by {style.words(score)}")
        axes.set(xscale="log", yscale="log", xlabel="kept examples")
    panels[0].set_ylabel("error of the head")
    for axes in panels:
        style.plain_numbers(axes.xaxis)
        style.plain_numbers(axes.yaxis)
    panels[-1].legend(loc="best")
    return figure


def _looks(strategies: list[str]) -> dict[str, Any]:
    """Colours and markers of all strategies that prune by a score."""
    rest = [one for one in strategies if one not in style.RULES]
    looks = {one: _REST[i % len(_REST)] for i, one in enumerate(rest)}
    known = {k: v for k, v in style.RULES.items() if k in strategies and k != "random"}
    return known | looks


def _draw_random(axes: Axes, mine: xr.Dataset) -> None:
    """One curve with the whole pools on it: only how many are kept matters."""
    part = mine.sel(strategy="random")
    whole = mine["pool"].values, mine["pool_error"].values
    bars = np.concatenate(
        [part["standard_error"].values.ravel(), mine["pool_standard_error"].values]
    )
    x = np.concatenate([part["kept"].values.ravel(), whole[0]])
    y = np.concatenate([part["error"].values.ravel(), whole[1]])
    order = np.argsort(x, kind="stable")
    _line(axes, x[order], y[order], bars[order], style.RULES["random"], "random")
    axes.plot(*whole, color=style.BLACK, ls="none", marker="o", label="whole pool")
    _marks(axes, part, style.RULES["random"])


def _draw_strategy(axes: Axes, mine: xr.Dataset, strategy: str, look: Any) -> None:
    """Lines over pools at a fraction, or over fractions of a pool if these are more."""
    along, each = "pool", "keep_fraction"
    if mine.sizes[each] > mine.sizes[along]:
        along, each = each, along
    for i in range(mine.sizes[each]):
        one = mine.isel({each: i})
        x, y = one["kept"].values, one["error"].values
        _line(axes, x, y, one["standard_error"].values, look, "" if i else strategy)
        _marks(axes, one, look)
        if 1 < mine.sizes[each] <= _NAMED and np.isfinite(y).any():
            _name(axes, x, y, each, one, look[0])


def _line(axes: Axes, x: Any, y: Any, bars: Any, look: Any, strategy: str) -> None:
    color, dash, _ = look
    axes.fill_between(x, y - bars, y + bars, color=color, alpha=0.15, lw=0)
    label = style.KEEP.get(strategy, f"keep {style.words(strategy)}")
    axes.plot(x, y, color=color, ls=dash, label=label if strategy else None)


def _marks(axes: Axes, cells: xr.Dataset, look: Any) -> None:
    """What was measured."""
    if "measured" not in cells:
        return
    found = [
        cells[name].values.ravel() for name in ("kept", "measured", "measured_error")
    ]
    done = np.isfinite(found[1])
    style.simulated(axes, *(values[done] for values in found), look)


def _name(axes: Axes, x: Any, y: Any, each: str, line: xr.Dataset, color: str) -> None:
    last = int(np.flatnonzero(np.isfinite(y))[-1])
    value = float(line[each])
    text = f"{100 * value:.3g} %" if each == "keep_fraction" else f"of {value:,.0f}"
    axes.annotate(
        text,
        (float(x[last]), float(y[last])),
        (3, 0),
        textcoords="offset points",
        color=color,
        va="center",
        fontsize=6,
    )
