"""Scores of a part of a data set, and that part: matched by the ids of the examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from perceptron_theory import InputError

from .data.encoded import DataSet
from .data.parts import part_of
from .own_scores import scores_in
from .score_files import Scores, is_score_file, read_scores


def scores_and_part(path: Path, dataset: DataSet) -> tuple[Scores, DataSet]:
    """Scores of a data set or of a part of it, and the examples that they are of.

    A part is what ``compare`` scores where it holds examples out to test on. Its
    examples are found by their ids, and their labels are compared.

    Args:
        path: a score file, or scores of one's own, which must be of all examples.
        dataset: that they are looked up in.

    Returns:
        The scores, and the examples in their order.

    Raises:
        InputError: as ``own_scores.scores_in``; ids that the data set lacks, or other
            labels.
    """
    if path.suffix != ".parquet" or not path.is_file() or not is_score_file(path):
        return scores_in(path, dataset), dataset
    scores = read_scores(path)
    place = {one: row for row, one in enumerate(dataset.ids)}
    rows = np.array([place.get(one, -1) for one in scores.ids])
    if len(rows) >= len(dataset) or (rows < 0).any():
        try:
            scores.check_dataset(dataset)  # which says what differs
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        return scores, dataset
    part = part_of(dataset, rows, scores.dataset)
    if not np.array_equal(part.labels, scores.labels):
        raise InputError(
            f"{path}: the scores are of {scores.dataset}, whose labels are not those "
            f"of {dataset.name}"
        )
    return scores, part
