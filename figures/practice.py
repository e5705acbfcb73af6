"""What the theory says of hard, easy and random examples, beside real data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from simulations.experiments.cells import NO_METRIC
from simulations.experiments.claims import log_ratios
from simulations.experiments.curves import curve, fractions
from simulations.experiments.theory import predictions

from . import style
from .tables import shipped

SOURCE = "CIFAR-10 (marks) and theory (lines, left column); below 0 % hard is better"
CAPTION = (
    "Each prediction beside real data (CIFAR-10): by how many per cent one error is "
    "above the other (logarithmic scale) against the examples before pruning, below 0 "
    "where the first is better; means over seeds with one standard error of "
    "differences within a seed. Columns: the theory's own student on SimCLR features "
    "with labels of a linear teacher (lines: the theory of Gaussian inputs, nothing "
    "fitted), linear heads for the ten classes on such features, ResNet-8 end to "
    "end. Rows: hard over easy (the switch: from above to below 0), hard over as many "
    "random examples (the gain; constant where both follow one power law), and hard "
    "over random for a better and a poorer metric."
)
TABLES = {
    "cifar10_max_margin": "theory's student, perfect probe",
    "cifar10_logistic": "linear heads, EL2N of a probe",
    "cifar10_networks": "ResNet-8, EL2N",
}
METRICS = {
    "cifar10_max_margin": ("theta:0", "theta:10", "theta:30"),
    "cifar10_logistic": ("probe:5000", "probe:200"),
    "cifar10_networks": ("el2n",),
}
ROWS = ("easy", "random", "random")


def compute() -> xr.Dataset:
    """The ratios of all tables, and the theory's where it has any."""
    found = []
    for name, metrics in METRICS.items():
        rows = shipped(name)
        theory = predictions(rows) if name == "cifar10_max_margin" else None
        kept = fractions(rows)
        easy, random = ("easy", metrics[0]), ("random", NO_METRIC)
        curves = [(0, metrics[0], easy, f) for f in kept]
        curves += [(1, metrics[0], random, f) for f in kept]
        curves += [(2, metric, random, kept[0]) for metric in metrics]
        for row, metric, other, f in curves:
            part = log_ratios(rows, ("hard", metric), other, f)
            if theory is not None:
                part["theory"] = _of_theory(theory, ("hard", metric), other, f)
            part = part.assign(table=name, row=row, metric=metric, keep_fraction=f)
            found.append(part.drop(columns=["z", "kept"]))
    return xr.Dataset.from_dataframe(pd.concat(found, ignore_index=True))


def _of_theory(theory: pd.DataFrame, one, other, f: float) -> np.ndarray:
    errors = [curve(theory, *key, f)["theory"].to_numpy() for key in (one, other)]
    return np.log(errors[0] / errors[1])


def draw(data: xr.Dataset) -> Figure:
    """Three rows of claims, a column a kind of data."""
    table = data.to_dataframe()
    figure = style.canvas(style.PAGE, 5.6)
    panels = figure.subplots(len(ROWS), len(TABLES), sharey="row", sharex="col")
    for column, (name, title) in zip(panels.T, TABLES.items(), strict=True):
        for row, axes in enumerate(column):
            here = (table["table"] == name) & (table["row"] == row)
            _panel(axes, table.loc[here], "metric" if row == 2 else "keep_fraction")
        column[0].set_title(title)
        column[-1].set_xlabel("examples before pruning")
    for axes, name in zip(panels[:, 0], ROWS, strict=True):
        axes.set_ylabel(f"error of hard\nagainst {name}")
        style.percent_axis(axes.yaxis)
    return figure


def _panel(axes: Axes, part: pd.DataFrame, by: str) -> None:
    axes.axhline(0, color=style.GREY, linewidth=0.7)
    for look, (value, points) in zip(style.FAMILY, part.groupby(by), strict=False):
        style.simulated(
            axes, points["size"], points["log_ratio"], points["standard_error"], look
        )
        color, line, _ = look
        known = bool(np.isfinite(points["theory"].to_numpy(float)).all())
        lines = "theory" if known else "log_ratio"
        axes.plot(points["size"], points[lines], color=color, linestyle=line, lw=0.9)
        text = (
            style.fraction(float(str(value)))
            if by == "keep_fraction"
            else style.metric(value)
        )
        style.legend_entry(axes, look, text)
    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.legend(fontsize=5.5)
