"""The table of predicted heads says what the page about it says."""

import numpy as np
import pytest

from figures import real_heads


@pytest.fixture(scope="module")
def summary():
    return real_heads.summary(real_heads.table()).set_index("data")


def test_predictions_are_nearer_than_everything_else(summary):
    everything = summary.loc["all"]
    own = everything["predicted: median"]
    assert own < 0.03
    for method in ("isotropic", "power law", "as random"):
        assert everything[f"{method}: median"] > 3 * own


def test_every_set_has_sixty_combinations_of_real_pools():
    rows = real_heads.table()
    assert (rows.groupby("data").size() >= 60).all()
    assert rows["data"].nunique() >= 6
    made = np.isfinite(rows["error"])  # some leave no example of a class
    assert made.mean() > 0.95
    assert (rows.loc[made, "measured_error"] > 0).all()


def test_it_is_drawn():
    figure = real_heads.draw(real_heads.compute())
    left, right = figure.axes
    assert len(left.get_legend().get_texts()) == real_heads.table()["data"].nunique()
    assert len(right.get_yticks()) == len(real_heads.METHODS)
