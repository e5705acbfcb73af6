"""The theory beside a table, and the figure of both."""

import numpy as np
import pandas as pd
import pytest

import perceptron_theory as pt
from figures import scaling
from perceptron_theory import InputError
from simulations.experiments.theory import predictions


def _rows():
    sizes, found = (100, 400), []
    for size in sizes:
        for strategy, metric, f in (
            ("unpruned", "none", 1.0),
            ("random", "none", 0.5),
            ("hard", "theta:0", 0.5),
            ("easy", "theta:30", 0.5),
        ):
            point = {"size": size, "strategy": strategy, "metric": metric}
            point |= {"keep_fraction": f, "kept": int(f * size), "dimensions": 50}
            found += [point | {"seed": seed} for seed in range(3)]
    return pd.DataFrame(found)


def test_predictions_are_those_of_the_theory():
    found = predictions(_rows())
    assert len(found) == 8  # a row a point, not a seed
    by = found.set_index(["strategy", "size"])["theory"]
    expected = pt.solve(
        alpha_prune=[1.0, 4.0], keep_fraction=0.5, theta=np.deg2rad(30), rule="easy"
    ).error
    np.testing.assert_allclose(by["easy"], expected, rtol=1e-12)
    random = pt.solve(alpha_prune=[1.0, 4.0], keep_fraction=1.0, rule="random").error
    np.testing.assert_allclose(by["random"], random, rtol=1e-12)
    with pytest.raises(InputError, match="theta:DEGREES"):
        predictions(_rows().assign(metric="probe:20"))


def test_the_figure_shows_points_and_lines():
    rows = _rows()
    points = rows.drop_duplicates(["size", "strategy", "metric"]).assign(
        error=0.2, standard_error=0.01
    )
    figure = scaling.draw(points.assign(theory=0.3))
    panels = figure.axes
    assert [axes.get_title() for axes in panels] == [
        rf"keep {strategy}, $\theta = {angle}\degree$"
        for strategy in ("hard", "easy")
        for angle in (0, 30)
    ]
    lines = [line.get_ydata() for line in panels[0].lines if len(line.get_xdata()) == 2]
    assert any(np.allclose(y, 0.3) for y in lines)
    assert any(np.allclose(y, 0.2) for y in lines)
    joined = [line.get_ydata() for line in scaling.draw(points).axes[0].lines]
    assert not any(len(y) and np.allclose(y, 0.3) for y in joined)
