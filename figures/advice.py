"""What to keep of the data one has: the advice over the size of the pool."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import perceptron_theory as pt
from simulations.perceptron import Point, simulated_errors

from . import curves, style

SOURCE = "theory; in A with simulation (marks): max-margin student"
CAPTION = (
    "What advise says of pools of alpha_tot examples per dimension, for probes at "
    "theta = 0, 10 and 30 degrees (absolute margin). Full lines: the part of least "
    "error; dashed: the fewest examples that come within 5 % of the error of the whole "
    "pool. A: their errors in units of that of the whole pool; marks: the fewest, "
    "simulated at N = 200, means of 128 draws over that of 128 whole pools, with bars "
    "of one standard error. B: the part to keep (filled marks: the hard ones, open: "
    "the easy ones). C: how many times as many unpruned examples that error would "
    "need."
)
DEGREES = (0.0, 10.0, 30.0)
POOLS = (1.0, 2.0, 4.0, 7.0, 12.0, 20.0, 35.0, 60.0, 100.0)
SIMULATED = (2.0, 7.0, 20.0)
SIZE, DRAWS = 200, 128
LOOKS = (style.FAMILY[0], style.FAMILY[4], style.FAMILY[1])
FEWEST = (0, (3, 1.5))
CHOICES = ("best", "fewest")


def compute() -> xr.Dataset:
    """The advice at every pool and angle; at some the fewest and the pool simulated."""
    theta = np.deg2rad(DEGREES)
    advice = [[pt.advise(alpha_tot=a, theta=t) for a in POOLS] for t in theta]
    fields = ("error", "keep_fraction", "saving", "rule")
    columns = {
        f"{choice}_{field}": [
            [getattr(getattr(a, choice), field) for a in row] for row in advice
        ]
        for choice in CHOICES
        for field in fields
    }
    columns["pool_error"] = [[a.pool_error for a in row] for row in advice]
    data = xr.Dataset(
        {name: (("theta", "alpha_tot"), values) for name, values in columns.items()},
        {"theta": theta, "alpha_tot": list(POOLS)},
        {"margin": "absolute", "student": "max_margin", "tolerance": 0.05},
    )
    points = [Point(a, 1.0, rule="random") for a in SIMULATED]
    for row, t in zip(advice, theta, strict=True):
        few = [a.fewest for a in row if a.alpha_tot in SIMULATED]
        points += [Point(c.alpha_prune, c.keep_fraction, float(t), c.rule) for c in few]
    simulation = simulated_errors(points, sizes=(SIZE,), draws=DRAWS)
    simulation = simulation.squeeze("size", drop=True)
    return xr.merge([data, curves.prefixed(simulation, "simulated")])


def draw(data: xr.Dataset) -> Figure:
    """Error, part to keep, saving."""
    figure = style.canvas(style.PAGE, 2.9)
    panels = figure.subplots(1, 3)
    load = data["alpha_tot"]
    for i, look in enumerate(LOOKS):
        one = data.isel(theta=i)
        theta, (color, *_) = float(one["theta"]), look
        _simulated(panels[0], data, i, look)
        for choice, line in zip(CHOICES, ("-", FEWEST), strict=True):
            options = {"color": color, "linestyle": line}
            panels[0].plot(load, one[f"{choice}_error"] / one["pool_error"], **options)
            panels[2].plot(load, one[f"{choice}_saving"], **options)
            _parts(panels[1], one, choice, look, line)
        label = rf"$\theta = {np.rad2deg(theta):.0f}\degree$"
        style.legend_entry(panels[2], look, label)
    panels[0].set(ylabel="error / error of the whole pool")
    panels[1].set(ylim=(0, 1.03), ylabel=style.LABELS["keep_fraction"])
    panels[2].set(yscale="log", ylabel="unpruned examples / kept examples")
    panels[2].legend(loc="upper left")
    for axes in panels:
        axes.set(xscale="log", xlabel=r"pool  $\alpha_{\rm tot}$")
    style.letter(panels)
    return figure


def _simulated(axes: Axes, data: xr.Dataset, i: int, look) -> None:
    """Mean errors of the fewest over those of whole pools, a little to the side."""
    mean, error = data["simulated_mean"], data["simulated_standard_error"]
    count = len(SIMULATED)
    whole, few = slice(count), slice((i + 1) * count, (i + 2) * count)
    ratio = mean.values[few] / mean.values[whole]
    spread = np.hypot(*((error / mean).values[part] for part in (few, whole)))
    aside = np.array(SIMULATED) * 1.06 ** (i - 1)
    style.simulated(axes, aside, ratio, ratio * spread, look)


def _parts(axes: Axes, one: xr.Dataset, choice: str, look, line) -> None:
    """The kept part, the mark filled where the hard ones are kept."""
    color, _, mark = look
    axes.plot(one["alpha_tot"], one[f"{choice}_keep_fraction"], color=color, ls=line)
    for rule, face in (("hard", color), ("easy", "white")):
        at = one.isel(alpha_tot=np.flatnonzero(one[f"{choice}_rule"] == rule))
        options = {"marker": mark, "color": color, "markerfacecolor": face}
        axes.plot(at["alpha_tot"], at[f"{choice}_keep_fraction"], ls="none", **options)
