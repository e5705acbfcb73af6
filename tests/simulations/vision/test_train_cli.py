"""train: from the digits to scores, a selection, and training on what it keeps."""

import numpy as np
import pytest
import tiny
from typer.testing import CliRunner

from pruning_laws.app import app
from simulations.vision.score_files import read_scores
from simulations.vision.training import write_recipe


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    """train, score, select, and train on what was kept."""
    folder = tmp_path_factory.mktemp("tour")
    write_recipe(folder / "tiny.toml", tiny.plan().recipe)
    train = ["train", "--recipe", folder / "tiny.toml"]
    budget = ["--fixed-epochs", 3]
    logits, correct = folder / "run" / "logits.npy", folder / "run" / "correct.npy"
    pruned = ["--fixed-steps", 7, "--keep", folder / "kept.txt"]
    for output, args in {
        "run": [*train, *budget],
        "el2n.parquet": ["score", "el2n", "--logits", logits],
        "forgetting.parquet": ["score", "forgetting", "--correct", correct],
        "kept.txt": ["select", folder / "el2n.parquet", "-f", 0.25, "--ids"],
        "pruned": [*train, *pruned],
    }.items():
        result = run(*args, "-o", folder / output)
        assert result.exit_code == 0, result.stderr
    return folder


@pytest.mark.slow
def test_hard_examples_are_those_that_are_wrong(tour):
    el2n = read_scores(tour / "el2n.parquet", tiny.TRAIN).scores
    right = np.load(tour / "run" / "logits.npy").argmax(1) == tiny.TRAIN.labels
    assert el2n[~right].min() > np.median(el2n)
    forgotten = read_scores(tour / "forgetting.parquet", tiny.TRAIN).scores
    assert np.corrcoef(el2n, forgotten)[0, 1] > 0.2


@pytest.mark.slow
def test_the_pruned_run_is_of_what_was_kept(tour):
    kept = (tour / "kept.txt").read_text().split()
    member = np.load(tour / "pruned" / "member.npy")
    assert {tiny.TRAIN.ids[i] for i in np.flatnonzero(member)} == set(kept)
    lines = (tour / "pruned" / "metrics.csv").read_text().splitlines()
    assert lines[-1].startswith("2,7,")  # epochs of 5 steps


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--fixed-epochs", 3, "--fixed-steps", 7], "both of fixed_epochs and"),
        (["--recipe", "none.toml"], "is not a readable recipe"),
        (["--keep", "tiny.toml"], "must be a .txt file with one id per line"),
        (["--keep", "indices.txt"], "These are indices: `pruning-laws select`"),
        (["--keep", "indices.npy"], "a .npy file holds indices"),
        (["--keep", "none.txt"], "none.txt"),
        (["--keep", "bytes.txt"], "is not text"),
        (["--device", "abacus"], "device must be one of"),
        (["-o", "filled"], "holds something else"),
    ],
)
def test_bad_input_is_one_line(tour, monkeypatch, args, words):
    monkeypatch.chdir(tour)
    (tour / "indices.txt").write_text("3\n17\n")
    (tour / "bytes.txt").write_bytes(b"\xff\xfe")
    (tour / "filled").mkdir(exist_ok=True)
    (tour / "filled" / "thesis.txt").write_text("mine")
    result = run("train", "-o", "new", "--recipe", "tiny.toml", *args)
    assert result.exit_code == 2, result.stderr
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert words in result.stderr and not (tour / "new").exists()
