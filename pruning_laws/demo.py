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
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

import perceptron_theory as pt
from simulations.perceptron import DEMO_POINTS, Report, run_validation

DEGREES = 10.0
PRECISION = 0.02  # relative standard error of the simulated errors
RULES = ("hard", "easy", "random")
COLOURS = ("#d55e00", "#0072b2", "#999999")  # Okabe and Ito: safe for colour-blind eyes


def run_demo(folder: Path) -> Iterator[str]:
    """Do the three parts, one after the other, and yield what each found in words.

    Raises:
        OSError: ``folder`` cannot be written.
        perceptron_theory.InputError: ``folder`` holds another's draws.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for part in (_pareto, _phases, _validation):
        yield part(folder)


def _pareto(folder: Path) -> str:
    load = np.geomspace(1.0, 100.0, 21)
    theta = np.deg2rad(DEGREES)
    frontier = pt.pareto_frontier(load, theta=theta)
    pt.save_dataset(frontier, folder / "pareto.nc", overwrite=True)

    picture = Figure(figsize=(5, 4), layout="constrained")
    axes = picture.subplots()
    for fraction, shade in ((1.0, "0.75"), (0.5, "0.55"), (0.2, "0.35")):
        errors = pt.solve(alpha_prune=load, keep_fraction=fraction, theta=theta).error
        axes.loglog(load, errors, color=shade, label=f"f = {fraction:g}")
    axes.loglog(load, frontier["error"], "k--", label="best f")
    axes.set(
        xlabel="kept examples per dimension",
        ylabel="error",
        title=f"hard examples, probe at {DEGREES:g} degrees",
    )
    axes.legend()
    picture.savefig(folder / "pareto.png", dpi=200)

    at = frontier.sel(alpha_prune=10.0, method="nearest")
    load_there, best = float(at["alpha_prune"]), float(at["error"])
    unpruned = pt.solve(alpha_prune=load_there, keep_fraction=1.0, theta=theta).error
    return (
        f"Pareto frontier. With {load_there:.3g} examples per dimension and a probe "
        f"{DEGREES:g} degrees off, it is best to keep the hardest "
        f"{float(at['keep_fraction']):.1%} of a pool: the error falls from "
        f"{float(unpruned):.4f} (unpruned) to {best:.4f}."
    )


def _phases(folder: Path) -> str:
    total, fraction = np.geomspace(1.0, 30.0, 30), np.linspace(0.05, 0.95, 30)
    diagram = pt.phase_diagram(total, fraction, theta=0.0)
    pt.save_dataset(diagram, folder / "phase_diagram.nc", overwrite=True)
    errors = np.stack([diagram[f"error_{rule}"] for rule in RULES])
    best = np.argmin(errors, axis=0)

    picture = Figure(figsize=(5, 4), layout="constrained")
    axes = picture.subplots()
    axes.pcolormesh(
        total, fraction, best.T, cmap=ListedColormap(COLOURS), vmin=0, vmax=2
    )
    axes.set(
        xscale="log",
        xlabel="examples per dimension before pruning",
        ylabel="kept fraction f",
        title="keep hard (orange), easy (blue) or random (grey) examples",
    )
    picture.savefig(folder / "phase_diagram.png", dpi=200)

    share = [float(np.mean(best == i)) for i in range(len(RULES))]
    return (
        "Phase diagram. With a perfect probe, keeping "
        + ", ".join(
            f"{r} examples wins at {s:.0%}" for r, s in zip(RULES, share, strict=True)
        )
        + " of the points: easy ones when data are scarce, hard ones when they abound."
    )


def _validation(folder: Path) -> str:
    points = [replace(point, precision=PRECISION) for point in DEMO_POINTS]
    report = run_validation(points, sizes=(200,), output=folder / "validation")
    _draw_validation(report, folder / "validation.png")
    return f"Validation. {report.describe()}"


def _draw_validation(report: Report, path: Path) -> None:
    data: xr.Dataset = report.dataset.isel(size=-1)
    picture = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = picture.subplots()
    axes.axline((0.1, 0.1), slope=1, color="0.6")
    axes.errorbar(data["theory"], data["mean"], data["standard_error"], fmt="k.")
    axes.set(
        xlabel="error, theory", ylabel=f"error, simulated at N = {int(data['size'])}"
    )
    picture.savefig(path, dpi=200)
