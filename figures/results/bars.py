"""Values beside each other with their error bars, each with its name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from .. import style


def points_with_bars(
    axes: Axes,
    names: Sequence[str],
    values: Sequence[float] | np.ndarray,
    errors: Sequence[float] | np.ndarray | None = None,
    *,
    colors: Sequence[str] | None = None,
    numbers: str = "",
    baseline: float | None = None,
) -> None:
    """A row a name, from above to below: a point with a bar of one standard error.

    Args:
        axes: to draw on.
        names: of the rows, shown as they are.
        values: of the points.
        errors: half the length of each bar, or its two lengths, (2, n); None for none.
        colors: of the rows; by default those of hard, easy and random where a name is
            one of these or "keep" with one, else black.
        numbers: format of a number beside each point, such as ".1%"; none if empty.
        baseline: where a line is drawn to compare with.
    """
    values = np.asarray(values, float)
    bars = None if errors is None else np.abs(np.asarray(errors, float))
    colors = [color_of(name) for name in names] if colors is None else colors
    for i, (value, color) in enumerate(zip(values, colors, strict=True)):
        bar = None if bars is None else bars[..., i : i + 1]
        look = (color, "none", "o")
        style.simulated(axes, [value], [i], None, look, xerr=bar)
        if numbers:
            axes.annotate(
                format(value, numbers),
                (value, i),
                xytext=(0, 4),
                textcoords="offset points",
                ha="center",
                fontsize=7,
            )
    if baseline is not None:
        axes.axvline(baseline, color=style.GREY, linewidth=0.8, zorder=1)
    axes.set_yticks(range(len(names)), [style.tick(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.7)
    axes.margins(x=0.12)


def color_of(name: object) -> str:
    """The colour of a rule by its name; black for everything else."""
    rule = str(name).removeprefix("keep ")
    return style.RULES[rule][0] if rule in style.RULES else style.BLACK
