"""What another example tells, on features of CIFAR-10 and in theory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

import perceptron_theory as pt

from . import style
from .tables import shipped

SOURCE = "CIFAR-10 features (marks) and theory (lines)"
CAPTION = (
    "Information gain of another kept example, on the 64 whitened features of SimCLR "
    "on CIFAR-10 with labels of a linear teacher (marks: -ln of the part of 400 Gibbs "
    "students that it leaves, means of 3 seeds with one standard error), and in the "
    "theory of Gaussian inputs (lines; nothing is fitted), for random examples and for "
    "the hardest fifth by a perfect probe."
)
LOOKS = {"hard": style.RULES["hard"], "unpruned": (style.BLACK, "-", "o")}
NAMES = {"hard": "keep hard, a fifth", "unpruned": "no pruning"}


def compute() -> xr.Dataset:
    """Means over seeds, and the gain of the theory at the same loads."""
    rows = shipped("cifar10_gibbs")
    keys = ["strategy", "keep_fraction", "kept", "dimensions"]
    gains = rows.groupby(keys)["information"].agg(["mean", "sem"]).reset_index()
    gains = pd.DataFrame(gains[gains["strategy"].isin(list(LOOKS))])
    load = gains["kept"].to_numpy(float) / gains["dimensions"].to_numpy(float)
    f = gains["keep_fraction"].to_numpy(float)
    gain = pt.solve(alpha_prune=load, keep_fraction=f, student="gibbs").information_gain  # type: ignore[union-attr] # of a Gibbs student
    found = pd.DataFrame(
        {
            "strategy": gains["strategy"].to_numpy(str),
            "alpha_prune": load,
            "information": gains["mean"].to_numpy(float),
            "standard_error": gains["sem"].to_numpy(float),
            "theory": np.asarray(gain),
        }
    )
    return xr.Dataset.from_dataframe(found)


def draw(data: xr.Dataset) -> Figure:
    """Both against the load."""
    table = data.to_dataframe()
    figure = style.canvas(style.COLUMN, 2.6)
    axes = figure.subplots()
    for strategy, look in LOOKS.items():
        part = table.loc[(table["strategy"] == strategy).to_numpy()]
        part = part.sort_values("alpha_prune")
        x, y = part["alpha_prune"], part["information"]
        style.simulated(axes, x, y, part["standard_error"], look)
        axes.plot(x, part["theory"], color=look[0], linestyle=look[1], linewidth=0.9)
        style.legend_entry(axes, look, NAMES[strategy])
    axes.set(xscale="log", yscale="log", xlabel=style.LABELS["alpha_prune"])
    axes.set_ylabel("information gain  (nat)")
    axes.legend()
    return figure
