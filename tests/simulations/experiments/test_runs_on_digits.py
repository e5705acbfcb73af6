"""Experiments on the built-in digits: rows, resuming, tables somebody changed."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from typer.testing import CliRunner

from perceptron_theory import ConvergenceError, InputError
from pruning_laws.app import app
from simulations.experiments import (
    Cell,
    Experiment,
    cells_of,
    experiment_names,
    forecast,
    read_experiment,
    read_table,
    run_experiment,
)
from simulations.experiments import runner as runners
from simulations.experiments.learner import run_cell
from simulations.experiments.sources import Source, learner_of

LOGISTIC = Experiment(
    name="tiny",
    learner="logistic",
    sizes=(60, 120),
    keep_fractions=(0.5,),
    metrics=("probe:50",),
    seeds=3,
)
TEACHER = Experiment(
    name="tiny",
    learner="max_margin",
    sizes=(60, 240),
    keep_fractions=(0.5,),
    metrics=("theta:0", "theta:40"),
    seeds=3,
    positive=("0", "1", "2", "3", "4"),
)
DIGITS = Source("digits")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("experiment") / "logistic"
    run_experiment(LOGISTIC, DIGITS, folder)
    return folder


def test_every_run_has_a_row_random_and_unpruned_among_them(finished):
    table = read_table(finished)
    cells = cells_of(LOGISTIC)
    assert len(table) == len(cells) == 3 * 2 * (1 + 1 + 2)
    assert set(table["strategy"]) == {"hard", "easy", "random", "unpruned"}
    assert (table["kept"] == (table["size"] * table["keep_fraction"]).round()).all()
    assert table["error"].between(0, 1).all() and (table["tested"] == 359).all()
    expected = np.sqrt(table["error"] * (1 - table["error"]) / 359)
    np.testing.assert_allclose(table["standard_error"], expected, rtol=1e-12)
    # more data are better, on the average over all that was run
    means = table.groupby("size")["error"].mean()
    assert means[120] < means[60]


def test_pools_probes_and_validation_are_disjoint_and_nested():
    learner = learner_of(DIGITS, LOGISTIC)
    small, large = (set(learner.pool(size, 1)) for size in (60, 120))
    assert small < large and len(large) == 120
    order = learner.features.order(1)
    assert not large & set(order[: learner._validation + 50])
    assert set(learner.pool(60, 2)) != small


def test_a_head_is_the_minimum_of_its_loss():
    from simulations.experiments.logistic_head import fitted

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(80, 3)), rng.integers(3, size=80)
    weights, _ = fitted(x, y, 4, 0.5)

    def loss(flat):
        w = flat.reshape(4, 3)
        logits = x @ w[:3] + w[3]
        top = logits.max(1, keepdims=True)
        norm = top[:, 0] + np.log(np.exp(logits - top).sum(1))
        return (norm - logits[np.arange(80), y]).sum() + 0.25 * (w[:3] ** 2).sum()

    found = minimize(loss, np.zeros(12), tol=1e-9).x.reshape(4, 3)
    np.testing.assert_allclose(weights[:3, :3], found[:3], atol=1e-5)
    assert weights[3, 3] < -1e5  # a class without examples is never the answer


@pytest.mark.parametrize("ridge", [1.0, 1e-3])
def test_a_head_of_separable_examples_is_the_minimum_too(ridge):
    """There little loss is left long before the head has its direction."""
    from sklearn.linear_model import LogisticRegression

    from simulations.experiments.logistic_head import fitted

    rng = np.random.default_rng(0)
    x, others = rng.normal(size=(2, 90, 30))
    y = (x @ rng.normal(size=(30, 4))).argmax(1)
    weights, _ = fitted(x, y, 4, ridge)
    newton = LogisticRegression(C=1 / ridge, solver="newton-cholesky", tol=1e-12)
    expected = newton.fit(x, y).decision_function(others)
    logits = others @ weights[:-1] + weights[-1]
    size = np.abs(expected).max()
    np.testing.assert_allclose(
        logits - logits.mean(1, keepdims=True),
        expected - expected.mean(1, keepdims=True),
        atol=3e-4 * size,
    )
    assert (newton.predict(x) == y).all()


def test_the_teacher_student_on_real_inputs():
    learner = learner_of(DIGITS, TEACHER)
    x, _ = learner.features.whitened
    np.testing.assert_allclose(np.cov(x.T), np.eye(x.shape[1]), atol=1e-8)
    probe = learner.probe(np.deg2rad(40), 0)
    assert probe @ learner.teacher == pytest.approx(np.cos(np.deg2rad(40)))
    assert np.linalg.norm(probe) == pytest.approx(1)
    # what separates a few examples by the largest margin, by another method
    rows = learner.pool(60, 0)[:20]
    signed = x[rows] * np.sign(x[rows] @ learner.teacher)[:, None]
    dual = minimize(
        lambda a: ((a @ signed) ** 2).sum() / 2 - a.sum(),
        np.ones(20),
        jac=lambda a: signed @ (a @ signed) - 1,
        bounds=[(0, None)] * 20,
        options={"ftol": 1e-15, "gtol": 1e-10},
    )
    w = dual.x @ signed
    from simulations.perceptron import max_margin

    student = np.asarray(max_margin(np.resize(signed, (32, x.shape[1]))).weights)
    assert student @ w / np.linalg.norm(w) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_with_a_perfect_probe_hard_examples_are_kept_next_to_the_boundary():
    learner = learner_of(DIGITS, TEACHER)
    rows = learner.pool(240, 0)
    margins = np.abs(learner.features.whitened[0][rows] @ learner.teacher)
    hard = learner.difficulty("theta:0", rows, 0)
    np.testing.assert_allclose(hard, -margins)
    row = run_cell(learner, Cell(240, 1.0, "unpruned", "none", 0))
    assert row["tested"] == 359 + 1438 - 240
    assert 0 < row["error"] < 0.3


def test_a_run_goes_on_where_it_stopped_and_with_other_seeds(finished, tmp_path):
    folder = tmp_path / "again"
    shutil.copytree(finished, folder)
    before = read_table(folder)
    gone = sorted((folder / "cells").iterdir())[:3]
    for path in gone:
        path.unlink()
    made = []
    run_experiment(
        LOGISTIC, DIGITS, folder, on_cell=lambda cell, left: made.append(cell)
    )
    assert len(made) == 1 + 3  # None first
    after = read_table(folder)
    same = [name for name in before if name not in ("seconds", "checksum")]
    assert after[same].equals(before[same])
    other = Experiment(**{**LOGISTIC.as_dict(), "metrics": ("probe:40",)})
    with pytest.raises(InputError, match="holds the results of other data"):
        # the pool begins after the largest probe
        run_experiment(other, DIGITS, folder)


@pytest.mark.slow
def test_a_run_that_keeps_failing_does_not_stop_the_others(tmp_path, monkeypatch):
    real = runners.run_cell
    calls = []

    def fragile(learner, cell, **how):
        calls.append(cell)
        if cell.strategy == "easy":
            raise OSError("no memory")
        return real(learner, cell, **how)

    monkeypatch.setattr(runners, "run_cell", fragile)
    with pytest.raises(ConvergenceError, match=r"6 of 24 runs failed.*OSError"):
        run_experiment(LOGISTIC, DIGITS, tmp_path / "x")
    assert len([c for c in calls if c.strategy == "easy"]) == 6 * 3  # two retries
    assert len(read_table(tmp_path / "x")) == 18


def test_the_table_alone_is_gone_on_from(finished, tmp_path):
    """Such as one of another machine, or one that was committed half made."""
    folder = tmp_path / "later"
    folder.mkdir()
    lines = (finished / "results.csv").read_text().splitlines()
    (folder / "results.csv").write_text("\n".join(lines[:-5]))
    assert forecast(LOGISTIC, DIGITS, folder)[0] == 5
    assert sorted(path.name for path in folder.iterdir()) == ["results.csv"]
    made = []
    run_experiment(LOGISTIC, DIGITS, folder, on_cell=lambda cell, _: made.append(cell))
    assert len(made) == 1 + 5
    for name in ("kept_by_class", "error", "setting"):
        assert (read_table(folder)[name] == read_table(finished)[name]).all()
    # rows that the experiment has no more stay
    (folder / "results.csv").write_text("\n".join(lines))
    shutil.rmtree(folder / "cells")
    few = replace(LOGISTIC, sizes=(60,))
    assert len(run_experiment(few, DIGITS, folder)) == len(cells_of(few))
    assert len(list((folder / "cells").iterdir())) == len(lines) - 1


def test_a_table_of_something_else_is_not_gone_on_from(finished, tmp_path):
    (tmp_path / "results.csv").write_text((finished / "results.csv").read_text())
    with pytest.raises(InputError, match=r"results.csv: 60-.* is of another experi"):
        run_experiment(TEACHER, DIGITS, tmp_path)
    (tmp_path / "results.csv").write_text("size\n1\n")
    with pytest.raises(InputError, match="is not a table of results"):
        run_experiment(LOGISTIC, DIGITS, tmp_path)


def test_tables_that_were_edited_or_mixed_are_refused(finished, tmp_path):
    lines = (finished / "results.csv").read_text().splitlines()
    names = lines[0].split(",")
    error = names.index("error")
    cells = lines[3].split(",")
    cells[error] = "0.01"
    bad = tmp_path / "edited.csv"
    bad.write_text("\n".join([*lines[:3], ",".join(cells), *lines[4:]]))
    with pytest.raises(
        InputError, match=r"line 4: the row does not match its checksum"
    ):
        read_table(bad)
    bad.write_text("\n".join([*lines, lines[1]]))
    with pytest.raises(InputError, match="has a run twice"):
        read_table(bad)
    bad.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="not a table of results"):
        read_table(bad)
    folder = tmp_path / "damaged"
    shutil.copytree(finished, folder)
    one = next((folder / "cells").iterdir())
    row = json.loads(one.read_text())
    one.write_text(json.dumps(row | {"error": 0.5}))
    with pytest.raises(InputError, match="does not match its checksum"):
        run_experiment(LOGISTIC, DIGITS, folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seeds": 2}, "seeds must be at least 3"),
        ({"sizes": ()}, "sizes must be given"),
        ({"keep_fractions": (1.0,)}, "inside"),
        ({"metrics": ("theta:10",)}, "metrics of logistic are probe:NUMBER"),
        ({"metrics": ("a/b",)}, "or names of score files"),
        ({"fixed_steps": 100}, "fixed_steps and pool_steps at most"),
        ({"recipe": "digits_resnet8"}, "recipe is for the learner network"),
        ({"learner": "svm"}, "unknown learner 'svm'"),
        ({"positive": ("0",)}, "max_margin"),
    ],
)
def test_bad_experiments_are_refused(change, said):
    with pytest.raises(InputError, match=said):
        Experiment(**{**LOGISTIC.as_dict(), **change})


def test_shipped_experiments_are_whole():
    for name in experiment_names():
        assert cells_of(read_experiment(name))
    with pytest.raises(InputError, match="unknown experiment"):
        read_experiment("cifar")


def _run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


@pytest.mark.slow
def test_commands(finished, tmp_path):
    planned = _run("experiment", "digits_logistic", "-o", tmp_path / "a", "--plan")
    assert planned.exit_code == 0 and "168 runs of logistic" in planned.stderr
    assert not (tmp_path / "a").exists()
    args = ("laws", finished, "--model", "power", "--resamples", 10, "--json")
    found = _run(*args)  # three seeds: the envelope has too few
    assert found.exit_code == 0 and "fewer than 6 seeds" in found.stderr
    assert json.loads(found.stdout)["attrs"]["kept_stands_for"] == "kept"
    assert "envelope" not in found.stdout
    wrong = _run("laws", tmp_path / "none.csv")
    assert wrong.exit_code == 2 and "not a table of results" in wrong.stderr
    assert _run("experiment", "digits_logistic", "-o", __file__).exit_code == 2
