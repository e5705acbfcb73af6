"""What to keep: an advice, and the best rule of all."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .. import style
from .bars import points_with_bars

_CHOICES = {
    "best": "least error",
    "within_budget": "within the budget",
    "fewest": "fewest, as good as all",
}
_SIMPLE = ("random", "easy", "hard", "mixture", "window")


def draw_advice(data: xr.Dataset, *, size: str = "slide") -> Figure:
    """The choices of ``advise`` beside keeping everything."""
    names, errors, kept, colors = ["keep all"], [], [1.0], [style.BLACK]
    errors.append(float(data.attrs["pool_error"]))
    for choice in data["choice"].values:
        one = data.sel(choice=choice)
        f, rule = float(one["keep_fraction"]), str(one["rule"].item())
        names.append(f"{_CHOICES.get(str(choice), choice)}: {rule} {100 * f:.3g} %")
        errors.append(float(one["error"]))
        kept.append(f)
        colors.append(style.RULES.get(rule, (style.BLACK,))[0])
    figure = style.canvas_of(size)
    left, right = figure.subplots(1, 2, sharey=True)
    points_with_bars(left, names, errors, colors=colors, numbers=".3g")
    points_with_bars(
        right,
        names,
        np.array(kept) * float(data.attrs["alpha_tot"]),
        colors=colors,
        numbers=".3g",
    )
    left.set(xlabel=style.LABELS["error"])
    right.set(xlabel=r"kept examples  $\alpha_{\rm prune}$")
    for axes in (left, right):
        axes.set_xlim(0, 1.18 * axes.dataLim.xmax)
    return figure


def draw_best_rule(data: xr.Dataset, *, size: str = "slide") -> Figure:
    """What the best rule keeps of the margins, and its error beside simpler ones."""
    figure = style.canvas_of(size)
    left, right = style.panels(figure, 2)
    _kept(left, data)
    names = ["best rule", *(name for name in _SIMPLE if f"{name}_error" in data)]
    errors = [float(data["error"])]
    errors += [float(data[f"{name}_error"]) for name in names[1:]]
    order = np.argsort(errors, kind="stable")
    points_with_bars(
        right, [names[i] for i in order], [errors[i] for i in order], numbers=".3g"
    )
    right.set(xlabel=style.LABELS["error"])
    return figure


def _kept(axes: Axes, data: xr.Dataset) -> None:
    """The kept quantiles of the margin, from the hardest to the easiest."""
    ends = data["quantile_from"].values, data["quantile_to"].values
    axes.axhspan(0, 1, color=style.GREY, alpha=0.15, linewidth=0)
    for low, high in zip(*ends, strict=True):
        axes.axvspan(low, high, ymin=0.02, color=style.GREEN, alpha=0.6, linewidth=0)
    low, high = max(zip(*ends, strict=True), key=lambda end: end[1] - end[0])
    axes.text(
        (low + high) / 2, 0.5, "kept", ha="center", va="center", fontweight="bold"
    )
    signed = data.attrs.get("margin") == "signed"
    margin = "y P.x" if signed else "|P.x|"
    axes.set(xlim=(0, 1), ylim=(0, 1), yticks=[])
    axes.set_xlabel(f"quantile of {margin}  (0 hardest, 1 easiest)")
    axes.spines[["left"]].set_visible(False)
