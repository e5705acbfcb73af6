"""Labels are numbers of names: their order, and two data sets with other classes."""

import numpy as np
import pytest
from PIL import Image

from perceptron_theory import InputError
from perceptron_theory.errors import DataWarning
from simulations.experiments.features import Features
from simulations.vision.data import Images, load, source_of, source_text
from simulations.vision.data.class_order import natural_order
from simulations.vision.data.classes import matched, of_classes


def _set(name, class_names, labels, seed=0):
    pixels = np.random.default_rng(seed).integers(256, size=(len(labels), 4, 4, 1))
    ids = tuple(f"{name}/{i}" for i in range(len(labels)))
    return Images(name, pixels.astype(np.uint8), np.array(labels), ids, class_names)


TRAIN = _set("train", ("ant", "bee", "cat"), [0, 1, 2, 0, 1, 2])


@pytest.fixture
def numbered(tmp_path):
    for i in range(12):
        (tmp_path / "set" / str(i)).mkdir(parents=True)
        Image.new("RGB", (4, 4), (i, 0, 0)).save(tmp_path / "set" / str(i) / "a.png")
    return tmp_path / "set"


def test_natural_order():
    names = ["a10", "a2", "b1", "10", "9", "a2b10", "a2b9", "", "A"]
    ordered = ["", "9", "10", "A", "a2", "a2b9", "a2b10", "a10", "b1"]
    assert natural_order(names) == ordered
    whole = ["-10", "-2", "-1", "0", "3", "10", "x-1", "x-2"]
    assert natural_order(sorted(whole)) == whole


def test_classes_named_by_numbers_warn_and_can_be_in_their_order(numbered, tmp_path):
    with pytest.warns(DataWarning, match=r"label 2 is '10'; .* it would be '2'"):
        as_text = load(f"folder:{numbered}")
    assert as_text.class_names[:4] == ("0", "1", "10", "11")
    found = load(f"folder:{numbered}#natural")  # a warning would be an error here
    assert found.class_names == tuple(str(i) for i in range(12))
    for one in (found, as_text):
        for name, label in zip(one.ids, one.labels, strict=True):
            assert one.class_names[label] == name.split("/")[0]
    order = tmp_path / "order.txt"
    order.write_text("\ufeff" + "\r\n".join(str(i) for i in range(11, -1, -1)), "utf-8")
    last = load(f"folder:{numbered}#{order}")
    assert last.class_names == tuple(str(i) for i in range(11, -1, -1))
    assert last.labels[last.ids.index("3/a.png")] == 8
    for text in (f"folder:{numbered}#natural", f"folder:{numbered}#{order}"):
        assert source_text(source_of(text)) == text
        assert source_of(text).test_split is None


def test_an_order_that_is_no_file_of_names_is_refused(numbered, tmp_path):
    for content, says in (
        (None, "cannot be read"),
        (b"", "is empty"),
        (b"\xe90\n1\n", "not UTF-8 text"),
        (b"0\n1\nx\n", "unknown class of set 'x'"),
        (b"0\n1\n1\n", "'1' comes twice"),
    ):
        file = tmp_path / "order.txt"
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(InputError, match=says):
            load(f"folder:{numbered}#{file}")


def test_names_of_one_width_do_not_warn():
    assert load("digits").class_names == tuple("0123456789")


def test_labels_are_matched_by_the_names_of_classes():
    test = _set("test", ("cat", "bee"), [0, 1, 1])
    found = matched(test, TRAIN)
    assert found.class_names == TRAIN.class_names
    assert found.labels.tolist() == [2, 1, 1]
    assert matched(TRAIN, TRAIN) is TRAIN
    # a class without examples is none that matters
    assert matched(_set("t", ("dog", "ant"), [1, 1]), TRAIN).labels.tolist() == [0, 0]
    with pytest.raises(InputError, match=r"of 'dog', of which train .* none of 'ant'"):
        matched(_set("test", ("bee", "cat", "dog"), [0, 2]), TRAIN)
    with pytest.raises(InputError, match="several of one name"):
        matched(_set("test", ("bee", "bee"), [0, 1]), TRAIN)
    with pytest.raises(InputError, match="several classes of the name 'bee'"):
        of_classes(_set("test", ("bee", "ant", "bee"), [0, 1, 2]), ("bee", "ant"))


def test_features_and_plans_match_their_test_sets():
    import tiny

    from simulations.vision.ensembles import Ensemble
    from simulations.vision.training import Recipe

    test = _set("test", ("cat", "bee"), [0, 1, 1], seed=1)
    other = _set("test", ("bee", "cat", "dog"), [0, 2])
    points = np.random.default_rng(0).normal(size=(9, 2))
    features = Features(TRAIN, test, points[:6], points[6:])
    assert features.test.labels.tolist() == [2, 1, 1]
    small = {"dataset": TRAIN, "batch_size": 2, "fixed_epochs": 1}
    plan = tiny.plan(test=test, **small)
    assert plan.test.labels.tolist() == [2, 1, 1]
    recipe = Recipe(**(tiny.RECIPE | {"batch_size": 2, "fixed_epochs": 1}))
    both = Ensemble(TRAIN, recipe, 2, 0, plan.placement, test=test)
    assert both.test.labels.tolist() == [2, 1, 1]
    with pytest.raises(InputError, match="test has examples of 'dog'"):
        Features(TRAIN, other, points[:6], points[:2])
    with pytest.raises(InputError, match="test has examples of 'dog'"):
        tiny.plan(test=other, **small)


def test_an_accent_in_one_sign_or_two_is_the_same_name():
    train = _set("train", ("ant", "caf\u00e9"), [0, 1])
    test = _set("test", ("cafe\u0301", "ant"), [0, 1])
    found = matched(test, train)
    assert found.class_names == train.class_names
    assert found.labels.tolist() == [1, 0]
    both = _set("both", ("cafe\u0301", "caf\u00e9"), [0, 1])
    with pytest.raises(InputError, match="several of one name"):
        matched(test, _set("t", ("ant", *both.class_names), [0, 1]))
