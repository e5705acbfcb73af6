"""The linear probe: what it was tested on, by the names of the classes."""

import json

import numpy as np
import pytest
import tiny
from PIL import Image
from typer.testing import CliRunner

from perceptron_theory import InputError
from pruning_laws.app import app
from simulations.vision.networks import initialise, network
from simulations.vision.probe import linear_probe

COLOURS = {"ant": (60, 0, 0), "bee": (0, 120, 0), "cat": (0, 0, 200)}


def test_test_points_that_were_fitted_to_are_counted():
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    points = rng.normal(size=(40, 3)) + 4 * labels[:, None]
    found = linear_probe(points, labels, points + 1e-3, labels)
    assert found.seen == 0 and found.accuracy > 0.9
    mixed = np.concatenate([points[:7], rng.normal(size=(5, 3))])
    assert linear_probe(points, labels, mixed, labels[:12]).seen == 7


def _images(folder, classes, seed):
    rng = np.random.default_rng(seed)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for i in range(12):
            noise = rng.integers(0, 40, (16, 16, 3))
            pixels = (COLOURS[name] + noise).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")


@pytest.mark.slow
def test_embed_probes_by_name_and_on_other_images(tmp_path):
    net = network("tiny", classes=10)
    weights = initialise(net, (16, 16, 3), key=0)
    file = tiny.torch_file(tmp_path / "w.safetensors", weights)
    _images(tmp_path / "set" / "train", COLOURS, 0)
    _images(tmp_path / "set" / "test", ["bee", "cat"], 1)  # one class is not there

    def run(data, *args):
        start = ["embed", "--network", "tiny", "--weights", file, "--normalise", "half"]
        out = ["--resize", 16, "-o", tmp_path / "e.npy", "--overwrite", "--json"]
        words = [*start, *out, "--data", f"folder:{data}", *args]
        return CliRunner().invoke(app, [str(word) for word in words])

    done = run(tmp_path / "set", "--probe")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)["points"][0]
    assert found["accuracy"] == 1 and found["seen"] == 0
    assert "not a test on new images" not in done.stderr
    done = run(tmp_path / "set", "--probe", "--test-split", "train")
    assert "36 are among those that it was fitted to, so this is not a" in done.stderr
    (tmp_path / "e.npy").unlink()
    for data, args, says in (
        (tmp_path / "set/train", ["--probe"], "has no test set"),
        (tmp_path / "set", ["--probe", "--test-split", "tset"], "did you mean 'test'"),
        (tmp_path / "set", ["--test-split", "test"], "it is for --probe"),
    ):
        done = run(data, *args)
        assert done.exit_code == 2 and says in done.stderr
        assert not (tmp_path / "e.npy").exists()  # refused before any work


@pytest.mark.slow
def test_train_says_what_is_no_test(tmp_path):
    from simulations.vision.training import Recipe, write_recipe

    _images(tmp_path / "set" / "train", COLOURS, 0)
    changes = {"batch_size": 12, "fixed_epochs": 1, "image_size": 8, "scale": "half"}
    changes |= {"schedule_length": 1, "warmup": 0, "logits_epochs": []}
    recipe = Recipe(**(tiny.RECIPE | changes))
    write_recipe(tmp_path / "tiny.toml", recipe)

    def run(data, split):
        start = ["train", "--recipe", tmp_path / "tiny.toml", "-o", tmp_path / "run"]
        words = [*start, "--data", f"folder:{data}", "--test-split", split]
        return CliRunner().invoke(app, [str(word) for word in words])

    done = run(tmp_path / "set/train", "test")
    assert done.exit_code == 2 and "has no test set" in done.stderr
    assert not (tmp_path / "run").exists()
    done = run(tmp_path / "set", "train")
    assert done.exit_code == 0, done.stderr
    assert "the test set train is the training set itself" in done.stderr


def test_rows_beside_which_all_others_are_one_number_are_named():
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(2, 100, 5))
    labels, test_labels = (train[:, 0] > 0).astype(int), (test[:, 0] > 0).astype(int)
    assert linear_probe(train, labels, test, test_labels).accuracy > 0.8
    for rows in ([3], [3, 4, 5]):
        far = train.copy()
        far[rows, 1] = 1e12 * np.arange(len(rows), 0, -1)
        with pytest.raises(InputError, match=r"train\[3, 1\] is .* leave out that row"):
            linear_probe(far, labels, test, test_labels)
    rare = train.copy()
    rare[:, 1] = np.arange(100) == 3  # a feature of one example
    assert linear_probe(rare, labels, test, test_labels).accuracy > 0.8
