"""Students that label for their successors: collapse, and what a probe prevents."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import perceptron_theory as pt
from simulations.perceptron import simulate_self_training

from . import style

SOURCE = "theory (lines) and simulation (marks): max-margin student, theta = 20 degrees"
CAPTION = (
    "Self-training: each round has a fresh pool of 5 examples per dimension, labelled "
    "by the student of the round before and pruned by the same probe, 20 degrees from "
    "the truth; max-margin students. A: what a round adds to the cosine x of labels "
    "and probe, f = 0.2; where a line crosses zero students rest, stably if it falls. "
    "B: error against the truth over the rounds, f = 0.2, from first labels at 30 "
    "degrees to truth and probe (filled) and at 60 (open). "
    "Marks: simulation at N = 300, means of 16 draws with bars of one standard error. "
    "C: error at rest against the kept fraction, full where it is stable, dashed where "
    "students leave it; dotted: the probe's own error. Without pruning all is "
    "forgotten, at any load. Keeping hard examples hastens that. Keeping easy ones by "
    "the probe's absolute margin prevents it if the first labels are good enough, or "
    "if f is small; label-aware keeping, only where the probe agrees with the label, "
    "always does."
)
LOAD, FRACTION, ROUNDS, SIMULATED = 5.0, 0.2, 12, 6
PROBE = math.radians(20)
STARTS = {"good": (30.0, 30.0), "poor": (60.0, 60.0)}  # label_angle, between
FRACTIONS = (
    *(0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.29),
    *(0.3, 0.31, 0.32, 0.33, 0.36, 0.4, 0.45, 0.5),
)
SIZE, DRAWS = 300, 16
MOST = 3  # fixed points
RESTING = ("easy", "aware hard", "aware easy")

KEEPING: dict[str, dict[str, Any]] = {
    "none": {"rule": "random", "keep_fraction": 1.0},
    "hard": {"rule": "hard", "keep_fraction": FRACTION},
    "easy": {"rule": "easy", "keep_fraction": FRACTION},
    "aware hard": {"rule": pt.Agreeing("hard"), "keep_fraction": FRACTION},
    "aware easy": {"rule": pt.Agreeing("easy"), "keep_fraction": FRACTION},
}
LOOKS = {
    "none": style.RULES["random"],
    "hard": style.RULES["hard"],
    "easy": style.RULES["easy"],
    "aware hard": (style.AMBER, (0, (3, 1.2)), "^"),
    "aware easy": (style.GREEN, (0, (6, 1.5, 1.2, 1.5)), "P"),
}
NAMES = {
    "none": "no pruning",
    "hard": "keep hard",
    "easy": "keep easy",
    "aware hard": "hard of what agrees",
    "aware easy": "easy of what agrees",
}


def compute() -> xr.Dataset:
    """The map, trajectories with their simulations, and the fixed points."""
    x = np.cos(np.linspace(0.0, np.pi / 2, 61))[::-1]
    after, lines, means, deviations = [], [], [], []
    for how in KEEPING.values():
        found = pt.solve(alpha_tot=LOAD, theta=np.arccos(x), **how)
        after.append(found.probe_overlap)
        starts = [_rounds(how, *angles) for angles in STARTS.values()]
        line, mean, deviation = zip(*starts, strict=True)
        lines.append(line)
        means.append(mean)
        deviations.append(deviation)
    rest = [_at_rest(name) for name in RESTING]
    dims = ("keeping", "start")
    wide = ("resting", "keep_fraction", "fixed_point")
    return xr.Dataset(
        {
            "map": (("keeping", "probe_cosine"), after),
            "error": ((*dims, "round"), lines),
            "simulated_mean": ((*dims, "simulated_round"), means),
            "simulated_standard_error": ((*dims, "simulated_round"), deviations),
            "error_at_rest": (wide, [r[0] for r in rest]),
            "stable": (wide, [r[1] for r in rest]),
        },
        {
            "keeping": list(KEEPING),
            "start": list(STARTS),
            "probe_cosine": x,
            "round": np.arange(ROUNDS + 1),
            "simulated_round": np.arange(1, SIMULATED + 1),
            "resting": list(RESTING),
            "keep_fraction": list(FRACTIONS),
        },
        {"alpha_tot": LOAD, "probe_angle": PROBE, "N": SIZE, "draws": DRAWS},
    )


def _rounds(how: dict[str, Any], label: float, between: float) -> tuple[Any, ...]:
    """Errors against the truth: theory, and mean and standard error of draws."""
    three = pt.ThreeDirections(math.radians(label), PROBE, math.radians(between))
    line = pt.self_training(three, rounds=ROUNDS, alpha_tot=LOAD, **how)["error"]
    load = LOAD * how["keep_fraction"]
    draws = simulate_self_training(
        three,
        rounds=SIMULATED,
        alpha_prune=load,
        size=SIZE,
        draws=DRAWS,
        seed=0,
        **how,
    )["error"].values[:, 1:]
    deviation = draws.std(axis=0, ddof=1) / math.sqrt(DRAWS)
    return line.values, draws.mean(axis=0), deviation


def _at_rest(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Error and stability of the fixed points, over the fractions."""
    error = np.full((len(FRACTIONS), MOST), np.nan)
    stable = np.zeros((len(FRACTIONS), MOST))
    for i, f in enumerate(FRACTIONS):
        rest = pt.self_training_fixed_points(
            alpha_tot=LOAD,
            keep_fraction=f,
            rule=KEEPING[name]["rule"],
            probe_angle=PROBE,
        )
        count = rest.sizes["fixed_point"]
        error[i, :count], stable[i, :count] = rest["error"], rest["stable"]
    return error, stable


def draw(data: xr.Dataset) -> Figure:
    """The map, the rounds, the places of rest."""
    figure = style.canvas(style.PAGE, 3.0)
    panels = figure.subplots(1, 3)
    _map(panels[0], data)
    _over_rounds(panels[1], data)
    _rest(panels[2], data)
    for name, look in LOOKS.items():
        style.legend_entry(panels[0], look, NAMES[name])
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=5, columnspacing=1.2
    )
    style.letter(panels)
    return figure


def _map(axes: Axes, data: xr.Dataset) -> None:
    axes.axhline(0.0, color=style.BLACK, linewidth=0.6)
    for name, look in LOOKS.items():
        one = data["map"].sel(keeping=name)
        x = one["probe_cosine"]
        axes.plot(x, one - x, color=look[0], linestyle=look[1])
    axes.set(
        xlim=(0, 1),
        ylim=(-0.16, 0.16),
        xlabel="cosine of labels and probe  $x$",
        ylabel="change in a round  $x' - x$",
    )


def _over_rounds(axes: Axes, data: xr.Dataset) -> None:
    for name, look in LOOKS.items():
        for start in STARTS:
            one = data.sel(keeping=name, start=start)
            axes.plot(one["round"], one["error"], color=look[0], linestyle=look[1])
            axes.errorbar(
                one["simulated_round"],
                one["simulated_mean"],
                one["simulated_standard_error"],
                color=look[0],
                marker=look[2],
                linestyle="none",
                elinewidth=0.8,
                markerfacecolor=look[0] if start == "good" else "white",
                markeredgewidth=0.8,
            )
    axes.axhline(PROBE / np.pi, color=style.BLACK, linestyle=":", linewidth=0.8)
    axes.set(
        xlim=(0, ROUNDS), ylim=(0, 0.52), xlabel="round", ylabel=style.LABELS["error"]
    )


def _rest(axes: Axes, data: xr.Dataset) -> None:
    axes.axhline(0.5, color=LOOKS["none"][0])
    axes.axhline(PROBE / np.pi, color=style.BLACK, linestyle=":", linewidth=0.8)
    f = data["keep_fraction"].values
    for name in RESTING:
        color = LOOKS[name][0]
        error = data["error_at_rest"].sel(resting=name).values
        stable = data["stable"].sel(resting=name).values > 0
        collapse = np.isclose(error, 0.5)
        for which, line in ((stable, "-"), (~stable, (0, (3, 2)))):
            one = np.where(which & ~collapse, error, np.inf).min(axis=1)
            some = np.isfinite(one)
            axes.plot(f[some], one[some], color=color, linestyle=line)
    axes.set(
        xscale="log",
        xlim=(f[0], f[-1]),
        ylim=(0, 0.52),
        xlabel=style.LABELS["keep_fraction"],
        ylabel="error at rest",
    )
    ticks = [0.02, 0.05, 0.1, 0.2, 0.5]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
