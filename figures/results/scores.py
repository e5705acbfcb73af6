"""The scores of a data set: how they are spread, and which examples are at the ends."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulations.vision.score_files import Scores

from .. import style

TAIL = 0.1  # the part of the examples that counts as easiest, as hardest
_NAMED, _MOST_BINS = 3, 60


def scores_dataset(scores: Scores) -> xr.Dataset:
    """The scores with the ids of their examples."""
    return xr.Dataset(
        {
            "score": ("example", scores.scores),
            "label": ("example", scores.labels),
        },
        {"example_id": ("example", list(scores.ids))},
        {"dataset": scores.dataset, "about": "how hard the examples are"}
        | {"metric": scores.metric},
    )


def draw(data: xr.Dataset, *, size: str = "slide") -> Figure:
    """A histogram in which both ends are coloured, with the names of a few there."""
    figure = style.canvas_of(size)
    (axes,) = style.panels(figure, 1)
    values = data["score"].values
    order = np.argsort(values, kind="stable")
    ends = max(1, round(TAIL * len(values)))
    parts = {
        f"easiest {TAIL:.0%}".replace("%", " %"): (order[:ends], style.RULES["easy"]),
        "between": (order[ends:-ends], (style.GREY,)),
        f"hardest {TAIL:.0%}".replace("%", " %"): (order[-ends:], style.RULES["hard"]),
    }
    axes.hist(
        [values[rows] for rows, _ in parts.values()],
        bins=_bins(values).tolist(),
        stacked=True,
        color=[look[0] for _, look in parts.values()],
        label=list(parts),
    )
    axes.set_ylim(0, 1.4 * axes.get_ylim()[1])
    axes.set_xlabel(f"score by {style.words(data.attrs['metric'])}  (high = hard)")
    axes.set_ylabel("examples")
    ids = data["example_id"].values
    room = int(6 * figure.get_size_inches()[0])
    _name(axes, ids, values, order, "easiest", room)
    _name(axes, ids, values, order[::-1], "hardest", room)
    return figure


def _bins(values: np.ndarray) -> np.ndarray:
    """Edges of the bars; of few different values one bar each."""
    different = np.unique(values)
    if 2 <= len(different) <= 40:
        gap = np.diff(different).min()
        if np.ptp(different) / gap <= _MOST_BINS:
            return np.arange(different[0] - gap / 2, different[-1] + gap, gap)
    edges = np.histogram_bin_edges(values, "sturges")
    count = min(_MOST_BINS, max(20, 3 * len(edges)))
    return np.histogram_bin_edges(values, count)


def _name(
    axes: Axes,
    ids: np.ndarray,
    values: np.ndarray,
    order: np.ndarray,
    end: str,
    room: int,
) -> None:
    """The first few of an order by name, at the upper end of their side."""
    alike = int((values == values[order[0]]).sum())
    head = f"{end} {TAIL:.0%}".replace("%", " %")
    names = [_short(str(one), room) for one in ids[order[:_NAMED]]]
    more = [f"and {alike - _NAMED} more alike"] if alike > _NAMED else []
    x, side = (0.012, "left") if end == "easiest" else (0.988, "right")
    color = style.RULES["easy" if end == "easiest" else "hard"][0]
    axes.text(
        x,
        1.0,
        "\n".join([f"{head}, such as", *names, *more]),
        transform=axes.transAxes,
        color=color,
        ha=side,
        va="top",
        fontsize=7,
        linespacing=1.35,
    )


def _short(name: str, room: int) -> str:
    """A name in so many letters at most; of a long one the end, which tells most."""
    return style.plain(name if len(name) <= room else f"...{name[3 - room :]}")
