"""What the figures with error curves share: their data, and how these are drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

import perceptron_theory as pt

from . import style


def errors(
    load: Sequence[float] | np.ndarray,
    fractions: Sequence[float] | np.ndarray,
    *,
    theta: float = 0.0,
    rule: str = "hard",
) -> xr.Dataset:
    """Errors of the theory over ``alpha_prune`` and ``keep_fraction``."""
    load, fractions = np.asarray(load, float), np.asarray(fractions, float)
    found = pt.solve(
        alpha_prune=load[:, None], keep_fraction=fractions, theta=theta, rule=rule
    )
    return xr.Dataset(
        {
            "error": (
                ("alpha_prune", "keep_fraction"),
                found.error,
                {"long_name": "generalisation error", "units": "1"},
            )
        },
        {
            "alpha_prune": ("alpha_prune", load, {"long_name": "kept load P/N"}),
            "keep_fraction": ("keep_fraction", fractions, {"long_name": "f"}),
        },
        {"theta": theta, "rule": rule},
    )


def loads_to_threshold() -> np.ndarray:
    """Values of alpha_prune for a Pareto curve at theta = 0, ever denser towards 2."""
    return np.r_[np.geomspace(0.5, 1.9, 24), 2.0 - np.geomspace(0.09, 1e-6, 16), 2.0]


def prefixed(data: xr.Dataset, prefix: str) -> xr.Dataset:
    """All names of ``data`` with a prefix, to stand beside others in one file."""
    names = [*data.variables, *(d for d in data.dims if d not in data.variables)]
    return data.rename({name: f"{prefix}_{name}" for name in names}).drop_attrs(
        deep=False
    )


def plot_errors(axes: Axes, data: xr.Dataset) -> None:
    """Curves of the fractions, their simulation points, and the Pareto curve below."""
    axes.plot(
        data["pareto_alpha_prune"],
        np.maximum(data["pareto_error"], 1e-12),  # where it is 0: out of the picture
        label="best $f$ (Pareto)",
        zorder=1,
        **style.PARETO,
    )
    for fraction, look in zip(data["keep_fraction"].values, style.FAMILY, strict=False):
        curve = data["error"].sel(keep_fraction=fraction)
        at = np.isclose(data["simulated_keep_fraction"], fraction)
        points = data.isel(simulated_point=np.flatnonzero(at))
        axes.plot(data["alpha_prune"], curve, color=look[0], ls=look[1])
        style.simulated(
            axes,
            points["simulated_alpha_prune"],
            points["simulated_mean"].squeeze(),
            points["simulated_standard_error"].squeeze(),
            look,
        )
        style.legend_entry(axes, look, style.fraction(fraction))
    axes.set(
        xscale="log",
        yscale="log",
        xlabel=style.LABELS["alpha_prune"],
        ylabel=style.LABELS["error"],
    )
