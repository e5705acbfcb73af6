"""Fig. 1F: information gain an example, of the version space and as approximated."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import perceptron_theory as pt
from perceptron_theory import VersionSpace
from perceptron_theory.students.version_space.paper_information import (
    paper_information_gain,
    paper_overlap,
)

from . import style

SOURCE = "theory: Gibbs student, theta = 0 degrees"
CAPTION = (
    "What an added example tells: information gain of the Gibbs student at a fixed "
    "fraction f of hardest examples, perfect probe (theta = 0). Full lines: the "
    "overlap q of two students is free. Dashed: the paper's approximation, q = R, "
    "exact for f = 1 only; it stays below 1 nat (grey), which it reaches as f to 0. "
    "With q free the gain passes 1 nat near alpha_prune = 0.84 and as f to 0 diverges "
    "at 2, the threshold above which the error vanishes with f. B: at every fixed f "
    "the gain returns to 1/alpha_prune (dotted), as for random data."
)
FRACTIONS = (1.0, 0.5, 0.2, 0.1, 0.03, 0.01)
PEAK = 2.0
APPROXIMATE = (0, (3.5, 1.5))


def compute() -> xr.Dataset:
    """Both gains, and the overlaps that go with them, dense around the peak."""
    step = np.geomspace(1e-3, 0.5, 20)
    step = np.append(step, np.linspace(0.15, 0.7, 23))
    load = np.concatenate([np.geomspace(0.1, 30, 49), PEAK - step, [PEAK], PEAK + step])
    load = np.unique(load)
    at: dict[str, Any] = {
        "alpha_prune": load[:, None],
        "keep_fraction": np.array(FRACTIONS),
    }
    found = cast(VersionSpace, pt.solve(**at, student="gibbs"))
    variables = {
        "information_gain": (found.information_gain, "-dS/dalpha_prune", "nat"),
        "paper_information_gain": (paper_information_gain(**at), "q = R", "nat"),
        "self_overlap": (found.self_overlap, "overlap q of two students", "1"),
        "overlap": (found.overlap, "overlap R of student and teacher", "1"),
        "paper_overlap": (paper_overlap(**at), "R where q = R", "1"),
    }
    dims = ("alpha_prune", "keep_fraction")
    return xr.Dataset(
        {
            name: (dims, value, {"long_name": text, "units": unit})
            for name, (value, text, unit) in variables.items()
        },
        {"alpha_prune": load, "keep_fraction": list(FRACTIONS)},
        {"theta": 0.0, "rule": "hard", "student": "gibbs"},
    )


def draw(data: xr.Dataset) -> Figure:
    """The gain, and the gain times the load."""
    figure = style.canvas(style.PAGE, 3.1)
    left, right = figure.subplots(1, 2)
    load = data["alpha_prune"]
    _curves(left, data, 1.0)
    left.axhline(1.0, linewidth=3.5, color=style.GREY, alpha=0.35, zorder=1)
    law = load[load > 1.0]
    left.plot(law, 1 / law, color=style.BLACK, linestyle=":", linewidth=1.0)
    left.set(
        yscale="log", ylim=(0.03, 50), ylabel=r"information gain  $I$  [nat/example]"
    )
    left.legend(loc="upper left")
    _curves(right, data, load)
    right.axhline(1.0, color=style.BLACK, linestyle=":", linewidth=1.0)
    right.set(ylim=(0, 2.4), ylabel=r"$\alpha_{\rm prune} I$  [nat]")
    lines = [
        right.plot([], [], color=style.BLACK, linestyle=line, label=label)[0]
        for line, label in (("-", "$q$ free"), (APPROXIMATE, "$q = R$"))
    ]
    right.legend(handles=lines, loc="upper left")
    style.letter((left, right))
    return figure


def _curves(axes: Axes, data: xr.Dataset, scale: xr.DataArray | float) -> None:
    """Both gains times ``scale``, colour and mark by the fraction."""
    for fraction, look in zip(data["keep_fraction"].values, style.FAMILY, strict=True):
        one = data.sel(keep_fraction=fraction)
        x, color = one["alpha_prune"], look[0]
        axes.plot(
            x,
            one["information_gain"] * scale,
            color=color,
            marker=look[2],
            markevery=0.13,
            markerfacecolor="white",
            markeredgewidth=0.8,
            label=style.fraction(fraction),
        )
        axes.plot(
            x,
            one["paper_information_gain"] * scale,
            color=color,
            linestyle=APPROXIMATE,
            linewidth=1.0,
        )
    axes.set(xscale="log", xlim=(0.1, 30), xlabel=style.LABELS["alpha_prune"])
    axes.set_xticks([0.1, 0.3, 1, 2, 5, 10, 30], "0.1 0.3 1 2 5 10 30".split())
