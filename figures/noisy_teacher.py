"""Labels of a noisy teacher: which part of the pool to keep, over noise and data."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from scipy.interpolate import RegularGridInterpolator

import perceptron_theory as pt

from . import style

SOURCE = "theory: logistic student, theta = 20 degrees"
CAPTION = (
    "Labels are those of a teacher with a part that the features do not show, y = "
    "sign(u + sigma n): wrong ones (their part: top) lie near its boundary. Probe at "
    "20 degrees, logistic loss, ridge 0.1. Colour: the best window of margins, from "
    "the hardest (orange) over the middle (white) to the easiest examples (blue); "
    "grey: none beats as many random examples. Full line: hard as good as random; "
    "dotted: easy as good as random; dashed: hard as good as easy; dash-dotted: "
    "where the hardest examples cease to be the best window. Lines are solved for "
    "between the points of a grid, colours are between them. A, B: f = 0.4 over the "
    "size of the pool; C, D: over f, at 20 examples per dimension. Left: ranked by "
    "the absolute margin |P.x|, right: by the signed margin y P.x of the noisy "
    "label. All errors are on the teacher's own labels."
)
ANGLE, LOSS, RIDGE = math.radians(20), "logistic", 0.1
STRENGTHS = (0.02, 0.1, 0.2, 0.3, 0.45, 0.65, 0.9, 1.2)
POOLS = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
FRACTIONS = (0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8)
FRACTION, POOL = 0.4, 20.0  # those of the other plane
MARGINS = ("absolute", "signed")
FINE = 160  # pixels of a map along each side
PLANES = {"alpha_tot": POOLS, "keep_fraction": FRACTIONS}


ALIKE = 0.05  # of ln error, to which a coarse grid tells that hard is the best window
LINES = {
    "hard/random": (style.BLACK, "-", 1.4),
    "easy/random": (style.BLACK, (0, (1, 1)), 1.4),
    "hard/easy": (style.BLUE, (0, (4, 2)), 1.4),
    "hard/window": (style.BLACK, (0, (5, 1.5, 1, 1.5)), 1.2),
}


def compute() -> xr.Dataset:
    """The errors of four strategies in both planes, and where two are equal."""
    parts = [_plane(margin, plane) for margin in MARGINS for plane in PLANES]
    about = {"theta": ANGLE, "loss": LOSS, "ridge": RIDGE, "noise": "probit"}
    about |= {"keep_fraction_of_pools": FRACTION, "alpha_tot_of_fractions": POOL}
    return xr.merge(parts, combine_attrs="drop").assign_attrs(about)


def _plane(margin: str, plane: str) -> xr.Dataset:
    """One diagram; its names begin with the margin and the plane."""
    along: dict[str, Any] = {"alpha_tot": POOL, "keep_fraction": FRACTION}
    along[plane] = PLANES[plane]
    found = pt.noise_strength_diagram(
        STRENGTHS,
        **along,
        theta=ANGLE,
        loss=LOSS,
        ridge=RIDGE,
        margin=margin,
    )
    prefix = f"{margin}_{plane}_"
    names = {str(name): f"{prefix}{name}" for name in found.data_vars}
    return found.rename(names | {"boundary_point": f"{prefix}boundary_point"})


def draw(data: xr.Dataset) -> Figure:
    """What to keep, in two planes and by two margins."""
    figure = style.canvas(style.PAGE, 4.6)
    panels = figure.subplots(2, 2, sharex=True, sharey="row")
    kinds = itertools.product(PLANES, MARGINS)
    maps = [
        _map(axes, data, margin, plane)
        for axes, (plane, margin) in zip(panels.ravel(), kinds, strict=True)
    ]
    for axes, margin in zip(panels[0], MARGINS, strict=True):
        axes.set_title(f"{margin} margin", fontsize=8)
        _wrong_part(axes)
    for axes in panels[1]:
        axes.set_xlabel(r"noise of the teacher  $\sigma$")
    panels[0, 0].set_ylabel(style.LABELS["alpha_tot"])
    panels[1, 0].set_ylabel(style.LABELS["keep_fraction"])
    bar = figure.colorbar(maps[0], ax=panels.ravel().tolist(), shrink=0.7, aspect=30)
    bar.set_label("best part to keep, among windows of margins")
    bar.set_ticks([0.0, 0.5, 1.0], labels=["hardest", "middle", "easiest"])
    style.letter(panels.ravel())
    return figure


def _map(axes: Axes, data: xr.Dataset, margin: str, plane: str) -> Any:
    """The best window where one beats random examples, and the solved boundaries."""
    prefix = f"{margin}_{plane}_"
    x, y = data["noise_strength"].values, np.log(data[plane].values)
    at = np.linspace(x[0], x[-1], FINE), np.linspace(y[0], y[-1], FINE)
    places = np.stack(np.meshgrid(*at, indexing="ij"), axis=-1)

    def fine(values: np.ndarray) -> np.ndarray:
        return RegularGridInterpolator((x, y), values)(places)

    random, window = (data[f"{prefix}error_{x}"].values for x in ("random", "window"))
    gains = fine(np.log(random / window))
    best = np.ma.masked_where(gains <= 0, fine(data[f"{prefix}window"].values))
    axes.set_facecolor("0.8")
    drawn = axes.pcolormesh(
        at[0],
        np.exp(at[1]),
        best.T,
        cmap=style.better("easy"),
        vmin=0,
        vmax=1,
        rasterized=True,
    )
    of = {
        key: data[f"{prefix}boundary_{key}"].values
        for key in ("kind", "branch", "noise_strength", plane)
    }
    hard = np.log(data[f"{prefix}error_hard"].values / window)
    off = RegularGridInterpolator((x, y), hard)
    for branch in np.unique(of["branch"]):
        here = of["branch"] == branch
        kind = str(of["kind"][here][0])
        place = np.c_[of["noise_strength"][here], np.log(of[plane][here])]
        # a window next to hard may be as good where another is far better than both
        if kind == "hard/window" and np.median(off(place)) > ALIKE:
            continue
        color, line, width = LINES[kind]
        axes.plot(
            of["noise_strength"][here],
            of[plane][here],
            color=color,
            linestyle=line,
            linewidth=width,
        )
    ticks = data[plane].values
    axes.set(yscale="log", xlim=(x[0], x[-1]), ylim=np.exp(y[[0, -1]]))
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.yaxis.set_minor_locator(NullLocator())
    return drawn


def _wrong_part(axes: Axes) -> None:
    """The part of wrong labels on top: arctan(sigma)/pi."""
    top = axes.secondary_xaxis("top")
    parts = np.array([0.05, 0.1, 0.15, 0.2, 0.25])
    top.set_xticks(np.tan(np.pi * parts), [f"{100 * part:g} %" for part in parts])
    top.tick_params(labelsize=6)
    axes.set_title(axes.get_title(), fontsize=8, pad=14)
