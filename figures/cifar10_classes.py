"""What pruning by each metric does to each class of CIFAR-10."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from simulations.experiments.cells import NO_METRIC
from simulations.experiments.class_counts import by_class
from simulations.vision.data.cifar10_files import CLASSES

from . import style
from .tables import shipped

CAPTION = (
    "Classes of CIFAR-10 when the hardest tenth of 45,000 examples by each metric is "
    "kept, without class balance (linear heads on 64 features of SimCLR, 5 seeds). A: "
    "kept examples of each class over an equal share. B: error of each class less its "
    "error with as many random examples; the number: its standard error over seeds at "
    "most. The last row is no pruning at all."
)
FRACTION = 0.1


def compute() -> xr.Dataset:
    """Kept examples and errors of each class, a row a metric."""
    rows = by_class(shipped("cifar10_metrics"))
    hard = np.isclose(rows["keep_fraction"], FRACTION) & (rows["strategy"] == "hard")
    here = hard | (rows["strategy"] == "unpruned")
    part = rows.loc[here].assign(
        metric=rows["metric"].replace(NO_METRIC, "no pruning")[here]
    )
    chance = np.isclose(rows["keep_fraction"], FRACTION)
    random = rows.loc[chance & (rows["strategy"] == "random")]
    base = random.set_index(["seed", "class"])["error"].sort_index()
    keys = ["metric", "seed", "class"]
    table = part.set_index(keys).sort_index()
    change = table["error"] - base.reindex(table.index.droplevel("metric")).to_numpy()
    share = table["kept"] / table.groupby(["metric", "seed"])["kept"].transform("mean")
    groups = pd.DataFrame({"change": change, "share": share}).groupby(
        ["metric", "class"]
    )
    averages = groups.agg(
        change=("change", "mean"),
        share=("share", "mean"),
        standard_error=("change", "sem"),
    )
    found = xr.Dataset.from_dataframe(pd.DataFrame(averages))
    order = found["change"].mean("class").sortby(found["change"].mean("class"))
    names = [name for name in order["metric"].values if name != "no pruning"]
    return found.sel(metric=[*names, "no pruning"])


def draw(data: xr.Dataset) -> Figure:
    """Two matrices of metric and class."""
    names = [style.words(name) for name in data["metric"].values]
    figure = style.canvas(style.PAGE, 0.2 * len(names) + 1.2)
    panels = figure.subplots(1, 2, sharey=True)
    most = float(abs(data["change"]).max())
    norms = (TwoSlopeNorm(1.0, 0.0, float(data["share"].max())), None)
    limits = ({"norm": norms[0], "cmap": "PuOr"}, {"vmin": -most, "vmax": most})
    labels = ("kept / equal share", "error minus that of random")
    for axes, name, options, label in zip(
        panels, ("share", "change"), limits, labels, strict=True
    ):
        picture = axes.imshow(
            data[name].transpose("metric", "class"),
            **{"cmap": "RdBu_r", "aspect": "auto"} | options,
        )
        figure.colorbar(picture, label=label)
        axes.set_xticks(range(len(CLASSES)), CLASSES, rotation=45, ha="right")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
    panels[0].set_yticks(range(len(names)), names)
    note = f"standard error at most {float(data['standard_error'].max()):.3f}"
    panels[1].set_title(note, fontsize=6)
    style.letter(panels)
    return figure
