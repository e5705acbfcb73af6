"""Fig. 2B-D: an imperfect probe turns the Pareto curve back to a power law."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import perceptron_theory as pt
from simulations.perceptron import Point, simulated_errors

from . import curves, style

SOURCE = "theory (lines) and simulation (marks): max-margin student"
CAPTION = (
    "A probe at an angle theta from the teacher. A, B: error when the hardest fraction "
    "f is kept, theta = 10 and 20 degrees. Lines: theory, N to infinity. Marks: "
    "simulation at N = 100, means of 64 draws with bars of one standard error. Grey: "
    "the best error over all f (Pareto); it leaves the fast decay for the power law "
    "0.5005 sin(theta)/alpha_prune (dotted), lower than that of random data only by "
    "the factor sin(theta). Pruning harder than f of about sin(theta) does harm. "
    "C: the best fraction for several theta, in units of sin(theta), against the law "
    "alpha_prune^(-1/3)."
)
DEGREES = (10.0, 20.0)
FRACTIONS = (1.0, 0.5, 0.2, 0.1, 0.05)
SIZE = 100  # N: compiling, not training, takes the time
SIMULATED_LOADS = (1.0, 3.0, 10.0)
OPTIMUM_DEGREES = (2.0, 5.0, 10.0, 20.0, 40.0)
SHORT = r"kept examples  $\alpha_{\rm prune}$"  # three panels leave no room for more
MAX_MARGIN_CONSTANT = 0.5005  # error x load for random data (Opper et al. 1990)


def compute() -> xr.Dataset:
    """Curves, simulation and Pareto curves for every probe."""
    load = np.geomspace(0.5, 200, 41)
    theory = [curves.errors(load, FRACTIONS, theta=np.deg2rad(d)) for d in DEGREES]
    simulation = [_simulation(degrees) for degrees in DEGREES]
    loads = np.geomspace(0.5, 200, 27)
    frontier = [
        pt.pareto_frontier(loads, theta=np.deg2rad(d))[["error", "f_opt"]]
        for d in OPTIMUM_DEGREES
    ]
    panels = xr.concat(
        theory, xr.Variable("degrees", list(DEGREES)), combine_attrs="drop"
    )
    points = xr.concat(simulation, xr.Variable("degrees", list(DEGREES)))
    best = xr.concat(frontier, xr.Variable("degrees", list(OPTIMUM_DEGREES)))
    return xr.merge(
        [panels, points, curves.prefixed(best, "pareto")], combine_attrs="drop"
    )


def _simulation(degrees: float) -> xr.Dataset:
    points = [
        Point(load, f, np.deg2rad(degrees))
        for f in FRACTIONS
        for load in SIMULATED_LOADS
    ]
    found = simulated_errors(points, sizes=(SIZE,), draws=64).drop_vars(
        ["theta", "rule", "margin"]
    )
    return curves.prefixed(found, "simulated")


def draw(data: xr.Dataset) -> Figure:
    """Two panels of curves and one of the best fractions."""
    figure = style.canvas(style.PAGE, 2.9)
    *panels, last = figure.subplots(1, len(DEGREES) + 1)
    for axes, degrees in zip(panels, data["degrees"].values, strict=True):
        _probe(axes, data, degrees)
    panels[0].legend(loc="lower left")
    for axes in panels[1:]:
        axes.set_ylabel("")  # as on the first
    panels[0].sharey(panels[-1])
    _optimum(last, data)
    style.letter((*panels, last))
    return figure


def _probe(axes: Axes, data: xr.Dataset, degrees: float) -> None:
    curves.plot_errors(axes, data.sel(degrees=degrees, pareto_degrees=degrees))
    tail = np.array([3.0, 200.0])
    law = MAX_MARGIN_CONSTANT * np.sin(np.deg2rad(degrees)) / tail
    axes.plot(tail, law, color=style.BLACK, linestyle=":", linewidth=0.9)
    axes.annotate(
        r"$0.5005\,\sin\theta/\alpha_{\rm prune}$",
        (tail[1], law[1]),
        xytext=(0, -4),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=6.5,
    )
    axes.set(title=rf"$\theta={degrees:g}\degree$", xlim=(0.5, 200), ylim=(1e-4, 0.6))
    axes.set_xlabel(SHORT)


def _optimum(axes: Axes, data: xr.Dataset) -> None:
    for degrees, look in zip(data["pareto_degrees"].values, style.FAMILY, strict=False):
        best = data["pareto_f_opt"].sel(pareto_degrees=degrees)
        axes.plot(
            data["pareto_alpha_prune"],
            best / np.sin(np.deg2rad(degrees)),
            color=look[0],
            linestyle=look[1],
            label=rf"$\theta={degrees:g}\degree$",
        )
    load = np.array([8.0, 200.0])
    axes.plot(load, 1.25 * load ** (-1 / 3), color=style.GREY, lw=0.9, ls=":")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel=SHORT,
        ylabel=r"best kept fraction  $f_{\rm opt}/\sin\theta$",
    )
    axes.legend(loc="upper right")
