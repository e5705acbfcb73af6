"""The models of a comparison: what is trained on the kept, and what gives scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from ...vision.data import DataSet
from ...vision.data.encoded import vectors_of
from ..configuration import SIDES, Experiment
from ..logistic_head import VALIDATION
from ..sources import Rows, Source
from .cross_fit import HEADS, cross_fitted_logits
from .data_sets import Opened
from .feature_files import OwnFeatures

NAME = "compare"
Bar = Callable[[int, str], AbstractContextManager[Callable[..., None]]]
"""Told how many there are of what ("runs"), it makes a function to report them to."""


@runtime_checkable
class Model(Protocol):
    """One of the two kinds of models."""

    @property
    def says(self) -> str:
        """What is trained, for a sentence."""
        ...

    @property
    def largest(self) -> int:
        """Examples to choose from, at most."""
        ...

    @property
    def least(self) -> int:
        """Examples that can be trained on, at least."""
        ...

    def source(self, scores: Path) -> Source:
        """Where an experiment finds data and score files."""
        ...

    def experiment(
        self, size: int, fractions: Iterable[float], seeds: int, metrics: Iterable[str]
    ) -> Experiment:
        """What is run."""
        ...

    def arrays(
        self, dataset: DataSet, names: set[str], bar: Bar
    ) -> dict[str, Float[np.ndarray, ...]]:
        """Logits or embeddings of a data set, for the metrics that need them."""
        ...


@dataclass(frozen=True)
class LinearHeads:
    """Heads on features that do not change: feature vectors, or pixels."""

    data: Opened
    features: OwnFeatures | None = None
    """In place of the vectors or the pixels of the data."""

    @property
    def says(self) -> str:
        return "linear heads"

    @property
    def largest(self) -> int:
        count = len(self.data.train)  # of which some choose the ridge
        return count - round(VALIDATION * count)

    @property
    def least(self) -> int:
        return 2

    def source(self, scores: Path) -> Source:
        own = self.features
        given = () if own is None else (Rows(own.train), Rows(own.test))
        return Source(self.data, *given, scores=str(scores))

    def experiment(
        self, size: int, fractions: Iterable[float], seeds: int, metrics: Iterable[str]
    ) -> Experiment:
        return experiment_of("logistic", size, fractions, seeds, metrics)

    def arrays(
        self, dataset: DataSet, names: set[str], bar: Bar
    ) -> dict[str, Float[np.ndarray, ...]]:
        found: dict[str, Any] = {}
        own = self.features
        if own is None:
            points = vectors_of(dataset)
        else:
            points = own.whole if dataset is self.data.whole else own.train
        if "embeddings" in names:
            found["embeddings"] = points
        if "logits" in names:
            given = points, dataset.labels, len(dataset.class_names)
            with bar(HEADS, "heads, for scores") as advance:
                found["logits"] = cross_fitted_logits(*given, seed=0, advance=advance)
        return found


def experiment_of(
    learner: str,
    size: int,
    fractions: Iterable[float],
    seeds: int,
    metrics: Iterable[str],
    **more: Any,
) -> Experiment:
    """The experiment of a comparison: all, hard, easy, middle and random examples."""
    return Experiment(
        name=NAME,
        learner=learner,
        sizes=(size,),
        keep_fractions=tuple(fractions),
        metrics=tuple(metrics),
        strategies=SIDES,
        seeds=seeds,
        answers=True,
        **more,
    )
