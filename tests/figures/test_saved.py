"""Results that commands left behind are read, and drawn, as what they are."""

import json

import numpy as np
import pandas as pd
import pytest

import perceptron_theory as pt
from figures import plotting
from figures.saved import load_result
from simulations.vision.score_files import Scores, write_scores

METRICS = "step,train_loss,train_accuracy,test_loss,test_accuracy\n"


@pytest.fixture
def run(tmp_path):
    """The folder of a run of three epochs, tested after the last."""
    folder = tmp_path / "run"
    folder.mkdir()
    rows = ["1,20,2.0,0.25,,", "2,40,1.0,0.5,,", "3,60,0.5,0.75,0.25,0.875"]
    (folder / "metrics.csv").write_text("epoch," + METRICS + "\n".join(rows) + "\n")
    recipe = {"network": "resnet8", "objective": "classification"}
    about = {"dataset": "pets train", "recipe": recipe}
    (folder / "about.json").write_text(json.dumps(about))
    return folder


def test_a_run_is_read_from_its_folder_or_its_table(run):
    found = load_result(run)
    assert found.identical(load_result(run / "metrics.csv"))
    np.testing.assert_array_equal(found["train_loss"], [2.0, 1.0, 0.5])
    np.testing.assert_array_equal(found["test_loss"], [np.nan, np.nan, 0.25])
    assert pt.plot(found).get_suptitle() == "pets train: training of resnet8"


def test_a_run_without_labels_says_what_was_wrong(run):
    about = json.loads((run / "about.json").read_text())
    about["recipe"]["objective"] = "simclr"
    (run / "about.json").write_text(json.dumps(about))
    assert load_result(run).attrs["wrong"].startswith("second views")


def test_an_ensemble_has_a_row_a_model_and_epoch(run):
    text = (run / "metrics.csv").read_text().splitlines()
    rows = [f"{k},{line}" for k in (0, 1) for line in text[1:]]
    (run / "metrics.csv").write_text("\n".join(["model," + text[0], *rows]) + "\n")
    found = load_result(run)
    assert dict(found.sizes) == {"model": 2, "epoch": 3}
    assert "2 models" in pt.plot(found).get_suptitle()


def test_scores_are_read_with_their_ids(tmp_path):
    ids = tuple("abcd")
    one = Scores("el2n", np.arange(4.0), ids, np.arange(4), "pets", "0" * 64)
    write_scores(tmp_path / "s.parquet", one)
    found = load_result(tmp_path / "s.parquet")
    assert list(found["example_id"].values) == list(ids)
    assert plotting.kind_of(found).what == "scores"


def test_a_comparison_is_read_from_its_folder(tmp_path):
    rows = [(1.0, "none", "unpruned", 0.1, np.nan), (0.3, "none", "random", 0.2, 0.1)]
    rows += [(0.3, "NA", side, 0.3, 0.2) for side in ("hard", "easy", "middle")]
    names = ["keep_fraction", "metric", "strategy", "error", "cost"]
    costs = pd.DataFrame(rows, columns=names).assign(error_se=0.01)
    costs.to_csv(tmp_path / "costs.csv", index=False)
    about = {"data": "pets", "model": "linear", "keep_fraction": 0.3}
    (tmp_path / "compare.json").write_text(json.dumps(about))
    figure = pt.plot(load_result(tmp_path))
    assert figure.get_suptitle() == "pets: error of linear heads by what is kept"
    assert figure.axes[0].get_title() == "by NA"  # a name, and no missing number


def test_what_is_none_of_them_is_said(run, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(pt.InputError, match=r"has none of costs\.csv, results\.csv"):
        load_result(tmp_path / "empty")
    with pytest.raises(pt.InputError, match="not a file"):
        load_result(tmp_path / "nowhere.nc")
    (run / "metrics.csv").write_text("epoch,step\n1,many\n")
    with pytest.raises(pt.InputError, match="is not a table of metrics"):
        load_result(run)
    (run / "about.json").write_text("{}")
    (run / "metrics.csv").write_text("epoch," + METRICS + "1,20,2,0.5,,\n")
    with pytest.raises(pt.InputError, match="is not of a run of train"):
        load_result(run)
    (run / "about.json").unlink()
    with pytest.raises(pt.InputError, match="is missing"):
        load_result(run)


def test_a_table_of_scores_is_drawn_as_a_score_file_is(tmp_path, recwarn):
    ids = tuple("abcd")
    one = Scores("s", np.arange(4.0), ids, np.arange(4), "pets", "0" * 64)
    write_scores(tmp_path / "s.parquet", one)
    whole = load_result(tmp_path / "s.parquet")
    whole.to_dataframe().reset_index().to_csv(tmp_path / "s.csv", index=False)
    found = load_result(tmp_path / "s.csv")
    assert list(found["example_id"].values) == list(ids)
    np.testing.assert_array_equal(found["score"], whole["score"])
    pd.DataFrame({"margin": [1.0, 2.0], "loss": [3.0, 4.0]}).to_csv(
        tmp_path / "own.csv", index=False
    )
    column = load_result(tmp_path / "own.csv:loss")
    np.testing.assert_array_equal(column["score"], [3.0, 4.0])
    assert not recwarn.list  # labels are no matter of a histogram
    np.save(tmp_path / "own.npy", np.arange(3.0))
    assert plotting.kind_of(load_result(tmp_path / "own.npy")).what == "scores"


def test_a_table_that_cannot_be_shown_says_what_can(tmp_path):
    (tmp_path / "pareto.csv").write_text("alpha_prune,error\n1,0.2\n2,0.1\n")
    with pytest.raises(pt.InputError, match="another result cannot be shown: give its"):
        load_result(tmp_path / "pareto.csv")
    (tmp_path / "page.html").write_text("<html>")
    with pytest.raises(pt.InputError, match=r"give a \.nc file, scores") as found:
        load_result(tmp_path / "page.html")
    assert "save_dataset" not in str(found.value)
