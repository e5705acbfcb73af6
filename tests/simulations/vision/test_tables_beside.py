"""Tables of other programs beside data sets, each other, and by themselves."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from perceptron_theory import InputError
from perceptron_theory.errors import DataWarning
from simulations.vision.data import load
from simulations.vision.own_scores import scores_in

pytest.importorskip("pyarrow")
N = 12
SCORES = np.arange(N) / 10
LABELS = np.array([0, 1, 1, 0, 1, 0, 0, 0, 1, 1, 0, 1])
MIXED = np.random.default_rng(1).permutation(N)
POINTS = np.random.default_rng(0).normal(size=(N, 3))
COLUMNS = {f"e{i}": POINTS[:, i] for i in range(3)}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _folder(*names):
    for i, name in enumerate(names):
        Path("F", name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (9 * i, 0, 0)).save(Path("F", name))


@pytest.fixture
def numbered():
    """Files 1.png to 12.png, which as text are in another order."""
    cats = [f"cat/{i}.png" for i in range(1, 7)]
    _folder(*cats, *(f"dog/{i}.png" for i in range(7, 13)))
    return load("folder:F")


@pytest.fixture
def photos():
    _folder(*(f"{'cat' if i < 6 else 'dog'}/{i:03}.png" for i in range(N)))
    return load("folder:F")


def _csv(index=None, file="t.csv", **columns):
    table = pd.DataFrame(columns, index=index)
    table.to_csv(file, index=index is not None)
    return file


def test_an_index_from_one_on_may_name_files(numbered):
    with pytest.raises(InputError, match="may number the rows or name files"):
        scores_in(_csv(range(1, N + 1), score=SCORES), numbered)
    with pytest.raises(InputError, match="may number the rows or name files"):
        table = _csv(range(1, N + 1), label=numbered.labels)
        load(f"folder:F#labels={table}")


def test_an_index_from_one_on_is_in_order_where_it_names_nothing(photos):
    Image.new("RGB", (4, 4)).save("F/dog/other.png")
    photos = load("folder:F")
    table = _csv(range(1, N + 2), score=np.arange(N + 1))
    assert (scores_in(table, photos).scores == np.arange(N + 1)).all()


def test_lines_that_are_taken_by_another_column_than_they_count_are_told(photos):
    ids = np.array(photos.ids)
    table = _csv(id=range(N), nearest=ids[MIXED], score=SCORES)
    with pytest.warns(DataWarning, match="the examples that 'nearest' names"):
        scores_in(table, photos)


def test_a_key_of_another_program_names_no_example(photos):
    ids = np.array(photos.ids)
    for key in (range(1, N + 1), range(500, 500 + N), [f"u{i}" for i in range(N)]):
        table = _csv(id=key, photo=ids[MIXED], score=SCORES[MIXED])
        assert (scores_in(table, photos).scores == SCORES).all()


@pytest.mark.parametrize("other", [list("xxyy") * 3, range(N), "ids"])
def test_of_two_usual_names_the_one_that_names_examples_is_taken(photos, other):
    ids = np.array(photos.ids)
    other = ids[MIXED] if other == "ids" else other
    table = _csv(name=other, filename=ids[MIXED], score=SCORES[MIXED])
    assert (scores_in(table, photos).scores == SCORES).all()


def test_paths_are_matched_where_each_class_has_the_same_file_names():
    _folder(*(f"{name}/{i}.png" for name in ("cat", "dog") for i in range(6)))
    photos = load("folder:F")
    for before in ("/home/me/F/train/", "./", "C:\\d\\"):
        paths = [before + photos.ids[i] for i in MIXED]
        found = scores_in(_csv(path=paths, score=SCORES[MIXED]), photos)
        assert (found.scores == SCORES).all()


def test_scores_by_themselves_have_the_ids_of_their_table():
    ids = [f"im{i}" for i in MIXED]
    with pytest.warns(DataWarning, match="no labels"):
        assert scores_in(_csv(photo=ids, score=SCORES)).ids == tuple(ids)
    with pytest.raises(InputError, match="which are the ids"):
        scores_in(_csv(photo=ids, other=ids, score=SCORES))
    files = [f"{one}.png" for one in ids]
    with pytest.warns(DataWarning, match="no labels"):
        assert scores_in(_csv(photo=files, other=ids, score=SCORES)).ids == (*files,)
    times = _csv(forgetting=MIXED + 7, score=SCORES)
    said = "call 'forgetting' id if it names them"
    with pytest.warns(DataWarning, match=said), pytest.warns(match="no labels"):
        assert scores_in(f"{times}:score").ids[:2] == ("0", "1")


SPELLED = {
    "suffix": ("im{}.npy", "im{}.jpg"),
    "folder": ("d1/im{}", "d2/im{}"),
    "case": ("IM{}", "im{}"),
    "zeros": ("0000{}", "{}"),
}


def _pair(ours, theirs, header="image", labels=LABELS, own="photo"):
    _csv(file="x.csv", **{own: ours}, **COLUMNS)
    _csv(file="y.csv", **{header: theirs}, label=labels)
    return load("arrays:x.csv,y.csv")


@pytest.mark.parametrize("spelled", SPELLED.values(), ids=SPELLED)
@pytest.mark.parametrize("own", ["photo", "filename"])
def test_keys_of_two_spellings_are_the_same(spelled, own):
    ours, theirs = ([one.format(i + 100) for i in range(N)] for one in spelled)
    header = "image" if own == "photo" else own
    assert (_pair(ours, theirs, header, own=own).labels == LABELS).all()
    with pytest.raises(InputError, match="not the same in the same order"):
        _pair(ours, [theirs[i] for i in MIXED], header, LABELS[MIXED], own)


def test_columns_of_both_tables_agree_of_whatever_type():
    for kind in (float, bool):
        cells = np.linspace(0, 5, N).astype(kind)
        frame = pd.DataFrame({"embedding": list(POINTS), "at": cells})
        frame.to_parquet("x.parquet")
        for order in (np.arange(N), np.roll(np.arange(N), 1)):
            labels = pd.DataFrame({"label": LABELS[order], "at": cells[order]})
            labels.to_parquet("y.parquet")
            if order[0] == 0:
                assert len(load("arrays:x.parquet,y.parquet")) == N
            else:
                with pytest.raises(InputError, match="both have the column 'at'"):
                    load("arrays:x.parquet,y.parquet")


def test_groups_of_two_tables_in_two_orders_are_refused():
    groups = [f"p{i // 2}" for i in range(N)]
    assert len(_pair(groups, groups, "subject")) == N
    with pytest.raises(InputError, match="the same words in another order"):
        _pair(groups, groups[::-1], "subject")


def test_labels_beside_features_that_differ_are_told():
    _csv(file="x.csv", **COLUMNS, label=LABELS)
    for given, said in ((LABELS, None), (1 - LABELS, None), (LABELS[::-1], "label")):
        np.save("y.npy", given)
        if said is None:
            load("arrays:x.csv,y.npy")
        else:
            with pytest.warns(DataWarning, match="has labels of its own, 'label'"):
                assert (load("arrays:x.csv,y.npy").labels == given).all()


def _halves(one, other):
    return [one] * 8 + [other] * 4


WORDS = {
    "is_train": ("yes", "no"),
    "isTrain": (True, False),
    "in_train": ("t", "f"),
    "train_mask": (1, 0),
    "is_training": (1, 0),
    "not_a_header": ("train", "val"),
}


@pytest.mark.parametrize("header", WORDS)
def test_splits_in_more_words(header):
    table = _csv(**COLUMNS, label=LABELS, **{header: _halves(*WORDS[header])})
    assert len(load(f"arrays:{table}", "train")) == 8


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("subset", ("trainset", "testset")),
        ("Set", ("Training set", "Test set")),
        ("partition", ("tr", "te")),
        ("set", ("Train_1", "Test_1")),
        ("is_train", ("often", "never")),
        ("split", ("train", "Train")),
        ("split", ("train", "")),
    ],
)
def test_words_that_are_no_splits_are_refused(header, words):
    table = _csv(**COLUMNS, label=LABELS, **{header: _halves(*words)})
    with pytest.raises(InputError, match=r"unknown split 'train'|write "):
        load(f"arrays:{table}", "train")


def test_words_that_are_no_splits_do_no_harm(photos):
    for header, words in (
        ("set", "AB"),
        ("mode", "ab"),
        ("stage", "I II".split()),
        ("vehicle", ("train", "bus")),
        ("valid", (True, False)),
    ):
        table = _csv(**COLUMNS, label=LABELS, **{header: _halves(*words)})
        assert len(load(f"arrays:{table}")) == N
    table = _csv(**COLUMNS, label=_halves("test", "val"), is_train=[1] * N)
    assert load(f"arrays:{table}").class_names == ("test", "val")
    ids = np.array(photos.ids)[MIXED]
    table = _csv(filename=ids, split=_halves("A", "B"), score=SCORES[MIXED])
    assert (scores_in(table, photos).scores == SCORES).all()


def test_what_is_not_for_validation_is_for_training():
    table = _csv(**COLUMNS, label=LABELS, is_val=_halves(False, True))
    assert len(load(f"arrays:{table}")) == 8
    assert len(load(f"arrays:{table}", "val")) == 4
    test = [False] * 6 + [True] * 2 + [False] * 4
    both = {"is_validation": _halves(False, True), "is_test": test}
    table = _csv(**COLUMNS, label=LABELS, **both)
    assert len(load(f"arrays:{table}", "test")) == 2
    assert len(load(f"arrays:{table}")) == 6
    both["is_test"] = _halves(False, True)
    with pytest.raises(InputError, match="that it is of two splits"):
        load(f"arrays:{_csv(**COLUMNS, label=LABELS, **both)}")
    table = _csv(**COLUMNS, label=LABELS, extra=_halves(False, True))
    assert len(load(f"arrays:{table}")) == N


def test_places_of_splits_in_an_archive_are_refused():
    places = {"train_idx": np.arange(8), "test_idx": np.arange(8, N)}
    np.savez("d.npz", X=POINTS, y=LABELS, **places)
    with pytest.raises(InputError, match="has numbers of rows in 'train_idx'"):
        load("arrays:d.npz")


def test_paths_and_a_third_file_tell_splits_too():
    paths = [f"train/a/{i}.png" for i in range(8)]
    paths += [f"test/a/{i}.png" for i in range(8, N)]
    table = _csv(**COLUMNS, label=LABELS, path=paths)
    assert load(f"arrays:{table}").ids == tuple(paths[:8])
    np.save("x.npy", POINTS)
    np.save("y.npy", LABELS)
    _csv(file="i.csv", id=range(N), split=_halves("train", "test"))
    assert len(load("arrays:x.npy,y.npy,i.csv")) == 8
    _csv(file="i.csv", id=range(N), split=paths[:1] * N, subset=_halves("a", "b"))
    with pytest.raises(InputError, match=r"'subset' holds a, b|split"):
        load("arrays:x.npy,y.npy,i.csv")


def test_a_table_of_another_split_is_not_for_this_data_set():
    digits = load("digits#0,1")
    count = len(digits)
    table = _csv(score=np.arange(count), split=["test"] * count)
    with pytest.raises(InputError, match="says that its rows are of 'test'"):
        scores_in(table, digits)
    table = _csv(label=digits.labels, split=["test"] * count)
    with pytest.raises(InputError, match="says that its rows are of 'test'"):
        load(f"digits#0,1#labels={table}")


def test_a_plain_table_of_some_classes_of_a_numbered_set_is_in_order():
    digits = load("digits#0,1")
    scores = np.arange(len(digits))
    assert (scores_in(_csv(scores, score=scores), digits).scores == scores).all()


def test_classes_beside_scores_are_those_of_the_examples(photos):
    names = np.array(["cat"] * 6 + ["dog"] * 6)
    with pytest.warns(DataWarning, match="no ids"):
        scores_in(_csv(class_name=names, score=SCORES), photos)
    with pytest.raises(InputError, match="names the classes of 0 of 12"):
        scores_in(_csv(class_name=names[::-1], score=SCORES), photos)


def test_columns_that_nobody_asks_for_may_have_gaps(photos):
    ids = list(photos.ids)
    notes = {"note": [None] * 3 + ["x"] * 9, "boxes": [[1] * (i % 3) for i in range(N)]}
    frame = pd.DataFrame({"filename": ids, "score": SCORES, **notes})
    frame.to_parquet("n.parquet")
    assert (scores_in("n.parquet", photos).scores == SCORES).all()
    frame = pd.DataFrame({"embedding": list(POINTS), "label": LABELS, **notes})
    frame.to_parquet("n.parquet")
    assert len(load("arrays:n.parquet")) == N
    frame = pd.DataFrame({"label": LABELS, "id": range(N), **notes})
    frame.to_parquet("n.parquet")
    np.save("x.npy", POINTS)
    assert len(load("arrays:x.npy,n.parquet")) == N


def test_points_of_a_face_are_no_splits():
    points = {f"{axis}_{i}": POINTS[:, i] for i in range(2) for axis in "xy"}
    with pytest.raises(InputError, match=r"the feature vectors|numbers in"):
        load(f"arrays:{_csv(**points, label=LABELS)}")


def test_splits_inside_classes_under_other_words():
    _folder(
        *(f"{c}/{s}_set/{i}.png" for c in "ab" for s in ("train", "test") for i in "12")
    )
    with pytest.raises(InputError, match="has the splits inside the classes"):
        load("folder:F")


def test_a_folder_around_the_splits_is_named():
    _folder(*(f"images/{s}/{c}/1.png" for s in ("train", "test") for c in "ab"))
    with pytest.raises(InputError, match="which has the splits test, train: give"):
        load("folder:F")
