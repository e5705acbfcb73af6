"""The limits in closed form beside the solver and simulation."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

import perceptron_theory as pt
from simulations.perceptron import Point, simulated_errors

from . import curves, style

SOURCE = "theory (lines) and simulation (marks): max-margin student"
CAPTION = (
    "Limits in closed form (max margin, hard rule, absolute margin). A: C of error to "
    "C/alpha_prune at fixed f (lines): proportional to f for a perfect probe, never "
    "below C_random sin(theta) for a tilted one (dotted); f_min (triangles): pruning "
    "further saves less than a tenth. Marks: alpha_prune error simulated at "
    "alpha_prune = 20, N = 100, means of 64 draws with bars of one standard error (at "
    "30 degrees and f = 0.1 that load is not large yet). "
    "B: error/theta as theta to 0 at fixed f/theta (lines), the solver at theta = 3 "
    "degrees (dots) and simulation at theta = 10 degrees, N = 100 (marks); grey: the "
    "best f. C: the local exponent along the Pareto curve, which falls far below -1 "
    "and returns; triangles: the crossover at -1.5; grey: its limit as theta to 0."
)
ANGLES = (0.0, 10.0, 30.0)  # degrees
FRACTIONS = tuple(np.geomspace(0.01, 1.0, 41))
TAIL_LOAD, TAIL_FRACTIONS = 20.0, (0.1, 0.3, 1.0)
RATIOS = (0.5, 1.0, 2.0)  # f/theta
SCALED_LOADS = tuple(np.geomspace(2.2, 60.0, 40))
SOLVED, SIMULATED = 3.0, 10.0  # degrees
SIMULATED_LOADS = (7.0, 12.0, 20.0)
PARETO_ANGLES = (2.0, 10.0, 30.0)
LOAD = r"kept load  $\alpha_{\rm prune}$"
PARETO_LOADS = tuple(np.geomspace(0.7, 200.0, 40))


def compute() -> xr.Dataset:
    """Each limit, the solver near it, and simulation."""
    theta = np.deg2rad(ANGLES)
    tail = [Point(TAIL_LOAD, f, t) for t in theta for f in TAIL_FRACTIONS]
    small = float(np.deg2rad(SIMULATED))
    scaled = [Point(a, g * small, small) for g in RATIOS for a in SIMULATED_LOADS]
    ratios, loads = np.array(RATIOS), np.array(SCALED_LOADS)
    near = float(np.deg2rad(SOLVED))
    solved = pt.solve(
        alpha_prune=loads, keep_fraction=near * ratios[:, None], theta=near
    )
    best = pt.best_fraction_scaling(loads)
    pareto = np.deg2rad(PARETO_ANGLES)
    along = np.array(PARETO_LOADS)
    fractions = [pt.pareto_frontier(along, theta=t).f_opt.values for t in pareto]
    exponents = [
        pt.exponent_along(along, keep_fraction=f, theta=t)
        for f, t in zip(fractions, pareto, strict=True)
    ]
    above = along[along > 2.1]
    data = xr.Dataset(
        {
            "coefficient": (
                ("theta", "keep_fraction"),
                pt.power_law_coefficient(np.array(FRACTIONS), theta[:, None]),
                {"long_name": "lim alpha_prune error"},
            ),
            "f_min": ("theta", pt.f_min(theta)),
            "f_min_coefficient": (
                "theta",
                pt.power_law_coefficient(np.maximum(pt.f_min(theta), 1e-8), theta),
            ),
            "floor": ("theta", pt.power_law_coefficient(1.0) * np.sin(theta)),
            "scaling": (
                ("ratio", "scaled_load"),
                pt.small_angle_scaling(loads, ratios[:, None]).error_over_theta,
                {"long_name": "lim error/theta"},
            ),
            "solved": (("ratio", "scaled_load"), solved.error / near),
            "best_scaling": ("scaled_load", best.error_over_theta),
            "exponent": (("pareto_theta", "pareto_load"), np.array(exponents)),
            "crossover": ("pareto_theta", pt.crossover(pareto)),
            "limit_exponent": (
                "limit_load",
                pt.best_fraction_scaling(above).exponent,
            ),
        },
        {
            "theta": theta,
            "keep_fraction": list(FRACTIONS),
            "ratio": ratios,
            "scaled_load": loads,
            "pareto_theta": pareto,
            "pareto_load": along,
            "limit_load": above,
        },
        {"rule": "hard", "margin": "absolute", "student": "max_margin"},
    )
    parts = [data]
    for name, points in (("tail", tail), ("small", scaled)):
        simulation = simulated_errors(points, sizes=(100,), draws=64)
        parts.append(curves.prefixed(simulation.squeeze("size", drop=True), name))
    return xr.merge(parts)


def draw(data: xr.Dataset) -> Figure:
    """One panel a limit."""
    figure = style.canvas(style.PAGE, 3.2)
    panels = figure.subplots(1, 3)
    _coefficients(panels[0], data)
    _scaling(panels[1], data)
    _exponents(panels[2], data)
    style.letter(panels)
    return figure


def _degrees(theta: float) -> str:
    return rf"$\theta = {np.rad2deg(theta):g}\degree$"


def _coefficients(axes: Axes, data: xr.Dataset) -> None:
    looks = style.FAMILY[:1] + style.FAMILY[1:5:3] + style.FAMILY[2:3]
    for theta, look in zip(data["theta"].values, looks, strict=False):
        one = data.sel(theta=theta)
        axes.plot(data["keep_fraction"], one["coefficient"], color=look[0], ls=look[1])
        if theta > 0:
            axes.axhline(float(one["floor"]), color=look[0], ls=":", lw=0.9)
            at = one["f_min"], one["f_min_coefficient"]
            axes.plot(*at, marker="v", color=look[0], ls="none", ms=6, zorder=5)
        points = data.isel(tail_point=np.isclose(data["tail_theta"], theta))
        style.simulated(
            axes,
            points["tail_keep_fraction"],
            points["tail_mean"] * points["tail_alpha_prune_realised"],
            points["tail_standard_error"] * points["tail_alpha_prune_realised"],
            look,
        )
        style.legend_entry(axes, look, _degrees(theta))
    label = r"$\lim\ \alpha_{\rm prune}\,\varepsilon$"
    axes.set(xscale="log", yscale="log", ylabel=label)
    axes.set(xlabel=style.LABELS["keep_fraction"])
    axes.legend(loc="lower right")


def _scaling(axes: Axes, data: xr.Dataset) -> None:
    best = data["best_scaling"]
    axes.plot(data["scaled_load"], best, label="best $f$", zorder=1, **style.PARETO)
    for ratio, look in zip(data["ratio"].values, style.FAMILY[1:], strict=False):
        one = data.sel(ratio=ratio)
        axes.plot(data["scaled_load"], one["scaling"], color=look[0], ls=look[1])
        thin = {"marker": ".", "ms": 3, "ls": "none", "markevery": 3}
        axes.plot(data["scaled_load"], one["solved"], color=look[0], **thin)
        small = float(np.deg2rad(SIMULATED))
        here = np.isclose(data["small_keep_fraction"], ratio * small)
        points = data.isel(small_point=here)
        style.simulated(
            axes,
            points["small_alpha_prune"],
            points["small_mean"] / small,
            points["small_standard_error"] / small,
            look,
        )
        style.legend_entry(axes, look, rf"$f = {ratio:g}\,\theta$")
    axes.set(xscale="log", yscale="log", ylim=(5e-3, 3.0))
    axes.set(xlabel=LOAD, ylabel=r"$\varepsilon/\theta$")
    axes.set_xticks([2, 5, 10, 20, 50], "2 5 10 20 50".split())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.legend(loc="upper right")


def _exponents(axes: Axes, data: xr.Dataset) -> None:
    limit = data["limit_exponent"]
    axes.plot(data["limit_load"], limit, label=r"$\theta \to 0$", **style.PARETO)
    looks = style.FAMILY[3:4] + style.FAMILY[1:3]
    for theta, look in zip(data["pareto_theta"].values, looks, strict=False):
        one = data.sel(pareto_theta=theta)
        options = {"color": look[0], "ls": look[1], "label": _degrees(theta)}
        axes.plot(data["pareto_load"], one["exponent"], **options)
        axes.plot(one["crossover"], -1.5, marker="v", color=look[0], ms=6)
    axes.axhline(-1.0, color=style.BLACK, ls=":", lw=0.9)
    axes.set(xscale="log", ylim=(-6, 0), xlabel=LOAD)
    axes.set(ylabel=r"$d\ln\varepsilon/d\ln\alpha_{\rm prune}$, best $f$")
    axes.legend(loc="lower right")
