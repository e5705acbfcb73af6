"""The main job in small: a Pareto frontier, a phase diagram, a validation at N = 200.

Each part computes with the public API, saves its numbers and a picture in a folder and
says in words what it found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

import perceptron_theory as pt
from figures import plotting, style
from simulations.perceptron import DEMO_POINTS, run_validation

DEGREES = 10.0
PRECISION = 0.02  # relative standard error of the simulated errors
SIZE = 200  # N


def run_demo(folder: Path) -> Iterator[str]:
    """Do the three parts, one after the other, and yield what each found in words.

    Raises:
        OSError: ``folder`` cannot be written.
        perceptron_theory.InputError: ``folder`` holds another's draws.
    """
    if folder.is_file():
        raise pt.InputError(f"{folder} is a file: give a folder")
    folder.mkdir(parents=True, exist_ok=True)
    for part in (_pareto, _phases, _validation):
        yield part(folder)


def _pareto(folder: Path) -> str:
    load, theta = np.geomspace(1.0, 100.0, 13), np.deg2rad(DEGREES)
    frontier = pt.pareto_frontier(load, theta=theta)
    pt.save_dataset(frontier, folder / "pareto.nc", overwrite=True)
    fractions = np.array([1.0, 0.5, 0.2])
    fixed = pt.solve(alpha_prune=load, keep_fraction=fractions[:, None], theta=theta)
    compared = plotting.dataset_of(fixed)
    plotting.save(frontier, folder / "pareto.png", fixed=compared)

    here = int(np.argmin(abs(load - 10.0)))
    best, unpruned = frontier.isel(alpha_prune=here), np.asarray(fixed.error)[0, here]
    return (
        f"Pareto frontier. Of {load[here]:.3g} training examples per dimension, chosen "
        f"by a probe {DEGREES:g} degrees off, the best are the hardest "
        f"{100 * float(best['f_opt']):.1f} % of a pool: error "
        f"{float(best['error']):.4f}, against {float(unpruned):.4f} without pruning."
    )


def _phases(folder: Path) -> str:
    total, fraction = np.geomspace(0.5, 50.0, 25), np.linspace(0.04, 0.96, 24)
    diagram = pt.phase_diagram(total, fraction, theta=0.0)
    pt.save_dataset(diagram, folder / "phase_diagram.nc", overwrite=True)
    plotting.save(diagram, folder / "phase_diagram.png")

    middle = diagram.sel(keep_fraction=0.5, method="nearest")
    return (
        "Phase diagram. With a perfect probe and half of the pool kept, it is best to "
        f"keep the {_runs(middle['best'].values, total)}."
    )


def _runs(best: np.ndarray, total: np.ndarray) -> str:
    """The best strategies in words, in the order in which they come with the load."""
    first, *others = [0, *(np.nonzero(best[1:] != best[:-1])[0] + 1)]
    words = f"{best[first]} ones"
    for i in others:
        words += (
            f" up to {total[i]:.3g} examples per dimension, then the {best[i]} ones"
        )
    return words


def _validation(folder: Path) -> str:
    # every second one: each costs a compilation of its own
    points = [replace(point, precision=PRECISION) for point in DEMO_POINTS[::2]]
    report = run_validation(points, sizes=(SIZE,), output=folder / "validation")
    data = report.dataset.isel(size=0)
    style.save(lambda: _agreement(data), folder / "validation.png")
    return f"Validation. {report.describe()}"


def _agreement(data: xr.Dataset) -> Figure:
    """The simulated errors against those of the theory."""
    figure = style.canvas_of("slide")
    axes = figure.subplots()
    axes.axline(
        (0.1, 0.1), slope=1, color=style.GREY, linewidth=0.8, label="both are equal"
    )
    values = data["theory"], data["mean"], data["standard_error"]
    style.simulated(axes, *values, style.FAMILY[0])
    axes.set(xlabel="error, theory", ylabel=f"error, simulation at N = {SIZE}")
    axes.legend(loc="upper left")
    style.title(figure, f"theory and simulation, N = {SIZE}")
    return figure
