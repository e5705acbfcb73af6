"""Ids in lists of any kind are taken by position, and are text."""

import numpy as np
import pandas as pd
import pytest

from perceptron_theory import InputError
from simulations.vision.clustering import kmeans
from simulations.vision.data import Images, Points
from simulations.vision.score_files import Scores
from simulations.vision.selection import select

IDS = ["i3", "i5", "i4", "i0", "i2", "i1"]
VALUES = np.array([0.3, 0.9, 0.1, 0.7, 0.5, 0.2])
KINDS = {
    "list": IDS,
    "array": np.array(IDS),
    "objects": np.array(IDS, object),
    "bytes": np.array(IDS, "S"),
    "series": pd.Series(IDS, index=[3, 5, 4, 0, 2, 1]),
    "named series": pd.Series(IDS, index=list("abcdef")),
}


def _points(ids):
    return Points("n", np.ones((6, 2)) * VALUES[:, None], [0, 1] * 3, ids, ("a", "b"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_selection_has_the_ids_of_its_positions(kind, tmp_path):
    kept = select(VALUES, 0.5, seed=0)
    assert kept.ids(KINDS[kind]) == ["i5", "i0", "i2"]
    kept.save(tmp_path / "kept.txt", KINDS[kind])
    assert (tmp_path / "kept.txt").read_text().split() == ["i5", "i0", "i2"]


@pytest.mark.parametrize("kind", KINDS)
def test_data_sets_have_ids_as_text(kind):
    assert _points(KINDS[kind]).ids == tuple(IDS)
    assert _points(KINDS[kind]).fingerprint == _points(tuple(IDS)).fingerprint
    pixels = np.zeros((6, 2, 2, 3), np.uint8)
    images = Images("n", pixels, np.array([0, 1] * 3), KINDS[kind], ("a", "b"))
    assert images.ids == tuple(IDS)
    scores = Scores("m", VALUES, KINDS[kind], np.array([0, 1] * 3), "n", "f")
    assert scores.ids == tuple(IDS)


@pytest.mark.parametrize(
    "ids", ["i3i5i4", np.array(IDS)[:, None], pd.DataFrame({"id": IDS}), [["a"]] * 6]
)
def test_what_is_no_list_is_refused(ids):
    with pytest.raises(InputError, match="must be a list of one id an example"):
        select(VALUES, 0.5, seed=0).ids(ids)
    with pytest.raises(InputError, match="must be a list of one id an example"):
        _points(ids)


def test_names_of_rows_are_those_of_the_ids_everywhere():
    backwards = pd.Index(IDS[::-1])
    pixels, labels = np.zeros((6, 2, 2, 3), np.uint8), np.array([0, 1] * 3)
    with pytest.raises(InputError, match="rows of n: labels are called"):
        Images("n", pixels, pd.Series(labels, backwards), tuple(IDS), ("a", "b"))
    given = "m", VALUES, tuple(IDS), labels, "n", "f"
    with pytest.raises(InputError, match="of per_model are called"):
        each = pd.DataFrame(np.ones((2, 6)), columns=backwards)
        Scores(*given, per_model=each)
    with pytest.raises(InputError, match="rows of standard_errors are called"):
        Scores(*given, standard_errors=pd.Series(VALUES, backwards))


def test_coordinates_of_xarray_are_names_too():
    import xarray as xr

    other = xr.DataArray(VALUES, dims="id", coords={"id": [5, 4, 3, 2, 1, 0]})
    with pytest.raises(InputError, match="are numbered 5, 4, 3"):
        select(other, 0.5, seed=0)
    named = xr.DataArray(np.ones((6, 2)), dims=("id", "x"), coords={"id": IDS[::-1]})
    with pytest.raises(InputError, match="are called"):
        Points("n", named, [0, 1] * 3, tuple(IDS), ("a", "b"))
    plain = xr.DataArray(VALUES, dims="id")
    assert len(select(plain, 0.5, seed=0).indices) == 3


def test_centres_have_the_columns_of_the_points():
    points = pd.DataFrame({"a": VALUES, "b": -VALUES})
    centres = points[["b", "a"]].iloc[:2].reset_index(drop=True)
    with pytest.raises(InputError, match="columns of centers have another order"):
        kmeans(points, 2, key=0, centers=centres)


@pytest.mark.parametrize("tolerance", [-1.0, np.nan])
def test_a_tolerance_that_is_never_reached_is_refused(tolerance):
    with pytest.raises(InputError, match="tolerance"):
        kmeans(np.ones((6, 2)) * VALUES[:, None], 2, key=0, tolerance=tolerance)
