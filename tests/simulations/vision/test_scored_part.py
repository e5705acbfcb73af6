"""Scores of a part of a data set: its examples are found by their ids."""

import numpy as np
import pytest

from perceptron_theory import InputError
from simulations.vision.data import Images
from simulations.vision.data.parts import held_out
from simulations.vision.score_files import scores_of, write_scores
from simulations.vision.scored_part import scores_and_part


@pytest.fixture
def pets():
    pixels = np.arange(20 * 4, dtype=np.uint8).reshape(20, 2, 2, 1)
    ids = tuple(f"{i:02d}.png" for i in range(20))
    return Images("pets", pixels, np.arange(20) % 2, ids, ("cat", "dog"))


def test_a_part_has_its_own_images_and_scores(pets, tmp_path):
    part, _ = held_out(pets, 0.2, seed=0)
    of = {one: float(i) for i, one in enumerate(pets.ids)}
    scores = scores_of(part, "el2n", [of[one] for one in part.ids])
    write_scores(tmp_path / "s.parquet", scores)
    found, shown = scores_and_part(tmp_path / "s.parquet", pets)
    assert len(shown) == 16 and shown.ids == found.ids == part.ids
    np.testing.assert_array_equal(shown.images[:, 0, 0, 0], 4 * found.scores)
    assert shown.class_names == pets.class_names


def test_scores_of_all_are_checked_as_always(pets, tmp_path):
    write_scores(tmp_path / "s.parquet", scores_of(pets, "el2n", np.arange(20.0)))
    found, shown = scores_and_part(tmp_path / "s.parquet", pets)
    assert shown is pets and len(found.scores) == 20
    other = Images("x", pets.images + 1, pets.labels, pets.ids, pets.class_names)
    with pytest.raises(InputError, match="other pixels"):
        scores_and_part(tmp_path / "s.parquet", other)
    np.save(tmp_path / "own.npy", np.arange(3.0))
    with pytest.raises(InputError, match="3 scores"):
        scores_and_part(tmp_path / "own.npy", pets)


def test_other_examples_and_other_labels_are_refused(pets, tmp_path):
    part, _ = held_out(pets, 0.2, seed=0)
    write_scores(tmp_path / "s.parquet", scores_of(part, "el2n", np.arange(16.0)))
    ids = tuple(f"other/{one}" for one in pets.ids)
    other = Images("others", pets.images, pets.labels, ids, pets.class_names)
    with pytest.raises(InputError, match="other examples"):
        scores_and_part(tmp_path / "s.parquet", other)
    swapped = Images("pets", pets.images, 1 - pets.labels, pets.ids, pets.class_names)
    with pytest.raises(InputError, match="labels are not those of"):
        scores_and_part(tmp_path / "s.parquet", swapped)
