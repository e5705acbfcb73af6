"""The commands past the paper: version space, best rule, advice."""

import csv
import importlib
import json

import numpy as np
import pytest
from typer.testing import CliRunner

import perceptron_theory as pt
from perceptron_theory.choices.advice import Advice, Choice
from pruning_laws.app import app

POINT = ["--alpha-prune", "1", "-f", "0.5"]


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def succeed(*args):
    result = run(*args)
    assert result.exit_code == 0, result.stderr
    return result


def points(*args):
    return json.loads(succeed(*args, "--json").stdout)["points"]


def test_information_holds_what_the_library_returns():
    (point,) = points("information", *POINT)
    solution = pt.solve(alpha_prune=1.0, keep_fraction=0.5, student="gibbs")
    names = ("self_overlap", "overlap", "error", "entropy", "information_gain")
    assert {k: point[k] for k in names} == {
        k: float(getattr(solution, k)) for k in names
    }
    # of the notes: solved independently, confirmed by Monte Carlo
    assert point["self_overlap"] == pytest.approx(0.5592, abs=5e-5)
    assert point["overlap"] == pytest.approx(0.3712, abs=5e-5)
    assert points("solve", *POINT, "--student", "gibbs")[0]["error"] == point["error"]


def test_information_as_table_and_file(tmp_path):
    (point,) = points("information", *POINT)
    assert f"{point['information_gain']:.6g}" in succeed("information", *POINT).stdout
    path = tmp_path / "a.csv"
    assert succeed("information", *POINT, "-o", path).stdout == ""
    with path.open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["entropy"]) == point["entropy"]


@pytest.mark.slow
def test_optimal_rule(tmp_path):
    path = tmp_path / "best.nc"
    args = ["optimal-rule", "--alpha-prune", 2, "--alpha-tot", 4]
    shown = json.loads(succeed(*args, "--json", "-o", path).stdout)
    (best,), (kept,) = shown["points"], shown["kept"]
    assert best["keep_fraction"] == 0.5
    assert best["error"] < best["easy_error"] == pytest.approx(0.117306, abs=5e-7)
    assert best["easy_error"] < best["hard_error"] == pytest.approx(0.136097, abs=5e-7)
    assert kept["quantile_to"] - kept["quantile_from"] == pytest.approx(0.5)
    again = json.loads(succeed("show", path, "--json").stdout)
    assert (again["points"], again["kept"]) == (shown["points"], shown["kept"])
    # the rule it found, put into solve
    window = shown["attrs"]["window"]
    (point,) = points("solve", "--alpha-prune", 2, "-f", 0.5, "--rule", window)
    assert point["error"] == pytest.approx(best["window_error"], rel=1e-12)


@pytest.fixture
def asked(monkeypatch):
    """What ``advise`` was called with; the answer is made up, quickly."""
    calls = []

    def advise(*, alpha_tot, theta, margin, max_alpha_prune, tolerance, **student):
        calls.append((alpha_tot, theta, margin, max_alpha_prune, tolerance, student))
        hard = Choice("hard", 0.3, 3.0, 0.07, 7.0, 7 / 3, 0.06, 0.08, 0.2)
        whole = Choice("random", 1.0, 10.0, 0.05, 10.0, 1.0, 0.05, 0.05, 0.0)
        budget = whole if max_alpha_prune is None else hard
        given = alpha_tot, theta, margin, max_alpha_prune
        return Advice(*given, whole, budget, 0.05, tolerance, hard)

    module = importlib.import_module("perceptron_theory.choices.advice")
    monkeypatch.setattr(module, "advise", advise)
    return calls


def test_advise_asks_what_it_was_asked(asked):
    succeed("advise", "--alpha-tot", 10, "--theta-degrees", 10)
    succeed("advise", "--alpha-tot", 10, "--max-alpha-prune", 3, "--tolerance", 0.1)
    loss = {"loss": "logistic", "ridge": "optimal", "flip_probability": 0.1}
    options = [f"--{name.replace('_', '-')}={value}" for name, value in loss.items()]
    succeed("advise", "--alpha-tot", 10, *options)
    plain = {"student": "max_margin"}
    assert asked == [
        (10.0, np.deg2rad(10), "absolute", None, 0.05, plain),
        (10.0, 0.0, "absolute", 3.0, 0.1, plain),
        (10.0, 0.0, "absolute", None, 0.05, plain | loss),
    ]


@pytest.mark.parametrize("name", ["a.nc", "a.csv"])
@pytest.mark.usefixtures("asked")
def test_advice_in_every_form(tmp_path, name):
    args = ["advise", "--alpha-tot", 10, "--max-alpha-prune", 3]
    text = succeed(*args).stdout
    assert "keep all" in text and "the hardest 30 %" in text and "fewest" in text
    shown = json.loads(succeed(*args, "--json", "-o", tmp_path / name).stdout)
    assert "keep all" in shown["attrs"]["advice"]
    rules = {row["choice"]: row["rule"] for row in shown["points"]}
    assert rules == {"best": "random", "within_budget": "hard", "fewest": "hard"}
    if name == "a.nc":
        again = json.loads(succeed("show", tmp_path / name, "--json").stdout)
        assert again["points"] == shown["points"]
    else:
        with (tmp_path / name).open() as file:
            assert [row["rule"] for row in csv.DictReader(file)] == list(rules.values())
    without = json.loads(succeed(*args[:3], "--json").stdout)
    assert [row["choice"] for row in without["points"]] == ["best", "fewest"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["information", *POINT, "--student", "max_margin"], "'bayes_point'"),
        (["information", *POINT, "--student", "gibs"], "did you mean 'gibbs'"),
        (["information", "-f", "0.5"], "--alpha-tot"),
        (["information", "--alpha-prune", "-1", "-f", "0.5"], "alpha_prune"),
        (["information", *POINT, "-o", "a.txt"], ".nc or .csv"),
        (["solve", *POINT, "--student", "bayes"], "did you mean 'bayes_point'"),
        (["optimal-rule", "--alpha-prune", "2"], "two of"),
        (["optimal-rule", "--alpha-prune", "2", "-f", "2"], "keep_fraction"),
        (["optimal-rule", "--alpha-prune", "two", "-f", "1"], "--alpha-prune"),
        (["optimal-rule", "--alpha-prune", "4", "--alpha-tot", "2"], "exceed"),
        (["optimal-rule", *POINT, "--theta-degrees", "0,10"], "takes one number"),
        (["optimal-rule", *POINT, "--margin", "singed"], "did you mean 'signed'"),
        (["advise"], "--alpha-tot"),
        (["advise", "--alpha-tot", "3", "--ridge", "0.1"], "give loss="),
        (["advise", "--alpha-tot", "3", "--loss", "hinge"], "needs a ridge"),
        (["solve", *POINT, "--loss", "hinge", "--ridge", "best"], "is not a number"),
        (["solve", *POINT, "--loss", "hinge", "--ridge", "optimal"], "optimal_ridge"),
        (["solve", *POINT, "--loss", "hing", "--ridge", "1"], "did you mean 'hinge'"),
        (["solve", *POINT, "--loss", "hinge", "--ridge", "-1"], "ridge must be"),
        (["advise", "--alpha-tot", "-3"], "alpha_tot"),
        (["advise", "--alpha-tot", "nan"], "NaN"),
        (["advise", "--alpha-tot", "3", "--theta", "30"], "degrees"),
        (["advise", "--alpha-tot", "3", "--max-alpha-prune", "0"], "max_alpha_prune"),
        (["advise", "--alpha-tot", "3", "--tolerance", "-1"], "tolerance"),
    ],
)
def test_bad_input(args, words):
    result = run(*args)
    assert result.exit_code == 2, result.stderr
    assert result.stdout == ""
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert words in result.stderr and "unexpected" not in result.stderr
