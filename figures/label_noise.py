"""Wrong labels: where keeping the hard examples turns harmful, in the plane (p, f)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

import perceptron_theory as pt
from simulations.perceptron import ConvexRidge, Point, averages, simulate

from . import curves, style

SOURCE = "theory; in C with simulation (marks): logistic student, theta = 20 degrees"
CAPTION = (
    "A part p of the labels of a pool of 20 examples per dimension is wrong before "
    "pruning; probe at theta = 20 degrees, logistic loss, ridge 0.1. A, B: error when "
    "the hardest fraction f is kept, in units of that of as many random examples, "
    "ranked by the absolute margin |P.x| and by the signed margin y P.x. Grey: keeping "
    "the hard ones does harm; orange: it helps. Lines, solved to tolerance: equal "
    "errors of hard and random (black), hard and easy (blue), easy and random (green), "
    "full where the two are the best of the three; dotted: the error of hard is 1/2. "
    "C: errors across the boundaries of B at f = 0.6. Lines: theory, N to infinity. "
    "Marks: simulation at N = 100, means of 64 draws with bars of one standard error. "
    "The absolute margin sees no labels, and under it noise makes more of the hard "
    "examples worth keeping; the signed margin ranks wrong labels among the hard "
    "examples, of which a few percent are enough to turn keeping them into harm."
)
SETTING: dict[str, Any] = {
    "alpha_tot": 20.0,
    "theta": math.radians(20),
    "loss": "logistic",
    "ridge": 0.1,
}
FLIPS = (0.0, 0.01, 0.02, 0.04, 0.06, 0.1, 0.15, 0.2, 0.25, 0.3)
FRACTIONS = (0.03, 0.06, 0.1, 0.15, 0.2, 0.25, 0.32, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97)
CUT = 0.6  # f of panel C
SIMULATED = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3)
SIZE, DRAWS = 100, 64
MOST = math.log(4)  # of ln of the ratio at the ends of the colours
LINES = {
    "hard/random": style.BLACK,
    "hard/easy": style.BLUE,
    "easy/random": style.GREEN,
}


def compute() -> xr.Dataset:
    """The two diagrams, and errors along one line of the second, with simulations."""
    diagrams = [
        curves.prefixed(
            pt.noise_diagram(FLIPS, FRACTIONS, margin=margin, **SETTING), margin
        ).drop_vars(f"{margin}_best")
        for margin in ("absolute", "signed")
    ]
    flips = np.linspace(0.0, 0.3, 25)
    lower, kept, load = np.array(
        [[0.0, CUT, 1.0], [1 - CUT, CUT, 1.0], [0.0, 1.0, CUT]]
    ).T  # hard, easy; random: all of a smaller pool
    setting = SETTING | {"alpha_tot": SETTING["alpha_tot"] * load}
    cut = pt.solve_convex(
        keep_fraction=kept,
        rule=pt.Window(lower),
        margin="signed",
        flip_probability=flips[:, None],
        **setting,
    )
    found = np.array([[_simulated(rule, p) for rule in style.RULES] for p in SIMULATED])
    wide = ("cut_flip_probability", "rule"), ("simulated_flip_probability", "rule")
    more = xr.Dataset(
        {
            "cut_error": (wide[0], cut.error),
            "simulated_mean": (wide[1], found[..., 0]),
            "simulated_standard_error": (wide[1], found[..., 1]),
        },
        {
            "rule": list(style.RULES),
            "cut_flip_probability": flips,
            "simulated_flip_probability": list(SIMULATED),
        },
        SETTING | {"keep_fraction": CUT, "N": SIZE, "draws": DRAWS},
    )
    return xr.merge([more, *diagrams], combine_attrs="drop_conflicts")


def _simulated(rule: str, flip_probability: float) -> np.ndarray:
    """Mean error and its standard error, signed margin."""
    load = SETTING["alpha_tot"] * CUT
    student = ConvexRidge(SETTING["loss"], SETTING["ridge"])
    draws = simulate(
        Point(load, CUT, SETTING["theta"], rule, "signed", student=student),
        size=SIZE,
        draws=DRAWS,
        seed=0,
        flip_probability=flip_probability,
    )
    return averages(draws)["error"].values


def draw(data: xr.Dataset) -> Figure:
    """Two maps and a cut."""
    figure = style.canvas(style.PAGE, 2.9)
    panels = figure.subplots(1, 3, width_ratios=(1.0, 1.0, 1.1))
    maps = [
        _map(panels[i], data, name) for i, name in enumerate(("absolute", "signed"))
    ]
    bar = figure.colorbar(
        maps[0],
        ax=list(panels[:2]),
        location="top",
        shrink=0.6,
        aspect=30,
        extend="both",
        label="hard better  $\\leftarrow$  error against random  $\\rightarrow$  "
        "hard worse",
    )
    style.percent_axis(bar.ax.xaxis)
    panels[0].set_ylabel(style.LABELS["keep_fraction"])
    _cut(panels[2], data)
    style.letter(panels)
    return figure


def _map(axes: Axes, data: xr.Dataset, margin: str) -> Any:
    hard, random = data[f"{margin}_error_hard"], data[f"{margin}_error_random"]
    x, y = data[f"{margin}_flip_probability"], data[f"{margin}_keep_fraction"]
    drawn = axes.pcolormesh(
        x,
        y,
        np.log(hard / random).T,
        norm=Normalize(-MOST, MOST),
        cmap=style.better("random"),
        shading="gouraud",
        rasterized=True,
    )
    if float(hard.max()) > 0.5:
        chance = {"colors": style.BLACK, "linestyles": ":", "linewidths": 1.1}
        axes.contour(x, y, hard.T, [0.5], **chance)
    points = xr.Dataset(
        {
            name: data[f"{margin}_boundary_{name}"]
            for name in ("kind", "branch", "flip_probability", "keep_fraction", "best")
        }
    )
    for _, branch in points.groupby("branch"):
        at, f = branch["flip_probability"].values, branch["keep_fraction"].values
        color, best = LINES[str(branch["kind"].values[0])], branch["best"].values
        axes.plot(at, f, color=color, linestyle=(0, (2, 1.5)), linewidth=0.9)
        full = best[1:] & best[:-1]
        for n in np.flatnonzero(full):
            axes.plot(at[n : n + 2], f[n : n + 2], color=color, linewidth=1.8)
    meet = (data[f"{margin}_triple_{k}"] for k in ("flip_probability", "keep_fraction"))
    axes.plot(*meet, "o", color=style.BLACK)
    axes.set(
        yscale="log",
        xlim=(0, 0.3),
        ylim=(float(y.min()), float(y.max())),
        xlabel=r"wrong labels  $p$",
    )
    ticks = [0.03, 0.1, 0.2, 0.3, 0.5, 0.9]
    axes.set_yticks(ticks, [f"{t:g}" for t in ticks])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.text(
        0.97,
        0.03,
        rf"{margin} margin",
        transform=axes.transAxes,
        ha="right",
        va="bottom",
        fontweight="bold",
        fontsize=7,
    )
    return drawn


def _cut(axes: Axes, data: xr.Dataset) -> None:
    for rule, look in style.RULES.items():
        one = data.sel(rule=rule)
        axes.plot(
            one["cut_flip_probability"], one["cut_error"], color=look[0], ls=look[1]
        )
        style.simulated(
            axes,
            one["simulated_flip_probability"],
            one["simulated_mean"],
            one["simulated_standard_error"],
            look,
        )
        style.legend_entry(axes, look, style.KEEP[rule])
    axes.set(
        yscale="log",
        xlabel=r"wrong labels  $p$",
        ylabel=style.LABELS["error"],
        ylim=(0.02, 1.0),
    )
    ticks = [0.02, 0.05, 0.1, 0.2, 0.5, 1.0]
    axes.set_yticks(ticks, [f"{t:g}" for t in ticks])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.legend(loc="lower right", title=rf"signed margin, $f = {CUT:g}$")
