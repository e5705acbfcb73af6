"""What it costs to keep a part: statistics, sentences, a whole comparison, resuming."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from perceptron_theory import InputError
from simulations.experiments import Experiment, Source, read_table, run_experiment
from simulations.experiments.answers import packed, wrong_of
from simulations.experiments.comparison import Opened, Question, compare, opened
from simulations.experiments.comparison import run as running
from simulations.experiments.comparison.answer import points, sentences_of
from simulations.experiments.comparison.costs import best_choice, costs_of, crossed_mean
from simulations.experiments.comparison.cross_fit import cross_fitted_logits
from simulations.experiments.learner import run_cell, strategy_rule
from simulations.vision.data import load
from simulations.vision.data.parts import part_of
from simulations.vision.data.points import Points
from simulations.vision.score_files import read_scores, scores_of, write_scores
from simulations.vision.selection import select

CENTRES = np.random.default_rng(5).normal(size=(3, 6))


def blobs(count, seed, name="blobs"):
    """Three classes of Gaussian points, a little apart."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    values = 1.5 * CENTRES[labels] + rng.normal(size=(count, 6))
    ids = tuple(f"{name}/{i}" for i in range(count))
    return Points(name, values, labels, ids, ("a", "b", "c"))


TRAIN, TEST = blobs(300, 0), blobs(150, 1, "test")
DATA = Opened(TRAIN, TRAIN, TEST)
ASKED = Question(keep_fraction=0.3, metrics=("el2n", "supervised_prototypes"), seeds=3)


@pytest.fixture(scope="module", autouse=True)
def few_runs():
    """No more runs than it takes to answer."""
    with pytest.MonkeyPatch.context() as patch:
        stages = Question.stages
        patch.setattr(Question, "stages", lambda self: stages(self)[:1])
        yield stages


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare") / "out"
    return folder, compare(ASKED, DATA, folder)


def test_wrong_answers_come_back_from_text():
    wrong = np.random.default_rng(0).random((4, 21)) < 0.4
    rows = pd.DataFrame({"wrong_examples": map(packed, wrong), "tested": 21})
    assert (wrong_of(rows) == wrong).all()
    with pytest.raises(InputError, match="answers = true"):
        wrong_of(rows[["tested"]])
    for text, why in (("%%", "base 64"), ("AAAA", "not of 40 examples")):
        with pytest.raises(InputError, match=why):
            wrong_of(pd.DataFrame({"wrong_examples": [text], "tested": [40]}))


def test_the_standard_error_is_that_of_repeated_experiments():
    rng = np.random.default_rng(0)

    def table():
        seeds, tests = rng.normal(size=(4, 1)), 3 * rng.normal(size=(1, 30))
        return 1 + 0.5 * seeds + tests + rng.normal(size=(4, 30))

    found = [crossed_mean(table()) for _ in range(2_000)]
    spread = np.std([one.value for one in found])
    squares = np.mean([one.standard_error**2 for one in found])
    # exact: 0.25 / 4 + 9 / 30 + 1 / 120; three standard errors of either estimate
    exact = 0.25 / 4 + 9 / 30 + 1 / 120
    assert spread == pytest.approx(np.sqrt(exact), rel=3 / np.sqrt(4_000))
    assert squares == pytest.approx(exact, rel=0.05)


def _rows(errors):
    """Rows of made-up runs: who is wrong is drawn with these probabilities."""
    rng = np.random.default_rng(2)
    found = []
    for (f, metric, strategy), probability in errors.items():
        for seed in range(5):
            wrong = rng.random(400) < probability
            found.append(
                {
                    "keep_fraction": f,
                    "metric": metric,
                    "strategy": strategy,
                    "seed": seed,
                    "kept": round(1000 * f),
                    "tested": 400,
                    "wrong_examples": packed(wrong),
                    "error": wrong.mean(),
                }
            )
    return pd.DataFrame(found)


def _made_up(hard):
    return _rows(
        {
            (1.0, "none", "unpruned"): 0.10,
            (0.3, "none", "random"): 0.20,
            (0.3, "m", "hard"): hard,
            (0.3, "m", "easy"): 0.30,
            (0.3, "m", "middle"): 0.25,
        }
    )


def test_costs_are_differences_of_means():
    rows = _made_up(0.15)
    costs = costs_of(rows).set_index("strategy")
    means = rows.groupby("strategy")["error"].mean()
    for name in ("hard", "easy", "middle", "random"):
        assert costs.loc[name, "error"] == pytest.approx(means[name])
        cost, gain = means[name] - means["unpruned"], means["random"] - means[name]
        assert costs.loc[name, "cost"] == pytest.approx(cost)
        assert costs.loc[name, "gain"] == pytest.approx(gain, abs=1e-12)
    assert costs.loc["hard", "doubt"] < 0.001 < 0.999 < costs.loc["easy", "doubt"]


def test_another_choice_than_random_has_to_be_surely_better():
    assert best_choice(costs_of(_made_up(0.12)), 0.3) == ("m", "hard", True)
    assert best_choice(costs_of(_made_up(0.195)), 0.3) == ("none", "random", False)
    assert best_choice(costs_of(_made_up(0.5)), 0.3) == ("none", "random", False)


def test_sentences():
    costs = costs_of(_made_up(0.12))
    said = sentences_of(
        costs, best_choice(costs, 0.3), 0.3, model="linear heads", data="it"
    )
    full = costs[costs["strategy"] == "unpruned"].iloc[0]
    number = points(full["error"], full["error_se"])
    assert said[0] == (
        "Trained on all 1,000 examples of it, linear heads are wrong on "
        f"{number} % of the test examples."
    )
    assert said[1].startswith("Keeping a random 30 % costs ")
    assert said[2].startswith("By m, keeping the hardest 30 % costs ")
    assert "If you must prune to 30 %, keep the hardest 30 % by m: " in said[3]
    costs = costs_of(_made_up(0.5))
    said = sentences_of(costs, best_choice(costs, 0.3), 0.3, model="x", data="it")
    assert said[-1] == (
        "If you must prune to 30 %, keep a random 30 %: no score did better than "
        "chance beyond doubt."
    )


@pytest.mark.parametrize(
    "value, error, text",
    [
        (0.0412, 0.0031, "4.1 +- 0.3"),
        (0.0412, 0.0131, "4.1 +- 1.3"),
        (0.412, 0.031, "41 +- 3"),
        (0.000001, 0.002, "0.0 +- 0.2"),
        (-0.00001, 0.002, "0.0 +- 0.2"),
        (0.05, 0.0, "5.00 +- 0.00"),
    ],
)
def test_points_have_the_digits_of_their_error(value, error, text):
    assert points(value, error) == text


def test_a_comparison_writes_its_answer(finished):
    folder, answer = finished
    files = "answer.txt classes.csv compare.json costs.csv keep.txt runs scores"
    assert sorted(path.name for path in folder.iterdir()) == files.split()
    rows = read_table(folder / "runs")
    assert set(rows["strategy"]) == {"unpruned", "random", "hard", "easy", "middle"}
    assert {0, 1, 2} == set(rows["seed"]) and 0.3 in set(rows["keep_fraction"])
    written = pd.read_csv(folder / "costs.csv")
    np.testing.assert_allclose(written["error"], answer.costs["error"])
    error = rows[rows["strategy"] == "unpruned"]["error"].mean()
    full = answer.costs[answer.costs["strategy"] == "unpruned"].iloc[0]
    assert full["error"] == pytest.approx(error) and full["kept"] == 270
    kept = (folder / "keep.txt").read_text().split()
    assert len(set(kept)) == 90 and set(kept) <= set(TRAIN.ids)
    about = json.loads((folder / "compare.json").read_text())
    assert about["seeds"] == [0, 1, 2] and "jax" in about["versions"]
    assert (folder / "answer.txt").read_text().splitlines() == about["answer"]
    assert "Trained on all 270 examples of blobs" in about["answer"][0]
    classes = pd.read_csv(folder / "classes.csv")
    assert classes["before"].tolist() == [100] * 3
    assert (classes.iloc[:, 2:].sum() == 90).all()


def test_the_keep_list_is_that_of_the_choice(finished):
    folder, answer = finished
    if answer.choice.metric == "none":
        scores = np.zeros(300)
    else:
        scores = read_scores(folder / f"scores/{answer.choice.metric}.parquet").scores
    rule = strategy_rule(answer.choice.strategy, 0.3)
    expected = select(scores, 0.3, seed=0, rule=rule).indices
    kept = (folder / "keep.txt").read_text().split()
    assert kept == [TRAIN.ids[i] for i in expected]


def test_a_head_has_the_error_of_scikit_learn_on_the_same_kept(finished):
    from sklearn.linear_model import LogisticRegression

    folder, _ = finished
    rows = read_table(folder / "runs")
    row = rows[(rows["strategy"] == "hard") & (rows["metric"] == "el2n")]
    row = row[row["keep_fraction"] == 0.3].iloc[0]
    seed, ridge = int(row["seed"]), row["setting"]
    scores = read_scores(folder / "scores/el2n.parquet").scores
    pool = np.random.default_rng([seed, 0]).permutation(300)[30:]  # 30 choose the ridge
    hardest = pool[np.argsort(-scores[pool], kind="stable")][:81]
    mean = TRAIN.points.mean(0)
    values, vectors = np.linalg.eigh(np.cov(TRAIN.points.T))
    white = [(one.points - mean) @ vectors / np.sqrt(values) for one in (TRAIN, TEST)]
    model = LogisticRegression(
        C=1 / ridge, max_iter=5_000, tol=1e-8, solver="newton-cg"
    )
    model.fit(white[0][hardest], TRAIN.labels[hardest])
    assert row["kept"] == 81
    assert 1 - model.score(white[1], TEST.labels) == pytest.approx(row["error"])


def test_the_middle_is_between_the_hardest_and_the_easiest():
    scores = np.random.default_rng(0).permutation(10).astype(float)
    kept = select(scores, 0.4, seed=0, rule=strategy_rule("middle", 0.4)).indices
    assert sorted(scores[kept]) == [3, 4, 5, 6]


def test_a_finished_comparison_is_not_run_again(finished, monkeypatch):
    folder, answer = finished

    def run_cell(*args, **kwargs):
        raise AssertionError("a run was made again")

    monkeypatch.setattr("simulations.experiments.runner.run_cell", run_cell)
    before = (folder / "answer.txt").read_text()
    again = compare(ASKED, DATA, folder)
    assert again.sentences == answer.sentences
    assert (folder / "answer.txt").read_text() == before


@pytest.mark.slow
def test_an_interrupted_comparison_goes_on(finished, tmp_path, monkeypatch):
    _, answer = finished
    made = []

    def stopped(*args, **options):
        made.append(args)
        if len(made) > 7:
            raise KeyboardInterrupt
        return run_cell(*args, **options)

    monkeypatch.setattr("simulations.experiments.runner.run_cell", stopped)
    with pytest.raises(KeyboardInterrupt):
        compare(ASKED, DATA, tmp_path)
    assert not (tmp_path / "answer.txt").exists()
    monkeypatch.undo()
    assert len(list((tmp_path / "runs/cells").iterdir())) == 7
    again = compare(ASKED, DATA, tmp_path)
    pd.testing.assert_frame_equal(again.costs, answer.costs)


def test_a_folder_of_something_else_is_refused(finished, tmp_path):
    folder, _ = finished
    other = Question(keep_fraction=0.4, metrics=ASKED.metrics)
    with pytest.raises(InputError, match=r"another comparison, with keep_fraction 0.3"):
        compare(other, DATA, folder)
    with pytest.raises(InputError, match="another comparison, with test"):
        compare(ASKED, Opened(TRAIN, TRAIN, blobs(90, 3)), folder)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="holds something else"):
        compare(ASKED, DATA, tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(InputError, match="is a file"):
        compare(ASKED, DATA, tmp_path / "mine.txt")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "compare.json").write_text("{")
    with pytest.raises(InputError, match="is damaged"):
        compare(ASKED, DATA, tmp_path / "bad")


@pytest.mark.slow
def test_scores_of_a_file_take_part_also_where_a_test_set_is_held_out(tmp_path):
    from simulations.vision.data.parts import held_out

    data = Opened(TRAIN, *held_out(TRAIN, 0.2, seed=0))
    values = np.random.default_rng(3).random(300)
    write_scores(tmp_path / "mine.parquet", scores_of(TRAIN, "mine", values))
    asked = Question(
        keep_fraction=0.5, metrics=(str(tmp_path / "mine.parquet"),), seeds=3
    )
    answer = compare(asked, data, tmp_path / "out")
    part = read_scores(tmp_path / "out/scores/mine.parquet", data.train)
    place = [TRAIN.ids.index(one) for one in data.train.ids]
    assert (part.scores == values[place]).all()
    assert (answer.scores["mine"].scores == values).all()
    assert answer.sentences[0] == (
        "blobs has no test set: 60 of its 300 examples were held out to test on."
    )
    assert len((tmp_path / "out/keep.txt").read_text().split()) == 150


@pytest.mark.slow
def test_scores_of_ones_own_are_named_by_their_column(tmp_path):
    rows = [f"{one},{i % 7}" for i, one in enumerate(TRAIN.ids)]
    (tmp_path / "a.csv").write_text("\n".join(["id,margin", *rows]) + "\n")
    metric = f"{tmp_path}/a.csv:margin"
    asked = Question(keep_fraction=0.5, metrics=(metric,), seeds=3)
    assert asked.keys == {"margin": metric}
    answer = compare(asked, DATA, tmp_path / "out")
    assert (answer.scores["margin"].scores == np.arange(300) % 7).all()


@pytest.mark.slow
def test_a_score_that_is_right_wins(tmp_path):
    # 120 copies of the labels' noise: examples of wrong labels are known, and "hard"
    rng = np.random.default_rng(0)
    clean = blobs(600, 7)
    wrong = rng.random(600) < 0.4
    labels = np.where(wrong, rng.integers(3, size=600), clean.labels)
    noisy = Points("noisy", clean.points, labels, clean.ids, clean.class_names)
    truth = scores_of(noisy, "truth", (labels != clean.labels) + 0.01 * rng.random(600))
    write_scores(tmp_path / "truth.parquet", truth)
    asked = Question(
        keep_fraction=0.5, metrics=(str(tmp_path / "truth.parquet"),), seeds=4
    )
    data = Opened(noisy, noisy, blobs(600, 8, "test"))
    answer = compare(asked, data, tmp_path / "out")
    assert answer.choice[:2] == ("truth", "easy") and answer.choice.surely
    assert answer.sentences[-1].startswith("Keep the easiest 50 % by truth: ")
    kept = set((tmp_path / "out/keep.txt").read_text().split())
    bad = {
        one
        for one, label, right in zip(noisy.ids, labels, clean.labels, strict=True)
        if label != right
    }
    assert not kept & bad


@pytest.mark.slow
def test_classes_that_are_lost_are_named(tmp_path):
    scores = scores_of(TRAIN, "skew", TRAIN.labels + np.linspace(0, 0.1, 300))
    write_scores(tmp_path / "skew.parquet", scores)
    asked = Question(
        keep_fraction=0.3, metrics=(str(tmp_path / "skew.parquet"),), seeds=3
    )
    answer = compare(asked, DATA, tmp_path / "out")
    hard, *_ = answer.warnings
    assert hard.startswith("the hardest 30 % by skew nearly loses a class: 'a' keeps 0")
    file = tmp_path / "out/scores/skew.parquet"
    assert f"select {file} -f 0.3 --rule hard --class-floor 0.5`" in hard
    assert "1 more class loses" in hard
    assert "Warning: the hardest" in (tmp_path / "out/answer.txt").read_text()


@pytest.mark.slow
def test_a_budget_that_allows_little_takes_fewer_examples(tmp_path, monkeypatch):
    from simulations.experiments.cost import Forecast

    monkeypatch.setattr(running, "forecast", lambda *_: (1, Forecast(1, 1, 100.0)))
    asked = Question(keep_fraction=0.3, metrics=("supervised_prototypes",), budget=62.5)
    said = []
    answer = compare(asked, DATA, tmp_path / "out", say=said.append)
    (line,) = [one for one in said if "allows" in one]
    assert line.startswith("the budget allows 3 seeds on 1") and "270" in line
    assert "harder ones may do better" in answer.sentences[0]
    asked = Question(keep_fraction=0.3, metrics=("supervised_prototypes",), budget=2.0)
    with pytest.raises(InputError, match="raise the budget"):
        compare(asked, DATA, tmp_path / "little")


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
    with pytest.raises(InputError, match="'resnet7' is no model"):
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
