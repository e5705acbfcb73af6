"""The phase diagram: its boundaries solved, complete, and without the root f = 1."""

import numpy as np
import pytest
import xarray as xr

import perceptron_theory as pt
from perceptron_theory.numerics.contours import connect

LOADS, FRACTIONS = np.geomspace(0.5, 30.0, 7), np.array([0.06, 0.2, 0.4, 0.6, 0.9, 1.0])


@pytest.fixture(scope="module")
def diagram():
    return pt.phase_diagram(LOADS, FRACTIONS)


def errors(strategy, alpha_tot, fraction):
    return pt.solve(
        alpha_prune=alpha_tot * fraction, keep_fraction=fraction, rule=strategy
    ).error


def test_the_grid_holds_the_errors_of_the_strategies(diagram):
    for name in ("hard", "easy"):
        expected = errors(name, LOADS[:, None], FRACTIONS)
        np.testing.assert_allclose(diagram[f"error_{name}"], expected, rtol=1e-12)
    random = pt.solve(alpha_prune=LOADS * 0.2, keep_fraction=0.2, rule="random")
    got = diagram.error_random.sel(keep_fraction=0.2)
    np.testing.assert_allclose(got, random.error, rtol=1e-8)


def test_the_best_strategy_has_the_least_error(diagram):
    best = diagram.best
    assert (best.sel(keep_fraction=1.0) == "equal").all()
    least = np.minimum(diagram.error_hard, diagram.error_easy)
    least = np.minimum(least, diagram.error_random)
    for name in ("hard", "easy", "random"):
        mine = best == name
        assert (diagram[f"error_{name}"].where(mine) == least.where(mine)).sum() == (
            mine.sum()
        )
    # easy for little data, hard for much: the paper's finding
    assert best[0, 2] == "easy" and best[-1, 2] == "hard"


def test_the_two_errors_agree_on_a_boundary(diagram):
    kinds = set(diagram.boundary_kind.values)
    assert kinds == {"hard/easy", "hard/random"}  # easy beats random everywhere here
    for kind in kinds:
        at = diagram.where(diagram.boundary_kind == kind, drop=True)
        load, fraction = at.boundary_alpha_tot.values, at.boundary_keep_fraction.values
        assert (fraction < 0.9995).all()  # f = 1 is a root of every difference
        first, second = (
            errors("hard", load * fraction, 1.0)
            if name == "random"
            else errors(name, load, fraction)
            for name in kind.split("/")
        )
        np.testing.assert_allclose(first, second, rtol=1e-7)
        np.testing.assert_allclose(at.boundary_error, first, rtol=1e-7)


def test_all_branches_of_a_boundary_are_found(diagram):
    """At alpha_tot = 30 hard is best between two fractions, found by a dense scan."""
    fractions = np.linspace(0.06, 0.99, 400)
    gap = np.log(errors("hard", 30.0, fractions) / errors("easy", 30.0, fractions))
    crossings = np.nonzero(np.diff(np.sign(gap)))[0]
    at = diagram.boundary_keep_fraction.where(
        (diagram.boundary_kind == "hard/easy")
        & (np.abs(diagram.boundary_alpha_tot - 30.0) < 1e-9),
        drop=True,
    )
    found = np.sort(at.values)
    assert len(found) == len(crossings) == 2
    assert ((fractions[crossings] < found) & (found < fractions[crossings + 1])).all()


def test_curves_are_in_order(diagram):
    for branch in np.unique(diagram.boundary_branch):
        at = diagram.boundary_branch.values == branch
        x = np.log(diagram.boundary_alpha_tot.values[at])
        y = np.log(diagram.boundary_keep_fraction.values[at])
        assert np.hypot(np.diff(x), np.diff(y)).max() < 0.4


def test_a_boundary_of_the_map_separates_the_two_best(diagram):
    shown = diagram.boundary_best.values
    assert (diagram.boundary_kind.values[shown] == "hard/easy").all() and shown.any()


def test_it_survives_the_disk(diagram, tmp_path):
    pt.save_dataset(diagram, tmp_path / "phases.nc")
    xr.testing.assert_equal(pt.load_dataset(tmp_path / "phases.nc"), diagram)


def test_crossings_of_a_circle_are_one_closed_curve():
    x = np.arange(-3, 4)
    up = x[:, None] ** 2 + x**2 < 5
    first = [*map(tuple, np.argwhere(up[1:] != up[:-1]).tolist())]
    second = [*map(tuple, np.argwhere(up[:, 1:] != up[:, :-1]).tolist())]
    order, branch = connect(up, first, second)
    assert sorted(order) == list(range(len(first) + len(second)))
    assert set(branch) == {0}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([0.0, 1.0], [0.5]), "alpha_tot must be positive"),
        (([1.0], [0.5, 1.5]), "keep_fraction must be in"),
        (([2.0, 1.0], [0.5]), "must increase"),
        (([[1.0]], [0.5]), "1-D"),
        (([1.0], []), "empty"),
    ],
)
def test_bad_input(arguments, words):
    with pytest.raises(pt.InputError, match=words):
        pt.phase_diagram(*arguments)


def test_three_errors_agree_at_a_triple_point():
    theta = np.radians(45.0)
    diagram = pt.phase_diagram(
        np.geomspace(1.0, 3.0, 4), np.linspace(0.7, 0.95, 4), theta=theta
    )
    assert diagram.sizes["triple_point"] == 1
    load, fraction = (
        float(diagram[name][0]) for name in ("triple_alpha_tot", "triple_keep_fraction")
    )
    for rule in ("hard", "easy", "random"):
        error = pt.solve(
            alpha_tot=load, keep_fraction=fraction, theta=theta, rule=rule
        ).error
        assert error == pytest.approx(float(diagram.triple_error[0]), rel=1e-7)
    assert set(diagram.boundary_kind.values) == {
        "hard/easy",
        "hard/random",
        "easy/random",
    }


def test_a_probe_at_right_angles_to_the_teacher_has_no_diagram():
    with pytest.raises(pt.InputError, match=r"89\.99 degrees: a probe at right angles"):
        pt.phase_diagram([1.0, 9.0], [0.1, 0.5], theta=np.deg2rad(89.99))
