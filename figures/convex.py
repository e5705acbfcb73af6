"""Students of four convex losses against their ridge, theory and simulation."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import perceptron_theory as pt
from simulations.perceptron import ConvexRidge, Point, averages, simulate

from . import style

SOURCE = (
    "theory (lines) and simulation (marks): students with a ridge, theta = 20 degrees"
)
CAPTION = (
    "Error of students trained with four losses against the strength of their ridge: "
    "hard examples by a probe at theta = 20 degrees (absolute margin, f = 0.4, "
    "alpha_prune = 3). A: right labels; as the ridge goes to zero the logistic loss "
    "and both hinges tend to the max-margin student (grey). B: one label in ten "
    "flipped before pruning. Lines: theory; stars: the best ridge of each loss, where "
    "there is one; marks: simulation at N = 100, means of 48 draws with bars of one "
    "standard error."
)
AT: dict[str, Any] = {
    "alpha_prune": 3.0,
    "keep_fraction": 0.4,
    "theta": float(np.deg2rad(20.0)),
}
FLIPPED = (0.0, 0.1)
LOSSES = ("logistic", "hinge", "squared_hinge", "square")
RIDGES = tuple(np.geomspace(1e-4, 1e2, 37))
SIMULATED = (1e-2, 1e-1, 1.0, 1e1)
SIZE, DRAWS = 100, 48


def compute() -> xr.Dataset:
    """Theory over the ridge, the best ridge, the max-margin student; simulation."""
    dims = ("loss", "flip_probability")
    error, best, best_error, mean, deviation = [], [], [], [], []
    for loss in LOSSES:
        flips = np.array(FLIPPED)
        how: dict[str, Any] = AT | {"loss": loss}
        error.append(
            pt.solve_convex(**how, ridge=RIDGES, flip_probability=flips[:, None]).error
        )
        optimum = pt.optimal_ridge(**how, flip_probability=flips)
        inside = np.asarray(optimum.kind) == pt.Optimum.INTERIOR
        best.append(np.where(inside, optimum.ridge, np.nan))
        best_error.append(np.where(inside, optimum.error, np.nan))
        cells = [[_simulated(loss, r, p) for r in SIMULATED] for p in FLIPPED]
        mean.append([[m for m, _ in row] for row in cells])
        deviation.append([[d for _, d in row] for row in cells])
    return xr.Dataset(
        {
            "error": ((*dims, "ridge"), error, {"long_name": "generalisation error"}),
            "best_ridge": (dims, best, {"long_name": "ridge of least error"}),
            "best_error": (dims, best_error, {"long_name": "error there"}),
            "max_margin_error": ((), pt.solve(**AT).error),
            "simulated_mean": ((*dims, "simulated_ridge"), mean),
            "simulated_standard_error": ((*dims, "simulated_ridge"), deviation),
        },
        {
            "loss": list(LOSSES),
            "flip_probability": list(FLIPPED),
            "ridge": list(RIDGES),
            "simulated_ridge": list(SIMULATED),
        },
        {**AT, "rule": "hard", "margin": "absolute", "N": SIZE, "draws": DRAWS},
    )


def _simulated(loss: str, ridge: float, flipped: float) -> tuple[float, float]:
    """Mean error of trained students and its standard error."""
    draws = simulate(
        Point(**AT, student=ConvexRidge(loss, ridge)),
        size=SIZE,
        draws=DRAWS,
        seed=0,
        flip_probability=flipped,
    )
    mean, deviation = averages(draws)["error"].values
    return float(mean), float(deviation)


def draw(data: xr.Dataset) -> Figure:
    """A panel for each part of flipped labels."""
    figure = style.canvas(style.PAGE, 3.0)
    panels = figure.subplots(1, len(data["flip_probability"]))
    for axes, flipped in zip(panels, data["flip_probability"].values, strict=True):
        _against_ridge(axes, data.sel(flip_probability=flipped))
        axes.set_title(f"{100 * flipped:g} % of the labels flipped")
    panels[0].axhline(data["max_margin_error"], label="max margin", **style.PARETO)
    panels[0].set(ylabel=style.LABELS["error"])
    panels[0].legend(loc="upper left")
    for axes, name in zip(panels, "AB", strict=True):
        axes.set_title(name, loc="left", fontweight="bold", fontsize=10)
    return figure


def _against_ridge(axes: Axes, data: xr.Dataset) -> None:
    for loss, look in zip(data["loss"].values, style.FAMILY, strict=False):
        one = data.sel(loss=loss)
        axes.plot(data["ridge"], one["error"], color=look[0], linestyle=look[1])
        axes.plot(
            one["best_ridge"],
            one["best_error"],
            marker="*",
            markersize=9,
            color=look[0],
            markeredgecolor="white",
            zorder=5,
        )
        style.simulated(
            axes,
            data["simulated_ridge"],
            one["simulated_mean"],
            one["simulated_standard_error"],
            look,
        )
        style.legend_entry(axes, look, style.words(loss))
    axes.set(xscale="log", xlabel=r"ridge  $\lambda$")
