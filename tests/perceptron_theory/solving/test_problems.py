"""Points that were not solved go into files that repeat them."""

import json
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import pytest

import perceptron_theory as pt
from perceptron_theory.solving.problems import problem_of
from pruning_laws.app import app


@dataclass(frozen=True)
class Rootless(pt.Student):
    """Its equation x^2 + 1 = 0 has no solution."""

    shift: float = 1.0

    unknowns = 1

    def guess(self, problem, mode):
        return jnp.ones(1)

    def equations(self, x, problem, mode):
        return x * x + self.shift

    def direction(self, value):
        return pt.Direction(value[0], 0.0 * value[0])


@pytest.fixture
def failure():
    with pytest.raises(pt.ConvergenceError) as raised:
        pt.solve(
            alpha_prune=[2.0, 3.0],
            keep_fraction=0.5,
            theta=0.1,
            rule=pt.Window(0.25),
            student=Rootless(),
        )
    return raised.value


def test_an_error_of_solve_carries_its_first_point(failure):
    assert "alpha_prune = 2" in str(failure)
    assert failure.problem["point"] == {
        "alpha_prune": 2.0,
        "keep_fraction": 0.5,
        "theta": 0.1,
    }
    assert failure.problem["rule"] == {"class": "Window", "lower": 0.25}
    assert set(failure.problem["versions"]) >= {"pruning-laws", "jax", "python"}


def test_a_student_of_somebodys_own_is_shown_and_not_repeated(failure, tmp_path):
    path = tmp_path / "problem.json"
    pt.save_problem(failure, path)
    assert "Rootless" in json.loads(path.read_text())["student"]["shown"]
    with pytest.raises(pt.InputError, match="somebody's own"):
        pt.load_problem(path)
    with pytest.raises(pt.InputError, match="exists"):
        pt.save_problem(failure, path)


@pytest.mark.parametrize(
    "student", ["max_margin", "gibbs", pt.Convex("square", 0.3, 0.1)], ids=str
)
@pytest.mark.parametrize(
    "rule",
    [pt.Mixture(0.3, "easy"), pt.Intervals((0.2, 0.8), (1.0,)), pt.Random()],
    ids=str,
)
def test_a_file_repeats_the_very_point(failure, tmp_path, student, rule):
    from perceptron_theory.solving.problems import problem_of

    where = {"alpha_tot": 6.0, "keep_fraction": 0.25, "theta": 0.2}
    how = {"rule": rule, "student": pt.resolve_student(student), "margin": "signed"}
    failure.problem = problem_of(where, **how)
    path = tmp_path / "problem.json"
    pt.save_problem(failure, path)
    again = pt.load_problem(path)
    assert {name: again[name] for name in where} == where
    assert again["rule"] == rule and again["margin"] == "signed"
    assert again["student"].name == pt.resolve_student(student).name


def test_the_command_line_offers_and_repeats(failure, tmp_path, monkeypatch, capsys):
    from perceptron_theory.solving.problems import problem_of

    where = {"alpha_prune": 3.0, "keep_fraction": 0.1, "theta": 0.0}
    how = {"rule": pt.Hard(), "student": pt.resolve_student("max_margin")}
    failure.problem = problem_of(where, margin="absolute", **how)

    def fail(**_):
        raise failure

    path = tmp_path / "problem.json"
    given = ["solve", "--alpha-prune", "3", "-f", "0.1"]
    with monkeypatch.context() as patch:
        patch.setattr(pt, "solve", fail)
        for arguments, words in (
            (given, "--save-problem FILE"),
            ([*given, "--save-problem", str(path)], "--problem"),
        ):
            with pytest.raises(SystemExit) as ended:
                app(arguments)
            assert ended.value.code == 1
            assert words in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        app(["solve", "--problem", str(path), "--json"])
    assert ended.value.code == 0
    point = json.loads(capsys.readouterr().out)["points"][0]
    assert np.isclose(point["error"], 0.0175676440, rtol=1e-8)


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"format": "pruning-laws problem"}', "\0"]
)
def test_what_is_no_problem_file_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "problem.json"
    path.write_text(text)
    with pytest.raises(pt.InputError, match="not a problem file") as refused:
        pt.load_problem(path)
    assert "\n" not in str(refused.value)
    with pytest.raises(pt.InputError, match="not a problem file"):
        pt.load_problem(tmp_path / "missing.json")


def test_a_loss_of_ones_own_that_is_called_like_ours_is_not_taken_for_it(tmp_path):
    def hinge(margin):
        return jnp.maximum(1.0 - margin, 0.0) ** 2

    for loss, words in (hinge, "shown"), ("hinge", "class"):
        student = pt.Convex(loss, ridge=0.1)
        problem = problem_of(
            {"theta": 0.0}, rule=pt.Hard(), student=student, margin="absolute"
        )
        assert words in problem["student"]


def test_lists_are_arrays_for_the_numbers_of_students_too():
    found = pt.solve_convex(
        alpha_prune=2.0, keep_fraction=0.5, loss="square", ridge=[0.1, 0.2]
    )
    for error, ridge in zip(found.error, (0.1, 0.2), strict=True):
        one = pt.solve_convex(
            alpha_prune=2.0, keep_fraction=0.5, loss="square", ridge=ridge
        )
        np.testing.assert_allclose(error, one.error, rtol=1e-14)
