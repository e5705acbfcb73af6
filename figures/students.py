"""Every student beside the bound: the Bayes-optimal student that knows the rule."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import perceptron_theory as pt
from simulations.perceptron import simulated_errors
from simulations.perceptron.point import Point
from simulations.perceptron.posterior import simulate_posterior
from simulations.perceptron.version_space import averages, simulate_version_space

from . import style

CAPTION = (
    "Students of the same kept data (hard rule, absolute margin) and the bound on all "
    "of them, the Bayes-optimal student that knows the rule. A: perfect probe (theta = "
    "0, not told to the student), f = 0.2: the bound falls near alpha_prune = 1, the "
    "others near 2. B: theta = 20 degrees, f = 0.3, the probe told to the "
    "Bayes-optimal student only. C, D: the same errors in units of the bound. Lines: "
    "theory; logistic: at its best ridge. Marks: simulation at N = 100, means of 48 "
    "data sets with bars of one standard error."
)
CASES = ((0.0, 0.2), (20.0, 0.3))  # theta in degrees, f
STUDENTS = ("max_margin", "gibbs", "bayes_point", "bayes_optimal")
LOADS = tuple(np.geomspace(0.3, 20.0, 45))
LOGISTIC_LOADS = tuple(np.geomspace(0.3, 20.0, 12))
SIMULATED_LOADS = (0.8, 1.5, 3.0, 6.0)
SIZE, DRAWS = 100, 48
NAMES = (*STUDENTS, "logistic")
LOOKS = {
    "max_margin": style.FAMILY[1],
    "gibbs": style.FAMILY[4],
    "bayes_point": style.FAMILY[2],
    "bayes_optimal": style.FAMILY[0],
    "logistic": style.FAMILY[3],
}


def compute() -> xr.Dataset:
    """Theory of all students, and the samples of three kinds of simulation."""
    theta, fraction = np.deg2rad([d for d, _ in CASES]), np.array([f for _, f in CASES])
    case, load = np.arange(len(CASES)), np.array(LOADS)
    error = [
        [
            pt.solve(alpha_prune=load, keep_fraction=f, theta=t, student=student).error
            for t, f in zip(theta, fraction, strict=True)
        ]
        for student in STUDENTS
    ]
    logistic = [
        pt.optimal_ridge(
            alpha_prune=np.array(LOGISTIC_LOADS), keep_fraction=f, theta=t
        ).error
        for t, f in zip(theta, fraction, strict=True)
    ]
    simulated = [
        [_simulated(Point(a, float(f), float(t))) for a in SIMULATED_LOADS]
        for t, f in zip(theta, fraction, strict=True)
    ]
    mean, deviation = np.moveaxis(np.array(simulated), (2, 3), (1, 0))
    where = ("case", "simulated_student", "simulated_load")
    return xr.Dataset(
        {
            "error": (("student", "case", "alpha_prune"), error),
            "logistic_error": (("case", "logistic_load"), logistic),
            "simulated_mean": (where, mean),
            "simulated_standard_error": (where, deviation),
        },
        {
            "student": list(STUDENTS),
            "case": case,
            "theta": ("case", theta, {"units": "rad"}),
            "keep_fraction": ("case", fraction),
            "alpha_prune": load,
            "logistic_load": list(LOGISTIC_LOADS),
            "simulated_student": list(STUDENTS),
            "simulated_load": list(SIMULATED_LOADS),
        },
        {"rule": "hard", "margin": "absolute", "N": SIZE, "draws": DRAWS},
    )


def _simulated(point: Point) -> list[tuple[float, float]]:
    """Mean error and standard error of each of the students."""
    how = {"size": SIZE, "draws": DRAWS, "seed": 0}
    margin = simulated_errors([point], sizes=(SIZE,), draws=DRAWS)
    space = averages(simulate_version_space(point, **how))
    posterior = averages(simulate_posterior(point, **how))["error"]
    found = [
        (margin["mean"].item(), margin["standard_error"].item()),
        space["gibbs_error"].values,
        space["bayes_point_error"].values,
        posterior.values,
    ]
    return [(float(mean), float(deviation)) for mean, deviation in found]


def draw(data: xr.Dataset) -> Figure:
    """A column for each case: errors above, their ratios to the bound below."""
    figure = style.canvas(style.PAGE, 5.0)
    panels = figure.subplots(2, len(data["case"]), sharex=True)
    for column, case in zip(panels.T, data["case"].values, strict=True):
        one = data.sel(case=case)
        bound = one["error"].sel(student="bayes_optimal")
        _curves(column[0], one, xr.ones_like(bound))
        _curves(column[1], one, bound)
        for student in STUDENTS:
            at = one.sel(simulated_student=student)
            values = at["simulated_mean"], at["simulated_standard_error"]
            style.simulated(column[0], at["simulated_load"], *values, LOOKS[student])
        degrees = np.rad2deg(float(one["theta"]))
        fraction = style.fraction(float(one["keep_fraction"]))
        column[0].set(yscale="log")
        column[0].set_title(rf"$\theta = {degrees:.0f}\degree$, {fraction}")
        column[1].set(xscale="log", yscale="log", xlabel=style.LABELS["alpha_prune"])
        column[1].set_xticks([0.3, 1, 2, 5, 10, 20], "0.3 1 2 5 10 20".split())
    panels[0, 0].set(ylabel=style.LABELS["error"])
    panels[1, 0].set(ylabel="error / bound")
    for name in NAMES:
        style.legend_entry(panels[0, 0], LOOKS[name], name.replace("_", " "))
    panels[0, 0].legend(loc="lower left")
    for axes, name in zip(panels.ravel(), "ABCD", strict=True):
        axes.set_title(name, loc="left", fontweight="bold", fontsize=10)
    return figure


def _curves(axes: Axes, one: xr.Dataset, unit: xr.DataArray) -> None:
    """All students' errors in a unit."""
    load = one["alpha_prune"]
    for student in STUDENTS:
        color, line, _ = LOOKS[student]
        error = one["error"].sel(student=student) / unit
        axes.plot(load, error, color=color, linestyle=line)
    color, line, _ = LOOKS["logistic"]
    at = np.exp(np.interp(np.log(one["logistic_load"]), np.log(load), np.log(unit)))
    axes.plot(one["logistic_load"], one["logistic_error"] / at, color=color, ls=line)
