"""Fig. 1B: keep the hard examples of a large pool, the easy ones of a small pool."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

import perceptron_theory as pt
from simulations.perceptron import Point, simulated_errors

from . import style

SOURCE = "theory (lines) and simulation (marks): max-margin student, theta = 0 degrees"
CAPTION = (
    "Which examples to keep of a small and of a large pool (perfect probe, theta = 0): "
    "error against the kept fraction when the hardest, the easiest or random examples "
    "are kept. Lines: theory, N to infinity. Marks: simulation at N = 100, means of 64 "
    "draws with bars of one standard error. Of few data keep the easy ones, of many "
    "the hard ones."
)
POOLS = (2.0, 20.0)
SIZE = 100  # N: compiling, not training, takes the time
SIMULATED_FRACTIONS = (0.1, 0.25, 0.5, 0.75)


def compute() -> xr.Dataset:
    """Errors over rule, pool and kept fraction; simulation at a few fractions."""
    fractions = np.union1d(np.linspace(0.05, 0.2, 31), np.linspace(0.2, 1.0, 33))
    rules, pools = list(style.RULES), list(POOLS)
    error = [
        pt.solve(
            alpha_tot=np.array(pools)[:, None], keep_fraction=fractions, rule=rule
        ).error
        for rule in rules
    ]
    points = [
        Point(pool * f, f, rule=rule)
        for rule in rules
        for pool in pools
        for f in SIMULATED_FRACTIONS
    ]
    simulation = simulated_errors(points, sizes=(SIZE,), draws=64).squeeze("size")
    shape = (len(rules), len(pools), len(SIMULATED_FRACTIONS))
    dims = ("rule", "alpha_tot", "simulated_fraction")
    return xr.Dataset(
        {
            "error": (("rule", "alpha_tot", "keep_fraction"), np.array(error)),
            "simulated": (dims, simulation["mean"].values.reshape(shape)),
            "standard_error": (
                dims,
                simulation["standard_error"].values.reshape(shape),
            ),
        },
        {
            "rule": rules,
            "alpha_tot": pools,
            "keep_fraction": fractions,
            "simulated_fraction": list(SIMULATED_FRACTIONS),
        },
        {"theta": 0.0},
    )


def draw(data: xr.Dataset) -> Figure:
    """A panel for each pool."""
    figure = style.canvas(style.PAGE * 0.85, 2.6)
    panels = figure.subplots(1, data.sizes["alpha_tot"], squeeze=False)[0]
    for axes, pool in zip(panels, data["alpha_tot"].values, strict=True):
        here = data.sel(alpha_tot=pool)
        for rule in data["rule"].values:
            look = style.RULES[rule]
            one = here.sel(rule=rule)
            axes.plot(data["keep_fraction"], one["error"], color=look[0], ls=look[1])
            style.simulated(
                axes,
                data["simulated_fraction"],
                one["simulated"],
                one["standard_error"],
                look,
            )
            style.legend_entry(axes, look, f"keep {rule}")
        axes.set(
            title=rf"$\alpha_{{\rm tot}}={pool:g}$",
            xlim=(0, 1.02),
            yscale="log",
            xlabel=style.LABELS["keep_fraction"],
            ylabel=style.LABELS["error"],
        )
    panels[-1].legend(loc="upper right")
    for axes, ticks in zip(
        panels, ((0.2, 0.3, 0.4, 0.5), (0.03, 0.1, 0.3)), strict=True
    ):
        axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
    style.letter(panels)
    return figure
