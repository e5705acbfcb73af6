"""Rows are taken in their order only where nothing in their table says otherwise."""

from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest

from perceptron_theory import InputError
from perceptron_theory.errors import DataWarning
from simulations.vision.data import load
from simulations.vision.data.array_source import arrays
from simulations.vision.own_scores import scores_in
from simulations.vision.published_scores import import_csv

pytest.importorskip("pyarrow")
MIXED = np.array([5, 2, 7, 0, 3, 6, 1, 4])
SCORES = np.arange(8) + 0.5
FILES = {"cat": (1002, 1004, 1005, 1007), "dog": (1001, 1003, 1006, 1008)}
KEYS = "abcdefgh"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _folder(files=FILES, deeper=""):
    from pathlib import Path

    from PIL import Image

    for name, numbers in files.items():
        folder = Path("photos", name, deeper)
        folder.mkdir(parents=True)
        for number in numbers:
            image = Image.new("RGB", (4, 4), (number % 255, 0, 0))
            image.save(folder / f"{number}.png")
    return load("folder:photos")


@pytest.fixture
def photos():
    return _folder()


def _table(kind, index=None, **columns):
    table = pd.DataFrame(columns, index=index)
    if kind == "csv":
        table.to_csv("t.csv", index=index is not None)
    else:
        table.to_parquet("t.parquet", index=index is not None)
    return f"t.{kind}"


def _mixed(photos):
    return [photos.ids[i] for i in MIXED]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("header", ["id", "uid", "image_id", "index"])
def test_names_of_files_win_over_a_running_number(photos, header, kind):
    columns = {header: range(8), "photo": _mixed(photos)}
    table = _table(kind, **columns, score=SCORES[MIXED])
    said = f"the examples that 'photo' names, and not of the rows that '{header}'"
    with _warned(said, header != "index"):
        assert (scores_in(table, photos).scores == SCORES).all()
    table = _table(kind, **columns, label=photos.labels[MIXED])
    with _warned(said, header != "index"):
        assert (load(f"folder:photos#labels={table}").labels == photos.labels).all()


def _warned(said, whether=True):
    return pytest.warns(DataWarning, match=said) if whether else nullcontext()


def test_ids_and_names_that_differ_are_refused(photos):
    table = _table("csv", id=list(photos.ids), photo=_mixed(photos), score=SCORES)
    with pytest.raises(InputError, match="both name examples, in different orders"):
        scores_in(table, photos)


@pytest.mark.parametrize("kind", [int, float])
def test_numbers_of_files_are_ids_under_any_header(photos, kind):
    numbers = [kind(one[4:8]) for one in _mixed(photos)]
    table = _table("csv", photo=numbers, score=SCORES[MIXED])
    assert (scores_in(table, photos).scores == SCORES).all()
    table = _table("csv", photo=numbers, label=photos.labels[MIXED])
    assert (load(f"folder:photos#labels={table}").labels == photos.labels).all()


@pytest.mark.parametrize("keys", [list(KEYS), [7, 100, 90, 80, 70, 60, 50, 40]])
def test_what_may_name_rows_and_names_no_example_is_refused(photos, keys):
    said = "'photo' is another one in each row, as .* names no example"
    with pytest.raises(InputError, match=said):
        scores_in(_table("csv", photo=keys, score=SCORES), photos)
    table = _table("csv", photo=keys, label=photos.labels)
    with pytest.raises(InputError, match=said):
        load(f"folder:photos#labels={table}")


def test_ranks_running_numbers_and_what_comes_twice_are_data(photos):
    columns = {"rank": MIXED, "row": range(8), "year": [1999, 2000] * 4}
    table = _table("csv", **columns, score=SCORES)
    assert (scores_in(table, photos).scores == SCORES).all()


@pytest.mark.parametrize("header", ["crank_no", "ranked_photo", "rank"])
def test_text_ranks_nothing(photos, header):
    keys = [f"x{i}" for i in MIXED]
    with pytest.raises(InputError, match="which names no example"):
        scores_in(_table("csv", **{header: keys}, score=SCORES), photos)


@pytest.mark.parametrize("keys", [[1003, 1001, 1002, 1004], [7, 70, 1, 3]])
def test_few_rows_are_named_like_many(keys):
    photos = _folder({"cat": (1001, 1003), "dog": (1002, 1004)})
    table = _table("csv", photo=keys, label=["cat", "cat", "dog", "dog"])
    if 7 in keys:
        with pytest.raises(InputError, match="which names no example"):
            load(f"folder:photos#labels={table}")
    else:
        labels = load(f"folder:photos#labels={table}").labels
        assert (labels == photos.labels).all()


@pytest.mark.parametrize("kind", [str, int, "{}.png".format])
@pytest.mark.parametrize("folder", [False, True])
def test_names_of_files_of_several_examples_each_are_refused(kind, folder):
    photos = _folder({"cat": range(4), "dog": range(4)})
    ids = [one.split("/") for one in _mixed(photos)]
    columns = {"photo": [kind(int(name[:1])) for _, name in ids]}
    if folder:
        columns["folder"] = [name for name, _ in ids]
    table = _table("csv", **columns, label=photos.labels[MIXED])
    with pytest.raises(InputError, match="holds names of files"):
        load(f"folder:photos#labels={table}")


def test_a_running_number_may_name_files():
    photos = _folder({"cat": (1, 3, 5, 7), "dog": (0, 2, 4, 6)})
    with pytest.raises(InputError, match="'photo_no' holds names of files"):
        scores_in(_table("csv", photo_no=range(8), score=SCORES), photos)


def _two(ours, theirs, header="photo", labels=None):
    """Features and labels in two tables, with keys."""
    points = list(np.random.default_rng(0).normal(size=(len(ours), 2)))
    x = pd.DataFrame({"photo": ours, "embedding": points})
    x.to_parquet("x.parquet")
    labels = np.arange(len(theirs)) % 2 if labels is None else labels
    pd.DataFrame({header: theirs, "label": labels}).to_csv("y.csv", index=False)
    return arrays("x.parquet,y.csv")


THOUSANDS = [1000 + i for i in range(8)]


@pytest.mark.parametrize("header", ["photo", "customer"])
@pytest.mark.parametrize("keys", [list(KEYS), [5, 70, 8, 1, 3, 6, 9, 11], THOUSANDS])
def test_two_tables_with_one_key_are_paired_by_it(keys, header):
    assert _two(keys, keys, header).ids == tuple(map(str, keys))
    mixed = [keys[i] for i in MIXED]
    for ours, theirs in ((keys, mixed), (mixed, keys)):
        with pytest.raises(InputError, match="not the same in the same order"):
            _two(ours, theirs, header)


@pytest.mark.parametrize("header", ["photo", "customer"])
def test_numbers_of_all_rows_in_another_order_are_refused(header):
    mixed, running = MIXED.tolist(), list(range(8))
    for ours, theirs in ((running, mixed), (mixed, running), (mixed, mixed[::-1])):
        with pytest.raises(InputError, match=r"in another order|not the same in the"):
            _two(ours, theirs, header)


def test_keys_of_two_tables_that_differ_are_refused():
    others = [*KEYS[1:], "x"]
    with pytest.raises(InputError, match="both have the column 'photo', which differs"):
        _two(list(KEYS), others)
    with pytest.raises(InputError, match="'a' is in one of them only"):
        _two(list(KEYS), others, "customer")
    groups = list("aabbccdd")
    with pytest.raises(InputError, match="which differs in row 0"):
        _two(groups, groups[::-1])
    assert _two(groups, groups).ids == tuple("01234567")


def test_ids_of_one_table_are_found_in_the_other_one():
    x = pd.DataFrame({"id": list(KEYS), "embedding": [[i, 0.5] for i in range(8)]})
    x.to_parquet("x.parquet")
    y = pd.DataFrame({"customer": list(KEYS), "label": [0] * 4 + [1] * 4})
    y.to_csv("y.csv", index=False)
    assert arrays("x.parquet,y.csv").ids == tuple(KEYS)
    y.iloc[MIXED].to_csv("y.csv", index=False)
    with pytest.raises(InputError, match="not the same in the same order"):
        arrays("x.parquet,y.csv")
    np.save("ids.npy", np.array(list(KEYS)))
    with pytest.raises(InputError, match="not the same in the same order"):
        arrays("x.parquet,y.csv,ids.npy")


def test_an_index_of_features_in_another_order_needs_names_beside():
    x = pd.DataFrame({"embedding": [[i, 0.5] for i in range(8)]}, index=MIXED)
    x.to_parquet("x.parquet")
    np.save("y.npy", np.arange(8) % 2)
    with pytest.raises(InputError, match="its rows are numbered 5, 2, 7, 0"):
        arrays("x.parquet,y.npy")


@pytest.mark.parametrize("header", ["image_idx", "image_index", "img_id", "image_id"])
def test_numbers_of_images_may_be_rows_or_names(header):
    photos = _folder({"cat": (1, 3, 5, 7), "dog": (0, 2, 4, 6)})
    table = _table("csv", **{header: MIXED}, score=SCORES)
    with pytest.raises(InputError, match="may number the rows or name files"):
        scores_in(table, photos)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_index_of_pairs_has_the_ids(photos, kind):
    pairs = pd.MultiIndex.from_tuples([tuple(one.split("/")) for one in _mixed(photos)])
    table = _table(kind, pairs, score=SCORES[MIXED])
    assert (scores_in(table, photos).scores == SCORES).all()
    table = _table(kind, pairs, label=photos.labels[MIXED])
    assert (load(f"folder:photos#labels={table}").labels == photos.labels).all()


@pytest.mark.parametrize("there", ["dog/images", "DOG/images", "dog/x/images"])
def test_a_file_of_another_class_is_no_match_at_any_depth(there):
    photos = _folder({"cat": (1, 2), "dog": (3, 4)}, "images")
    names = [f"{there}/{n}.png" for n in (1, 2)]
    names += [f"cat/images/{n}.png" for n in (3, 4)]
    table = _table("csv", filename=names, score=SCORES[:4])
    with pytest.raises(InputError, match="is in another folder"):
        scores_in(table, photos)
    with pytest.raises(InputError, match="in the folder of another class"):
        import_csv(table, photos, metric="score")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("header", ["fold", "Usage", "Data Split", "is_train", "stage"])
def test_words_of_splits_are_splits_under_any_header(header, kind):
    train = np.array([1, 0, 1, 1, 0, 1], bool)
    said = train if header == "is_train" else np.where(train, "train", "test")
    columns = {"e0": range(6), "e1": SCORES[:6], "label": [0, 1] * 3, header: said}
    table = _table(kind, **columns)
    assert len(arrays(table, "train")) == 4 and len(arrays(table, "test")) == 2


@pytest.mark.parametrize("kind", ["csv", "parquet", "npz"])
@pytest.mark.parametrize("dtype", [int, float, bool])
def test_ones_and_zeros_say_what_is_in_a_split(kind, dtype):
    columns = {"label": np.array([0, 1] * 3), "is_test": np.eye(6)[0].astype(dtype)}
    if kind == "npz":
        np.savez("t.npz", x=np.ones((6, 2)), **columns)
        table = "t.npz"
    else:
        table = _table(kind, e0=range(6), e1=SCORES[:6], **columns)
    assert len(arrays(table, "train")) == 5 and len(arrays(table, "test")) == 1


def test_a_table_that_is_all_test_has_no_train():
    columns = {"e0": range(6), "e1": SCORES[:6], "label": [0, 1] * 3}
    table = _table("csv", **columns, is_test=[1] * 6)
    with pytest.raises(InputError, match="unknown split 'train'"):
        arrays(table, "train")


def test_a_third_word_beside_two_splits_is_one():
    columns = {"e0": range(6), "e1": SCORES[:6], "label": [0, 1] * 3}
    table = _table("csv", **columns, part=["train", "test", "other"] * 2)
    assert len(arrays(table, "train")) == len(arrays(table, "other")) == 2


def test_splits_inside_classes_are_refused():
    for deeper in ("train", "test"):
        names = {"cat": (1, 2), "dog": (3, 4)}
        try:
            _folder(names, deeper)
        except InputError as error:
            said = str(error)
    assert "splits inside the classes (cat/test, cat/train)" in said
    assert len(load("folder:photos", split=".")) == 8


def test_numbers_in_place_of_splits_are_refused():
    columns = {"e0": range(6), "e1": SCORES[:6], "label": [0, 1] * 3}
    with pytest.raises(InputError, match="write the names of the splits there"):
        arrays(_table("csv", **columns, partition=[0, 1] * 3))
    with pytest.raises(InputError, match="write the names of the splits there"):
        arrays(_table("csv", **columns, train=[0, 1] * 3))


def test_two_arrays_of_one_meaning_are_refused():
    x = np.ones((6, 2))
    np.savez("d.npz", train_x=x, x_train=2 * x, y_train=[0, 1] * 3)
    with pytest.raises(InputError, match="both 'train_x' and 'x_train'"):
        arrays("d.npz", "train")


def test_an_index_in_order_is_one_whatever_the_ids_look_like():
    np.save("x.npy", np.random.default_rng(0).normal(size=(12_000, 2)))
    np.save("y.npy", np.arange(12_000) % 2)
    np.save("ids.npy", np.array([f"train/{n:05}" for n in range(12_000)]))
    of = arrays("x.npy,y.npy,ids.npy")
    table = pd.DataFrame({"score": np.arange(12_000.0)[::-1]})
    table.to_csv("s.csv")
    assert (scores_in("s.csv", of).scores == table["score"]).all()
    table.iloc[::-1].to_csv("s.csv")
    assert (scores_in("s.csv", of).scores == table["score"]).all()


@pytest.mark.parametrize("header", ["Target", "Class", "LABEL", "Category", "Y"])
def test_a_column_that_is_named_has_the_scores_whatever_it_is_called(photos, header):
    table = _table("csv", filename=_mixed(photos), **{header: SCORES[MIXED]})
    assert (scores_in(f"{table}:{header}", photos).scores == SCORES).all()
    with pytest.warns(DataWarning, match="no labels"):
        assert scores_in(f"{table}:{header}").class_names == ()


@pytest.mark.parametrize("name", ["age", "g1"])
def test_no_column_of_numbers_is_left_out_of_the_features(name):
    columns = {"f1": range(6), "f2": range(6), "label": [0, 1] * 3}
    assert arrays(_table("csv", **columns)).points.shape == (6, 2)
    with pytest.raises(InputError, match=f"f1, f2, ... and numbers in '{name}'"):
        arrays(_table("csv", **columns, **{name: SCORES[:6]}))


def test_ids_keep_all_their_digits(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("id,score\n-1,0.5\n1234567890123456789012,0.25\n")
    with pytest.warns(DataWarning, match="no labels"):
        assert scores_in(path).ids == ("-1", "1234567890123456789012")
    path.write_text("id,e0,e1,label\n-1,1,2,a\n1234567890123456789012,3,4,b\n")
    assert arrays(path).ids == ("-1", "1234567890123456789012")


def test_a_first_row_that_may_be_a_header_is_named(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("0\n0.5\n0.25\n1\n")
    said = "the first line, 0, is taken for the names"
    with pytest.warns(DataWarning, match=said), pytest.warns(match="no labels"):
        scores_in(path)
