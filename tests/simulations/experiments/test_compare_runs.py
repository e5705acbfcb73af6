"""A whole comparison: what it writes, resuming, own scores, its budget."""

import json

import numpy as np
import pandas as pd
import pytest
from three_blobs import ASKED, DATA, TEST, TRAIN, blobs

from perceptron_theory import InputError
from simulations.experiments import read_table
from simulations.experiments.comparison import Opened, Question, compare
from simulations.experiments.comparison import budget as running
from simulations.experiments.comparison.answer import class_table
from simulations.experiments.learner import run_cell, strategy_rule
from simulations.vision.data.points import Points
from simulations.vision.score_files import read_scores, scores_of, write_scores
from simulations.vision.selection import Selection, select


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
    assert (
        "Trained on 270 of the 300 examples of blobs (the others are left out to "
        "choose the ridge), linear" in about["answer"][0]
    )
    classes = pd.read_csv(folder / "classes.csv")
    assert classes["before"].tolist() == [100] * 3
    assert (classes.iloc[:, 2:].sum() == 90).all()


def test_a_random_keep_list_is_counted_and_warned_of(tmp_path):
    labels = np.repeat([0, 1, 2], (80, 160, 160))
    data = Points(
        "few",
        np.zeros((400, 1)),
        labels,
        tuple(map(str, range(400))),
        tuple("abc"),
    )
    scores = {"m": scores_of(data, "m", np.arange(400.0))}
    kept = Selection(np.arange(79, 119), 400, "random", 0.1, None)  # 1 of 80
    table, said = class_table(
        scores, 0.1, data.class_names, {"m": tmp_path / "m.parquet"}, kept
    )
    assert table["random"].tolist() == [1, 39, 0]
    assert table.set_index("class").loc["a", "m_easy"] == 40
    chance = [one for one in said if one.startswith("a random 10 % loses a class")]
    assert "'c' keeps 0 of 160 examples, and 1 more class keeps too few" in chance[0]
    assert f"select {tmp_path}/m.parquet -f 0.1 --rule random --class-floor" in said[0]
    assert (
        "random"
        not in class_table(
            scores, 0.1, data.class_names, {"m": tmp_path / "m.parquet"}
        )[0]
    )


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
    with pytest.raises(InputError, match="its testing examples are not those"):
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
    assert hard.startswith("the hardest 30 % by skew loses a class: 'a' keeps 0")
    file = tmp_path / "out/scores/skew.parquet"
    assert f"select {file} -f 0.3 --rule hard --class-floor 0.5`" in hard
    assert "1 more class keeps too few" in hard
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
    with pytest.raises(InputError, match=r"--budget 1\d\ds answers in .*little"):
        compare(asked, DATA, tmp_path / "little")


def test_no_folder_is_left_where_nothing_was_computed(tmp_path, monkeypatch):
    def scored(*args, **kwargs):
        raise InputError("no scores")

    place = "simulations.experiments.comparison.scored.score_dataset"
    monkeypatch.setattr(place, scored)
    asked = Question(keep_fraction=0.3, metrics=("supervised_prototypes",))
    with pytest.raises(InputError, match="no scores"):
        compare(asked, DATA, tmp_path / "none")
    assert not (tmp_path / "none").exists()
