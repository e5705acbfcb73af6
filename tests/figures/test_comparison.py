"""The picture of a comparison: every way to prune, in the colours of all pictures."""

import matplotlib.colors as colors
import numpy as np
import pandas as pd

import perceptron_theory as pt
from figures import style
from figures.comparison import costs_dataset

METRICS = ("el2n", "my_$own")


def _costs():
    rows = [(1.0, "none", "unpruned", 0.1)]
    for f in (0.1, 0.3):
        rows.append((f, "none", "random", 0.3 - f / 2))
        for metric in METRICS:
            for i, side in enumerate(("hard", "easy", "middle")):
                rows.append((f, metric, side, 0.2 + 0.1 * i - f / 3))
    names = ["keep_fraction", "metric", "strategy", "error"]
    return pd.DataFrame(rows, columns=names).assign(error_se=0.02, cost=0.0)


def test_every_way_to_prune_has_its_curve_that_ends_at_all():
    figure = pt.plot(costs_dataset(_costs(), 0.3, "mine", "linear"))
    left, right = figure.axes
    assert figure.get_suptitle() == "mine: error of linear heads by what is kept"
    assert [axes.get_title() for axes in (left, right)] == ["by el2n", r"by my \$own"]
    for axes in (left, right):
        lines = {
            line.get_label(): line
            for line in axes.lines
            if str(line.get_label()).startswith("keep ")
        }
        assert set(lines) == {
            "keep hard",
            "keep easy",
            "keep random",
            "keep middle",
        }
        for name, look in style.RULES.items():
            line = lines[f"keep {name}"]
            assert colors.same_color(line.get_color(), look[0])
        for line in lines.values():
            np.testing.assert_allclose(line.get_xdata(), [10, 30, 100], rtol=0.08)
            assert line.get_ydata()[-1] == 10.0
        np.testing.assert_allclose(
            lines["keep hard"].get_ydata()[:2], [20 - 10 / 3, 10.0]
        )
        bottom, top = axes.get_ylim()
        highest = max(line.get_ydata().max() for line in lines.values())
        assert bottom == 0 and top > highest


def test_one_metric_takes_one_panel_in_a_column():
    rows = _costs()
    data = costs_dataset(rows[rows["metric"] != METRICS[1]], 0.3, "mine", "resnet8")
    figure = pt.plot(data, size="column")
    assert len(figure.axes) == 1 and figure.get_figwidth() == style.COLUMN


def test_the_line_at_what_was_asked_says_so():
    for asked in (0.1, 0.3):
        for axes in pt.plot(costs_dataset(_costs(), asked, "mine", "linear")).axes:
            assert f"{100 * asked:.0f} % asked" in axes.get_xlabel()
            assert [one.get_text() for one in axes.texts] == ["all"]


def test_no_errors_are_seen_whole_and_side_by_side():
    costs = _costs().assign(error=0.0, error_se=0.005)
    for axes in pt.plot(costs_dataset(costs, 0.3, "mine", "linear")).axes:
        assert axes.get_ylim()[0] < 0
        curves = [one for one in axes.lines if str(one.get_label()).startswith("keep")]
        assert len({line.get_xdata()[0] for line in curves}) == 4
        assert all(line.get_xdata()[-1] == 100 for line in curves)
