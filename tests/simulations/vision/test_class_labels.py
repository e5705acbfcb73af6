"""Labels that differ are different classes, and what is missing is none."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from perceptron_theory import InputError
from simulations.vision.data import load
from simulations.vision.data.array_files import open_arrays
from simulations.vision.data.class_labels import classes_of, labels_of_cells
from simulations.vision.own_scores import scores_in

NAN = float("nan")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _read(labels):
    """The data set of labels in a file: an array, or the lines of a column."""
    np.save("x.npy", np.arange(2.0 * len(labels)).reshape(-1, 2))
    if isinstance(labels, np.ndarray):
        np.save("y.npy", labels, allow_pickle=True)
        return load("arrays:x.npy,y.npy")
    found = []
    Path("y.txt").write_text("\n".join(labels) + "\n")
    rows = (f"{i},{i}.5,{one}" for i, one in enumerate(labels))
    Path("t.csv").write_text("\n".join(["e0,e1,label", *rows]) + "\n")
    for text in ("arrays:x.npy,y.txt", "arrays:t.csv"):
        found.append(load(text))
    assert found[0].class_names == found[1].class_names
    np.testing.assert_array_equal(found[0].labels, found[1].labels)
    return found[0]


def _refused(labels):
    with pytest.raises(InputError) as caught:
        _read(labels)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "cells",
    [
        ["-9223372036854775809", "-9223372036854775810", "-1"],
        ["9007199254740993", "9007199254740992", "-1"],
        ["9223372036854775807", "9223372036854775806", "-1"],
        ["18446744073709551616", "18446744073709551617", "7"],
        ["0e1", "1e1", "3e5"],
        ["1e300", "2e300", "1e301"],
        ["007", "7", "-1"],
        ["007", "07", "x"],
        ["1e999999999", "1e999999998", "7"],
    ],
)
def test_labels_that_differ_in_text_are_different_classes(cells):
    found = _read(cells)
    assert len(found.class_names) == 3 and len(set(found.labels.tolist())) == 3


def test_one_number_in_several_ways_is_one_class():
    assert _read(["1", "2.0", "1.0", "+1", "-0", "0"]).class_names == ("0", "1", "2")
    np.savetxt("saved.txt", [3, 0, 10])  # 3.000000000000000000e+00
    assert _read(Path("saved.txt").read_text().split()).class_names == ("0", "3", "10")
    for cells in (["0e1", "0e2", "1e1"], ["10", "1e1"]):  # hashes, or numbers
        assert "are one number, or two names" in _refused(cells)
    assert "label 1 is 0.5: labels must be whole" in _refused(["1", "0.5", "2"])


@pytest.mark.parametrize(
    ("labels", "end"),
    [
        (np.array([1e300, 2e300, 0]), 2**53),
        (np.array([2.0**53, 0, 1]), 2**53),
        (np.array([2**24, 0, 1], "f4"), 2**24),
        (np.array([2**11, 0, 1], "f2"), 2**11),
        (np.array([-(2.0**62), 0, 1], np.longdouble), 2**62),
    ],
)
def test_numbers_that_may_have_been_rounded_are_no_labels(labels, end):
    assert f"told apart below {end} only: give integers or names" in _refused(labels)
    largest = np.array([end - 1, 0, 1]).astype(labels.dtype)
    if end < 2**62:
        assert _read(largest).class_names == ("0", "1", str(end - 1))


@pytest.mark.parametrize(
    "labels",
    [
        np.array([2**63, 2**63 + 1, 0], np.uint64),
        np.array([2**63, 2**63 + 1, 0], object),
        np.array([2**63, 2**63 + 1, -1], object),
        np.array([2**64, 2**64 + 1, -1], object),
        np.array(["1", "01", "1.0"]),
        np.array([b"1", b"01", b"x"]),
        np.array([b"1", "01", "x"], object),
        np.array([1, "a", "b"], object),
    ],
)
def test_labels_of_every_type_are_told_apart(labels):
    np.savez("y.npz", label=labels)
    found = _read(labels)
    assert len(found.class_names) == 3
    there = load("arrays:x.npy,y.npz")
    assert there.class_names == found.class_names


@pytest.mark.parametrize(
    "labels",
    [
        np.array([2**63, 0.5, -1], object),
        np.array([1, "1", "b"], object),
        np.array(["a", "a\0", "b"], object),
        np.array([True, "True", "b"], object),
    ],
)
def test_objects_that_no_type_tells_apart_are_refused(labels):
    assert "must be whole numbers or names, got object" in _refused(labels)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (np.array(["cat", NAN, "dog"], object), "label 1 is missing (nan)"),
        (np.array(["cat", None, "dog"], object), "label 1 is missing (None)"),
        (np.array(["cat", NAN, "dog"]), "label 1 is missing (nan)"),
        (np.array(["cat", "", "dog"]), "label 1 is empty: give every example one"),
        (np.array([0, NAN, 1]), "label 1 is missing (nan)"),
        (np.array([0, None, 1], object), "label 1 is missing (None)"),
        (["cat", "NA", "dog"], "label 1 is missing (NA)"),
        (["cat", "n/a", "dog"], "or another name if it is a class"),
        (["0", "nan", "1"], "label 1 is missing (nan)"),
        (["0", "null", "1"], "label 1 is missing (null)"),
    ],
)
def test_a_missing_label_is_no_class(labels, says):
    assert says in _refused(labels)


def test_and_in_tables_of_scores():
    rows = ("0.5,a", "0.25,NA", "1.5,b")
    Path("s.csv").write_text("\n".join(["score,label", *rows]))
    with pytest.raises(InputError, match=r"label 1 is missing \(NA\)"):
        scores_in("s.csv")
    rows = ("0.5,9007199254740993", "0.25,9007199254740992", "1.5,-1")
    Path("s.csv").write_text("\n".join(["score,label", *rows]))
    assert len(set(scores_in("s.csv").labels.tolist())) == 3


def test_a_folder_of_that_name_is_a_class(tmp_path):
    for name in ("NA", "nan", "None"):
        (tmp_path / "set" / name).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "set" / name / "1.png")
    found = load("folder:set")
    assert found.class_names == ("NA", "None", "nan")
    Path("new.csv").write_text("id,label\nNA/1.png,nan\nNone/1.png,NA\nnan/1.png,NA\n")
    assert load("folder:set#labels=new.csv").labels.tolist() == [2, 0, 0]
    for cell in ("", "n/a"):
        text = f"id,label\nNA/1.png,nan\nNone/1.png,{cell}\nnan/1.png,NA\n"
        Path("new.csv").write_text(text)
        with pytest.raises(InputError, match=r"label\[1\] is empty.* give every"):
            load("folder:set#labels=new.csv")


def test_a_row_of_labels_is_no_one_hot_row():
    with pytest.raises(InputError, match=r"they lie in one row, give ravel\(\)"):
        classes_of("labels", np.arange(5)[None])
    with pytest.raises(InputError, match=r"for one-hot rows give argmax\(1\)"):
        classes_of("labels", np.eye(5))


def test_what_a_text_file_holds_is_read_in_both_ways():
    Path("n.csv").write_text("x,label\n1,9007199254740993\n0.5,-2\n")
    file = open_arrays("n.csv")
    assert file["label"].dtype == np.float64
    assert file.labels("label").tolist() == [9007199254740993, -2]
    assert labels_of_cells("y", []).shape == (0,)
