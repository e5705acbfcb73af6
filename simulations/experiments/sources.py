"""Where the data of an experiment lie; opened in each process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

from perceptron_theory import InputError

from ..vision.data import DataSet, DataSource, load, source_of, source_text
from ..vision.data.encoded import vectors_of
from ..vision.scoring import read_array
from .configuration import Experiment
from .features import Features
from .gibbs_head import GibbsHead
from .learner import Learner
from .logistic_head import LogisticHead
from .score_set import ScoreSet
from .teacher_head import TeacherHead


@dataclass(frozen=True, eq=False)
class Rows:
    """Features that were read already, a row an example."""

    points: Float[np.ndarray, "P d"]


@dataclass(frozen=True)
class Source:
    """Names and paths; absolute ones where other processes are to open them."""

    data: str | DataSource
    """Text as on the command line, cifar10:FOLDER, or a data source as an object."""
    train_features: str | Rows | None = None
    """A .npy file; None takes the pixels.  Not of networks."""
    test_features: str | Rows | None = None
    scores: str | None = None
    """The folder of score files."""
    device: str | None = None
    """For networks: "cpu", "gpu" or "tpu"; all devices of the kind share each batch."""
    workers: int = 0
    """For networks: the number of processes that decode a streamed data set."""
    initial: str | None = None
    """For networks: a run folder or a weight file to start from, and to fine-tune."""
    downstream: str | DataSource | None = None
    """For networks that are pre-trained: the data to fine-tune on, as ``data``."""
    split: str = "train"
    test_split: str | None = None
    """None is the one that the data source names, or "test"."""
    downstream_test_split: str | None = None
    """The same as ``test_split``, for the data to fine-tune on."""

    def sets(self) -> tuple[DataSet, DataSet]:
        """The training and the test set.

        Raises:
            InputError: as ``simulations.vision.data.load``; one set for both.
        """
        return self._pair(self.data, self.test_split)

    def downstream_sets(self) -> tuple[DataSet, DataSet]:
        """Those to fine-tune on.

        Raises:
            InputError: as ``simulations.vision.data.load``.
        """
        return self._pair(self.downstream or "", self.downstream_test_split)

    def _pair(
        self, data: str | DataSource, test_split: str | None
    ) -> tuple[DataSet, DataSet]:
        place = source_of(data)
        held: str = test_split or getattr(place, "test_split", None) or "test"
        training, test = load(place, self.split), load(place, held)
        if training.fingerprint == test.fingerprint:  # a folder without splits
            raise InputError(
                f"{source_text(place)} has no test set: give a folder with sub-folders "
                f"{self.split} and {held}, with the classes in each"
            )
        return training, test

    def features(self) -> Features:
        """Read and check everything.

        Raises:
            InputError: a file that is missing or does not fit the data set.
        """
        sets, files = self.sets(), (self.train_features, self.test_features)
        if (files[0] is None) != (files[1] is None):
            raise InputError("give features of the training and the test set, or none")
        points = [
            _points(dataset, file) for dataset, file in zip(sets, files, strict=True)
        ]
        return Features(*sets, *points)  # type: ignore[arg-type] # checked there


def _points(dataset: DataSet, given: str | Rows | None) -> Float[np.ndarray, "P d"]:
    if given is None:
        return vectors_of(dataset)
    return given.points if isinstance(given, Rows) else read_array(given)


@lru_cache(maxsize=2)
def learner_of(
    source: Source, experiment: Experiment, partial: Path | None = None
) -> Learner:
    """The learner of this process, made once.

    Args:
        source: of its data.
        experiment: what it learns.
        partial: a folder for checkpoints of long runs.

    Raises:
        InputError: data, features or scores that are missing or do not fit.
    """
    if experiment.learner == "network":
        return _network(source, experiment, partial)
    if source.initial is not None or source.downstream is not None:
        raise InputError(
            "weights to start from (--initial) and data to fine-tune on (--downstream) "
            f"are for networks; the learner is {experiment.learner!r}"
        )
    features = source.features()
    if experiment.learner == "max_margin":
        return TeacherHead(features, experiment)
    if experiment.learner == "gibbs":
        return GibbsHead(features, experiment)
    scores = ScoreSet(source.scores, experiment.score_files, features.dataset)
    return LogisticHead(features, experiment, scores)


def _network(source: Source, experiment: Experiment, partial: Path | None) -> Learner:
    from ..vision.training import initial_from, placement, read_recipe
    from .network import NetworkLearner  # flax may be missing
    from .upstream import UpstreamLearner

    if source.train_features or source.test_features:
        raise InputError("a network is trained on images: leave out the features")
    if bool(source.downstream) != bool(experiment.downstream_recipe):
        raise InputError(
            "data to fine-tune on (--downstream) are for an experiment with a "
            "downstream_recipe, which needs them"
        )
    sets = source.sets()
    scores = ScoreSet(source.scores, experiment.score_files, sets[0])
    initial = None
    if source.initial is not None:
        recipe, where = read_recipe(experiment.recipe), placement(source.device)
        initial = initial_from(source.initial, sets[0], recipe, where)
    given = (*sets, experiment, scores, source.device, source.workers, partial, initial)
    if source.downstream is None:
        return NetworkLearner(*given)
    return UpstreamLearner(*given, source.downstream_sets())
