"""Parts of data sets: rows, and a test set that is held out."""

import numpy as np
import pytest
from PIL import Image

from perceptron_theory import InputError
from simulations.vision.data import Images, load
from simulations.vision.data.parts import held_out, part_of
from simulations.vision.data.points import Points

LABELS = np.array([0] * 11 + [1] * 2 + [2])
IDS = tuple(f"e{i}" for i in range(14))
NAMES = ("a", "b", "c")
PIXELS = np.arange(14 * 4, dtype=np.uint8).reshape(14, 2, 2, 1)
IMAGES = Images("set", PIXELS, LABELS, IDS, NAMES)
POINTS = Points("set", np.arange(28.0).reshape(14, 2), LABELS, IDS, NAMES)


@pytest.mark.parametrize("dataset", [IMAGES, POINTS])
def test_a_part_has_the_rows_that_were_asked_for(dataset):
    rows = np.array([12, 3])
    part = part_of(dataset, rows, "two")
    assert part.name == "two" and part.ids == ("e12", "e3")
    assert part.labels.tolist() == [1, 0] and part.class_names == NAMES
    field = "images" if dataset is IMAGES else "points"
    assert (getattr(part, field) == getattr(dataset, field)[rows]).all()


def test_a_part_of_files_reads_its_own(tmp_path):
    for i in range(3):
        folder = tmp_path / "ab"[i % 2]
        folder.mkdir(exist_ok=True)
        Image.new("L", (9, 9), 50 * i).save(folder / f"{i}.png")
    files = load(f"folder:{tmp_path}")  # a/0, a/2, b/1
    part = part_of(files, np.array([2, 1]), "two")
    assert part.ids == ("b/1.png", "a/2.png")
    assert [int(part.decode(i, 8)[0, 0, 0]) for i in (0, 1)] == [50, 100]
    assert part.sizes.tolist() == files.sizes[[2, 1]].tolist()


@pytest.mark.parametrize("dataset", [IMAGES, POINTS])
def test_of_every_class_a_part_is_held_out(dataset):
    train, test = held_out(dataset, 0.2, seed=0)
    assert np.bincount(test.labels, minlength=3).tolist() == [2, 1, 0]
    assert sorted(train.ids + test.ids) == sorted(IDS)
    assert held_out(dataset, 0.2, seed=0)[1].ids == test.ids
    others = {held_out(dataset, 0.2, seed=one)[1].ids for one in range(5)}
    assert len(others) > 1


def test_nothing_can_be_held_out_of_single_examples():
    single = part_of(IMAGES, np.array([0, 11, 13]), "three")
    with pytest.raises(InputError, match="three has one example of each class"):
        held_out(single, 0.2, seed=0)
