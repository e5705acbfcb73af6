"""The parts of a comparison: questions, data, cross-fitting, networks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from three_blobs import DATA, TRAIN, blobs

from perceptron_theory import InputError
from simulations.experiments import Experiment, Source, read_table, run_experiment
from simulations.experiments.answers import wrong_of
from simulations.experiments.comparison import Opened, Question, compare, opened
from simulations.experiments.comparison.cross_fit import cross_fitted_logits
from simulations.vision.data import load
from simulations.vision.data.parts import part_of


@pytest.fixture(scope="module", autouse=True)
def few_runs():
    """No more runs than it takes to answer."""
    with pytest.MonkeyPatch.context() as patch:
        stages = Question.stages
        patch.setattr(Question, "stages", lambda self: stages(self)[:1])
        yield stages


def test_cross_fitted_logits_come_from_heads_without_the_example():
    points, labels = blobs(200, 2).points, blobs(200, 2).labels
    found = cross_fitted_logits(points, labels, 3, seed=0)
    right = (found.argmax(1) == labels).mean()
    assert right > 0.9
    # a feature that tells each example its label would do so in training only
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(60, 200))
    lost = cross_fitted_logits(noise, rng.integers(3, size=60), 3, seed=0)
    assert abs((lost.argmax(1) == np.arange(60) % 3).mean() - 1 / 3) < 0.25
    with pytest.raises(InputError, match="give 5 or more"):
        cross_fitted_logits(points[:3], labels[:3], 3, seed=0)
    with pytest.raises(InputError, match="all features are the same"):
        cross_fitted_logits(np.ones((20, 3)), labels[:20], 3, seed=0)


@pytest.mark.parametrize(
    "changes, why",
    [
        ({"keep_fraction": 30}, "for 30 % give 0.3"),
        ({"keep_fraction": 0.0}, r"inside \(0, 1\)"),
        ({"keep_fraction": float("nan")}, "keep_fraction"),
        ({"metrics": ()}, "one at least"),
        ({"metrics": ("el2m",)}, "did you mean 'el2n'"),
        ({"metrics": ("random",)}, "leave random out"),
        ({"metrics": ("forgetting",)}, "needs correct"),
        ({"metrics": ("el2n", "el2n")}, "different names"),
        ({"seeds": 2}, "3 or more"),
        ({"budget": 0.0}, "positive seconds"),
    ],
)
def test_bad_questions(changes, why):
    with pytest.raises(InputError, match=why):
        Question(**({"keep_fraction": 0.3} | changes))


def test_stages_go_from_few_runs_to_many(few_runs):
    stages = few_runs(Question(keep_fraction=0.3))
    assert stages[0] == ((0.3,), 3) and stages[1] == ((0.3,), 5)
    assert stages[2] == ((0.3, 0.2), 5) and stages[-1][1] == 10
    assert set(stages[-1][0]) == {0.1, 0.2, 0.3, 0.5, 0.7}
    assert {seeds for _, seeds in few_runs(Question(keep_fraction=0.3, seeds=4))} == {4}


def test_what_is_opened(tmp_path):
    digits = opened("digits")
    assert not digits.held_out and len(digits.test) == 359
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "all" / name).mkdir(parents=True)
        for i in range(5):
            size = tuple(rng.integers(9, 40, 2).tolist())
            Image.new("RGB", size, (i, 2, 3)).save(tmp_path / f"all/{name}/{i}.png")
    found = opened(f"folder:{tmp_path}/all", size=16)
    assert found.held_out and (len(found.train), len(found.test)) == (8, 2)
    assert found.train.images.shape == (8, 16, 16, 3)
    (tmp_path / "all").rename(tmp_path / "train")
    (tmp_path / "val").symlink_to(tmp_path / "train")
    with pytest.raises(InputError, match="are the same"):
        opened(f"folder:{tmp_path}")
    (tmp_path / "val").unlink()
    for name in ("cat", "dog"):
        (tmp_path / "val" / name).mkdir(parents=True)
        Image.new("RGB", (20, 30)).save(tmp_path / f"val/{name}/1.png")
    found = opened(f"folder:{tmp_path}", size=16)
    assert not found.held_out and found.test.ids == ("cat/1.png", "dog/1.png")
    with pytest.raises(InputError, match="test"):
        opened(f"folder:{tmp_path}", test_split="test")
    np.savez(tmp_path / "a.npz", x=TRAIN.points, y=TRAIN.labels)
    assert opened(f"arrays:{tmp_path}/a.npz").held_out


def test_a_split_that_is_damaged_is_not_taken_for_none(tmp_path):
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (tmp_path / split / name).mkdir(parents=True)
            for i in range(3):
                Image.new("RGB", (9, 9)).save(tmp_path / f"{split}/{name}/{i}.png")
    (tmp_path / "test/cat/0.png").write_bytes(b"not an image")
    with pytest.raises(InputError, match="corrupt"):
        opened(f"folder:{tmp_path}")


def test_networks_are_of_images():
    asked = Question(keep_fraction=0.3, model="resnet8")
    with pytest.raises(InputError, match="feature vectors, not images"):
        compare(asked, DATA, "nowhere")
    digits = load("digits")
    data = Opened(digits, digits, load("digits", "test"))
    with pytest.raises(InputError, match="'resnet7' is not a model I know"):
        compare(Question(keep_fraction=0.3, model="resnet7"), data, "nowhere")
    few = part_of(digits, np.arange(20), "few")
    with pytest.raises(InputError, match="a batch has 8"):
        compare(asked, Opened(few, few, data.test), "nowhere")
    assert not Path("nowhere").exists()


@pytest.mark.slow
def test_a_network_is_trained_for_as_many_steps_on_all_as_on_the_kept(tmp_path):
    digits = load("digits")
    some = part_of(digits, np.arange(96), "some")
    test = part_of(load("digits", "test"), np.arange(60), "test")
    asked = Question(
        keep_fraction=0.5,
        metrics=("el2n", "prototypes"),
        model="resnet8",
        seeds=3,
        budget=10_000,
    )
    answer = compare(asked, Opened(some, some, test), tmp_path / "out")
    rows = read_table(tmp_path / "out/runs")
    assert len(set(rows["steps"])) == 1
    assert set(rows["kept"]) >= {48, 96} and len(answer.scores) == 2
    assert answer.scores["el2n"].per_model.shape[0] >= 1


@pytest.mark.slow
def test_answers_are_columns_only_where_they_are_asked_for(tmp_path):
    experiment = Experiment(
        name="tiny",
        learner="logistic",
        sizes=(60,),
        keep_fractions=(0.5,),
        metrics=("probe:50",),
        strategies=("middle",),
    )
    source = Source("digits")
    rows = run_experiment(experiment, source, tmp_path / "plain")
    assert "wrong_examples" not in rows and "middle" in set(rows["strategy"])
    with_answers = replace(experiment, answers=True)
    rows = run_experiment(with_answers, source, tmp_path / "answers")
    assert wrong_of(rows).mean(1) == pytest.approx(rows["error"])
    read = read_table(tmp_path / "answers")
    assert (wrong_of(read) == wrong_of(rows)).all()
    with pytest.raises(InputError, match="middle has several"):
        Experiment(
            name="tiny",
            learner="gibbs",
            sizes=(60,),
            keep_fractions=(0.5,),
            metrics=("theta:0",),
            strategies=("middle",),
            positive=("0",),
        )
