"""Sensitivity of prototypes to k: clusters that are known, and the command."""

import json
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from perceptron_theory import InputError
from pruning_laws.app import app
from simulations.vision.cluster_sensitivity import default_clusters, sensitivity
from simulations.vision.correlation import spearman
from simulations.vision.metrics import prototypes


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def blobs(groups=4, count=600):
    rng = np.random.default_rng(0)
    middles = 10 * np.eye(groups)[rng.integers(groups, size=count)]
    return (middles + rng.normal(size=(count, groups))).astype(np.float32)


@pytest.fixture(scope="module")
def found():
    return sensitivity(blobs(), [2, 4], reference=4, keep_fraction=0.3, seeds=3)


@pytest.mark.slow
def test_at_the_true_k_the_start_does_not_matter_and_k_does(found):
    at = found.sel(k=4)
    assert at["ceiling"] > 0.99 and at["overlap_ceiling"] > 0.95
    assert at["reference"] == at["ceiling"] and at["corrected"] == 1
    wrong = found.sel(k=2)
    assert wrong["reference"] < 0.9 * at["ceiling"]
    assert wrong["overlap"] < at["overlap_ceiling"] - 0.1
    table = found["correlation"].values
    np.testing.assert_allclose(table, table.T, atol=1e-12)
    np.testing.assert_allclose(np.diag(table), found["ceiling"])


@pytest.mark.slow
def test_correlations_are_means_over_pairs_of_other_seeds():
    import jax

    points = blobs()
    found = sensitivity(points, [2], reference=3, keep_fraction=0.3, seeds=2, seed=5)

    def scores(k, distance="cosine"):
        keys = jax.random.split(jax.random.fold_in(jax.random.key(5), k), 2)
        given = {"n_clusters": k, "distance": distance}
        return [prototypes(points, key=key, **given) for key in keys]

    a, b, far = scores(2), scores(3), scores(2, "euclidean")
    both = (spearman(a[0], b[1]) + spearman(a[1], b[0])) / 2
    assert float(found["reference"].sel(k=2)) == pytest.approx(both)
    assert float(found["ceiling"].sel(k=2)) == pytest.approx(spearman(*a))
    other = (spearman(a[0], far[1]) + spearman(a[1], far[0])) / 2
    assert float(found["distances"].sel(k=2)) == pytest.approx(other)
    top = [set(np.argsort(-one)[:180]) for one in (*a, *b)]
    shared = (len(top[0] & top[3]) + len(top[1] & top[2])) / 360
    assert float(found["overlap"].sel(k=2)) == pytest.approx(shared)


def test_nothing_is_corrected_by_runs_that_do_not_agree(monkeypatch):
    module = sys.modules["simulations.vision.cluster_sensitivity"]
    monkeypatch.setattr(module, "spearman", lambda one, two: -0.1)
    found = sensitivity(blobs(), [2], reference=3, keep_fraction=0.3, seeds=2, seed=5)
    assert np.isnan(found["corrected"]).all()


def test_the_default_is_two_decades_around_the_classes():
    assert default_clusters(10, 10**6) == [1, 2, 5, 10, 22, 46, 100]
    assert default_clusters(1000, 10**7)[::3] == [100, 1000, 10000]
    assert default_clusters(10, 30) == [1, 2, 5, 10, 22]


@pytest.mark.few(4)
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seeds": 1}, "give 2"),
        ({"clusters": [600]}, "600 clusters of 600 points"),
        ({"clusters": [0]}, "clusters must be a whole number"),
        ({"distance": "far"}, "unknown distance"),
        ({"keep_fraction": 2.0}, "keep_fraction must be in"),
    ],
)
def test_bad_input_is_refused(changes, words):
    given = {"clusters": [2], "reference": 2, "keep_fraction": 0.5, "seeds": 2}
    with pytest.raises(InputError, match=words):
        sensitivity(blobs(), **(given | changes))


@pytest.mark.slow
def test_the_command_prints_a_row_a_k(tmp_path):
    given = ["sensitivity", "--clusters", "3,6", "--seeds", 2, "--reference", 6]
    result = run(*given, "-o", tmp_path / "k.nc", "--json")
    assert result.exit_code == 0, result.stderr
    content = json.loads(result.stdout)
    assert [row["k"] for row in content["points"]] == [3, 6]
    assert len(content["k_other"]) == 4
    assert content["attrs"]["reference_k"] == 6 and (tmp_path / "k.nc").exists()
    np.save(tmp_path / "few.npy", np.ones((3, 2)))
    for args, words in (
        (["--embeddings", tmp_path / "few.npy"], "has shape (3, 2)"),
        (["--clusters", "3,x"], "must be whole numbers"),
    ):
        result = run("sensitivity", *args)
        assert result.exit_code == 2 and words in result.stderr
        assert result.stderr.count("\n") == 1
