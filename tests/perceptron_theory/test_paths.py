"""Paths as a shell would write them out, wherever one is given."""

import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import perceptron_theory as pt
from perceptron_theory.paths import expanded


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PLACE", str(tmp_path / "place"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("~/a.nc", "{}/a.nc"),
        (Path("~/a.nc"), "{}/a.nc"),
        ("$PLACE/a", "{}/place/a"),
        ("${PLACE}s/a", "{}/places/a"),
        ("~nobody-here/a", "~nobody-here/a"),
        ("$NOT_SET_AT_ALL/a", "$NOT_SET_AT_ALL/a"),
        ("a$b_c^d", "a$b_c^d"),
        ("", "."),
    ],
)
def test_home_and_variables_are_written_out(given, found, home):
    assert expanded(given) == Path(found.format(home))


def test_what_exists_is_taken_as_it_stands(home):
    (home / "$PLACE").mkdir()
    assert expanded("$PLACE") == Path("$PLACE")


def test_files_of_the_theory_and_kept_programs(home, monkeypatch):
    monkeypatch.setenv("PRUNING_LAWS_CACHE", os.environ.get("PRUNING_LAWS_CACHE", ""))
    (home / "place").mkdir()
    pt.save_dataset(xr.Dataset({"a": ("x", np.arange(3))}), "$PLACE/a.nc")
    assert (home / "place" / "a.nc").exists()
    assert pt.load_dataset("~/place/a.nc").a.sum() == 3
