"""The command ``select``: what it says beside the list that it writes."""

import csv

import numpy as np
import pytest
from typer.testing import CliRunner

from pruning_laws.app import app


def run(*args):
    done = CliRunner().invoke(app, ["select", *map(str, args)])
    assert done.exit_code == 0, done.stderr
    return done


@pytest.fixture
def scores(tmp_path):
    """150 examples of each of three classes; almost all of class 0 are easy."""
    labels = np.arange(450) % 3
    hard = np.where(labels == 0, -5.0, 0.0) + np.random.default_rng(0).random(450)
    hard[:27:3] += 6.0  # nine that are hard
    with open(tmp_path / "mine.csv", "w", newline="") as file:
        rows = zip(range(450), labels.tolist(), hard.tolist(), strict=True)
        csv.writer(file).writerows([("id", "label", "score"), *rows])
    return tmp_path / "mine.csv"


def test_a_class_that_nearly_vanishes_is_named_with_the_option_that_mends_it(scores):
    said = run(scores, "-f", "0.3").stderr
    warning = next(line for line in said.splitlines() if line.startswith("warning: "))
    assert (
        "the hardest 30 % by mine nearly loses a class: '0' keeps 9 of 150" in warning
    )
    option, value = warning.split("; ")[1].split()[:2]
    assert option == "--class-floor"
    mended = run(scores, "-f", "0.3", option, value)
    assert "warning" not in mended.stderr
    assert f"--class-floor {value}" in mended.stderr  # also of what to type next
    assert "warning" not in run(scores, "-f", "0.3", "--per-class").stderr
    assert "warning" not in run(scores, "-f", "0.3", "--rule", "random").stderr


@pytest.fixture
def wolves(tmp_path):
    """Data of 400 examples, of which the first of 80 wolves are the easiest."""
    names = np.repeat(["wolf", "dog", "cat"], (80, 160, 160))
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.normal(size=(400, 3)))
    np.save(tmp_path / "y.npy", names)
    hard = rng.random(400) - 5.0 * (names == "wolf")
    np.save(tmp_path / "none.npy", hard)
    hard[3] = 9.0
    np.save(tmp_path / "one.npy", hard)
    return tmp_path, f"arrays:{tmp_path}/x.npy,{tmp_path}/y.npy"


def test_a_class_is_named_that_keeps_one_of_eight_or_none(wolves):
    folder, data = wolves
    done = run(folder / "one.npy", "--data", data, "-f", "0.1")
    assert "nearly loses a class: 'wolf' keeps 1 of 80 examples" in done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["wolf", "1", "80"] in rows
    args = ["select", f"{folder}/none.npy", "--data", data, "-f", "0.1"]
    refused = CliRunner().invoke(app, args)
    assert refused.stderr.splitlines()[-1] == (
        "error: class 'wolf' (80 examples; 1 such class) keeps no example at -f 0.1: "
        "raise it, or add --class-floor 0.5 or --allow-empty-classes"
    )
    done = run(*args[1:], "--allow-empty-classes")
    assert "loses a class: 'wolf' keeps 0 of 80 examples; --class-floor" in done.stderr


def test_a_score_file_names_the_classes(wolves):
    folder, data = wolves
    file = folder / "p.parquet"
    scored = ["score", "supervised_prototypes", "--data", data, "-o", str(file)]
    assert CliRunner().invoke(app, scored).exit_code == 0
    said = run(file, "-f", "0.5").stdout
    assert all(name in said for name in ("wolf", "dog", "cat"))


def test_one_class_alone_is_no_loss(tmp_path):
    np.save(tmp_path / "one.npy", np.arange(50.0))
    assert "loses" not in run(tmp_path / "one.npy", "-f", "0.3").stderr


@pytest.mark.parametrize(
    "values, options, said",
    [
        (np.ones(40), (), "all 40 scores are equal: which 12 of them are the hardest"),
        (np.arange(40) // 20, (), "among 20 examples of the same score, 1: which 12"),
        (np.arange(40) // 20, ("--rule", "easy"), "of the same score, 0: which 12"),
        (-1.0 * (np.arange(40) // 20), (), "of the same score, 0: which 12"),
        (np.arange(40) // 20, ("--rule", "window:0.1"), "of the same score, 1"),
        (np.arange(40) // 20, ("--rule", "random"), None),  # it is meant to be random
        (np.arange(40) // 3, (), None),  # 12 are whole groups but for one
        (np.arange(40), (), None),
        (np.ones(40), ("-f", "1"), None),
    ],
)
def test_a_choice_among_equal_scores_is_said_to_be_chance(
    values, options, said, tmp_path
):
    np.save(tmp_path / "s.npy", np.asarray(values, float))
    err = run(tmp_path / "s.npy", "-f", "0.3", *options).stderr
    warned = [line for line in err.splitlines() if "decided by chance" in line]
    assert bool(warned) == (said is not None)
    if said is not None:
        assert said in warned[0] and warned[0].endswith("(--seed)")


def test_with_a_cut_in_each_class_ties_count_within_classes(tmp_path):
    with open(tmp_path / "s.csv", "w", newline="") as file:
        rows = [(i, i % 2, float(i // 2 < 10)) for i in range(80)]
        csv.writer(file).writerows([("id", "label", "score"), *rows])
    # ten of each class are hard, all of them are kept
    assert "chance" not in run(tmp_path / "s.csv", "-f", 0.25, "--per-class").stderr
    assert "chance" in run(tmp_path / "s.csv", "-f", 0.2, "--per-class").stderr
