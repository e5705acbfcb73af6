"""The command ``compare``: a question about one's own data, answered in sentences."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from pruning_laws.app import app
from pruning_laws.commands.compare import _seconds
from simulations.experiments.comparison import Question


@pytest.fixture(autouse=True)
def few_runs(monkeypatch):
    stages = Question.stages
    monkeypatch.setattr(Question, "stages", lambda self: stages(self)[:1])


def run(*args):
    return CliRunner().invoke(app, ["compare", *map(str, args)])


def refused(*args):
    result = run(*args)
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert lines[-1].startswith("error: ")
    return lines[-1]


@pytest.fixture
def arrays(tmp_path):
    """Embeddings of two classes, without a test set; class 1 is all hard."""
    rng = np.random.default_rng(0)
    labels = np.arange(160) % 2
    points = rng.normal(size=(160, 3)) + 1.5 * labels[:, None]
    np.save(tmp_path / "x.npy", points.astype(np.float32))
    np.save(tmp_path / "y.npy", np.array(["cat", "dog"])[labels])
    return f"arrays:{tmp_path}/x.npy,{tmp_path}/y.npy"


def test_embeddings_without_a_test_set(arrays, tmp_path):
    out = tmp_path / "out"
    args = ("--data", arrays, "-f", "50%", "--metrics", "el2n", "--seeds", 3)
    result = run(*args, "-o", out, "-o", tmp_path / "mine.png", "--title", "Mine")
    assert result.exit_code == 0, result.stderr
    said = result.stdout.splitlines()
    assert said[0] == (
        "x has no test set: 32 of its 160 examples were held out to test on."
    )
    assert said[1].startswith(
        "Trained on 115 of the 160 examples of x (the others are left out to test on "
        "and to choose the ridge), linear heads are wrong"
    )
    assert "keep" in said[-1].lower() and "50 %" in said[-1]
    assert (
        said[: len(said)] == (out / "answer.txt").read_text().splitlines()[: len(said)]
    )
    assert len((out / "keep.txt").read_text().split()) == 80
    pictures = out / "comparison.png", tmp_path / "mine.png"
    assert [one.read_bytes()[:4] for one in pictures] == [b"\x89PNG"] * 2
    assert not list(out.glob("gallery*"))
    again = run(*args, "-o", out, "--json")
    found = json.loads(again.stdout)
    assert {row["strategy"] for row in found["points"]} >= {"hard", "easy", "middle"}
    assert found["attrs"]["keep_fraction"] == 0.5
    assert "another comparison" in refused(*args[:3], "0.3", *args[4:], "-o", out)


@pytest.mark.slow
def test_a_folder_of_images_of_several_sizes(tmp_path):
    rng = np.random.default_rng(0)
    for label, name in enumerate(("cat", "dog")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(30):
            wide, high = rng.integers(9, 60, 2)
            pixels = rng.integers(0, 160, (high, wide, 3)) + 60 * label
            picture = Image.fromarray(pixels.astype(np.uint8))
            picture.save(tmp_path / f"photos/{name}/{i}.png")
    out = tmp_path / "out"
    args = ("--data", f"folder:{tmp_path}/photos", "-f", 0.5, "--model", "linear")
    result = run(*args, "--resize", 8, "-o", out)
    assert result.exit_code == 0, result.stderr
    assert {"gallery_el2n.png", "gallery_prototypes.png"} < {
        one.name for one in out.iterdir()
    }
    assert "warning: linear heads on raw pixels" in result.stderr
    # of the scores without the held-out part, too
    gallery = ["gallery", f"{out}/scores/el2n.parquet", "-o", f"{tmp_path}/g.png"]
    shown = CliRunner().invoke(app, [*gallery, "--data", f"folder:{tmp_path}/photos"])
    assert shown.exit_code == 0, shown.stderr
    assert "12 of the 60 images of photos have no score" in shown.stderr


@pytest.mark.parametrize(
    "args, why",
    [
        (("-f", "half"), "'half' is not a number"),
        (("-f", "30"), "for 30 % give 0.3"),
        (("-f", "1"), "must be inside (0, 1)"),
        (("-f", "0.3", "--budget", "soon"), "write 90s, 10min or 2h"),
        (("-f", "0.3", "--budget", "0s"), "positive seconds"),
        (("-f", "0.3", "--metrics", "el2m"), "did you mean 'el2n'"),
        (("-f", "0.3", "--seeds", "1"), "3 or more"),
        (("-f", "0.3", "--features", "a.npy"), "--test-features"),
        (("-f", "0.3", "--test-features", "a.npy"), "go with --features"),
        (("-f", "0.3", "--data", "folder:/nowhere"), "/nowhere"),
        (("-f", "0.3", "--model", "resnet9"), "'resnet9' is not a model I know"),
        (
            ("-f", "0.3", "--metrics", "gone.parquet", "--model", "linear"),
            "gone.parquet",
        ),
    ],
)
def test_bad_input_is_one_line(args, why, tmp_path):
    assert why in refused(*args, "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_one_example_of_each_class_is_too_little(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (9, 9)).save(tmp_path / f"photos/{name}/1.png")
    line = refused(
        "--data", f"folder:{tmp_path}/photos", "-f", 0.5, "-o", tmp_path / "o"
    )
    assert "has one example of each class" in line
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("train, test", [(100, 359), (1438, 358), (1439, 359)])
def test_features_of_other_examples_are_refused_before_anything_is_written(
    train, test, tmp_path
):
    rng = np.random.default_rng(0)
    for name, count in (("train", train), ("test", test)):
        np.save(tmp_path / f"{name}.npy", rng.normal(size=(count, 3)))
    files = "--features", tmp_path / "train.npy", "--test-features"
    out = tmp_path / "out"
    line = refused("-f", 0.3, *files, tmp_path / "test.npy", "-o", out)
    wrong, count = ("train", train) if train != 1438 else ("test", test)
    assert f"{wrong}.npy has {count} rows" in line
    assert "give one row per example" in line
    assert not out.exists()


def test_features_are_held_out_with_their_examples(arrays, tmp_path):
    """Of data without a test set: the same as these features as the data."""
    rng = np.random.default_rng(1)
    labels = np.arange(160) % 2
    mine = rng.normal(size=(160, 4)) + labels[:, None]
    np.save(tmp_path / "mine.npy", mine)
    args = "-f", 0.5, "--metrics", "el2n", "--seeds", 3, "--json"
    features = "--features", tmp_path / "mine.npy"
    one = run(*args, "--data", arrays, *features, "-o", tmp_path / "one")
    assert one.exit_code == 0, one.stderr
    same = f"arrays:{tmp_path}/mine.npy,{tmp_path}/y.npy"
    other = run(*args, "--data", same, "-o", tmp_path / "other")
    points = [json.loads(found.stdout)["points"] for found in (one, other)]
    assert points[0] == points[1]
    said = (tmp_path / "one" / "answer.txt").read_text()
    assert "x has no test set: 32 of its 160 examples were held out" in said
    line = refused(
        *args, "--data", arrays, *features, "--test-features", features[1], "-o", "no"
    )
    assert "x has no test set: leave out the test features" in line


def test_one_class_is_nothing_to_tell_apart(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(40, 3)))
    np.save(tmp_path / "y.npy", np.full(40, "cat"))
    data = f"arrays:{tmp_path}/x.npy,{tmp_path}/y.npy"
    line = refused("--data", data, "-f", 0.5, "-o", tmp_path / "out")
    assert "all 40 examples of x are of one class, 'cat'" in line
    assert not (tmp_path / "out").exists()


def test_times():
    assert [_seconds(one) for one in ("90s", "10min", "1.5 h")] == [90, 600, 5400]


@pytest.mark.parametrize("command", ["train", "experiment digits_logistic"])
def test_nor_are_they_for_networks_and_experiments(command, tmp_path):
    for split in ("train", "test"):
        np.save(tmp_path / f"x_{split}.npy", np.zeros((70, 8, 8, 1), np.uint8))
        np.save(tmp_path / f"y_{split}.npy", np.zeros(70, int))
    data = f"arrays:{tmp_path}/x_{{split}}.npy,{tmp_path}/y_{{split}}.npy"
    args = [*command.split(), "--data", data, "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("error: all 70 examples of x_")
    assert not (tmp_path / "out").exists()
