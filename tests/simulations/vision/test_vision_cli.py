"""score, correlate and select: the built-in digits, and bad input in one line."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from pruning_laws.app import app
from simulations.vision.data import load
from simulations.vision.score_files import read_scores

DIGITS = load("digits")


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def succeed(*args):
    result = run(*args)
    assert result.exit_code == 0, result.stderr
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("scores")
    succeed("score", "prototypes", "-o", path / "self.parquet", "--clusters", 10)
    succeed("score", "supervised_prototypes", "-o", path / "supervised.parquet")
    succeed("score", "random", "-o", path / "random.parquet", "--seed", 3)
    return path


@pytest.mark.slow
def test_scores_need_no_network_on_the_built_in_digits(folder):
    found = read_scores(folder / "supervised.parquet", DIGITS)
    unit = DIGITS.images.reshape(len(DIGITS), -1) / 255
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    means = np.stack([unit[DIGITS.labels == one].mean(0) for one in range(10)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    wanted = 1 - (unit * means[DIGITS.labels]).sum(1)
    np.testing.assert_allclose(found.scores, wanted, rtol=1e-4, atol=1e-6)
    assert found.recipe["computed_from"] == {"embeddings": "pixels"}


def test_scores_from_arrays(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "logits.npy", rng.normal(size=(2, len(DIGITS), 10)))
    out = tmp_path / "el2n.parquet"
    succeed("score", "el2n", "--logits", tmp_path / "logits.npy", "-o", out)
    found = read_scores(out, DIGITS)
    np.testing.assert_allclose(found.per_model.mean(0), found.scores)


def test_prototypes_with_and_without_labels_agree_and_random_does_not(folder):
    names = ("self", "supervised", "random")
    files = [folder / f"{name}.parquet" for name in names]
    content = json.loads(succeed("correlate", *files, "--json").stdout)
    found = {(row["metric"], row["other"]): row for row in content["points"]}
    alike = found["prototypes", "supervised_prototypes"]
    assert 0.4 < alike["lower"] < alike["correlation"] < alike["upper"] < 1
    chance = found["prototypes", "random"]
    assert chance["lower"] - 0.05 < 0 < chance["upper"] + 0.05
    assert found["random", "random"]["correlation"] == pytest.approx(1)


def test_select_writes_indices_and_ids_and_reports_classes(folder, tmp_path):
    args = ["select", folder / "self.parquet", "-f", "0.3", "--class-floor", "0.5"]
    content = json.loads(succeed(*args, "--json", "-o", tmp_path / "a.npy").stdout)
    kept = np.load(tmp_path / "a.npy")
    assert content["attrs"]["kept"] == len(kept) == round(0.3 * len(DIGITS))
    counts = np.bincount(DIGITS.labels[kept])
    assert [row["kept"] for row in content["points"]] == counts.tolist()
    succeed(*args, "-o", tmp_path / "a.txt", "--ids", "--data", "digits")
    names = (tmp_path / "a.txt").read_text().split()
    assert names == [DIGITS.ids[i] for i in kept]


@pytest.mark.parametrize("rule", ["stratified:0.1", "window:0.2", "mixture:0.5:easy"])
def test_select_takes_rules_with_parameters(folder, rule):
    args = ["select", folder / "self.parquet", "-f", "0.3", "--rule", rule]
    assert json.loads(succeed(*args, "--json").stdout)["attrs"]["kept"] == 431


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["select", "self.parquet", "-f", "0.002"], "keeps no example"),
        (["select", "self.parquet", "-f", "2"], "keep_fraction must be in"),
        (["select", "self.parquet", "-f", "0.3", "--rule", "hardest"], "did you mean"),
        (["select", "self.parquet", "-f", "0.3", "--rule", "window"], "incomplete"),
        (["select", "none.parquet", "-f", "0.3"], "does not exist"),
        (["select", "self.parquet", "-f", "0.3", "--split", "test", "--data", "digits"],
         "other examples"),
        (["select", "self.parquet", "-f", "0.3", "-o", "self.parquet"], "exists"),
        (["select", "self.parquet", "-f", "0.3", "-o", "kept.csv"], "go into .npy"),
        (["correlate", "self.parquet"], "two metrics or more"),
        (["score", "el2n", "-o", "a.parquet"], "el2n needs logits"),
        (["score", "elen", "-o", "a.parquet"], "did you mean 'el2n'"),
        (["score", "random", "-o", "random.parquet"], "exists"),
        (["score", "elen", "-o", "no/a.parquet"], "'no': no such folder"),
        (["score", "elen", "-o", "a.csv"], "must end in .parquet"),
        (["select", "none.parquet", "-f", "0.3", "-o", "no/a.npy"], "no such folder"),
        (["embed", "--run", "none", "-o", "no/a.npy"], "no such folder"),
        (["score", "random", "-o", "a.parquet", "--seed", 2**70], "seed >= 0 and <"),
        (["score", "el2n", "--logits", "nine.npy", "-o", "a.parquet"],
         "logits has 9 examples, digits train 1438"),
        (["score", "prototypes", "--embeddings", "nine.npy", "-o", "a.parquet"],
         "embeddings has 9 examples"),
        (["score", "ddd", "--correct", "arrays.npz", "-o", "a.parquet"], "no .npy"),
        (["score", "forgetting", "--correct", "wrong.npy", "--variant", "infinity",
          "-o", "a.parquet"], "1438 examples are infinite"),
        (["score", "random", "-o", "a.parquet", "--clusters", "3"], "has none"),
        (["score", "random", "-o", "a.parquet", "--data", "mnist"], "needs a path"),
        (["score", "el2n", "--logits", "self.parquet", "-o", "a.parquet"], "no .npy"),
        (["score", "prototypes", "--clusters", "2000", "-o", "a.parquet"],
         "2000 clusters of 1438"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(folder, monkeypatch, args, words):
    monkeypatch.chdir(folder)
    np.save("nine.npy", np.ones((9, 10)))
    np.save("wrong.npy", np.zeros((2, len(DIGITS)), bool))
    np.savez("arrays.npz", np.ones(3))
    result = run(*args)
    assert result.exit_code == 2, result.stderr
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert words in result.stderr and "unexpected" not in result.stderr
    assert not (folder / "a.parquet").exists() and not (folder / "kept.csv").exists()
