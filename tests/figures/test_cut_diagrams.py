"""Diagrams of which a row, a column or a point was cut by hand."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import perceptron_theory as pt
from figures.plotting import plot
from perceptron_theory.errors import InputError


def _diagram() -> xr.Dataset:
    grid = ("alpha_tot", "keep_fraction")
    names = ("error_hard", "error_easy", "error_random")
    return xr.Dataset(
        {name: (grid, np.full((3, 4), 0.2 + 0.1 * i)) for i, name in enumerate(names)}
        | {
            "best": (grid, np.full((3, 4), "hard")),
            "boundary_kind": ("boundary", np.array([], dtype=str)),
        },
        {"alpha_tot": [1.0, 2.0, 4.0], "keep_fraction": [0.1, 0.3, 0.6, 1.0]},
    )


@pytest.mark.parametrize(
    "cut",
    [{"keep_fraction": 2}, {"alpha_tot": 0}, {"alpha_tot": 0, "keep_fraction": 1}],
)
def test_cut_diagram_is_drawn_with_its_own_axes(cut):
    axes = plot(_diagram().isel(cut)).axes[0]
    assert "alpha" in axes.get_xlabel()


def test_dropped_axis_is_named():
    with pytest.raises(InputError, match="alpha_tot"):
        plot(_diagram().isel(alpha_tot=0, drop=True))
    with pytest.raises(InputError, match="keep_fraction"):
        plot(_diagram().isel(keep_fraction=0, drop=True))


@pytest.mark.parametrize("cut", [{"alpha_prune": 0}, {"alpha_prune": slice(0, 0)}])
def test_what_is_too_little_to_be_drawn_says_so(cut):
    whole = pt.pareto_frontier([1.0, 3.0], theta=0.0)
    with pytest.raises(pt.InputError, match="cut until too little of it is left"):
        pt.plot(whole.isel(cut))
    assert pt.plot(whole.isel(alpha_prune=[0])).axes
