"""Probes that are trained: their angle, and where the theory of a probe fails."""

from __future__ import annotations

import math
from functools import partial

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from simulations.perceptron.studies.probe_epochs import probe_study

from . import style

SOURCE = "simulation: max-margin student"
CAPTION = (
    "Probes trained by stochastic gradient descent on the logistic loss, on the "
    "pool that they prune (full lines) or on as many examples of their own "
    "(dashed). A: measured angle of probe and teacher, for pools of alpha_tot "
    "examples per dimension. B: error of the max-margin student of the hardest f = "
    "0.3 (absolute margin), in units of the theory at the measured angles. C: error "
    "against f, pool of 10 examples per dimension, 30 epochs; grey: theory at the "
    "measured angles, which takes the probe to be independent of the pool; dotted: "
    "sin(theta). Probes with examples of their own follow it. Those trained on the "
    "pool rank low the examples that decide the student of the whole pool: its "
    "error is reached with fewer examples than any independent probe at that angle "
    "would need, until f nears 1/alpha_tot, one example per dimension. Marks: "
    "simulation at N = 100, means of 64 draws with bars of one standard error."
)
EPOCHS = (1, 3, 10, 30, 100)
LOADS = (2.5, 5.0, 10.0, 20.0)
FRACTION = 0.3
# of panel C
CUT_EPOCHS, CUT_LOAD = 30, 10.0
FRACTIONS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0)
SIZE, DRAWS = 100, 64
LINES = {"pool": "-", "own": (0, (4, 1.5))}
NAMES = {"pool": "probe trained on the pool", "own": "on examples of its own"}


def compute() -> xr.Dataset:
    """Both studies: over epochs and pools, and over the kept fraction."""
    study = partial(probe_study, size=SIZE, draws=DRAWS)
    epochs = study(EPOCHS, LOADS, (FRACTION,))
    cut = study((CUT_EPOCHS,), (CUT_LOAD,), FRACTIONS)
    shared = ["trained_on", "statistic"]
    names = {name: f"cut_{name}" for name in [*cut.data_vars, *cut.coords]}
    cut = cut.rename({k: v for k, v in names.items() if k not in shared})
    return xr.merge([epochs, cut], combine_attrs="override")


def draw(data: xr.Dataset) -> Figure:
    """The angle, the ratio to the theory, and a cut along the kept fraction."""
    figure = style.canvas(style.PAGE, 2.7)
    panels = figure.subplots(1, 3)
    _epochs(panels[0], data, data["theta"] * (180 / math.pi))
    mean = data["predicted"].sel(statistic="mean")
    _epochs(panels[1], data, data["error"] / mean)
    panels[0].set(
        yscale="log", ylabel=r"angle of the probe  $\theta$  (degrees)", ylim=(1.8, 45)
    )
    ticks = [2, 3, 5, 10, 20, 30]
    panels[0].set_yticks(ticks, [str(t) for t in ticks])
    panels[0].yaxis.set_minor_locator(NullLocator())
    panels[1].axhline(1.0, color=style.GREY, linewidth=0.8, zorder=0)
    panels[1].set(ylabel="simulated error / theory at this angle", ylim=(0, None))
    for load, look in zip(data["alpha_tot"].values, style.FAMILY, strict=False):
        entry = look[0], "-", look[2]
        style.legend_entry(panels[0], entry, rf"$\alpha_{{\rm tot}} = {load:g}$")
    panels[0].legend(loc="lower left")
    for where, line in LINES.items():
        panels[1].plot([], [], color=style.BLACK, linestyle=line, label=NAMES[where])
    panels[1].legend(loc="lower left")
    _cut(panels[2], data)
    style.letter(panels)
    return figure


def _epochs(axes: Axes, data: xr.Dataset, values: xr.DataArray) -> None:
    values = values.sel(keep_fraction=FRACTION)
    for load, look in zip(data["alpha_tot"].values, style.FAMILY, strict=False):
        for where, line in LINES.items():
            one = values.sel(alpha_tot=load, trained_on=where)
            mean = one.sel(statistic="mean")
            axes.plot(data["epochs"], mean, color=look[0], linestyle=line)
            error = one.sel(statistic="standard_error")
            style.simulated(axes, data["epochs"], mean, error, look)
    axes.set(xscale="log", xlabel="epochs of the probe")
    axes.set_xticks(EPOCHS, [str(n) for n in EPOCHS])
    axes.xaxis.set_minor_locator(NullLocator())


def _cut(axes: Axes, data: xr.Dataset) -> None:
    cut = data.isel(cut_alpha_tot=0, cut_epochs=0)
    x = cut["cut_keep_fraction"]
    theory = cut["cut_predicted"].sel(trained_on="own", statistic="mean")
    axes.plot(x, theory, label="theory", **style.PARETO)
    for where, color, mark in (("pool", style.ORANGE, "o"), ("own", style.BLUE, "s")):
        one = cut["cut_error"].sel(trained_on=where)
        mean, error = (one.sel(statistic=s) for s in ("mean", "standard_error"))
        look = color, LINES[where], mark
        axes.plot(x, mean, color=color, linestyle=LINES[where])
        style.simulated(axes, x, mean, error, look)
        style.legend_entry(axes, look, NAMES[where])
    sine = math.sin(float(cut["cut_theta"].sel(statistic="mean").mean()))
    axes.axvline(sine, ymax=0.74, color=style.GREY, linestyle=":", linewidth=0.9)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel=style.LABELS["keep_fraction"],
        ylabel=style.LABELS["error"],
        ylim=(0.04, 1.3),
    )
    ticks = [0.05, 0.1, 0.2, 0.5, 1.0]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    ticks = [0.05, 0.1, 0.2, 0.5]
    axes.set_yticks(ticks, [f"{t:g}" for t in ticks])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.legend(loc="upper right")
