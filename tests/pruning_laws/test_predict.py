"""The command ``predict``, and ``advise`` on examples of one's own."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import perceptron_theory as pt
from pruning_laws.app import app

SQUARE = ("--loss", "square", "--ridge", "0.05")


def run(*args):
    return CliRunner().invoke(app, [*map(str, args)])


def refused(*args):
    result = run(*args)
    assert result.exit_code == 2, result.output
    lines = result.stderr.splitlines()
    assert lines[-1].startswith("error: ")
    return lines[-1]


@pytest.fixture
def files(tmp_path):
    """Clouds of three classes, with a constant column, and two score files by ids."""
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 3
    centres = 1.5 * rng.normal(size=(3, 4))
    points = centres[labels] + rng.normal(size=(400, 4)) * 1.3
    near = np.sort(((points[:, None] - centres) ** 2).sum(axis=2), axis=1)
    np.save(tmp_path / "x.npy", np.column_stack([points, np.ones(400)]))
    np.save(tmp_path / "y.npy", np.array(["ant", "bee", "cat"])[labels])
    score = near[:, 0] - near[:, 1]
    order = rng.permutation(400)  # matched by their ids
    rows = "".join(f"{i},{score[i]:.12g}\n" for i in order)
    (tmp_path / "margin.csv").write_text("id,score\n" + rows)
    np.save(tmp_path / "noise.npy", rng.normal(size=400))
    return tmp_path


def given(files):
    return "--features", files / "x.npy", "--labels", files / "y.npy"


def test_two_scores_are_ranked_and_written(files):
    args = (*given(files), "--score", files / "margin.csv", "--components", 4, *SQUARE)
    more = ("--score", files / "noise.npy", "-f", "50%", "--pool", "200,4000")
    out = [x for end in ("nc", "csv", "png") for x in ("-o", files / f"out.{end}")]
    result = run("predict", *args, *more, *out)
    assert result.exit_code == 0, result.output
    said = " ".join(result.stdout.split())
    assert said.startswith(
        "Square heads of 3 classes with ridge 0.05 on 4 features of x"
    )
    assert "Of a pool of 4,000: trained on all of it" in said
    assert "Scores by their best strategy: margin" in said
    assert "next: pruning-laws report" in result.stderr
    found = pt.load_dataset(files / "out.nc")
    assert list(found["score"].values) == ["margin", "noise"]
    x, y = np.load(files / "x.npy")[:, :4], np.load(files / "y.npy")
    table = np.loadtxt(files / "margin.csv", delimiter=",", skiprows=1)
    score = table[np.argsort(table[:, 0]), 1]
    law = pt.FieldLaw.from_data(x, y, score=score)
    known = pt.predict(law, 200, 0.5, "hard", loss="square", ridge=0.05)
    one = found.sel(score="margin", strategy="hard", keep_fraction=0.5, pool=200)
    assert float(one["error"]) == pytest.approx(known.error, rel=1e-6)
    head = (files / "out.csv").read_text().splitlines()
    assert head[0].startswith("score,strategy,keep_fraction,pool,error,standard_error")
    assert len(head) == 1 + 2 * 3 * 2
    assert (files / "out.png").read_bytes()[:4] == b"\x89PNG"


def test_a_probe_a_window_and_a_check_as_json(files):
    args = (*given(files), "--components", 4, *SQUARE, "--probe", 60, "--window", 0.2)
    more = ("--strategies", "hard", "-f", 0.5, "--pool", 150, "--check", "--repeats", 5)
    result = run("predict", *args, *more, "--margin", "signed", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    rows = {row["strategy"]: row for row in found["points"]}
    assert set(rows) == {"hard", "window:0.2", "random"}
    for row in rows.values():
        assert 0 < row["measured"] < 0.6 and row["measured_error"] > 0
        z = (row["measured"] - row["error"]) / row["measured_error"]
        assert row["z"] == pytest.approx(z)
    assert found["attrs"]["examples"] == 340
    assert found["attrs"]["margin"] == "signed"
    assert found["attrs"]["answer"].splitlines()[-1].startswith("Checked by heads")


def test_without_a_score_there_is_random_pruning_only(files):
    args = (*given(files), "--components", 4, *SQUARE, "-f", 0.5)
    result = run("predict", *args, "--pool", 200)
    assert result.exit_code == 0, result.output
    assert "only random pruning is predicted" in result.stderr
    assert "Keep a random 50 % (100)" in " ".join(result.stdout.split())


def test_advise_on_examples_of_ones_own(files):
    args = (*given(files), "--components", 4, "--score", files / "margin.csv")
    result = run("advise", *args, *SQUARE)
    assert result.exit_code == 0, result.output
    said = " ".join(result.stdout.split())
    assert said.startswith("Of a pool of 400: trained on all of it, heads are wrong on")
    assert "Keep " in said
    assert "next: pruning-laws predict" in result.stderr


@pytest.mark.parametrize(
    "args, why",
    [
        (("-f", "0.5"), "give --features and --labels, or --data"),
        (("-f", "0.5", "--labels", "y"), "it goes with --features"),
        (("-f", "0.5", "--features", "x"), "add their --labels"),
        (("-f", "half", "X"), "'half' is not a number"),
        (("-f", "30", "X", "--probe", "60"), "for 30 % write 0.3"),
        (("-f", "0.5", "X", "--pool", "10.5"), "10.5 is not a whole number"),
        (("-f", "0.5", "X", "--strategies", "hrad"), "did you mean 'hard'"),
        (("-f", "0.5", "X", "--strategies", "window"), "write window:LOWER"),
        (("-f", "0.5", "X", "--strategies", "easy"), "easy need a score"),
        (("-f", "0.5", "X", "--probe", "60", "--margin", "sign"), "did you mean"),
        (("-f", "0.5", "X", "--loss", "hinge"), "3"),
        (("-f", "0.5", "X", "--score", "gone.npy"), "gone.npy"),
        (("-f", "0.5", "X", "--components", "5"), "vary in 4 directions"),
        (("-f", "0.5", "X", "--check", "--pool", "500"), "at most 360, got 500"),
        (("-f", "0.5", "X", "-o", "a.txt"), "must end in"),
    ],
)
def test_bad_input_is_one_line(args, why, files):
    for word in args:
        if word == "X":
            x = (
                *given(files),
                *([] if "--components" in args else ("--components", 4)),
            )
            args = [*(one for one in args if one != "X"), *x]
            if "--loss" not in args:
                args += ["--loss", "square"]
            break
    assert why in refused("predict", *args)


def test_constant_columns_and_foreign_scores_are_refused(files):
    line = refused("predict", *given(files), "-f", 0.5, "--probe", 60)
    assert "constant column" in line and "principal components" in line
    np.save(files / "short.npy", np.zeros(399))
    args = (*given(files), "--components", 4, "--score", files / "short.npy")
    assert "399 scores" in refused("predict", *args, "-f", 0.5)


@pytest.mark.parametrize(
    "args, why",
    [
        ((), "is missing; or give --features and --labels"),
        (("X", "--alpha-tot", "3"), "leave it and the angle out"),
        (("X",), "give a score file, or --probe N"),
        (("X", "--probe", "60", "--loss", "square", "--ridge", "optimal"), "a number"),
    ],
)
def test_bad_advice(args, why, files):
    args = [one for word in args for one in (given(files) if word == "X" else [word])]
    assert why in refused("advise", *args)
