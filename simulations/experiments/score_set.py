"""The scores that an experiment prunes by, from a folder of score files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from perceptron_theory import InputError
from perceptron_theory.paths import expanded

from ..vision.data.encoded import DataSet
from ..vision.score_files import read_scores


class ScoreSet:
    """Scores of a data set by several metrics: NAME is in FOLDER/NAME.parquet."""

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
            metric: read_scores(at / f"{metric}.parquet", dataset).scores
            for metric in metrics
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
