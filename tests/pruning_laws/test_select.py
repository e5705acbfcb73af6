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
    assert "the hardest 30 % by mine nearly loses a class: 0 keeps 9 of 150" in warning
    option, value = warning.split("; ")[1].split()[:2]
    assert option == "--class-floor"
    mended = run(scores, "-f", "0.3", option, value)
    assert "warning" not in mended.stderr
    assert f"--class-floor {value}" in mended.stderr  # also of what to type next
    assert "warning" not in run(scores, "-f", "0.3", "--per-class").stderr
    assert "warning" not in run(scores, "-f", "0.3", "--rule", "random").stderr


def test_one_class_alone_is_no_loss(tmp_path):
    np.save(tmp_path / "one.npy", np.arange(50.0))
    assert "loses" not in run(tmp_path / "one.npy", "-f", "0.3").stderr
