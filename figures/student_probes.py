"""Students that select for their successors: rounds of active selection."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

import perceptron_theory as pt
from simulations.perceptron import ConvexRidge, simulate_selection_rounds

from . import style

SOURCE = "theory (lines) and simulation (marks): max-margin and ridge students"
CAPTION = (
    "Active selection: each round has a fresh pool, scored by the student of the "
    "round before; the hardest part f is labelled and trains the next student. A: "
    "the map of one round, max-margin students, 4 labels per dimension and round; "
    "students rest where a line crosses the diagonal. B: error against all labels "
    "bought, from a random probe, f the same in every round or the best f of each; "
    "black: as many random labels; dotted: f = 0.2 by a perfect probe. C: square "
    "loss, ridge 0.2, 1.5 labels per dimension and round, the first at random, then "
    "f = 0.3: students of their own round alone, and of the labels of all rounds; "
    "black: random labels; dotted: all chosen by a perfect probe. D: what a label is "
    "worth at small errors, ln(gain of a round)/(its labels) at the best f. Marks: "
    "simulation at N = 300, means of 16 draws with bars of one standard error. "
    "Selecting too sharply with a poor probe traps students (f = 0.2 in B), though "
    "after a good one they would rest near the perfect probe. With the best f the "
    "error falls exponentially with the labels, if pools are large enough."
)
LOAD, ROUNDS, SIMULATED = 4.0, 10, 6
FRACTIONS = (0.1, 0.2, 0.4, 0.7)
FIXED = (0.4, 0.2)
RIDGE, PART, EACH = 0.2, 0.3, 1.5  # of the square loss
SIZE, DRAWS = 300, 16
LOADS = np.geomspace(2.8, 30.0, 14)
COLORS = {0.1: style.AMBER, 0.2: style.ORANGE, 0.4: style.GREEN, 0.7: style.BLUE}


def compute() -> xr.Dataset:
    """The map, the rounds with their simulations, and the worth of a label."""
    theta = np.linspace(0.0, 0.5 * np.pi, 81)
    after = [
        pt.solve(alpha_prune=LOAD, keep_fraction=f, theta=theta).error
        for f in FRACTIONS
    ]
    plans: dict[str, Any] = {str(f): f for f in FIXED} | {"best": "best"}
    lines = {name: _rounds(keep_fraction=f) for name, f in plans.items()}
    marks = [
        _simulated(lines[name]["keep_fraction"].values[1 : SIMULATED + 1])
        for name in plans
    ]
    best = lines["best"]
    perfect = lines["0.2"]["perfect_error"].values
    parts = ["keep_fraction", "error"]
    limit = pt.best_fraction_scaling(LOADS)
    gain = 1.0 / (np.pi * limit.error_over_theta)
    simulated = ("plan", "simulated_round")
    data: dict[str, Any] = {
        "map": (("fraction", "theta"), after),
        "random_error": ("round", best["random_all_error"].values),
        "perfect_error": ("round", perfect),
        "simulated_mean": (simulated, [m for m, _ in marks]),
        "simulated_standard_error": (simulated, [s for _, s in marks]),
        "worth": ("load", np.log(gain) / LOADS),
    }
    for part in parts:
        data[part] = (("plan", "round"), [lines[n][part].values for n in plans])
    axes = {"fraction": list(FRACTIONS), "theta": theta, "plan": list(plans)}
    axes |= {"round": np.arange(ROUNDS + 1), "load": LOADS}
    axes |= {"simulated_round": np.arange(1, SIMULATED + 1)}
    about = {"alpha_prune": LOAD, "ridge": RIDGE, "N": SIZE, "draws": DRAWS}
    return xr.Dataset(data, axes, about).merge(_square_loss())


def _rounds(**how: Any) -> xr.Dataset:
    return pt.selection_rounds(rounds=ROUNDS, alpha_prune=LOAD, **how)


def _simulated(
    fractions: np.ndarray, load: float = LOAD, **how: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Mean errors of draws and their standard errors, from round 1 on."""
    found = simulate_selection_rounds(
        rounds=len(fractions),
        alpha_prune=load,
        keep_fraction=fractions.tolist(),
        size=SIZE,
        draws=DRAWS,
        seed=0,
        **how,
    )["error"].values[:, 1:]
    return found.mean(axis=0), found.std(axis=0, ddof=1) / math.sqrt(DRAWS)


def _square_loss() -> xr.Dataset:
    """Students of the last round and of all rounds."""
    fractions = np.full(ROUNDS, PART)
    fractions[0] = 1.0
    lines, marks = [], []
    for together in (False, True):
        lines.append(
            pt.selection_rounds(
                rounds=ROUNDS,
                alpha_prune=EACH,
                keep_fraction=fractions,
                student=pt.Convex("square", RIDGE),
                all_labels=together,
            )
        )
        trained = ConvexRidge("square", RIDGE)
        how = {"student": trained, "all_labels": together}
        marks.append(_simulated(fractions[:SIMULATED], EACH, **how))
    dims = ("trained_on", "round")
    simulated = ("trained_on", "simulated_round")
    return xr.Dataset(
        {
            "square_error": (dims, [line["error"].values for line in lines]),
            "square_random_error": ("round", lines[1]["random_all_error"].values),
            "square_perfect_error": ("round", lines[1]["perfect_error"].values),
            "square_simulated_mean": (simulated, [m for m, _ in marks]),
            "square_simulated_standard_error": (simulated, [s for _, s in marks]),
        },
        {"trained_on": ["its own round", "all rounds"]},
    )


def draw(data: xr.Dataset) -> Figure:
    """The map, the rounds of two students, and what a label is worth."""
    figure = style.canvas(style.PAGE, 4.8)
    panels = figure.subplots(2, 2)
    _map(panels[0, 0], data)
    _max_margin(panels[0, 1], data)
    _square(panels[1, 0], data)
    _worth(panels[1, 1], data)
    style.letter(panels.ravel())
    return figure


def _map(axes: Axes, data: xr.Dataset) -> None:
    x = data["theta"].values / np.pi
    axes.plot(x, x, color=style.BLACK, linewidth=0.6)
    for f in data["fraction"].values:
        one = data["map"].sel(fraction=f)
        axes.plot(x, one, color=COLORS[float(f)], label=f"f = {f:g}")
    axes.set(
        xlim=(0, 0.5),
        ylim=(0, 0.5),
        xlabel="error of the probe",
        ylabel="error of the next student",
    )
    axes.legend()


def _marked(
    axes: Axes, x: Any, mean: Any, deviation: Any, color: str, marker: str
) -> None:
    axes.errorbar(
        x,
        mean,
        deviation,
        color=color,
        marker=marker,
        linestyle="none",
        elinewidth=0.8,
        markersize=3.5,
    )


def _max_margin(axes: Axes, data: xr.Dataset) -> None:
    labels = LOAD * data["round"].values
    rounds = LOAD * data["simulated_round"].values
    looks = {
        "0.4": (style.GREEN, "s", "f = 0.4"),
        "0.2": (style.ORANGE, "o", "f = 0.2"),
        "best": (style.BLUE, "^", "best f"),
    }
    for name, (color, marker, label) in looks.items():
        one = data.sel(plan=name)
        axes.plot(labels[1:], one["error"][1:], color=color, label=label)
        mean, deviation = one["simulated_mean"], one["simulated_standard_error"]
        _marked(axes, rounds, mean, deviation, color, marker)
    axes.plot(labels[1:], data["random_error"][1:], color=style.BLACK, label="random")
    axes.plot(labels[1:], data["perfect_error"][1:], color=style.ORANGE, linestyle=":")
    _axes_of_rounds(axes)


def _square(axes: Axes, data: xr.Dataset) -> None:
    labels = EACH * data["round"].values
    rounds = EACH * data["simulated_round"].values
    looks = {"its own round": (style.ORANGE, "o"), "all rounds": (style.BLUE, "^")}
    for name, (color, marker) in looks.items():
        one = data.sel(trained_on=name)
        axes.plot(labels[1:], one["square_error"][1:], color=color, label=name)
        _marked(
            axes,
            rounds,
            one["square_simulated_mean"],
            one["square_simulated_standard_error"],
            color,
            marker,
        )
    random, perfect = data["square_random_error"], data["square_perfect_error"]
    axes.plot(labels[1:], random[1:], color=style.BLACK, label="random")
    axes.plot(labels[1:], perfect[1:], color=style.BLUE, linestyle=":")
    _axes_of_rounds(axes)


def _axes_of_rounds(axes: Axes) -> None:
    axes.set(
        yscale="log",
        xlabel="labels bought, per dimension",
        ylabel=style.LABELS["error"],
    )
    style.plain_numbers(axes.yaxis)
    axes.legend()


def _worth(axes: Axes, data: xr.Dataset) -> None:
    axes.axhline(0.0, color=style.BLACK, linewidth=0.6)
    axes.plot(data["load"], data["worth"], color=style.BLUE)
    axes.set(
        xscale="log",
        xlabel="labels of a round, per dimension",
        ylabel="ln(gain of a round)/labels",
    )
    ticks = [3, 5, 10, 20, 30]
    axes.set_xticks(ticks, map(str, ticks))
    axes.xaxis.set_minor_locator(NullLocator())
