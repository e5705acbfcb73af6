"""Features of one's own in a comparison: of all examples, to train and to test on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from perceptron_theory import InputError

from ...vision import inputs
from ...vision.data import DataSet
from ...vision.data.array_files import read_array
from .data_sets import Opened


@dataclass(frozen=True, eq=False)
class OwnFeatures:
    """A row for each example of the sets of :class:`.data_sets.Opened`."""

    whole: Float[np.ndarray, "P d"]
    train: Float[np.ndarray, "n d"]
    test: Float[np.ndarray, "T d"]


def own_features(
    data: Opened, features: Path | str, test_features: Path | str | None
) -> OwnFeatures:
    """Read features, and refuse what is not of these data.

    Args:
        data: The sets.
        features: A .npy file, a row for each example of the training set; of data
            without a test set, of all examples, which the test set is held out of.
        test_features: The same of the test set; None where it is held out.

    Raises:
        InputError: A file that cannot be read, NaN, another number of rows than there
            are examples, other dimensions than those of the other file, or a test set
            without features.
    """
    name = data.whole.name
    if data.held_out and test_features is not None:
        raise InputError(
            f"{name} has no test set: leave out the test features, and a part of the "
            "examples is held out with its features"
        )
    if not data.held_out and test_features is None:
        raise InputError(
            f"{name} has a test set of {len(data.test)} examples: give their features "
            "too (--test-features)"
        )
    whole = _rows(features, data.whole)
    if test_features is None:
        place = {one: i for i, one in enumerate(data.whole.ids)}
        train, test = (
            whole[[place[one] for one in part.ids]] for part in (data.train, data.test)
        )
        return OwnFeatures(whole, train, test)
    test = _rows(test_features, data.test)
    if test.shape[1] != whole.shape[1]:
        raise InputError(
            f"{features} has {whole.shape[1]} dimensions and {test_features} "
            f"{test.shape[1]}: give features of one network"
        )
    return OwnFeatures(whole, whole, test)


def _rows(path: Path | str, dataset: DataSet) -> Float[np.ndarray, "P d"]:
    points = inputs.real_array(str(path), read_array(path), "P", "d")
    if len(points) != len(dataset):
        raise InputError(
            f"{path} has {len(points)} rows, and {dataset.name} has {len(dataset)} "
            "examples: give one row per example, in the order of the data set"
        )
    return points
