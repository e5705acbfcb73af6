"""One's own arrays as a data set."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perceptron_theory import InputError
from simulations.vision.data import Images, Points, load, source_text

COUNT, DIM = 6, 3
POINTS = np.arange(COUNT * DIM, dtype=np.float32).reshape(COUNT, DIM)
LABELS = np.array([1, 0, 2, 1, 0, 2])
NAMES = np.array(["dog", "cat", "owl"] * 2)
IDS = [f"img_{i}.png" for i in range(COUNT)]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", POINTS)
    np.save("y.npy", LABELS)
    (tmp_path / "ids.txt").write_text("\n".join(IDS) + "\n")
    return tmp_path


def _refused(text, split="train"):
    with pytest.raises(InputError) as caught:
        load(text, split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_feature_vectors_and_labels_of_two_files_are_a_data_set(here):
    found = load("arrays:x.npy,y.npy")
    assert isinstance(found, Points) and len(found) == COUNT and found.name == "x"
    np.testing.assert_array_equal(found.points, POINTS)
    np.testing.assert_array_equal(found.labels, LABELS)
    assert found.class_names == ("0", "1", "2")
    assert found.ids == tuple(map(str, range(COUNT)))
    np.save("other.npy", POINTS[::-1])
    assert load("arrays:other.npy,y.npy").fingerprint != found.fingerprint


def test_ids_are_those_of_a_third_file(here):
    np.save("ids.npy", np.array(IDS))
    np.save("objects.npy", np.array(IDS, object))
    pq.write_table(pa.table({"id": IDS, "width": [1] * COUNT}), "ids.parquet")
    for file in ("ids.txt", "ids.npy", "objects.npy", "ids.parquet"):
        assert load(f"arrays:x.npy,y.npy,{file}").ids == tuple(IDS)


@pytest.mark.parametrize("kind", ["U", "O", "f8", "?", "negative"])
def test_classes_are_the_different_labels_sorted(here, kind):
    labels, names = NAMES, ("cat", "dog", "owl")
    if kind == "f8":
        labels, names = LABELS * 10.0, ("0", "10", "20")
    elif kind == "?":
        labels, names = LABELS == 1, ("False", "True")
    elif kind == "negative":
        labels, names = np.where(LABELS == 1, 1, -1), ("-1", "1")
    np.save("y.npy", labels.astype(object) if kind == "O" else labels)
    found = load("arrays:x.npy,y.npy")
    assert found.class_names == names
    told = [found.class_names[one] for one in found.labels]
    assert told == [f"{x:g}" if kind == "f8" else str(x) for x in labels.tolist()]


def _one_file(form):
    if form == "npz":
        np.savez("all.npz", embeddings=POINTS, label=NAMES, ids=np.array(IDS))
    elif form == "lists":
        rows = {"id": IDS, "embedding": POINTS.tolist(), "label": NAMES.tolist()}
        pq.write_table(pa.table(rows), "all.parquet")
    elif form == "columns":
        columns = {f"e{i}": POINTS[:, i] for i in range(DIM)}
        category = pa.array(NAMES.tolist()).dictionary_encode()
        pq.write_table(pa.table({**columns, "label": category, "id": IDS}),
                       "all.parquet")  # fmt: skip
    else:
        lines = [f"{i},{n},{','.join(map(str, p))}" for i, n, p in
                 zip(IDS, NAMES, POINTS, strict=True)]  # fmt: skip
        Path("all.csv").write_text("\n".join(["id,label,e0,e1,e2", *lines]))
    return {"npz": "all.npz", "csv": "all.csv"}.get(form, "all.parquet")


@pytest.mark.parametrize("form", ["npz", "lists", "columns", "csv"])
def test_one_file_may_hold_all_by_their_names(here, form):
    found = load(f"arrays:{_one_file(form)}")
    np.testing.assert_array_equal(found.points, POINTS)
    assert found.ids == tuple(IDS) and found.class_names == ("cat", "dog", "owl")
    assert [found.class_names[one] for one in found.labels] == NAMES.tolist()
    assert found.points.dtype.kind == "f"


def test_splits_are_named_in_the_paths_or_in_the_arrays(here):
    for split, scale in (("train", 1), ("test", 2)):
        np.save(f"x_{split}.npy", POINTS * scale)
        np.save(f"y_{split}.npy", LABELS)
    np.savez("all.npz", x_train=POINTS, y_train=LABELS, x_test=POINTS * 2,
             y_test=LABELS)  # fmt: skip
    for text in ("arrays:x_{split}.npy,y_{split}.npy", "arrays:all.npz"):
        train, test = load(text), load(text, "test")
        np.testing.assert_array_equal(test.points, 2 * train.points)
        assert train.ids[0] == "train/0" and test.ids[0] == "test/0"
    assert "unknown split 'val'" in _refused("arrays:all.npz", "val")
    assert "x_val.npy does not exist" in _refused(
        "arrays:x_{split}.npy,y_{split}.npy", "val"
    )
    assert "write {split} in the names" in _refused("arrays:x.npy,y.npy", "test")


def test_bytes_of_three_or_four_dimensions_are_images(here):
    for shape in ((COUNT, 4, 4), (COUNT, 4, 4, 3)):
        np.save("x.npy", np.full(shape, 7, np.uint8))
        found = load("arrays:x.npy,y.npy")
        assert isinstance(found, Images) and found.images.shape[1:3] == (4, 4)


def test_some_classes_and_paths_with_a_number_sign(here):
    part = load("arrays:x.npy,y.npy#2,0")
    assert part.class_names == ("2", "0") and part.ids == ("1", "2", "4", "5")
    np.testing.assert_array_equal(part.points, POINTS[[1, 2, 4, 5]])
    np.save("a#1.npy", POINTS)
    np.save("b, c.npy", POINTS)
    assert load("arrays:b, c.npy, y.npy").name == "b, c"
    for text in ("arrays:a#1.npy,y.npy", "arrays:a#1.npy,y.npy#0,1"):
        assert load(text).name.startswith("a#1") and source_text(text) == text


@pytest.mark.parametrize(
    ("name", "array", "says"),
    [
        ("x", POINTS[:5], "5 examples in x.npy and 6 labels in y.npy"),
        ("x", np.where(POINTS == 4, np.nan, POINTS), "[1, 1] is nan"),
        ("x", POINTS[..., None, None], "give feature vectors (P, d), or images as"),
        ("x", POINTS.astype(str), "feature vectors must be numbers"),
        ("y", np.eye(3)[LABELS], "for one-hot rows give argmax(1)"),
        ("y", LABELS + 0.5, "label 0 is 1.5"),
        ("y", np.where(LABELS == 2, np.nan, LABELS), "label 2 is nan"),
        ("y", np.array(["a", "", "b"] * 2), "label 1 is empty"),
        ("y", LABELS + 1j, "must be whole numbers or names"),
        ("i", np.arange(5), "5 ids for 6 examples"),
        ("i", np.zeros(6, int), "the id '0' stands for several"),
        ("i", np.linspace(0, 1, 6), "ids must be a list of names"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_in_one_line(here, name, array, says):
    np.save("i.npy", LABELS)
    np.save(f"{name}.npy", array)
    assert says in _refused("arrays:x.npy,y.npy" + ",i.npy" * (name == "i"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("arrays:x.npy", "x.npy has no labels (has one array)"),
        (
            "arrays:x.npy,y.npy,ids.txt,more.npy",
            "must name one to three files: give EMB",
        ),
        ("arrays:x.npy,,y.npy", "must name one to three files"),
        ("arrays:x.npy,z.npy", "z.npy does not exist: give a .npy file"),
        ("arrays:x.h5,y.npy", "names end in .npy, .npz, .parquet"),
        ("arrays:y.h5", "y.h5: arrays are read from .npy, .npz"),
        ("arrays:ids.txt,y.npy", "ids.txt has <U9 of shape (6,): give feature"),
        ("arrays:", "arrays needs a path: arrays:EMBEDDINGS.npy,LABELS.npy[,IDS]"),
    ],
)
def test_bad_paths_are_refused_in_one_line(here, text, says):
    assert says in _refused(text)


def test_what_a_file_holds_is_named_where_it_is_not_clear(here):
    np.savez("a.npz", embeddings=POINTS, features=POINTS, label=LABELS)
    assert "both 'embeddings' and 'features'" in _refused("arrays:a.npz")
    np.savez("b.npz", mine=POINTS, yours=POINTS, label=LABELS)
    said = _refused("arrays:b.npz")
    assert re.search("has 'mine', 'yours', 'label': which are the feature vec", said)
    rows = pa.table({"id": IDS[::-1], "label": LABELS})
    pq.write_table(rows, "y.parquet")
    assert load("arrays:x.npy,y.parquet").ids == tuple(IDS[::-1])
    assert "sort the files alike" in _refused("arrays:x.npy,y.parquet,ids.txt")


@pytest.mark.parametrize("suffix", ["npy", "npz", "parquet"])
def test_damaged_files_are_refused_in_one_line(here, suffix):
    file = here / f"all.{suffix}"
    if suffix == "npy":
        np.save(file, POINTS)
    else:
        _one_file("npz" if suffix == "npz" else "lists")
    content = file.read_bytes()
    for end in (0, 3, 40, len(content) // 2, len(content) - 1):
        file.write_bytes(content[:end])
        assert f"all.{suffix}" in _refused(f"arrays:all.{suffix},y.npy")


def test_arrays_behind_the_first_one_of_a_file_are_not_left_out(here):
    for arrays in ((POINTS, LABELS), (POINTS, POINTS)):
        with open("two.npy", "wb") as file:
            for one in arrays:
                np.save(file, one)
        assert "bytes after its array, as of several numpy.save" in _refused(
            "arrays:two.npy,y.npy"
        )
    content = Path("two.npy").read_bytes()
    with zipfile.ZipFile("two.npz", "w") as archive:
        archive.writestr("x.npy", content)
    assert "bytes after its array" in _refused("arrays:two.npz,y.npy")
