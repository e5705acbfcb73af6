"""Arrays whose axes have names are not paired by position with others."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import perceptron_theory as pt
from perceptron_theory import InputError

LOADS, PARTS = [2.0, 4.0, 8.0], [0.3, 0.5, 0.7]
CALLS = {
    "solve": lambda a, f: pt.solve(alpha_tot=a, keep_fraction=f).error,
    "solve_convex": lambda a, f: (
        pt.solve_convex(alpha_tot=a, keep_fraction=f, loss="square", ridge=0.1).error
    ),
    "threshold": lambda a, f: pt.threshold(f, theta=a),
    "power_law": lambda a, f: pt.power_law_coefficient(f, theta=a),
    "threshold_error": pt.threshold_error,
    "small_angle": lambda a, f: pt.small_angle_scaling(a, f).threshold,
    "exponent": pt.local_exponent,
}


def _first(name):
    return np.array(LOADS) / (20.0 if name in ("threshold", "power_law") else 1.0)


@pytest.mark.parametrize("name", CALLS)
def test_axes_of_two_names_are_not_run_through_in_step(name):
    first = _first(name)
    with pytest.raises(InputError, match=r"has the axes \('\w',\) and \w+ \('\w',\)"):
        CALLS[name](xr.DataArray(first, dims="a"), xr.DataArray(PARTS, dims="f"))
    with pytest.raises(InputError, match="or they have other coordinates"):
        CALLS[name](
            xr.DataArray(first, {"a": [0, 1, 2]}),
            xr.DataArray(PARTS, {"a": [2, 1, 0]}),
        )
    with pytest.raises(InputError, match="in their pandas index"):
        CALLS[name](pd.Series(first), pd.Series(PARTS, [2, 1, 0]))


@pytest.mark.parametrize("name", CALLS)
def test_axes_of_one_name_are_those_of_plain_arrays(name):
    first = _first(name)
    plain = CALLS[name](first, np.array(PARTS))
    for made in (
        lambda x: xr.DataArray(x, dims="a"),
        lambda x: pd.Series(x, ["x", "y", "z"]),
    ):
        np.testing.assert_array_equal(CALLS[name](made(first), made(PARTS)), plain)
        np.testing.assert_array_equal(CALLS[name](made(first), np.array(PARTS)), plain)


def test_words_are_no_truth_values(tmp_path):
    for call in (
        lambda: pt.solve(alpha_tot=2.0, keep_fraction=0.3, throw="no"),
        lambda: pt.solve_convex(alpha_tot=2.0, keep_fraction=0.3, ridge=0.1, throw=1),
        lambda: pt.save_dataset(xr.Dataset(), tmp_path / "x.nc", overwrite="no"),
    ):
        with pytest.raises(InputError, match="must be True or False"):
            call()


def test_what_is_a_little_too_large_is_shown_with_all_digits():
    with pytest.raises(InputError, match=r"got 1\.0000001\d*$"):
        pt.solve(alpha_tot=2.0, keep_fraction=1.0000001)
    with pytest.raises(InputError, match=r"got 30; for 30 % write 0\.3"):
        pt.solve(alpha_tot=2.0, keep_fraction=30)
    with pytest.raises(InputError, match=r"rounded up to float32: give numpy\.pi / 2"):
        pt.solve(alpha_tot=2.0, keep_fraction=0.3, theta=np.float32(np.pi / 2))
