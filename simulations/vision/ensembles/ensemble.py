"""What an ensemble is: a recipe, a data set, and the seed and subset of each model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool

from perceptron_theory import InputError

from .. import inputs
from ..data.encoded import DataSet
from ..device_placement import Placement
from ..training import Plan, Recipe
from .subsets import balanced_subsets


@dataclass(frozen=True)
class Ensemble:
    """K models, each a :class:`.Plan` of its own.

    Model k is the same in ensembles of any size: to train more models later, give the
    same folder and a larger number.

    Raises:
        InputError: what :class:`.Plan` refuses, no whole number of models, a fraction
            that is not inside (0, 1), several hosts.
    """

    dataset: DataSet
    recipe: Recipe
    models: int
    seed: int
    placement: Placement
    test: DataSet | None = None
    subset_fraction: float | None = None
    """The random part of the examples that each model is trained on; None for all."""
    workers: int = 0
    """Processes that decode a stream."""

    def __post_init__(self) -> None:
        inputs.positive_integer("models", self.models)
        if self.recipe.objective != "classification":
            raise InputError(
                f"an ensemble is of classifiers, and the recipe has the objective "
                f"{self.recipe.objective!r}: train its models one by one"
            )
        if jax.process_count() > 1:
            raise InputError(
                "an ensemble is trained by one host: give each host a folder and a "
                "seed of its own"
            )
        first = self.plan(0)
        object.__setattr__(self, "test", first.test)  # with the labels of the dataset
        _ = first.signature, self.member

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the models, from the one of the ensemble."""
        return tuple(
            int(np.random.SeedSequence(self.seed, spawn_key=(k,)).generate_state(1)[0])
            for k in range(self.models)
        )

    @cached_property
    def member(self) -> Bool[np.ndarray, "K P"]:
        """Whether example i is in the training set of model k."""
        count = len(self.dataset)
        if self.subset_fraction is None:
            return np.ones((self.models, count), bool)
        return balanced_subsets(
            count, self.subset_fraction, self.models, seed=self.seed
        )

    def plan(self, model: int) -> Plan:
        """What one model is trained on."""
        ids: Sequence[str] | None = None
        if self.subset_fraction is not None:
            ids = list(compress(self.dataset.ids, self.member[model]))
        return Plan(
            self.dataset,
            self.recipe,
            self.seeds[model],
            self.placement,
            test=self.test,
            ids=ids,
            workers=self.workers,
        )

    @cached_property
    def signature(self) -> dict[str, Any]:
        """What decides the weights, as values of JSON: going on needs the same."""
        one = self.plan(0).signature
        same = {name: one[name] for name in ("recipe", "dtype", "dataset")}
        return same | {
            "fingerprint": self.dataset.fingerprint,
            "ensemble_seed": self.seed,
            "subset_fraction": self.subset_fraction,
            "test": None if self.test is None else self.test.name,
            "test_fingerprint": None if self.test is None else self.test.fingerprint,
        }
