"""Names of rows and columns in files are read alike by features, labels and scores."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from perceptron_theory import InputError
from perceptron_theory.errors import DataWarning
from simulations.vision.data import Points, load
from simulations.vision.data.classes import matched
from simulations.vision.own_scores import scores_in
from simulations.vision.probe import linear_probe

KINDS = ["csv", "parquet"]
SHUFFLED = [2, 0, 3, 1]
SCORES = np.array([0.5, -1.0, 2.0, 7.0])
TABLE = pd.DataFrame(
    {"label": list("abab"), "e0": np.arange(4.0), "e1": 1.0, "score": SCORES}
)
FILES = ["cat/1.png", "cat/3.png", "dog/0.png", "dog/2.png"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.arange(12.0).reshape(6, 2))
    return tmp_path


@pytest.fixture
def folder(here):
    for name in FILES:
        Path("H", name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(Path("H", name))
    return load("folder:H")


def _refused(run):
    with pytest.raises(InputError) as caught:
        run()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def _write(table, name, **options):
    path = Path(name)
    getattr(table, f"to_{path.suffix[1:]}")(path, **options)
    return name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("index", [None, "index", "row", "Sample Index", "id", "key"])
def test_labels_in_the_order_of_an_index_are_refused_beside_nameless_rows(
    here, kind, index
):
    labels = pd.DataFrame({"label": list("aabbcc")})
    labels.index.name = index
    if index == "key":  # no name that an index has
        _write(labels.sample(frac=1, random_state=0).reset_index(), f"l.{kind}")
    else:
        _write(labels[::-1], f"l.{kind}")
    said = _refused(lambda: load(f"arrays:x.npy,l.{kind}"))
    assert "those of x.npy have no names" in said or "all rows in another ord" in said
    _write(labels, f"l.{kind}")
    found = load(f"arrays:x.npy,l.{kind}")
    assert found.ids == tuple("012345")
    assert [found.class_names[one] for one in found.labels] == list("aabbcc")


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_that_can_be_no_row_numbers_is_the_ids(here, kind):
    parts = pd.DataFrame({"label": list("aabbcc")}, [70, 3, 41, 8, 9, 12])
    assert load(f"arrays:x.npy,{_write(parts, f'l.{kind}')}").ids[:2] == ("70", "3")
    twice = pd.DataFrame({"label": list("aabbcc")}, [0, 1, 2, 0, 1, 2])
    said = _refused(lambda: load(f"arrays:x.npy,{_write(twice, f'l.{kind}')}"))
    assert "its index has a number twice" in said and "reset_index" in said


def test_labels_of_one_example_each_are_no_row_numbers(here):
    for name in ("", "what"):
        classes = np.array([3, 1, 0, 2, 5, 4])
        np.savez("l.npz", **{"id": list("uvwxyz"), "what": classes})
        np.save("l.npy", classes)
        found = load("arrays:x.npy,l.npz" if name else "arrays:x.npy,l.npy")
        assert found.labels.tolist() == classes.tolist()


@pytest.mark.parametrize("header", ["img", "file", "", "index", "whatever"])
def test_labels_of_a_folder_are_matched_by_whatever_names_the_images(folder, header):
    rows = [f"{name},{name[:3]}" for name in reversed(FILES)]
    for change in (str, lambda row: row.replace("/", "\\")):
        Path("n.csv").write_text("\n".join([f"{header},label", *map(change, rows)]))
        assert load("folder:H#labels=n.csv").labels.tolist() == [0, 0, 1, 1]
    Path("n.csv").write_text("\n".join([f"{header},label", *rows[1:], "z.png,cat"]))
    assert "have no label" in _refused(lambda: load("folder:H#labels=n.csv"))
    Path("n.csv").write_text("key,label\n3,cat\n1,cat\n2,dog\n0,dog\n")
    assert "'key' holds the numbers 3, 1, 2, 0, all rows in another" in _refused(
        lambda: load("folder:H#labels=n.csv")
    )


@pytest.mark.parametrize("data", KINDS)
@pytest.mark.parametrize("scores", KINDS)
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_shuffled_table_and_its_scores_have_one_reading(here, data, scores, split):
    table = TABLE.loc[SHUFFLED]
    _write(table[["label", "e0", "e1"]], f"data_{split}.{data}")
    text = f"arrays:data_{{split}}.{data}" if split == "test" else (
        f"arrays:data_{split}.{data}"
    )  # fmt: skip
    found = load(text, split)
    np.testing.assert_array_equal(found.points[:, 0], SHUFFLED)
    for order in (SHUFFLED, [0, 1, 2, 3], [3, 2, 1, 0]):
        _write(TABLE[["score"]].loc[order], f"sc.{scores}", index=True)
        if scores == "parquet" and order == [0, 1, 2, 3]:
            continue  # no index is written, a warning says that there are no ids
        given = scores_in(f"sc.{scores}", found)
        np.testing.assert_array_equal(given.scores, SCORES[SHUFFLED])


def test_a_reversed_range_is_an_index_in_parquet(here):
    backwards = TABLE[::-1]
    assert isinstance(backwards.index, pd.RangeIndex)
    found = load(f"arrays:{_write(backwards.drop(columns='score'), 'data.parquet')}")
    assert found.ids == ("3", "2", "1", "0")
    given = scores_in(_write(backwards[["score"]], "sc.parquet"), found)
    np.testing.assert_array_equal(given.scores, SCORES[::-1])


def test_two_indices_that_differ_are_refused(here):
    rows = "\n".join(f"{i},{3 - i},a{i % 2},{i},1" for i in range(4))
    Path("d.csv").write_text(f",Unnamed: 0,label,e0,e1\n{rows}")
    assert "numbers its rows twice, by the index and by the column 'Unnamed: 0'" in (
        _refused(lambda: load("arrays:d.csv"))
    )


@pytest.mark.parametrize("kind", KINDS)
def test_feature_columns_are_matched_by_name_across_splits(here, kind):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400)
    points = rng.normal(size=(400, 12))
    points[:, 0] += 6 * labels
    table = pd.DataFrame(points, columns=[f"e{i}" for i in range(12)])
    table.insert(0, "label", labels)
    _write(table[:200], f"u_train.{kind}", index=False)
    turned = table[200:][sorted(table, reverse=True)]
    _write(turned, f"u_test.{kind}", index=False)
    train, test = (load(f"arrays:u_{{split}}.{kind}", one) for one in ("train", "test"))
    assert train.columns == test.columns == tuple(table)[1:]
    test = matched(test, train)
    np.testing.assert_array_equal(test.points, points[200:])
    found = linear_probe(train.points, train.labels, test.points, test.labels)
    assert found.accuracy > 0.97
    _write(turned.rename(columns={"e11": "e12"}), f"u_test.{kind}", index=False)
    other = load(f"arrays:u_{{split}}.{kind}", "test")
    assert "has the features 'e12', u_train 'e11': give both sets the same" in _refused(
        lambda: matched(other, train)
    )


@pytest.mark.parametrize("header", ["", "index", "row", "sample_id", "id"])
def test_numbers_that_are_rows_or_files_are_refused(folder, header):
    rows = "".join(f"{i},{score}\n" for i, score in enumerate(SCORES))
    Path("s.csv").write_text(f"{header},score\n{rows}")
    said = _refused(lambda: scores_in("s.csv", folder))
    assert "may number the rows or name files: 0 is 'cat/1.png' as a row" in said
    assert "'dog/0.png' as a name: give whole ids, such as 'cat/1.png'" in said
    if header:
        np.savez("s.npz", score=SCORES, **{header: np.arange(4)})
        assert "may number the" in _refused(lambda: scores_in("s.npz", folder))
    Path("n.csv").write_text(f"{header},label\n0,cat\n1,cat\n2,dog\n3,dog\n")
    assert "may number" in _refused(lambda: load("folder:H#labels=n.csv"))


def test_numbers_under_the_name_of_files_are_files(folder):
    Path("s.csv").write_text("file,score\n0,0\n1,1\n2,2\n3,3\n")
    assert scores_in("s.csv", folder).scores.tolist() == [1, 3, 0, 2]


@pytest.mark.parametrize("name", ["/d/dog/3.png", r"C:\d\dog\3.png", "dog/3.jpg"])
def test_a_file_of_the_folder_of_another_class_is_another(folder, name):
    rows = [f"/d/{one},1" for one in FILES if one != "cat/3.png"]
    Path("s.csv").write_text("\n".join(["file,score", *rows, f"{name},1"]))
    said = _refused(lambda: scores_in("s.csv", folder))
    assert "is in another folder than the example of its file name, 'cat/3.png'" in said


def test_scores_of_one_split_are_not_taken_for_another(here):
    np.save("x_train.npy", np.eye(4))
    np.save("y_train.npy", np.arange(4) % 2)
    train = load("arrays:x_{split}.npy,y_{split}.npy")
    Path("s.csv").write_text("id,score\n" + "".join(f"test/{i},1\n" for i in range(4)))
    assert "'test/0' is in another folder than" in _refused(
        lambda: scores_in("s.csv", train)
    )


@pytest.mark.parametrize("header", ["sample_id", "Sample ID", "sample-idx", "key"])
def test_ids_of_more_names_are_not_passed_over(here, header):
    found = load(f"arrays:{_write(TABLE[['label', 'e0', 'e1']], 'd.csv', index=False)}")
    rows = "".join(f"{i},{SCORES[i]}\n" for i in (3, 2, 1, 0))
    Path("s.csv").write_text(f"{header},score\n{rows}")
    if header == "key":
        said = _refused(lambda: scores_in("s.csv", found))
        assert said.startswith("s.csv has no ids, and 'key' holds the numbers 3, 2, 1,")
    else:
        np.testing.assert_array_equal(scores_in("s.csv", found).scores, SCORES)
    ranks = SCORES.argsort().argsort()
    rows = "".join(f"{i},{j}\n" for i, j in zip(ranks, SCORES, strict=True))
    Path("s.csv").write_text(f"rank,score\n{rows}")
    with pytest.warns(DataWarning, match="has no ids"):
        np.testing.assert_array_equal(scores_in("s.csv", found).scores, SCORES)


def test_an_order_of_classes_has_all_of_them(folder):
    Image.new("RGB", (2, 2)).save(Path("H", "cat", "9.png"))
    Path("H", "eel").mkdir()
    Image.new("RGB", (2, 2)).save(Path("H", "eel", "9.png"))
    Path("o.txt").write_text("dog\ncat\n")
    assert "o.txt lacks the class 'eel' of H" in _refused(
        lambda: load("folder:H#o.txt")
    )
    Path("o.txt").write_text("dog\neel\ncat\n")
    assert load("folder:H#o.txt").class_names == ("dog", "eel", "cat")


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_says_of_which_split_each_row_is(here, kind):
    split = ["train", "test", "train", "test", "test", "train"]
    table = pd.DataFrame({"label": list("ababab"), "e0": np.arange(6.0), "e1": 0.0})
    _write(table.assign(split=split), f"d.{kind}", index=False)
    for name, rows in (("train", [0, 2, 5]), ("test", [1, 3, 4])):
        found = load(f"arrays:d.{kind}", name)
        assert isinstance(found, Points) and found.points[:, 0].tolist() == rows
        assert len(found.ids) == 3 and found.ids[0] == f"{name}/{rows[0]}"
        _write(table[["e0"]].assign(score=SCORES[0]).loc[rows], "s.csv")
        assert len(scores_in("s.csv:score", found).scores) == 3
    said = _refused(lambda: load(f"arrays:d.{kind}", "val"))
    assert "unknown split 'val': allowed are 'test', 'train'" in said
    _write(table[["label"]].assign(Split=split), f"l.{kind}", index=False)
    found = load(f"arrays:x.npy,l.{kind}", "test")
    assert found.points.tolist() == [[2, 3], [6, 7], [8, 9]]
    _write(table[["e0"]].assign(split=split), "s.csv", index=False)
    assert "has scores of several splits, test, train: give each in a file" in _refused(
        lambda: scores_in("s.csv:e0")
    )
