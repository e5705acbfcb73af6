"""All metrics on CIFAR-10: how much better than random, and what becomes of classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from simulations.experiments.cells import NO_METRIC
from simulations.experiments.class_counts import by_class
from simulations.experiments.laws import means

from . import style
from .tables import shipped

SOURCE = "CIFAR-10, linear heads"
CAPTION = (
    "Ten metrics, and prototypes at other numbers of clusters (prototypes_1 to _300; "
    "prototypes has 10), on CIFAR-10 with linear heads on 64 features of SimCLR; of "
    "45,000 examples the hardest f are kept, with (filled) and without (open) half of "
    "an equal share for every class; 5 seeds. A: error minus that of random examples "
    "of the same number, one standard error. B: standard deviation over classes of the "
    "number of kept examples, over its mean. C: error of the class that is worst off. "
    "Dashed: random examples."
)
STRATEGIES = {"hard": "white", "hard_balanced": None}


def compute() -> xr.Dataset:
    """A row a metric, strategy and kept fraction."""
    return xr.Dataset.from_dataframe(benchmark(shipped("cifar10_metrics")))


def benchmark(rows: pd.DataFrame) -> pd.DataFrame:
    """Error minus that of random examples, imbalance and the worst class.

    Args:
        rows: of a table of one size.

    Returns:
        ``metric``, ``strategy``, ``keep_fraction``, ``error``, ``difference`` and its
        ``standard_error``, ``imbalance``, ``worst_class``.
    """
    keys = ["keep_fraction", "strategy", "metric"]
    each = by_class(rows).groupby([*keys, "seed"])
    runs = each.agg(
        mean=("kept", "mean"), spread=("kept", "std"), worst_class=("error", "max")
    )
    runs = runs.assign(imbalance=runs["spread"] / runs["mean"])
    average = pd.DataFrame(runs.groupby(keys).mean())
    error = rows.set_index([*keys, "seed"])["error"].sort_index()
    found, tested = means(rows, keys), rows["tested"].mean()
    differences, wide, classes = [], [], []
    for place in zip(*(found[key] for key in keys), strict=True):
        f = place[0]
        random = ("random", NO_METRIC) if f < 1 else ("unpruned", NO_METRIC)
        one = error.loc[place] - error.loc[(f, *random)]
        differences.append(one.mean())
        # of the seeds, and at least of the test set, which they share
        by_test = abs(one.mean()) * (1 - abs(one.mean())) / tested
        wide.append(np.sqrt(max(one.var() / len(one), by_test)))
        classes.append(average.loc[place, ["imbalance", "worst_class"]].to_numpy())
    imbalance, worst = np.array(classes, float).T
    return found.assign(
        difference=differences,
        standard_error=wide,
        imbalance=imbalance,
        worst_class=worst,
    )


def draw(data: xr.Dataset) -> Figure:
    """A row a metric; a mark a kept fraction and strategy."""
    table = data.to_dataframe()
    hard = table.loc[(table["strategy"] == "hard").to_numpy()]
    smallest = hard.loc[(hard["keep_fraction"] == hard["keep_fraction"].min())]
    metrics = list(smallest.sort_values("difference")["metric"])[::-1]
    figure = style.canvas(style.PAGE, 0.2 * len(metrics) + 1.0)
    panels = figure.subplots(1, 3, sharey=True)
    fractions = sorted(set(hard["keep_fraction"]))
    for look, f in zip(style.FAMILY[1:], fractions, strict=False):
        for strategy, fill in STRATEGIES.items():
            here = (table["strategy"] == strategy) & (table["keep_fraction"] == f)
            part = table.loc[here].set_index("metric").loc[metrics]
            options = {"color": look[0], "marker": look[2], "linestyle": "none"}
            options["markerfacecolor"] = fill or look[0]
            places = range(len(metrics))
            wide = 100 * part["standard_error"]
            panels[0].errorbar(100 * part["difference"], places, xerr=wide, **options)
            panels[1].plot(part["imbalance"], places, **options)
            label = f"{style.fraction(f)}, {strategy.replace('_', ' ')}"
            panels[2].plot(100 * part["worst_class"], places, label=label, **options)
        random = (table["strategy"] == "random") & (table["keep_fraction"] == f)
        for axes, name in zip(panels[1:], ("imbalance", "worst_class"), strict=True):
            value = float(table.loc[random, name].iloc[0])
            value *= 100 if name == "worst_class" else 1
            axes.axvline(value, color=look[0], linewidth=0.8, linestyle=look[1])
    panels[0].axvline(0, color=style.GREY, linewidth=0.8)
    panels[0].set_yticks(range(len(metrics)), [style.words(one) for one in metrics])
    panels[0].set_xlabel("error minus that of random (points)")
    panels[1].set_xlabel("imbalance of classes")
    panels[2].set_xlabel("error of the worst class (%)")
    panels[2].legend(fontsize=5.5)
    style.letter(panels)
    return figure
