"""Fig. 1A: the error at fixed kept fractions, theory and simulation, perfect probe."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

import perceptron_theory as pt
from simulations.perceptron import Point, simulated_errors

from . import curves, style

SOURCE = "theory (lines) and simulation (marks): max-margin student, theta = 0 degrees"
CAPTION = (
    "Error of the max-margin perceptron against the examples kept per dimension when "
    "the hardest fraction f of the pool is kept by a perfect probe (theta = 0). Lines: "
    "theory, N to infinity. Marks: simulation at N = 100, means of 64 draws with bars "
    "of one standard error. Grey: the best error over all f, the Pareto curve; above "
    "alpha_prune = 2 it is zero: with a perfect probe, and in the limit f to 0, the "
    "error can be made as small as one likes. At fixed f the error returns "
    "to the power "
    "law 1/alpha_prune of random data."
)
FRACTIONS = (1.0, 0.5, 0.2, 0.1, 0.05)
SIZE = 100  # N: compiling, not training, takes the time
SIMULATED_LOADS = (1.0, 2.0, 3.0, 5.0, 10.0)


def compute() -> xr.Dataset:
    """Theory on a grid, simulation at a few loads of every curve, the Pareto curve."""
    load = np.union1d(np.geomspace(0.5, 30, 33), np.linspace(1.6, 2.4, 17))
    theory = curves.errors(load, FRACTIONS, theta=0.0)
    points = [Point(a, f) for f in FRACTIONS for a in SIMULATED_LOADS]
    simulation = curves.prefixed(
        simulated_errors(points, sizes=(SIZE,), draws=64), "simulated"
    )
    frontier = pt.pareto_frontier(curves.loads_to_threshold(), theta=0.0)
    return xr.merge([theory, simulation, curves.prefixed(frontier, "pareto")])


def draw(data: xr.Dataset) -> Figure:
    """One panel, both axes logarithmic."""
    figure = style.canvas(style.COLUMN * 1.25, 3.3)
    axes = figure.subplots()
    curves.plot_errors(axes, data)
    axes.set(xlim=(0.5, 30), ylim=(6e-4, 0.6))
    axes.set_xticks([0.5, 1, 2, 5, 10, 20], ["0.5", "1", "2", "5", "10", "20"])
    axes.legend(loc="lower left")
    return figure
