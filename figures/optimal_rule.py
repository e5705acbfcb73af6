"""The best pruning rule: what it gains, what it keeps, and the test by simulation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

import perceptron_theory as pt
from simulations.perceptron import Point, simulated_errors

from . import curves, style

SOURCE = "theory; in G-I with simulation (marks): max-margin student"
CAPTION = (
    "The best of all pruning rules, for a probe at theta = 0, 10 and 30 degrees "
    "(absolute margin). A-C: its error in units of the best of hard, easy, random and "
    "their mixtures. D-F: what it keeps, margin quantiles of the pool, at three loads: "
    "one window of margins (on the whole grid the best window is as good to 1e-7). "
    "G-I: errors at alpha_prune = 3 (lines, theory) and the best rules simulated at N "
    "= 100, means of 256 draws with bars of one standard error."
)
DEGREES = (0.0, 10.0, 30.0)
LOADS = (0.5, 1.0, 1.7, 3.0, 5.5, 10.0, 30.0)
FRACTIONS = (0.03, 0.07, 0.15, 0.25, 0.4, 0.55, 0.7, 0.85, 0.95)
SHOWN = ((1.0, style.FAMILY[1]), (3.0, style.FAMILY[4]), (10.0, style.FAMILY[2]))
SIMULATED = (3.0, (0.15, 0.4, 0.7))
RULES = ("hard", "easy", "random", "mixture", "window")


def compute() -> xr.Dataset:
    """The best rule on a grid, and at one load three for each angle simulated."""
    axes = {
        "theta": np.deg2rad(DEGREES),
        "alpha_prune": np.array(LOADS),
        "keep_fraction": np.array(FRACTIONS),
    }
    shape = tuple(map(len, axes.values()))

    def best(index: tuple[int, ...]) -> pt.OptimalRule:
        at = {name: axes[name][i] for name, i in zip(axes, index, strict=True)}
        return pt.optimal_rule(**at)

    with ThreadPoolExecutor(2) as pool:  # one solves on one core
        found = list(pool.map(best, np.ndindex(shape)))
    widest = [rule.quantiles[np.argmax(np.diff(rule.quantiles))] for rule in found]
    columns = {
        "error": ([r.error for r in found], "error of the best rule"),
        **{
            f"{name}_error": ([getattr(r, f"{name}_error") for r in found], name)
            for name in RULES
        },
        "lower": ([w[0] for w in widest], "least kept quantile of the margin"),
        "upper": ([w[1] for w in widest], "largest kept quantile of the margin"),
        "kept_intervals": ([len(r.quantiles) for r in found], "kept intervals"),
        "gap": ([r.gap for r in found], "what is left to gain to first order, of ln"),
    }
    theory = xr.Dataset(
        {
            name: (tuple(axes), np.reshape(values, shape), {"long_name": text})
            for name, (values, text) in columns.items()
        },
        axes,
        {"margin": "absolute", "student": "max_margin"},
    )
    theory["theta"].attrs["units"] = "rad"
    load, fractions = SIMULATED
    points = [
        Point(load, f, float(theta), _window(theory, load, f, theta))
        for theta in axes["theta"]
        for f in fractions
    ]
    simulation = simulated_errors(points, sizes=(100,), draws=256)
    return xr.merge([theory, curves.prefixed(simulation, "simulated")])


def _window(theory: xr.Dataset, load: float, f: float, theta: float) -> pt.Window:
    at = theory.sel(alpha_prune=load, keep_fraction=f, theta=theta)
    if at["kept_intervals"] != 1:
        raise pt.InputError(f"the best rule at alpha {load}, f {f} is not a window")
    return pt.Window(float(np.clip(at["lower"], 0.0, 1.0 - f)))


def draw(data: xr.Dataset) -> Figure:
    """A column for each angle."""
    figure = style.canvas(style.PAGE, 6.6)
    panels = figure.subplots(3, len(data["theta"]), sharex="col", sharey="row")
    simple = data[["hard_error", "easy_error", "random_error", "mixture_error"]]
    ratio = (data["error"] / simple.to_array().min("variable")).clip(max=1.0)
    norm = LogNorm(float(ratio.min()), 1.0)
    drawn = None
    for column, theta in zip(panels.T, data["theta"].values, strict=True):
        at = data.sel(theta=theta)
        drawn = column[0].contourf(
            at["keep_fraction"],
            at["alpha_prune"],
            ratio.sel(theta=theta),
            levels=np.geomspace(float(ratio.min()), 1.0, 17),
            norm=norm,
            cmap="viridis",
        )
        column[0].set(yscale="log")
        _kept(column[1], at)
        points = np.isclose(data["simulated_theta"], theta)
        _errors(column[2], at, data.isel(simulated_point=np.flatnonzero(points)))
        column[2].set(xlabel=style.LABELS["keep_fraction"])
        column[0].set_title(rf"$\theta = {np.rad2deg(theta):.0f}\degree$")
    panels[0, 0].set(ylabel=r"kept load  $\alpha_{\rm prune}$")
    panels[0, 0].set_yticks([0.5, 1, 3, 10, 30], "0.5 1 3 10 30".split())
    panels[0, 0].yaxis.set_minor_formatter(NullFormatter())
    panels[1, 0].set(ylabel="kept margin quantiles")
    panels[1, 0].legend(loc="upper left")
    panels[2, 0].set(ylabel=r"error  $\varepsilon$", yscale="log")
    panels[2, 1].legend(loc="lower right", ncols=2)
    if drawn is not None:
        bar = figure.colorbar(drawn, ax=panels[0], label="error, best / simple rules")
        ticks = [t for t in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1) if t >= ratio.min()]
        bar.set_ticks(ticks, labels=[f"{t:g}" for t in ticks])
        bar.ax.yaxis.set_minor_formatter(NullFormatter())
    for axes, name in zip(panels.ravel(), "ABCDEFGHI", strict=True):
        axes.set_title(name, loc="left", fontweight="bold", fontsize=10)
    return figure


def _kept(axes: Axes, at: xr.Dataset) -> None:
    """The kept quantiles as bands, between those of the easy and of the hard rule."""
    f = at["keep_fraction"]
    for load, (color, line, _) in SHOWN:
        one = at.sel(alpha_prune=load)
        axes.fill_between(f, one["lower"], one["upper"], color=color, alpha=0.18, lw=0)
        label = rf"$\alpha_{{\rm prune}} = {load:g}$"
        axes.plot(f, one["lower"], color=color, linestyle=line, label=label)
        axes.plot(f, one["upper"], color=color, linestyle=line)
    axes.set(ylim=(0, 1))


def _errors(axes: Axes, at: xr.Dataset, simulation: xr.Dataset) -> None:
    one = at.sel(alpha_prune=SIMULATED[0])
    f = at["keep_fraction"]
    for name, (color, line, _) in style.RULES.items():
        axes.plot(
            f, one[f"{name}_error"], color=color, linestyle=line, label=style.KEEP[name]
        )
    look = (style.BLACK, "-", "o")
    axes.plot(f, one["error"], color=look[0])
    style.simulated(
        axes,
        simulation["simulated_keep_fraction"],
        simulation["simulated_mean"].squeeze(),
        simulation["simulated_standard_error"].squeeze(),
        look,
    )
    style.legend_entry(axes, look, "best rule")
