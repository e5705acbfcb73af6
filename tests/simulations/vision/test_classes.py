"""Subsets of classes: what is kept, what is renumbered, and what is refused."""

import pickle

import numpy as np
import pytest
from PIL import Image

from perceptron_theory import InputError
from pruning_laws.vision_options import test_split as split_of
from simulations.vision.data import load
from simulations.vision.data.classes import of_classes
from simulations.vision.data.decode import CenterCrop
from simulations.vision.data.stream import Stream

DIGITS = load("digits")


@pytest.fixture
def folder(tmp_path):
    """Images of one colour each, 2 of a, 3 of b, 4 of c."""
    for name, count in {"a": 2, "b": 3, "c": 4}.items():
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(count):
            colour = (50 * count, 50 * i, 0)
            Image.new("RGB", (16, 16), colour).save(
                tmp_path / "set" / name / f"{i}.png"
            )
    return tmp_path / "set"


def test_labels_are_in_the_order_given_and_rows_in_that_of_the_data_set():
    found = load("digits#7, 1,3")
    rows = np.flatnonzero(np.isin(DIGITS.labels, (1, 3, 7)))
    assert found.class_names == ("7", "1", "3") and found.name == "digits train#7,1,3"
    assert found.ids == tuple(DIGITS.ids[i] for i in rows)
    np.testing.assert_array_equal(found.images, DIGITS.images[rows])
    np.testing.assert_array_equal(
        np.array([7, 1, 3])[found.labels], DIGITS.labels[rows]
    )
    assert len({DIGITS.fingerprint, found.fingerprint}) == 2
    assert load("digits#1,3,7").fingerprint != found.fingerprint  # other labels


def test_all_classes_in_their_order_are_the_data_set():
    found = of_classes(DIGITS, DIGITS.class_names)
    assert found.fingerprint == DIGITS.fingerprint


def test_images_that_are_read_when_needed(folder):
    whole, found = load(f"folder:{folder}"), load(f"folder:{folder}#c,a")
    assert found.ids == tuple(one for one in whole.ids if one[0] in "ac")
    np.testing.assert_array_equal(found.labels, [1, 1, 0, 0, 0, 0])
    assert pickle.loads(pickle.dumps(found.reader)).read(2) == whole.reader.read(5)
    batch = next(Stream(found, 6, CenterCrop(16, 16)).epoch())
    reds = batch.images[:, 0, 0, 0]
    np.testing.assert_array_equal(reds, [100] * 2 + [200] * 4)
    # what is left does not depend on what is not
    (folder / "b" / "2.png").unlink()
    assert load(f"folder:{folder}#c,a").fingerprint == found.fingerprint


def test_a_path_with_a_mark_stays_a_path(folder):
    marked = folder.rename(folder.with_name("a#b,c"))
    assert load(f"folder:{marked}").class_names == ("a", "b", "c")
    assert load(f"folder:{marked}#c,a").class_names == ("c", "a")


def test_imagenet_by_the_names_of_its_folders(folder):
    folder.rename(folder.with_name("train"))
    found = load(f"imagenet:{folder.parent}#b,a")
    assert found.name == "ImageNet train#b,a" and len(found) == 5


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("digits#1,cat", "unknown class of digits train 'cat': allowed are '0', '1'"),
        ("digits#1,2,1", "the class '1' comes twice"),
        ("digits#1", "1 of the classes of digits train: give two or more"),
        ("digits#", "unknown class of digits train ''"),
        ("mnis#1,2", "is not a data set I recognise"),
        ("cifar10:nowhere#cat,dog", "nowhere does not exist"),
    ],
)
def test_what_is_refused(name, words):
    with pytest.raises(InputError) as caught:
        load(name)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_the_test_split_is_that_of_the_data_set():
    names = {"digits#1,2": "test", "cifar10:a#cat,dog": "test", "imagenet:b#c,d": "val"}
    assert {name: split_of(name) for name in names} == names
    assert split_of("folder:a#b,c") == "none"
