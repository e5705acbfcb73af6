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
    "20 degrees, logistic loss, ridge 0.1. Colour: the best of seven windows, from "
    "the hardest (orange) over the middle (white) to the easiest examples (blue); "
    "grey: none of them beats as many random examples. Full line: hard as good as "
    "random; dashed: hard as good as easy. A, B: f = 0.4 over the size of the pool; "
    "C, D: over f, at 20 examples per dimension. Left: ranked by the absolute margin "
    "|P.x|, right: by the signed margin y P.x of the noisy label. All errors are on "
    "the teacher's own labels."
)
ANGLE, LOSS, RIDGE = math.radians(20), "logistic", 0.1
STRENGTHS = (0.02, 0.1, 0.2, 0.3, 0.45, 0.65, 0.9, 1.2)
POOLS = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
FRACTIONS = (0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8)
FRACTION, POOL = 0.4, 20.0  # those of the other plane
PLACES = (0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0)  # of a window: hard is 0, easy 1
MARGINS = ("absolute", "signed")
FINE = 160  # pixels of a map along each side
PLANES = {"alpha_tot": POOLS, "keep_fraction": FRACTIONS}


def compute() -> xr.Dataset:
    """The errors of windows and of random examples in both planes."""
    parts = [_errors(margin, plane) for margin in MARGINS for plane in PLANES]
    parts += [_random(plane) for plane in PLANES]
    about = {"theta": ANGLE, "loss": LOSS, "ridge": RIDGE, "noise": "probit"}
    about |= {"keep_fraction_of_pools": FRACTION, "alpha_tot_of_fractions": POOL}
    axes = {"strength": list(STRENGTHS), "place": list(PLACES)}
    values = {name: list(y) for name, y in PLANES.items()}
    return xr.merge(parts).assign_coords(axes | values).assign_attrs(about)


def _plane(plane: str) -> tuple[np.ndarray, np.ndarray]:
    """Loads of the pool and kept fractions along the second axis of a plane."""
    y = np.array(PLANES[plane])
    one = np.ones_like(y)
    return (y, FRACTION * one) if plane == "alpha_tot" else (POOL * one, y)


def _solved(**how: Any) -> np.ndarray:
    noise = pt.Probit(np.array(STRENGTHS)[:, None, None])
    how |= {"loss": LOSS, "ridge": RIDGE, "label_noise": noise}
    return np.asarray(pt.solve_convex(**how).error)


def _errors(margin: str, plane: str) -> xr.Dataset:
    pools, fractions = (x[:, None] for x in _plane(plane))
    error = _solved(
        alpha_prune=pools * fractions,
        keep_fraction=fractions,
        theta=ANGLE,
        rule=pt.Window((1.0 - fractions) * np.array(PLACES)),
        margin=margin,
    )
    dims = ("strength", plane, "place")
    return xr.Dataset({f"{margin}_{plane}_error": (dims, error)})


def _random(plane: str) -> xr.Dataset:
    """All of a smaller pool, by the program of the windows."""
    pools, fractions = _plane(plane)
    error = _solved(
        alpha_prune=(pools * fractions)[:, None],
        keep_fraction=1.0,
        theta=ANGLE,
        rule=pt.Window(0.0),
    )
    dims = ("strength", plane)
    return xr.Dataset({f"random_{plane}_error": (dims, error[..., 0])})


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


def _fine(data: xr.Dataset, name: str, plane: str) -> tuple[np.ndarray, ...]:
    """Ln of errors on a fine grid: noise, ln of the other axis, and the values."""
    x, y = data["strength"].values, np.log(data[plane].values)
    values = np.log(data[name].values)
    at = np.linspace(x[0], x[-1], FINE), np.linspace(y[0], y[-1], FINE)
    places = np.stack(np.meshgrid(*at, indexing="ij"), axis=-1)
    return *at, RegularGridInterpolator((x, y), values)(places)


def _map(axes: Axes, data: xr.Dataset, margin: str, plane: str) -> Any:
    """The best window where one beats random examples, and where hard ceases to."""
    x, y, windows = _fine(data, f"{margin}_{plane}_error", plane)
    random = _fine(data, f"random_{plane}_error", plane)[2]
    place, least = _best(windows, data["place"].values)
    best = np.ma.masked_where(least >= random, place)
    axes.set_facecolor("0.8")
    drawn = axes.pcolormesh(
        x, np.exp(y), best.T, cmap=style.better("easy"), vmin=0, vmax=1, rasterized=True
    )
    hard, easy = windows[..., 0], windows[..., -1]
    for other, color, line in (
        (random, style.BLACK, "-"),
        (easy, style.BLUE, (0, (4, 2))),
    ):
        look = {"colors": color, "linestyles": [line], "linewidths": 1.4}
        axes.contour(x, np.exp(y), (hard - other).T, [0.0], **look)
    ticks = data[plane].values
    axes.set(yscale="log", xlim=(x[0], x[-1]), ylim=np.exp(y[[0, -1]]))
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.yaxis.set_minor_locator(NullLocator())
    return drawn


def _best(windows: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The place of least error and the error there, by a parabola through three."""
    middle = np.clip(windows.argmin(axis=-1), 1, len(places) - 2)
    index = middle[..., None] + np.arange(-1, 2)
    error, place = np.take_along_axis(windows, index, axis=-1), places[index]
    left, right = np.moveaxis(np.diff(error) / np.diff(place), -1, 0)
    bend = (right - left) / (place[..., 2] - place[..., 0])
    centre = 0.5 * (place[..., 0] + place[..., 1])
    bottom = centre - 0.5 * left / np.where(bend > 0, bend, np.inf)
    flat = places[windows.argmin(axis=-1)]
    found = np.where(bend > 0, bottom, flat)
    found = np.clip(found, place[..., 0], place[..., 2])
    return found, windows.min(axis=-1)


def _wrong_part(axes: Axes) -> None:
    """The part of wrong labels on top: arctan(sigma)/pi."""
    top = axes.secondary_xaxis("top")
    parts = np.array([0.05, 0.1, 0.15, 0.2, 0.25])
    top.set_xticks(np.tan(np.pi * parts), [f"{100 * part:g} %" for part in parts])
    top.tick_params(labelsize=6)
    axes.set_title(axes.get_title(), fontsize=8, pad=14)
