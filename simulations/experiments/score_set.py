"""The scores that an experiment prunes by, from a folder of files of scores."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from perceptron_theory import InputError
from perceptron_theory.paths import expanded

from ..vision.data.array_files import SUFFIXES
from ..vision.data.encoded import DataSet
from ..vision.own_scores import scores_in


class ScoreSet:
    """Scores of a data set by several metrics: NAME is in FOLDER/NAME.parquet.

    Scores of one's own may be in NAME.npy, NAME.csv and so on.
    """

    def __init__(
        self, folder: Path | str | None, metrics: Sequence[str], dataset: DataSet
    ) -> None:
        """Read and check them.

        Args:
            folder: of the files; may be None where no metric needs one.
            metrics: names of files, without .parquet.
            dataset: that they must be of.

        Raises:
            InputError: no folder, a file that is missing, damaged or of other data.
        """
        if metrics and folder is None:
            raise InputError(
                f"{metrics[0]} is a score file: give the folder that it is in "
                f"(--scores), or make {metrics[0]}.parquet by `pruning-laws score`"
            )
        at = expanded(folder or "")
        self._scores = {
            metric: scores_in(_file(at, metric), dataset).scores for metric in metrics
        }

    def of(self, metric: str, rows: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """High = hard, of some rows of the data set."""
        return self._scores[metric][rows]

    def digest(self, metric: str) -> str:
        """What tells these scores from others; empty for a metric of no file."""
        if metric not in self._scores:
            return ""
        scores = self._scores[metric].astype("<f8").tobytes()
        return hashlib.sha256(scores).hexdigest()[:16]


def _file(folder: Path, metric: str) -> Path:
    """The one file of a metric in a folder; where there is none, that of `score`.

    Raises:
        InputError: There are several.
    """
    paths = [folder / f"{metric}{suffix}" for suffix in SUFFIXES]
    there = [path for path in paths if path.is_file()]
    if len(there) > 1:
        raise InputError(
            f"{folder} has both {there[0].name} and {there[1].name}: leave one there"
        )
    return there[0] if there else folder / f"{metric}.parquet"
