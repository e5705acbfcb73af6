"""The picture of a validation that has few points."""

import numpy as np
import pytest
import xarray as xr

import perceptron_theory as pt
from figures import style


def _validation(**coords):
    sizes, count = [30, 60], len(coords["alpha_prune"])
    theory = np.geomspace(0.2, 0.02, count)
    known = {"rule": ["hard"] * count, "student": ["max_margin"] * count} | coords
    known |= {"theta": np.zeros(count), "keep_fraction": np.full(count, 0.3)}
    return xr.Dataset(
        {
            "theory": (("point", "size"), np.stack([theory, theory], 1)),
            "difference": ("point", np.full(count, 0.1)),
            "difference_error": ("point", np.full(count, 0.05)),
            "z": ("point", np.full(count, 2.0)),
        },
        {name: ("point", value) for name, value in known.items()} | {"size": sizes},
    )


@pytest.mark.parametrize("size", ["slide", "column"])
def test_few_points_of_a_validation_are_measured_beside_predicted(size):
    data = _validation(alpha_prune=[1.0, 20.0])
    figure = pt.plot(data, size=size)
    (axes,) = figure.axes
    assert [one.get_text() for one in axes.get_yticklabels()] == [
        style.setting("alpha_prune", load) for load in (1.0, 20.0)
    ]
    drawn = [line.get_xdata() for line in axes.lines if line.get_linewidth() == 2.0]
    np.testing.assert_allclose(np.ravel(drawn[:2]), [0.2, 0.2, 0.02, 0.02])
    boxes = [box for box in axes.containers if len(box.lines[0].get_xdata())]
    np.testing.assert_allclose(
        [b.lines[0].get_xdata()[0] for b in boxes], [0.22, 0.022]
    )
    low, high = boxes[1].lines[2][0].get_segments()[0][:, 0]
    assert (low, high) == pytest.approx((0.021, 0.023))
    assert any("z = +2.0" in text for text in (text.get_text() for text in axes.texts))
    figure.draw_without_rendering()
    width, height = figure.bbox.width, figure.bbox.height
    legend = axes.get_legend().get_texts()
    for text in (*axes.texts, *axes.get_yticklabels(), *legend):
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.x1 <= width and box.y1 <= height, text


def test_a_single_point_of_a_validation_says_where_it_is():
    names = pt.plot(_validation(alpha_prune=[2.0])).axes[0].get_yticklabels()
    assert "keep hard" in names[0].get_text() and "f = 0.3" in names[0].get_text()
