"""The threshold at alpha_prune = 2: perfect probe, f -> 0, theory and simulation."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.optimize import root
from scipy.stats import norm

from simulations.perceptron import threshold_scan

from . import curves, style

SOURCE = "theory (lines) and simulation (marks): max-margin student, theta = 0 degrees"
CAPTION = (
    "The threshold at alpha_prune = 2 for a perfect probe (theta = 0) that keeps only "
    "the hardest examples, f to 0. Left: theory, N to infinity (lines), and medians of "
    "64 simulated students at f = 0.01 (marks, bars of one standard error; one "
    "that includes zero runs to the bottom). Below the "
    "threshold the error tends to 1/2, above it to zero as a(alpha_prune) f; finite N "
    "smears the step. Right: the error in units of f falls on the law a(alpha_prune) "
    "(grey, solved in the limit), which starts as 1/sqrt(12 pi (alpha_prune - 2)) "
    "(dotted)."
)
FRACTIONS = tuple(10.0**-k for k in range(1, 7))
SIMULATED_FRACTION = 1e-2
SIZES = (50, 100)
MIDDLE = 2.0


def compute() -> xr.Dataset:
    """Theory at six fractions, dense around the threshold; simulation; the law."""
    step = np.geomspace(1e-6, 0.4, 23)
    load = np.concatenate([[1.0, 1.3], MIDDLE - step[::-1], [MIDDLE], MIDDLE + step])
    load = np.concatenate([load, np.linspace(2.5, 5.0, 11)])
    theory = curves.errors(load, FRACTIONS)
    simulation = threshold_scan(keep_fraction=SIMULATED_FRACTION, sizes=SIZES, draws=64)
    above = load[load >= MIDDLE + 1e-3]
    law = xr.Dataset(
        {"law": ("law_alpha_prune", slope(above), {"long_name": "lim error / f"})},
        {"law_alpha_prune": above},
    )
    return xr.merge([theory, curves.prefixed(simulation, "simulated"), law])


def slope(alpha_prune: np.ndarray) -> np.ndarray:
    r"""The limit of error / f as f -> 0 at loads above 2 (theta = 0, hard, max margin).

    It is sqrt(2 pi)/(2 pi G), where k and G solve ``alpha <(k - s - xi)_+^2> = 1`` and
    ``alpha <Phi(k - s)> = 1`` for s uniform on [0, G] and xi standard normal.
    """

    def total(k: float, scale: float) -> np.ndarray:
        """Both averages over s, times G, from the antiderivatives in k - s."""
        ends = np.array([k, k - scale])
        mass, density = norm.cdf(ends), norm.pdf(ends)
        squared = (ends**3 / 3 + ends) * mass + (ends**2 + 2) / 3 * density
        inside = ends * mass + density
        return np.array([squared[0] - squared[1], inside[0] - inside[1]])

    values = []
    start = np.array([1.0, np.log(5.0)])
    for alpha in np.sort(alpha_prune)[::-1]:  # from where it is easy to the threshold
        found = root(
            lambda x, a=alpha: a * total(x[0], np.exp(x[1])) / np.exp(x[1]) - 1,
            start,
            tol=1e-12,
        )
        if not found.success:
            raise RuntimeError(f"no a(alpha) at alpha = {alpha}: {found.message}")
        start = found.x
        values.append(np.sqrt(2 * np.pi) / (2 * np.pi * np.exp(found.x[1])))
    return np.array(values)[::-1]


def draw(data: xr.Dataset) -> Figure:
    """The step, and the error in units of f above it."""
    figure = style.canvas(style.PAGE, 3.0)
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    _step(left, data)
    _scaled(right, data)
    style.letter((left, right))
    return figure


def _step(axes: Axes, data: xr.Dataset) -> None:
    for fraction, look in zip(data["keep_fraction"].values, style.FAMILY, strict=True):
        axes.plot(
            data["alpha_prune"],
            data["error"].sel(keep_fraction=fraction),
            color=look[0],
            linestyle=look[1],
            label=style.fraction(fraction),
        )
    marks = ("o", "s", "^", "v")
    for size, mark in zip(data["simulated_size"].values, marks, strict=False):
        one = data.sel(simulated_size=size)
        style.simulated(
            axes,
            data["simulated_alpha_prune"],
            one["simulated_median"],
            one["simulated_median_error"],
            (style.BLUE, "", mark),
            label=f"{style.fraction(SIMULATED_FRACTION)}, $N = {size}$",
        )
    axes.set(
        yscale="log",
        xlim=(1.0, 3.5),
        ylim=(5e-8, 1.0),
        xlabel=style.LABELS["alpha_prune"],
        ylabel=style.LABELS["error"],
    )
    axes.legend(loc="lower left")


def _scaled(axes: Axes, data: xr.Dataset) -> None:
    x = data["alpha_prune"] - MIDDLE
    beyond = data["law_alpha_prune"] - MIDDLE
    axes.plot(beyond, data["law"], label=r"$a(\alpha_{\rm prune})$", **style.PARETO)
    for fraction, look in zip(data["keep_fraction"].values, style.FAMILY, strict=True):
        scaled = data["error"].sel(keep_fraction=fraction) / fraction
        axes.plot(x, scaled, color=look[0], linestyle=look[1])
    near = np.geomspace(1e-6, 1.0, 20)
    axes.plot(
        near,
        1 / np.sqrt(12 * np.pi * near),
        color=style.BLACK,
        linestyle=":",
        linewidth=0.9,
        label=r"$[12\pi(\alpha_{\rm prune}-2)]^{-1/2}$",
    )
    axes.set(
        xscale="log",
        yscale="log",
        xlim=(1e-6, 3.0),
        ylim=(0.07, 2e3),
        xlabel=r"distance above the threshold  $\alpha_{\rm prune}-2$",
        ylabel=r"error in units of $f$  $\varepsilon/f$",
    )
    axes.legend(loc="upper right")
