"""What datasets say of their variables has room in a picture of xarray."""

import matplotlib as mpl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

import perceptron_theory as pt
from perceptron_theory.choices.attributes import LONGEST
from pruning_laws.commands.information import _FIELDS
from pruning_laws.commands.optimal_rule import _FIELDS as OF_RULES
from pruning_laws.commands.solve import FIELDS, about
from simulations.perceptron import Point, simulated_errors


def _of_rules():
    return pt.phase_diagram([2.0, 20.0], [0.2, 0.8])


def _simulated():
    points = [Point(1.0, 0.5), Point(2.0, 0.5)]
    return simulated_errors(points, sizes=(10, 20, 30), draws=2)


MADE = {
    "loads": lambda: pt.pareto_frontier([2.0, 5.0], theta=0.4),
    "pools": lambda: pt.pareto_frontier(alpha_tot=[2.0, 5.0], theta=0.4),
    "simulated": _simulated,
    "phases": _of_rules,
}


@pytest.mark.parametrize(
    "name",
    ["loads", *(pytest.param(n, marks=pytest.mark.slow) for n in list(MADE)[1:])],
)
def test_every_number_of_a_dataset_can_be_plotted_whole(name):
    data = MADE[name]()
    for variable in data.variables:
        one = data[variable]
        if one.dtype.kind in "fiu":
            label = f"{one.attrs['long_name']} [{one.attrs['units']}]"
            assert len(label) <= LONGEST, variable
    with mpl.rc_context():
        mpl.rcdefaults()
        for one in (v for v in data.data_vars.values() if v.dtype.kind == "f"):
            if not one.size or one.ndim not in (1, 2):
                continue
            figure = Figure()
            FigureCanvasAgg(figure)
            axes = figure.subplots()
            one.plot(ax=axes)
            figure.canvas.draw()
            words = [axes.xaxis.label, axes.yaxis.label]
            words += [other.yaxis.label for other in figure.axes[1:]]
            for word in words:
                _lies_inside(word, figure)


def _lies_inside(word: Text, figure: Figure) -> None:
    box, page = word.get_window_extent(), figure.bbox
    assert page.x0 <= box.x0 and box.x1 <= page.x1, word.get_text()
    assert page.y0 <= box.y0 and box.y1 <= page.y1, word.get_text()


@pytest.mark.parametrize("fields", [FIELDS, _FIELDS, OF_RULES])
def test_what_commands_write_has_short_names(fields):
    for name in fields:
        said = about(name, fields)
        assert len(f"{said['long_name']} [{said['units']}]") <= LONGEST, name
