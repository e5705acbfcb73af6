"""Heads on real features: predicted with nothing fitted, against trained ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from . import style

SOURCE = "theory and trained heads"
CAPTION = (
    "Linear heads on pruned real features, for the sets of features, labels and "
    "losses that the legend names: each pool, kept fraction, score and strategy of "
    "benchmarks/real_heads.py, heads trained on 20 pools each. A: predicted error "
    "against that of trained heads, "
    "filled where more than three examples a dimension are kept. B: |ln(predicted/"
    "measured)| of these, median (bar) and largest (line), over all sets: predicted "
    "from all examples; from a fifth of them; with V and noise alike for all examples; "
    "and by three others: the isotropic theory (two classes), a power law through "
    "random pruning times the ratio at the smallest pool, and as many random examples."
)
ENOUGH = 3  # kept examples a dimension
METHODS = {
    "predicted": "error",
    "from a fifth": "from_fifth",
    "alike bulk": "alike",
    "isotropic": "isotropic",
    "power law": "power_law",
    "as random": "as_random",
}
LOOKS = (
    (style.BLUE, "o"),
    (style.BLUE, "s"),
    (style.BLACK, "D"),
    (style.ORANGE, "o"),
    (style.ORANGE, "s"),
    (style.GREEN, "o"),
    (style.GREEN, "s"),
    (style.PURPLE, "o"),
    (style.AMBER, "o"),
    (style.AMBER, "s"),
)


def compute() -> xr.Dataset:
    """A row a prediction, as the benchmark wrote them."""
    return xr.Dataset.from_dataframe(table())


def table() -> pd.DataFrame:
    """The rows of ``benchmarks/real_heads.py``."""
    return pd.read_csv(Path(__file__).parent / "tables" / "real_heads.csv")


def off(rows: pd.DataFrame) -> pd.DataFrame:
    """|ln(predicted/measured)| by every method, of rows with enough kept examples."""
    rows = rows.loc[rows["kept"] > ENOUGH * rows["dimensions"]]
    measured = rows["measured"]
    found = {
        name: np.abs(np.log(rows[column] / measured))
        for name, column in METHODS.items()
    }
    return pd.DataFrame({"data": rows["data"], **found})


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Median and largest of :func:`off`, a row a data set, and one of all."""
    found = off(rows)
    everything = pd.concat([found, found.assign(data="all")])
    grouped = everything.groupby("data", sort=False)
    columns: dict[str, Any] = {"rows": grouped.size()}
    for name in METHODS:
        columns[f"{name}: median"] = grouped[name].median()
        columns[f"{name}: largest"] = grouped[name].max()
    return pd.DataFrame(columns).reset_index()


def draw(data: xr.Dataset) -> Figure:
    """Points and the diagonal; bars and lines a method."""
    rows = data.to_dataframe()
    figure = style.canvas(style.PAGE, 3.4)
    left, right = style.panels(figure, 2, width_ratios=(1.25, 1.0))
    names = list(dict.fromkeys(rows["data"]))
    ends = np.array([rows["measured"].min() / 1.3, rows["measured"].max() * 1.3])
    left.plot(ends, ends, color=style.GREY, linewidth=0.8, zorder=0)
    for name, (colour, marker) in zip(names, LOOKS, strict=False):
        mine = rows[rows["data"] == name]
        many = mine["kept"] > ENOUGH * mine["dimensions"]
        for part, face in ((mine[many], colour), (mine[~many], "none")):
            left.plot(
                part["measured"],
                part["error"],
                marker,
                color=colour,
                markerfacecolor=face,
                markersize=2.6,
                markeredgewidth=0.5,
                label=name if face != "none" else None,
            )
    left.set(
        xscale="log",
        yscale="log",
        xlabel="error of trained heads",
        ylabel="predicted error",
    )
    left.legend(fontsize=5.5, loc="upper left", handletextpad=0.2, borderpad=0.2)
    found = off(rows)
    places = np.arange(len(METHODS))[::-1]
    for place, name in zip(places, METHODS, strict=True):
        values = found[name].dropna()
        colour = style.BLUE if name == "predicted" else style.GREY
        right.plot([values.median(), values.max()], [place] * 2, color=colour)
        right.barh(place, values.median(), color=colour, height=0.55)
        right.annotate(
            f"{values.median():.3f}, {values.max():.2f}",
            (values.max(), place),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=6,
        )
    right.set_yticks(places, METHODS)
    right.set(
        xscale="log",
        xlim=(3e-3, 20),
        xlabel="|ln(predicted/measured)|: median, largest",
    )
    style.title(figure, SOURCE)
    return figure
