"""Labels of a noisy teacher: which part of the pool to keep, over noise and data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

import perceptron_theory as pt

from . import style

SOURCE = "theory"
CAPTION = (
    "Labels are those of a teacher with a part that the features do not show, y = "
    "sign(u + sigma n): wrong ones lie near its boundary. Probe at theta = 20 degrees, "
    "logistic loss, ridge 0.1. Colour: the best window of the pool, from the hardest "
    "(orange) to the easiest examples (blue); grey: no window beats as many random "
    "examples. Lines: hard as good as random (black) and as easy (blue, dashed); white, "
    "dotted: where hard and random are equal by the law of large loads. A, B: f = 0.4 "
    "over the size of the pool; C, D: over f, at 20 examples per dimension. Left: "
    "ranked by the absolute margin |P.x|, right: by the signed margin y P.x of the "
    "noisy label. All errors are on the teacher's own labels."
)
ANGLE, LOSS, RIDGE = math.radians(20), "logistic", 0.1
STRENGTHS = (0.02, 0.1, 0.2, 0.3, 0.45, 0.65, 0.9, 1.2)
POOLS = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
FRACTIONS = (0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8)
FRACTION, POOL = 0.4, 20.0  # those of the other plane
PLACES = (0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0)  # of a window: hard is 0, easy 1
MARGINS = ("absolute", "signed")
PLANES = {"alpha_tot": POOLS, "keep_fraction": FRACTIONS}


def compute() -> xr.Dataset:
    """The errors of windows and of random examples in both planes."""
    parts = [_errors(margin, plane) for margin in MARGINS for plane in PLANES]
    parts += [_random(plane) for plane in PLANES]
    parts += [_crossover(margin) for margin in MARGINS]
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


def _crossover(margin: str) -> xr.Dataset:
    """The pool at which hard and random examples are equal, by the large-load law."""
    load = [
        pt.crossover_load(
            FRACTION,
            theta=ANGLE,
            margin=margin,
            loss=LOSS,
            label_noise=pt.Probit(strength),
        )
        for strength in STRENGTHS
    ]
    return xr.Dataset({f"{margin}_crossover": ("strength", np.array(load) / FRACTION)})
