"""Score files as metrics, balanced classes, and counts by class."""

import json
import shutil
import zlib

import numpy as np
import pandas as pd
import pytest
import small_networks as small
from small_networks import TEST, TRAIN

from perceptron_theory import InputError
from simulations.experiments import (
    Cell,
    Experiment,
    cells_of,
    forecast,
    read_table,
    run_experiment,
)
from simulations.experiments.class_counts import by_class
from simulations.experiments.learner import kept_rows
from simulations.experiments.sources import learner_of
from simulations.experiments.table import _checksum

LOGISTIC = {
    "name": "small",
    "learner": "logistic",
    "sizes": (60, 120),
    "keep_fractions": (0.5,),
    "metrics": ("el2n",),
    "strategies": ("hard", "easy_balanced"),
}


def logistic(**changes):
    return Experiment(**(LOGISTIC | changes))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Where scores are: "el2n" in two folders, random, and "class", the label."""
    folder = tmp_path_factory.mktemp("home")
    for name, seed in (("one", 0), ("two", 1)):
        (folder / name).mkdir()
        small.scores_file(folder / name, seed=seed)
    small.scores_file(folder / "one", "grand", seed=2)
    small.scores_file(folder / "one", "class", scores=TRAIN.labels)
    return folder


def source(home, name="one", **changes):
    return small.source(home / name, **changes)


@pytest.fixture(scope="module")
def finished(home):
    folder = home / "finished"
    run_experiment(logistic(), source(home), folder)
    return folder


def test_the_highest_scores_are_hard(home):
    learner = learner_of(source(home), logistic())
    scores = np.random.default_rng(0).random(len(TRAIN))
    pool = learner.pool(120, 1)
    order = pool[np.argsort(scores[pool])]
    for strategy, wanted in (("hard", order[-60:]), ("easy", order[:60])):
        rows = kept_rows(learner, Cell(120, 0.5, strategy, "el2n", 1))
        assert set(rows) == set(wanted)
    # no example is set apart for probes: those of files were trained elsewhere
    assert len(learner.pool(1294, 0)) == 1294  # but a tenth for validation


@pytest.mark.slow
def test_a_row_says_by_which_scores(home, finished):
    table = read_table(finished)
    assert len(table) == len(cells_of(logistic()))
    by_scores = table["metric"] == "el2n"
    assert table.loc[by_scores, "scores"].nunique() == 1
    assert (table.loc[~by_scores, "scores"] == "").all()
    assert "information" not in table  # which is of Gibbs students
    about = json.loads((finished / "about.json").read_text())
    assert about["scores"] == {"el2n": table.loc[by_scores, "scores"].iloc[0]}


@pytest.mark.slow
def test_other_scores_of_a_metric_are_refused_and_more_metrics_taken(home, tmp_path):
    chosen, folder = logistic(sizes=(60,)), tmp_path / "x"
    few = run_experiment(chosen, source(home), folder, shard=(1, 2))
    for call in (forecast, run_experiment):
        with pytest.raises(InputError, match="by other scores of el2n: give the score"):
            call(chosen, source(home, "two"), folder)
    more = logistic(sizes=(60,), metrics=("el2n", "grand"))
    count, _ = forecast(more, source(home), folder)
    assert count == len(cells_of(more)) - len(few)
    rows = run_experiment(more, source(home), folder)
    assert set(rows["metric"]) == {"none", "el2n", "grand"}
    about = json.loads((folder / "about.json").read_text())
    assert set(about["scores"]) == {"el2n", "grand"}
    # the first one alone is still there, and all are remembered
    run_experiment(chosen, source(home), folder)
    assert json.loads((folder / "about.json").read_text())["scores"] == about["scores"]


def test_a_folder_whose_about_was_lost_goes_on_with_the_same_inputs(home, tmp_path):
    chosen, folder = logistic(sizes=(60,)), tmp_path / "x"
    rows = run_experiment(chosen, source(home), folder)
    (folder / "about.json").write_text('{"scores": [1]}')
    with pytest.raises(InputError, match=r"about.json is damaged .* remove it"):
        forecast(chosen, source(home), folder)
    (folder / "about.json").unlink()
    with pytest.raises(InputError, match="by other scores of el2n"):
        forecast(chosen, source(home, "two"), folder)
    assert forecast(chosen, source(home), folder) == (0, None)
    assert len(run_experiment(chosen, source(home), folder)) == len(rows)
    assert (folder / "about.json").exists()


def test_rows_with_other_columns_do_not_make_a_table(home, tmp_path):
    chosen, folder = logistic(sizes=(60,)), tmp_path / "x"
    run_experiment(chosen, source(home), folder)
    path = folder / "cells" / f"{cells_of(chosen)[-1].key}.json"
    row = json.loads(path.read_text()) | {"information": 0.0}
    path.write_text(json.dumps(row | {"checksum": _checksum(row)}))
    before = (folder / "results.csv").read_text()
    with pytest.raises(InputError, match="are of two versions, with other columns"):
        run_experiment(chosen, source(home), folder)
    assert (folder / "results.csv").read_text() == before


@pytest.mark.slow
def test_a_table_by_two_score_files_is_refused(home, finished, tmp_path):
    run_experiment(logistic(), source(home, "two"), tmp_path / "x")
    first, second = (
        (folder / "results.csv").read_text().splitlines()
        for folder in (finished, tmp_path / "x")
    )
    hard = next(i for i, line in enumerate(first) if ",hard,el2n," in line)
    mixed = tmp_path / "mixed.csv"
    mixed.write_text("\n".join([*first[:hard], second[hard], *first[hard + 1 :]]))
    with pytest.raises(InputError, match="mixes two score files of el2n: give one"):
        read_table(mixed)


@pytest.mark.slow
def test_a_table_that_another_program_saved_is_read(finished, tmp_path):
    wanted, text = read_table(finished), (finished / "results.csv").read_text()
    path = tmp_path / "saved.csv"
    for delimiter, encoding in ((";", "utf-8-sig"), ("\t", "utf-16"), (",", "utf-8")):
        rows = [line.split(",") for line in text.splitlines()]
        saved = "\r\n".join(delimiter.join(row) for row in rows)
        path.write_bytes(saved.encode(encoding))
        pd.testing.assert_frame_equal(read_table(path), wanted)
    header, *lines = text.splitlines()
    path.write_text("\n".join([f"{header},seed", *(f"{line},0" for line in lines)]))
    with pytest.raises(InputError, match="2 columns called 'seed'"):
        read_table(path)


@pytest.mark.slow
def test_a_digest_that_looks_like_a_number_stays_what_it_is(finished, tmp_path):
    table = pd.read_csv(finished / "results.csv", dtype=str, keep_default_na=False)
    for digest in ("12e4567890123456", "0123456789012345", "nan"):
        rows = [
            row
            | {"configuration": digest, "scores": digest and row["scores"] and digest}
            for row in table.to_dict("records")
        ]
        words = ("strategy", "metric", "scores", "versions", "configuration")
        for row in rows:
            parts = [
                f"{name}={value}"
                if name in words or name.endswith("by_class")
                else f"{name}={float(value)!r}"
                for name, value in sorted(row.items())
                if name != "checksum"
            ]
            row["checksum"] = str(zlib.crc32("|".join(parts).encode()))
        pd.DataFrame(rows).to_csv(tmp_path / "x.csv", index=False)
        found = read_table(tmp_path / "x.csv")
        assert set(found["configuration"]) == {digest}
        assert set(found["scores"]) == {"", digest}


def test_balanced_classes_keep_half_of_an_equal_share(home):
    learner = learner_of(source(home), logistic(metrics=("class",)))
    pool = learner.pool(120, 0)
    before = np.bincount(TRAIN.labels[pool], minlength=10)
    floor = np.minimum(before, int(0.5 * 60 / 10))
    for strategy, last in (("hard", 9), ("easy", 0)):
        plain = kept_rows(learner, Cell(120, 0.5, strategy, "class", 0))
        assert (np.bincount(TRAIN.labels[plain], minlength=10) < floor).any()
        rows = kept_rows(learner, Cell(120, 0.5, f"{strategy}_balanced", "class", 0))
        kept = np.bincount(TRAIN.labels[rows], minlength=10)
        assert len(rows) == 60 and (kept >= floor).all()
        # the rest is by the scores: all of the last class is kept
        assert kept[last] == before[last] and (kept == floor).sum() >= 5


def test_counts_by_class_add_up(home, finished):
    table = read_table(finished)
    found = by_class(table)
    assert len(found) == 10 * len(table)
    which = ["size", "keep_fraction", "strategy", "metric", "seed"]
    sums = (
        found.assign(wrong=found["error"] * found["tested"])
        .groupby(which)[["kept", "tested", "wrong"]]
        .sum()
    )
    rows = table.set_index(which).loc[sums.index]
    assert (sums["kept"] == rows["kept"]).all()
    assert (sums["tested"] == len(TEST)).all() and (rows["tested"] == len(TEST)).all()
    np.testing.assert_allclose(sums["wrong"] / len(TEST), rows["error"], atol=1e-12)
    # of one run, class by class
    cell = cells_of(logistic())[-1]
    learner = learner_of(source(home), logistic())
    trained = np.bincount(TRAIN.labels[kept_rows(learner, cell)], minlength=10)
    one = found.set_index(which).loc[tuple(cell.as_dict()[name] for name in which)]
    assert one["class"].tolist() == list(range(10))
    assert one["kept"].tolist() == trained.tolist()
    assert one["tested"].tolist() == np.bincount(TEST.labels).tolist()


def test_rows_of_an_older_version_are_refused(home, finished, tmp_path):
    with pytest.raises(InputError, match="no counts by class: make the runs again"):
        by_class(read_table(finished).drop(columns="kept_by_class"))
    shutil.copytree(finished, tmp_path / "x")
    path = tmp_path / "x" / "cells" / f"{cells_of(logistic())[0].key}.json"
    names = ("kept_by_class", "tested_by_class", "wrong_by_class", "scores", "checksum")
    row = {k: v for k, v in json.loads(path.read_text()).items() if k not in names}
    path.write_text(json.dumps(row | {"checksum": _checksum(row)}))
    with pytest.raises(InputError, match="of an older version, without counts"):
        run_experiment(logistic(), source(home), tmp_path / "x")
