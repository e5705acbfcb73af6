"""Every student beside the bound: the Bayes-optimal student that knows the rule."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

import perceptron_theory as pt
from simulations.perceptron import Point, averages, simulated_errors
from simulations.perceptron.studies.posterior import simulate_posterior

from . import style

SOURCE = "theory (lines) and simulation (marks): students of the legend"
CAPTION = (
    "Students of the same kept data (hard rule, absolute margin) and the bound on all "
    "of them, the Bayes-optimal student that knows the rule. A: perfect probe (theta = "
    "0, not told to the student), f = 0.2: the bound falls near alpha_prune = 1, the "
    "others near 2. B: theta = 20 degrees, f = 0.3, the probe told to the "
    "Bayes-optimal student only. C, D: the same errors in units of the bound. Lines: "
    "theory; marks: simulation at N = 100 (maximal margins trained, version spaces and "
    "posteriors sampled), means of 48 draws with bars of one standard error."
)
CASES = ((0.0, 0.2), (20.0, 0.3))  # theta in degrees, f
BOUND = "bayes_optimal"
STUDENTS = ("max_margin", "gibbs", "bayes_point", BOUND)
LOADS = tuple(np.geomspace(0.3, 20.0, 45))
SIMULATED = (0.5, 1.5, 3.0, 6.0)
SIZE, DRAWS, SEED = 100, 48, 0
LOOKS = {
    "max_margin": style.FAMILY[1],
    "gibbs": style.FAMILY[4],
    "bayes_point": style.FAMILY[2],
    BOUND: style.FAMILY[0],
}


def compute() -> xr.Dataset:
    """The error of every student, in theory and simulated."""
    dims = ("student", "case")
    places = [(math.radians(degrees), fraction) for degrees, fraction in CASES]
    error = [
        [
            pt.solve(alpha_prune=LOADS, keep_fraction=f, theta=t, student=name).error
            for t, f in places
        ]
        for name in STUDENTS
    ]
    found = [[_simulated(load, f, t) for load in SIMULATED] for t, f in places]
    table = ("case", "simulated_alpha_prune", "student")
    return xr.Dataset(
        {
            "error": ((*dims, "alpha_prune"), error),
            "simulated_mean": (table, np.array(found)[..., 0]),
            "simulated_standard_error": (table, np.array(found)[..., 1]),
        },
        {
            "student": list(STUDENTS),
            "theta": ("case", [t for t, _ in places], {"units": "rad"}),
            "keep_fraction": ("case", [f for _, f in places]),
            "alpha_prune": list(LOADS),
            "simulated_alpha_prune": list(SIMULATED),
        },
        {"rule": "hard", "margin": "absolute", "N": SIZE, "draws": DRAWS, "seed": SEED},
    )


def _simulated(alpha: float, f: float, theta: float) -> list[tuple[float, float]]:
    """Mean error and its standard error of each of the students."""
    points = [Point(alpha, f, theta, student=s) for s in STUDENTS if s != BOUND]
    found = simulated_errors(points, sizes=(SIZE,), draws=DRAWS, seed=SEED)
    pairs = found[["mean", "standard_error"]].isel(size=0).to_array().values.T
    # the chain has to forget the teacher, where it starts: steps of a few widths of
    # the posterior are enough, and longer ones take as many more reflections
    bound = pt.solve(alpha_prune=alpha, keep_fraction=f, theta=theta, student=BOUND)
    travel = 1.5 * math.pi * math.sqrt(1.0 - float(bound.overlap) ** 2)
    posterior = simulate_posterior(
        points[0], size=SIZE, draws=DRAWS, seed=SEED, travel=travel
    )
    return [*map(tuple, pairs), tuple(averages(posterior)["error"].values)]


def draw(data: xr.Dataset) -> Figure:
    """A column for each case: errors above, their ratios to the bound below."""
    figure = style.canvas(style.PAGE, 5.0)
    panels = figure.subplots(2, data.sizes["case"], sharex=True)
    for case, (above, below) in enumerate(panels.T):
        one = data.isel(case=case)
        bound = one["error"].sel(student=BOUND)
        at = np.interp(SIMULATED, one["alpha_prune"], np.log(bound))
        _curves(above, one, 1.0, 1.0)
        _curves(below, one, bound, np.exp(at))
        degrees = np.rad2deg(float(one["theta"]))
        kept = style.fraction(float(one["keep_fraction"]))
        above.set(yscale="log")
        above.set_title(rf"$\theta = {degrees:.0f}\degree$, {kept}")
        below.set(xscale="log", yscale="log", xlabel=style.LABELS["alpha_prune"])
        below.yaxis.set_minor_locator(NullLocator())
        below.set_yticks([1, 2, 3, 5, 10], "1 2 3 5 10".split())
        below.set_ylim(0.85, 1.2 * float((one["error"] / bound).max()))
        below.set_xticks([0.3, 1, 2, 5, 10, 20], "0.3 1 2 5 10 20".split())
    panels[0, 0].set(ylabel=style.LABELS["error"])
    panels[1, 0].set(ylabel="error / bound")
    for name in STUDENTS:
        style.legend_entry(panels[0, 0], LOOKS[name], style.words(name))
    panels[0, 0].legend(loc="lower left")
    style.letter(panels.ravel())
    return figure


def _curves(axes: Axes, one: xr.Dataset, unit, unit_simulated) -> None:
    """All students' errors in a unit."""
    for student in STUDENTS:
        look, own = LOOKS[student], one.sel(student=student)
        axes.plot(
            own["alpha_prune"], own["error"] / unit, color=look[0], linestyle=look[1]
        )
        style.simulated(
            axes,
            own["simulated_alpha_prune"],
            own["simulated_mean"] / unit_simulated,
            own["simulated_standard_error"] / unit_simulated,
            look,
        )
