import numpy as np
import pytest
import xarray as xr

import perceptron_theory as pt
from simulations.perceptron import (
    Point,
    simulate,
    simulated_errors,
    summarize,
    threshold_scan,
)


def test_points_for_a_figure_are_the_summaries_of_their_draws(tmp_path):
    points = [Point(2.0, 0.5), Point(2.0, 0.5, 0.2, "easy", "signed")]
    found = simulated_errors(points, sizes=(12,), draws=70, seed=5)
    assert found["mean"].dims == ("point", "size")
    direct = summarize(simulate(points[1], size=12, draws=70, seed=5))
    assert found["mean"].values[1, 0] == direct.mean
    assert found.median_error.values[1, 0] == direct.median_error
    assert found.margin.values.tolist() == ["absolute", "signed"]
    kept = simulated_errors(
        points, sizes=(12,), draws=70, seed=5, output=tmp_path / "a"
    )
    again = simulated_errors(
        points, sizes=(12,), draws=70, seed=5, output=tmp_path / "a"
    )
    xr.testing.assert_identical(found, kept)
    xr.testing.assert_identical(kept, again)


@pytest.mark.slow
def test_the_threshold_is_seen_at_two():
    """theta = 0, f -> 0: error near 1/2 below alpha_prune = 2, a(alpha) f above."""
    found = threshold_scan((1.4, 3.0), keep_fraction=0.005, sizes=(60,), draws=16)
    below, above = found["median"].sel(size=60)
    assert below > 0.45
    assert above == pytest.approx(0.176403 * 0.005, rel=0.3)
    assert found["mean"].dims == ("alpha_prune", "size")
    assert (found.standard_error > 0).all() and (found.median_error > 0).all()
    assert np.issubdtype(found.draws.dtype, np.integer)


@pytest.mark.parametrize("change", [{"points": []}, {"sizes": ()}, {"draws": 1}])
def test_empty_requests_are_refused(change):
    with pytest.raises(pt.InputError, match="need points"):
        simulated_errors(**{"points": [Point(1.0, 0.5)], "sizes": (8,), **change})
