"""The threshold at finite N: Cover's exact law, and the collapse of all sizes."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy.stats import norm

from simulations.perceptron.studies.finite_size import (
    cover_probability,
    threshold_collapse,
)

from . import style

SOURCE = "theory (lines) and simulation (marks): max-margin student, theta = 0 degrees"
CAPTION = (
    "The threshold at alpha_prune = 2 at finite N (perfect probe, hard rule, f = 1e-5, "
    "kept examples drawn directly, 512 draws a mark). A: part of the students with an "
    "error near 1/2. Lines: the chance that as many random labels can be separated in "
    "N - 1 dimensions (Cover 1965), exact as f goes to 0. B: the same against "
    "(P/n - c) sqrt(2 n/P) n^a, n = N - 1, with fitted c, a; line: fit. C: mean error "
    "(marks, bars of one standard error) and half of Cover's probability (lines)."
)
SIZES, DRAWS = (25, 50, 100, 200), 512


def compute() -> xr.Dataset:
    """Students at loads within a few 1/sqrt(N) of 2."""
    return threshold_collapse(sizes=SIZES, draws=DRAWS)


def draw(data: xr.Dataset) -> Figure:
    """Fractions against load; collapsed; mean errors."""
    figure = style.canvas(style.PAGE, 2.5)
    panels = figure.subplots(1, 3)
    exponent, centre = float(data["exponent"]), float(data["centre"])
    for size, look in zip(data["size"].values, style.FAMILY, strict=False):
        one = data.sel(size=size)
        load, lost = one["alpha_prune"].values, one["lost"].values
        exact = [cover_probability(round(a * size), size - 1) for a in load]
        for axes, factor in ((panels[0], 1.0), (panels[2], 0.5)):
            line = np.array(exact) * factor
            axes.plot(load, line, color=look[0], linestyle=look[1], linewidth=0.9)
        style.simulated(panels[0], load, lost, one["lost_error"], look)
        own = load * size / (size - 1)  # P/n
        scaled = (own - centre) * np.sqrt(2 / own) * (size - 1) ** exponent
        style.simulated(panels[1], scaled, lost, one["lost_error"], look)
        mean, error = one["mean"], one["standard_error"]
        style.simulated(panels[2], load, mean, error, look)
        style.legend_entry(panels[0], look, f"$N = {size}$")
    x = np.linspace(*panels[1].get_xlim(), 200)
    panels[1].plot(x, norm.cdf(-float(data["scale"]) * x), color=style.GREY, zorder=1)
    spread = float(data["exponent_error"])
    panels[1].text(
        0.03,
        0.05,
        f"a = {exponent:.3f} $\\pm$ {spread:.3f}\n"
        f"c = {centre:.4f} $\\pm$ {float(data['centre_error']):.4f}\n"
        f"slope {float(data['scale']):.2f} $\\pm$ {float(data['scale_error']):.2f} "
        f"(1/$\\sqrt{{2}}$ = {1 / math.sqrt(2):.2f})",
        transform=panels[1].transAxes,
        ha="left",
        va="bottom",
        fontsize=6,
    )
    label = style.LABELS["alpha_prune"]
    panels[0].set(xlabel=label, ylabel="students with an error near 1/2")
    panels[1].set(xlabel=r"$(P/n - c)\,\sqrt{2n/P}\;n^a$,  $n = N - 1$")
    panels[2].set(xlabel=label, ylabel=f"mean {style.LABELS['error']}")
    panels[0].legend(loc="lower left")
    style.letter(panels)
    return figure
