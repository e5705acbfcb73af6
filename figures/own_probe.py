"""Pools pruned by a probe trained on them: its own theory, and that of a fresh one."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import perceptron_theory as pt
from simulations.perceptron import TrainedProbe, averages, simulate_trained_probe
from simulations.perceptron.students.convex import ConvexRidge

from . import style

SOURCE = "theory (lines) and simulation (marks): max-margin and ridge students"
CAPTION = (
    "Ridge regression (square loss, ridge 0.1) on a pool as the probe that prunes it. "
    "Full lines: theory of a probe that was trained on the pool; dashed: theory of a "
    "fresh probe at the same angle. A: error of the max-margin student of the hardest "
    "part f (absolute margin) of 10 examples per dimension; squares: probes that were "
    "trained on 10 examples per dimension of their own. B: ridge regression as the "
    "student, too, of 4 examples per dimension by signed margin: hard and easy ones. "
    "C: error of the max-margin student of the hardest f = 0.3 (absolute margin) over "
    "that of as many random examples. What a probe ranks low of its own pool is worth "
    "much more than what a stranger at its angle ranks low. Marks: simulation at N = "
    "100, means of 64 draws with bars of one standard error."
)
RIDGE = 0.1
FRACTIONS = tuple(np.geomspace(0.03, 1.0, 18).round(4).tolist())
MARKED = (0.1, 0.2, 0.4, 0.8)
LOADS = tuple(np.geomspace(1.0, 40.0, 13).round(3).tolist())
MARKED_LOADS = (2.0, 5.0, 15.0)
SIZE, DRAWS = 100, 64
PANELS: dict[str, dict[str, Any]] = {
    "hard": {"alpha_tot": 10.0, "rule": "hard", "margin": "absolute"},
    "signed hard": {"alpha_tot": 4.0, "rule": "hard", "margin": "signed"},
    "signed easy": {"alpha_tot": 4.0, "rule": "easy", "margin": "signed"},
}
FRACTION = 0.3  # of panel C


def _student(name: str) -> tuple[Any, Any]:
    """The student of a panel in theory and in the simulator."""
    if not name.startswith("signed"):
        return "max_margin", "max_margin"
    return pt.Convex("square", RIDGE), ConvexRidge("square", RIDGE)


def compute() -> xr.Dataset:
    """Both theories, and simulations of both kinds of probes."""
    lines = [_lines(name, FRACTIONS, how) for name, how in PANELS.items()]
    marks = [_marks(name, how, MARKED, None) for name, how in PANELS.items()]
    how = PANELS["hard"]
    stranger = _marks("hard", how, MARKED, how["alpha_tot"])
    loads = [_at_load(load) for load in LOADS]
    there = [
        _mark("hard", FRACTION, how | {"alpha_tot": a}, None) for a in MARKED_LOADS
    ]
    return xr.Dataset(
        {
            "error": (("panel", "keep_fraction", "theory"), lines),
            "simulated": (("panel", "marked", "statistic"), marks),
            "simulated_fresh": (("marked", "statistic"), stranger),
            "error_by_load": (("alpha_tot", "what"), loads),
            "simulated_by_load": (("marked_load", "statistic"), there),
            "random_by_load": ("marked_load", [_random(a) for a in MARKED_LOADS]),
        },
        {
            "panel": list(PANELS),
            "keep_fraction": list(FRACTIONS),
            "theory": ["own", "fresh"],
            "marked": list(MARKED),
            "statistic": ["mean", "standard_error"],
            "alpha_tot": list(LOADS),
            "what": ["own", "fresh", "random"],
            "marked_load": list(MARKED_LOADS),
        },
        {"ridge": RIDGE, "N": SIZE, "draws": DRAWS},
    )


def _both(name: str, fraction: float, how: dict[str, Any]) -> list[float]:
    """Errors of the two theories."""
    student, _ = _student(name)
    probe = pt.Convex("square", RIDGE)
    own = pt.solve_own_probe(
        probe=probe, student=student, keep_fraction=fraction, **how
    )
    fresh = pt.solve(theta=own.theta, student=student, keep_fraction=fraction, **how)
    return [own.error, float(fresh.error)]


def _lines(
    name: str, fractions: tuple[float, ...], how: dict[str, Any]
) -> list[list[float]]:
    return [_both(name, f, how) for f in fractions]


def _random(load: float) -> float:
    kept: dict[str, Any] = {"alpha_prune": load * FRACTION, "keep_fraction": 1.0}
    return float(pt.solve(rule="random", **kept).error)


def _at_load(load: float) -> list[float]:
    how = PANELS["hard"] | {"alpha_tot": load}
    return [*_both("hard", FRACTION, how), _random(load)]


def _mark(
    name: str, fraction: float, how: dict[str, Any], own_load: float | None
) -> list[float]:
    """Mean and standard error of simulated errors."""
    draws = simulate_trained_probe(
        TrainedProbe(ConvexRidge("square", RIDGE), own_load),
        keep_fraction=fraction,
        student=_student(name)[1],
        size=SIZE,
        draws=DRAWS,
        seed=0,
        **how,
    )
    return averages(draws)["error"].values.tolist()


def _marks(
    name: str,
    how: dict[str, Any],
    fractions: tuple[float, ...],
    own_load: float | None,
) -> list[list[float]]:
    return [_mark(name, f, how, own_load) for f in fractions]


def draw(data: xr.Dataset) -> Figure:
    """Errors against the kept fraction, twice, and against the load of the pool."""
    figure = style.canvas(style.PAGE, 2.7)
    panels = figure.subplots(1, 3)
    looks = style.RULES["hard"], style.RULES["easy"]
    _against_f(panels[0], data, ["hard"], looks)
    mean, error = (data["simulated_fresh"].sel(statistic=s) for s in _STATISTICS)
    stranger = style.BLUE, "--", "s"
    style.simulated(panels[0], data["marked"], mean, error, stranger)
    style.legend_entry(panels[0], (looks[0][0], "-", "o"), "trained on it")
    style.legend_entry(panels[0], stranger, "fresh")
    _against_f(panels[1], data, ["signed hard", "signed easy"], looks)
    for look, name in zip(looks, ("keep hard", "keep easy"), strict=True):
        style.legend_entry(panels[1], (look[0], "-", look[2]), name)
    _by_load(panels[2], data, looks[0])
    panels[0].legend(loc="lower left", handlelength=1.8)
    panels[1].legend(loc="lower left")
    style.letter(panels)
    return figure


_STATISTICS = ("mean", "standard_error")


def _against_f(axes: Axes, data: xr.Dataset, names: list[str], looks: Any) -> None:
    x = data["keep_fraction"]
    for name, look in zip(names, looks, strict=False):
        here = data["error"].sel(panel=name)
        axes.plot(x, here.sel(theory="own"), color=look[0], linestyle="-")
        fresh = style.BLUE if len(names) == 1 else look[0]
        axes.plot(x, here.sel(theory="fresh"), color=fresh, linestyle="--")
        mean, error = (
            data["simulated"].sel(panel=name, statistic=s) for s in _STATISTICS
        )
        mark = look[0], "-", "o" if len(names) == 1 else look[2]
        style.simulated(axes, data["marked"], mean, error, mark)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel=style.LABELS["keep_fraction"],
        ylabel=style.LABELS["error"],
    )


def _by_load(axes: Axes, data: xr.Dataset, look: Any) -> None:
    x, errors = data["alpha_tot"], data["error_by_load"]
    base = errors.sel(what="random")
    axes.plot(x, errors.sel(what="own") / base, color=look[0], linestyle="-")
    axes.plot(x, errors.sel(what="fresh") / base, color=style.BLUE, linestyle="--")
    base = data["random_by_load"]
    mean, error = (
        data["simulated_by_load"].sel(statistic=s) / base for s in _STATISTICS
    )
    mark = look[0], "-", "o"
    style.simulated(axes, data["marked_load"], mean, error, mark)
    axes.axhline(1.0, color=style.GREY, linewidth=0.8, zorder=0)
    axes.set(
        xscale="log",
        xlabel=r"pool per dimension  $\alpha_{\rm tot}$",
        ylabel="error / error of random pruning",
    )
