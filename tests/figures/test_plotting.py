"""Pictures of results: what is drawn is what was computed, and nothing is left out."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgb

import perceptron_theory as pt
from figures import plotting, style
from figures.results import bars, phases, regions
from figures.results.simulated import rows_of

LOADS = np.geomspace(1.0, 100.0, 9)


def _texts(figure):
    from matplotlib.text import Text

    return [word.get_text() for word in figure.findobj(Text) if word.get_text()]


def _labels(figure):
    return [
        text for axes in figure.axes for text in axes.get_legend_handles_labels()[1]
    ]


def _frontier(**changes):
    error = 0.5 / LOADS
    data = {"f_opt": LOADS**-0.3, "error": error, "alpha_tot": LOADS**1.3}
    found = xr.Dataset(
        {name: ("alpha_prune", value) for name, value in data.items()}
        | {"kind": ("alpha_prune", ["interior"] * len(LOADS))},
        {"alpha_prune": LOADS},
        {"theta": np.deg2rad(10), "rule": "hard", "student": "max_margin"},
    )
    return found.assign(changes)


def _phases(log=False):
    """Hard is best right of a load of 5; on the line the two are equal."""
    load = np.geomspace(1.0, 25.0, 9)
    f = np.geomspace(0.05, 1.0, 7) if log else np.linspace(0.1, 0.9, 7)
    wide = np.broadcast_to(load[:, None], (9, 7))
    hard, easy, random = 0.3 * wide**-1.0, 0.06 + 0 * wide, 0.4 + 0 * wide
    best = np.where(f == 1, "equal", np.where(hard < easy, "hard", "easy"))
    dims = ("alpha_tot", "keep_fraction")
    line = np.linspace(f[0], min(f[-1], 0.999), 20)
    point = {
        "boundary_alpha_tot": np.full(20, 5.0),
        "boundary_keep_fraction": line,
        "boundary_error": np.full(20, 0.06),
        "boundary_kind": ["hard/easy"] * 20,
        "boundary_branch": np.zeros(20, int),
        "boundary_best": np.ones(20, bool),
    }
    triple = ("triple_alpha_tot", "triple_keep_fraction", "triple_error")
    return xr.Dataset(
        {
            "error_hard": (dims, hard),
            "error_easy": (dims, easy),
            "error_random": (dims, random),
            "best": (dims, best),
        }
        | {name: ("boundary_point", value) for name, value in point.items()}
        | {name: ("triple_point", np.zeros(0)) for name in triple},
        {"alpha_tot": load, "keep_fraction": f},
        {"theta": 0.0, "student": "max_margin", "margin": "absolute"},
    )


def _simulation(**points):
    given = {"rule": "hard", "keep_fraction": 0.2, "theta": np.deg2rad(10)} | points
    load = np.atleast_1d(given.pop("alpha_prune", [2.0, 10.0]))
    coords = {n: ("point", np.broadcast_to(v, load.shape)) for n, v in given.items()}
    coords |= {"margin": ("point", ["absolute"] * len(load))}
    coords |= {"student": ("point", ["max_margin"] * len(load))}
    error = (0.4 / load)[:, None] * np.ones(2)
    return xr.Dataset(
        {
            "mean": (("point", "size"), error),
            "standard_error": (("point", "size"), 0.1 * error),
        },
        coords | {"alpha_prune": ("point", load), "size": [50, 100]},
    )


def test_a_frontier_is_drawn_with_its_numbers():
    figure = pt.plot(_frontier())
    error, fraction = (axes.lines[0].get_ydata() for axes in figure.axes)
    np.testing.assert_array_equal(error, 0.5 / LOADS)
    np.testing.assert_array_equal(fraction, LOADS**-0.3)
    said = figure.get_suptitle()
    assert said.startswith("theory: Pareto frontier")
    assert "theta = 10 degrees" in said and "max-margin student" in said
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_where_the_error_is_zero_it_is_said():
    error = np.where(LOADS > 2, 0.0, 0.3)
    figure = pt.plot(_frontier(error=("alpha_prune", error)))
    assert any("to$ 0" in text for text in _texts(figure))
    assert not any("to$ 0" in text for text in _texts(pt.plot(_frontier())))


def test_the_sizes_and_the_title():
    slide, column = (pt.plot(_frontier(), size=size) for size in ("slide", "column"))
    assert np.allclose(slide.get_size_inches() * slide.get_dpi(), (1920, 1080))
    assert column.get_size_inches()[0] == style.COLUMN
    assert pt.plot(_frontier(), title="My $ own").get_suptitle() == r"My \$ own"
    with pytest.raises(pt.InputError, match="slide or column, got 'poster'"):
        pt.plot(_frontier(), size="poster")


@pytest.mark.parametrize("log", [False, True])
def test_the_fill_of_a_phase_diagram_ends_at_its_line(log):
    data = _phases(log)
    figure = pt.plot(data)
    (axes,) = figure.axes
    (mesh,) = axes.collections
    number = np.asarray(mesh.get_array()).reshape(phases.FINE[::-1])
    edges = mesh.get_coordinates()[0, :, 0]
    middle = np.sqrt(edges[1:] * edges[:-1])
    cell = middle[1] / middle[0]
    rules = list(style.RULES)
    assert (number[:, middle < 5 / cell] == rules.index("easy")).all()
    assert (number[:, middle > 5 * cell] == rules.index("hard")).all()
    # named where they are; random has no region, and so no name
    text = {" ".join(one.get_text().split()) for one in axes.texts}
    assert text == {"keep hard", "keep easy"} and axes.get_legend() is None
    color = mesh.get_cmap()(rules.index("hard"))[:3]
    np.testing.assert_allclose(
        color, [0.45 + 0.55 * c for c in to_rgb(style.RULES["hard"][0])], atol=1 / 255
    )


def test_a_patch_on_the_wrong_side_that_no_point_speaks_for_is_none():
    data = _phases()
    # as steep as an error gets: between two points of the grid it looks low too early
    hard = np.where(data["error_hard"] < 0.06, 1e-9, 0.5)
    hard = np.where(data["alpha_tot"].values[:, None] == 5.0, 0.06, hard)
    data["error_hard"] = data["error_hard"].dims, hard
    mesh = pt.plot(data).axes[0].collections[0]
    number = np.asarray(mesh.get_array()).reshape(phases.FINE[::-1])
    assert (number == number[0]).all()
    assert np.count_nonzero(np.diff(number[0])) == 1


def test_a_crossing_that_stops_to_bound_is_drawn_to_the_triple_point():
    data = _phases()
    best = data["boundary_keep_fraction"].values < 0.5
    data["boundary_best"] = "boundary_point", best
    for name, value in (("alpha_tot", 5.0), ("keep_fraction", 0.503)):
        data = data.drop_vars(f"triple_{name}")
        data[f"triple_{name}"] = "met", [value]
    ((_, line),) = regions.lines(data, "alpha_tot")
    shown = line[:, np.isfinite(line[0])]
    np.testing.assert_array_equal(shown[:, -1], [5.0, 0.503])
    assert shown.shape[1] == best.sum() + 1


def test_a_single_row_of_a_phase_diagram_has_marks():
    figure = pt.plot(_phases().isel(keep_fraction=[2]))
    assert _labels(figure) == ["keep hard", "keep easy"]


def test_where_nothing_is_pruned_a_single_column_says_that_all_are_equal():
    data = _phases(log=True).isel(alpha_tot=[8])
    figure = pt.plot(data)
    assert _labels(figure) == ["keep hard", "all equal"]
    shown = sum(len(line.get_xdata()) for line in figure.axes[0].lines)
    assert shown == data.sizes["keep_fraction"]


@pytest.mark.parametrize("size", ["slide", "column"])
def test_a_small_region_has_its_name_beside_it_and_a_line_to_it(size):
    data = _phases()
    # a wedge at the right: random is best beyond a line from (20, 0.1) to (25, 0.3)
    x, y = np.linspace(20.0, 25.0, 20), np.linspace(0.1, 0.3, 20)
    line = {"alpha_tot": x, "keep_fraction": y, "error": 0.012 + 0 * x}
    more = {f"boundary_{n}": ("boundary_point", v) for n, v in line.items()}
    more |= {
        "boundary_kind": ("boundary_point", ["hard/random"] * 20),
        "boundary_branch": ("boundary_point", np.ones(20, int)),
        "boundary_best": ("boundary_point", np.ones(20, bool)),
    }
    names = list(more)
    both = xr.concat([data[names], xr.Dataset(more)], "boundary_point")
    best = data["best"].values.astype("U6")
    best[-1, :2] = "random"
    data = data.drop_vars(names).merge(both).assign(best=(data["best"].dims, best))
    figure = pt.plot(data, size=size)
    (axes,) = figure.axes
    words = {" ".join(one.get_text().split()): one for one in axes.texts}
    assert set(words) == {"keep hard", "keep easy", "keep random"}
    assert axes.get_legend() is None
    figure.draw_without_rendering()
    boxes = [one.get_window_extent() for one in axes.texts]
    panel = axes.get_window_extent()
    for n, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:n])
    inner = [one.get_tightbbox() for one in axes.texts if not one.arrow_patch]
    assert all(panel.contains(*box.min) and panel.contains(*box.max) for box in inner)
    # the line of the name ends in its region
    load, f = words["keep random"].xy
    assert np.interp(f, y, x) < load < 25.0


def test_a_title_ends_no_line_within_an_angle():
    for size in style.SIZES:
        said = pt.plot(_phases(), size=size).get_suptitle()
        assert "theta = 0 degrees" in said


def test_a_solution_is_a_sweep_of_what_was_varied():
    at = {"alpha_prune": [2.0, 4.0, 8.0], "theta": np.deg2rad(20)}
    solution = pt.solve(**at, keep_fraction=np.array([[0.3], [1.0]]))
    figure = pt.plot(solution)
    (axes,) = figure.axes
    drawn = [line.get_ydata() for line in axes.lines if len(line.get_ydata()) == 3]
    np.testing.assert_array_equal(drawn, solution.error)
    assert _labels(figure) == ["$f = 0.3$", "$f = 1$"]
    assert "theta = 20 degrees" in figure.get_suptitle()
    found = plotting.dataset_of(pt.solve(alpha_tot=[9.0], keep_fraction=[[0.2], [0.5]]))
    assert found["error"].dims == ("keep_fraction", "alpha_tot")
    with pytest.raises(pt.InputError, match="change together"):
        pt.plot(pt.solve(alpha_prune=[2.0, 4.0], keep_fraction=[0.3, 1.0]))


def _sweep(counts):
    values = {
        "alpha_prune": LOADS[: counts[0]],
        "keep_fraction": np.linspace(0.1, 1, counts[1]),
        "theta": np.linspace(0, 1, counts[2]),
    }
    error = 0.1 + np.random.default_rng(0).random(counts)
    return xr.Dataset({"error": (tuple(values), error)}, values, {"rule": "hard"})


def test_many_curves_are_a_map_and_a_third_input_makes_panels():
    assert len(pt.plot(_sweep((9, 13, 1))).axes) == 2  # a map and its scale
    figure = pt.plot(_sweep((9, 3, 2)))
    assert [axes.get_title() for axes in figure.axes] == [
        r"$\theta = 0\degree$",
        r"$\theta = 57.3\degree$",
    ]
    with pytest.raises(pt.InputError, match="7 values of theta are too many"):
        pt.plot(_sweep((9, 8, 7)))
    assert len(pt.plot(_sweep((1, 1, 1))).axes[0].lines) >= 1


def test_simulated_points_lie_on_the_curve_of_their_fraction():
    sweep = _sweep((9, 2, 1)).assign_coords(keep_fraction=[0.2, 0.7], theta=[0.1])
    figure = pt.plot(sweep, simulation=_simulation(theta=0.1))
    (box,) = [c for c in figure.axes[0].containers if len(c.lines[0].get_xdata())]
    np.testing.assert_array_equal(box.lines[0].get_xdata(), [2.0, 10.0])
    np.testing.assert_allclose(box.lines[0].get_ydata().astype(float), [0.2, 0.04])
    assert box.lines[0].get_color() == style.FAMILY[0][0]
    assert "simulation" in _labels(figure)
    assert "marks: simulation, N = 100" in figure.get_suptitle()
    with pytest.raises(pt.InputError, match="no simulated point lies on a curve"):
        pt.plot(sweep, simulation=_simulation(theta=0.1, keep_fraction=0.5))


def test_simulated_points_of_another_rule_or_angle_are_refused():
    for other in ({"rule": "easy"}, {"theta": 0.5}):
        with pytest.raises(pt.InputError, match="none of the 2 simulated points"):
            pt.plot(_frontier(), simulation=_simulation(**other))
    drawn = pt.plot(_frontier(), simulation=_simulation())
    assert "simulated, $f = 0.2$" in _labels(drawn)
    with pytest.raises(pt.InputError, match="simulated points go over a picture of"):
        pt.plot(_simulation(), simulation=_simulation())


def test_the_best_of_the_simulated_rules_is_marked_on_a_phase_diagram():
    rules = ["hard", "easy"]
    at = _simulation(rule=rules, alpha_prune=[4.0, 4.0], theta=0.0)
    at["mean"][0], at["mean"][1] = 0.02, 0.05
    figure = pt.plot(_phases(), simulation=at)
    assert _labels(figure) == ["best of the simulated: keep hard"]
    alone = pt.plot(_phases(), simulation=at.isel(point=[1]))
    assert _labels(alone) == ["simulated: keep easy"]


def test_rules_have_one_colour_in_simulations():
    at = _simulation(rule=["hard", "easy", "random"], alpha_prune=[1.0, 2.0, 3.0])
    assert len(rows_of(at)) == 3 and set(rows_of(at)["N"]) == {100}
    colors = [box.lines[0].get_color() for box in pt.plot(at).axes[0].containers]
    assert set(colors) <= {look[0] for look in style.RULES.values()} | {style.BLACK}
    fixed = at.assign_coords(alpha_prune=("point", [2.0, 2.0, 2.0]))
    boxes = pt.plot(fixed).axes[0].containers
    found = {box.get_label(): box.lines[0].get_color() for box in boxes}
    assert found == {f"keep {r}": style.RULES[r][0] for r in ("easy", "hard", "random")}


def test_classes_laws_and_verdicts_have_pictures():
    kept = xr.Dataset(
        {"kept": ("class", [3, 0]), "before": ("class", [10, 9])},
        {"class": ["cat", "$dog_"]},
        {"dataset": "pets of mine"},
    )
    figure = pt.plot(kept)
    assert figure.get_suptitle().startswith("pets of mine: kept examples")
    assert [bar.get_height() for bar in figure.axes[0].patches] == [10, 9, 3, 0]
    law = {"strategy": ["hard", "unpruned"], "metric": ["el2n", "none"]}
    law |= {"keep_fraction": [0.3, 1.0], "exponent": [-0.4, -0.3]}
    law |= {"lower": [-0.5, -0.35], "upper": [-0.35, -0.2]}
    laws = xr.Dataset({name: ("curve", value) for name, value in law.items()})
    ticks = [one.get_text() for one in pt.plot(laws).axes[0].get_yticklabels()]
    assert ticks == ["hard 30 %, el2n", "unpruned"]
    judged = {"claim": ["switch"], "metric": ["el2n"], "verdict": ["cannot tell"]}
    claims = xr.Dataset({name: ("place", value) for name, value in judged.items()})
    assert {"switch (el2n)", "cannot tell"} <= set(_texts(pt.plot(claims)))


def test_points_with_bars_take_names_colours_and_errors():
    figure = style.canvas_of("slide")
    axes = figure.subplots()
    names = ["keep hard", "random", "all"]
    bars.points_with_bars(axes, names, [0.1, 0.2, 0.3], [0.01, 0.02, 0.03])
    found = [box.lines[0].get_color() for box in axes.containers]
    assert found == [style.RULES["hard"][0], style.GREY, style.BLACK]
    low, high = axes.containers[1].lines[2][0].get_segments()[0][:, 0]
    assert (low, high) == pytest.approx((0.18, 0.22))
    assert [one.get_text() for one in axes.get_yticklabels()] == names


def test_what_has_no_picture_is_said():
    with pytest.raises(pt.InputError, match="no picture is known of a dataset of x"):
        pt.plot(xr.Dataset({"x": 1.0}))
    with pytest.raises(pt.InputError, match="got list"):
        pt.plot([1, 2])


def test_a_theory_alone_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(pt.plotting, "BACKEND", "nowhere.at_all:plot")
    with pytest.raises(pt.InputError, match="install pruning-laws"):
        pt.plot(_frontier())


def test_a_number_between_none_is_a_mark_and_a_single_one_is_written():
    lone = style.lone(np.array([1.0, np.nan, 2.0, 3.0, np.nan, 4.0]))
    np.testing.assert_array_equal(lone, [True, False, False, False, False, True])
    error = np.where(LOADS > 1.5, 0.0, 0.3)
    left = pt.plot(_frontier(error=("alpha_prune", error))).axes[0]
    marks = [line for line in left.lines if line.get_marker() == "o"]
    np.testing.assert_array_equal(marks[0].get_xydata(), [[1.0, 0.3]])
    single = pt.plot(_frontier().isel(alpha_prune=[3]))
    assert f"{0.5 / LOADS[3]:.4g}" in _texts(single)
    assert any("0." in text for text in [t.get_text() for t in _one_point().texts])
    nothing = pt.plot(_frontier(error=("alpha_prune", 0 * LOADS)))
    assert [list(axes.get_yticks()) for axes in nothing.axes] == [[], []]


def _one_point():
    return pt.plot(_sweep((1, 1, 1))).axes[0]


def test_many_curves_have_their_legend_beside_them_with_short_numbers():
    figure = pt.plot(_sweep((9, 8, 1)), size="column")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    legend = axes.get_legend().get_window_extent()
    assert legend.x0 >= axes.get_window_extent().x1
    assert legend.x1 <= figure.bbox.x1
    assert all(len(text) <= len("$f = 0.1234$") for text in _labels(figure))


def test_choices_of_almost_one_error_are_all_within_the_panel():
    made = xr.Dataset(
        {
            "rule": ("choice", ["random", "hard"]),
            "error": ("choice", [0.0492, 0.0516]),
            "saving": ("choice", [0.0, 0.6]),
            "keep_fraction": ("choice", [1.0, 0.4]),
        },
        {"choice": ["best", "fewest"]},
        {"pool_error": 0.0492, "alpha_tot": 10.0, "theta": 0.1},
    )
    for axes in pt.plot(made).axes:
        assert axes.get_xlim()[0] == 0
        assert axes.get_xlim()[1] > 1.1 * axes.dataLim.xmax


def test_a_rule_that_is_an_object_is_said_as_commands_take_it():
    for rule, said in (
        (pt.Agreeing("easy"), "agreeing:easy"),
        (pt.Window(0.2), "window:0.2"),
        (pt.Mixture(0.25, "hard"), "mixture:0.25:hard"),
        ("hard", "hard"),
    ):
        assert style.spoken(rule) == said


def test_a_student_with_numbers_is_said_in_words():
    for name, said in (
        ("max_margin", "max-margin student"),
        ("logistic(ridge=0.1, flip_probability=0.1)", "logistic loss, ridge 0.1, 10 %"),
        ("squared_hinge(ridge=optimal)", "squared hinge loss, optimal ridge"),
        ("square(ridge=1.0, probit noise=0.5)", "square loss, ridge 1.0, probit noise"),
        ("hard_margin(flip_probability=0.02)", "hard margin student, 2 % wrong labels"),
    ):
        assert style.student(name).startswith(said)


def test_the_one_load_or_fraction_that_no_axis_has_is_in_the_title():
    solved = pt.solve(alpha_prune=4.0, keep_fraction=0.3, theta=[0.1, 0.2])
    assert "f = 0.3, alpha_prune = 4" in pt.plot(solved).get_suptitle()
    at = _simulation(alpha_prune=[2.0], theta=0.0)
    said = pt.plot(at).get_suptitle()
    assert "max-margin student, hard rule, f = 0.2" in said
    assert "f =" not in pt.plot(_simulation(keep_fraction=[0.2, 0.3])).get_suptitle()
