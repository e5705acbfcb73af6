"""Scores that were computed elsewhere, in place of a score file."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from perceptron_theory import InputError
from perceptron_theory.errors import DataWarning
from pruning_laws.app import app
from simulations.experiments.score_set import ScoreSet
from simulations.vision.data import load
from simulations.vision.own_scores import scores_in
from simulations.vision.score_files import scores_of, write_scores

COUNT = 8
SCORES = np.array([3.0, 1.0, 4.0, 1.5, 9.0, 2.0, 6.0, 5.0])
LABELS = np.arange(COUNT) % 2
NAMES = [f"cat/img_{i}.png" for i in range(COUNT)]
TURN = np.array([5, 2, 7, 0, 1, 6, 4, 3])


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.arange(16.0).reshape(COUNT, 2))
    np.save("y.npy", LABELS)
    np.save("ids.npy", NAMES)
    return load("arrays:x.npy,y.npy,ids.npy")


def _refused(run):
    with pytest.raises(InputError) as caught:
        run()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def _write(form, ids, scores, **more):
    columns = {"id": ids, "score": scores, **more}
    if form == "parquet":
        pq.write_table(pa.table(columns), "own.parquet")
    elif form == "npz":
        np.savez("own.npz", **columns)
    else:
        rows = zip(*columns.values(), strict=True)
        lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
        Path("own.csv").write_text("\n".join(lines))
    return f"own.{form}"


@pytest.mark.parametrize("form", ["csv", "parquet", "npz"])
@pytest.mark.parametrize("named", ["ids", "files", "rows"])
def test_rows_are_matched_by_their_ids_in_any_order(data, form, named):
    ids = {
        "ids": [NAMES[i].replace("/", "\\") for i in TURN],
        "files": [f"/elsewhere/img_{i}.jpg" for i in TURN],
        "rows": TURN,
    }[named]
    file = _write(form, ids, SCORES[TURN], label=LABELS[TURN])
    found = scores_in(file, data)
    np.testing.assert_array_equal(found.scores, SCORES)
    assert found.ids == data.ids and found.fingerprint == data.fingerprint
    assert found.metric == "own" and found.recipe == {"imported": file}
    np.testing.assert_array_equal(found.labels, LABELS)


@pytest.mark.parametrize("column", ["file", "img", "Unnamed: 0"])
def test_a_column_that_names_examples_has_their_ids_whatever_it_is_called(data, column):
    rows = zip([NAMES[i] for i in TURN], SCORES[TURN], strict=True)
    lines = [f"{column},split,score", *(f"{name},train,{s}" for name, s in rows)]
    Path("own.csv").write_text("\n".join(lines))
    np.testing.assert_array_equal(scores_in("own.csv", data).scores, SCORES)
    # a word of one example is enough, the others are foreign
    Path("own.csv").write_text("\n".join([*lines[:2], *("z" + x for x in lines[2:])]))
    assert "7 of 8 ids are not in x" in _refused(lambda: scores_in("own.csv", data))


def test_two_columns_that_name_examples_in_other_orders_are_refused(data):
    one = [NAMES[i] for i in TURN]
    pq.write_table(pa.table({"a": one, "b": NAMES, "score": SCORES}), "own.parquet")
    said = _refused(lambda: scores_in("own.parquet", data))
    assert "the columns a and b both name examples, in different orders" in said


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4"])
def test_scores_without_ids_are_in_order_with_a_warning(data, dtype):
    np.save("own.npy", SCORES.astype(dtype)[:, None])
    with pytest.warns(DataWarning, match=r"own.npy has no ids: its 8 scores are taken"):
        found = scores_in("own.npy", data)
    np.testing.assert_array_equal(found.scores, SCORES.astype(dtype))


def test_a_column_is_named_behind_a_colon(data):
    rows = {"id": NAMES, "margin": SCORES, "loss": -SCORES}
    pq.write_table(pa.table(rows), "own.parquet")
    np.testing.assert_array_equal(scores_in("own.parquet:loss", data).scores, -SCORES)
    said = _refused(lambda: scores_in("own.parquet", data))
    assert "'margin', 'loss': which are the scores? Give own.parquet:COLUMN" in said
    assert "has no column 'lost'" in _refused(
        lambda: scores_in("own.parquet:lost", data)
    )


@pytest.mark.parametrize(
    ("ids", "scores", "more", "says"),
    [
        (NAMES[:7], SCORES[:7], {}, "1 examples of x have no score, such as 'cat/im"),
        ([*NAMES[:7], "z"], SCORES, {}, "1 of 8 ids are not in x, such as 'z'"),
        ([*NAMES[:7], NAMES[0]], SCORES, {}, "'cat/img_0.png' has several scores"),
        (NAMES, [*SCORES[:7], np.nan], {}, "own.csv: scores[7] is nan"),
        (NAMES, ["a"] * 8, {}, "own.csv: scores must be numbers"),
        (NAMES, SCORES, {"label": LABELS[::-1] * (SCORES > 2)}, "differs from the"),
    ],
)
def test_scores_of_other_examples_are_refused(data, ids, scores, more, says):
    assert says in _refused(lambda: scores_in(_write("csv", ids, scores, **more), data))


def test_without_ids_there_must_be_one_an_example(data):
    np.save("own.npy", SCORES[:5])
    assert "5 scores and no ids, x has 8" in _refused(
        lambda: scores_in("own.npy", data)
    )
    np.save("own.npy", np.ones((8, 3)))
    assert "shape" in _refused(lambda: scores_in("own.npy", data))
    assert "own.pt: scores are read" in _refused(lambda: scores_in("own.pt", data))
    assert "does not exist" in _refused(lambda: scores_in("nowhere.npy", data))
    assert "does not exist" in _refused(lambda: scores_in("nowhere.parquet", data))


def test_a_file_alone_has_its_own_ids_and_labels(data):
    found = scores_in(_write("csv", TURN, SCORES[TURN], label=LABELS[TURN]))
    np.testing.assert_array_equal(found.scores, SCORES)  # row numbers are the order
    np.testing.assert_array_equal(found.labels, LABELS)
    np.save("own.npy", SCORES)
    with pytest.warns(DataWarning, match="has no labels: all examples count as one"):
        assert set(scores_in("own.npy").labels) == {0}


def test_an_experiment_takes_them(data):
    _write("csv", [NAMES[i] for i in TURN], SCORES[TURN])
    found = ScoreSet(".", ["own"], data)
    np.testing.assert_array_equal(found.of("own", np.arange(COUNT)), SCORES)
    np.save("own.npy", SCORES)
    assert "has both own.npy and own.csv" in _refused(
        lambda: ScoreSet(".", ["own"], data)
    )


def _run(*words):
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.stderr
    return done


def test_commands_take_them(data):
    text = "arrays:x.npy,y.npy,ids.npy"
    np.save("own.npy", SCORES)
    write_scores("ours.parquet", scores_of(data, "el2n", -SCORES))
    _write("csv", [NAMES[i] for i in TURN], SCORES[TURN])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        _run("select", "own.npy", "-f", 0.5, "--data", text, "--ids", "-o", "k.txt")
        names = Path("k.txt").read_text().split()
        assert sorted(names) == sorted(NAMES[i] for i in np.argsort(SCORES)[-4:])
        for files in (["own.npy", "ours.parquet"], ["ours.parquet", "own.csv"]):
            found = json.loads(_run("correlate", *files, "--json").stdout)
            for row in found["points"]:
                expected = 1 if row["metric"] == row["other"] else -1
                assert row["correlation"] == pytest.approx(expected)


def test_a_gallery_takes_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    digits = load("digits", "test")
    scores = np.arange(len(digits), dtype=float)
    pq.write_table(pa.table({"id": digits.ids, "loss": scores}), "own.parquet")
    _run("gallery", "own.parquet", "--split", "test", "-o", "g.svg", "--per-class", 1)
    assert (tmp_path / "g.svg").stat().st_size > 1000


def test_a_table_without_a_header_does_not_lose_its_first_row(data):
    for rows in ("0.5\n1.5\n", "0.5,3\n1.5,4\n", "3\n1\n", "7,8\n7,8\n"):
        Path("own.csv").write_text(rows)
        assert "has no header: its first line has numbers" in _refused(
            lambda: scores_in("own.csv")
        )
    Path("own.csv").write_text("0\n" + "".join(f"{i}\n" for i in range(COUNT)))
    with (
        pytest.warns(DataWarning, match="taken for the names of the columns"),
        pytest.warns(DataWarning, match="has no ids"),
    ):
        found = scores_in("own.csv", data)
    assert found.scores.tolist() == list(range(COUNT))


def test_a_cell_that_is_no_score_is_named(data):
    for cell, says in (
        ("30%", "is '30%', not a number"),
        ("0,125", "is '0,125', not a number: write points, not commas"),
        ("NA", "is empty (NA): give every example a score"),
        ("", "is empty: give every example a score"),
        ("1_0", "is '1_0', not a number"),
    ):
        Path("own.csv").write_text(f'score\n1.5\n"{cell}"\n2.5\n')
        said = _refused(lambda: scores_in("own.csv"))
        assert said == f"own.csv: scores must be numbers, and that of row 1 {says}"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_index_of_a_sorted_table_says_of_which_rows_the_scores_are(data, kind):
    table = pd.DataFrame({"margin": SCORES})
    for given in (table, table.sort_values("margin"), table.iloc[TURN]):
        getattr(given, f"to_{kind}")(f"own.{kind}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            alone = scores_in(f"own.{kind}").scores
            np.testing.assert_array_equal(scores_in(f"own.{kind}", data).scores, SCORES)
        np.testing.assert_array_equal(alone, SCORES)
    named = pd.DataFrame({"margin": SCORES}, NAMES).iloc[TURN]
    getattr(named, f"to_{kind}")(f"own.{kind}")
    np.testing.assert_array_equal(scores_in(f"own.{kind}", data).scores, SCORES)


def test_numbers_as_text_in_an_array_are_scores(tmp_path):
    for kind in ("U", "S", object):
        np.save(tmp_path / "s.npy", np.array(["1", "2", "3.5"]).astype(kind))
        with pytest.warns(DataWarning, match="has no labels"):
            assert scores_in(tmp_path / "s.npy").scores.tolist() == [1, 2, 3.5]
