"""Weights that training starts from in place of random ones: fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import jax
import numpy as np
from flax.traverse_util import flatten_dict

from perceptron_theory import InputError

from ..networks import network
from ..networks.classifier import HEADS, Classifier
from ..networks.variables import digest
from .recipe import Recipe
from .step import State


@dataclass(frozen=True)
class Initial:
    """Weights of a network, but for its head: that is always new."""

    name: str
    """The name of the folder or file, for messages."""
    network: str
    stem: str | None
    """Both as in a recipe."""
    variables: dict[str, Any]
    """"params" and, with batch norm, "batch_stats"; a head is dropped."""
    source: dict[str, Any]
    """Where they are from; values of JSON."""

    def __post_init__(self) -> None:
        # copies on the host: a step uses up the arrays that it is given
        object.__setattr__(
            self, "variables", jax.tree.map(np.array, _headless(self.variables))
        )

    @cached_property
    def sha256(self) -> str:
        """The digest of names and values of all weights."""
        return digest(self.variables)

    def check(self, recipe: Recipe, variables: dict[str, Any]) -> None:
        """Refuse a recipe of another network.

        Args:
            recipe: of the run that is to start from the weights.
            variables: of its network, or their shapes.

        Raises:
            InputError: another network or stem, or arrays of other shapes.
        """
        ours, theirs = (self.network, self.stem), (recipe.network, recipe.stem)
        if backbone(*ours) != backbone(*theirs):
            raise InputError(
                f"{self.name} holds {_says(*ours)}, the recipe is of "
                f"{_says(*theirs)}: give weights and a recipe of one network"
            )
        has, needs = _shapes(self.variables), _shapes(_headless(variables))
        for place in {**needs, **has}:
            if has.get(place) != needs.get(place):
                raise InputError(
                    f"{self.name}: {place} has shape {has.get(place)}, the network "
                    f"needs {needs.get(place)}: give weights for such images"
                )

    def put_into(self, state: State) -> State:
        """A state before the first step with these weights, and its own head."""
        params = state.params | self.variables["params"]
        return state._replace(params=params, statistics=self.variables["batch_stats"])


def _headless(variables: dict[str, Any]) -> dict[str, Any]:
    params = {k: v for k, v in variables["params"].items() if k not in HEADS}
    return {"params": params, "batch_stats": variables.get("batch_stats", {})}


def backbone(name: str, stem: str | None) -> Classifier:
    """The network of a recipe without a head."""
    return network(name, classes=0, **({} if stem is None else {"stem": stem}))


def _says(name: str, stem: str | None) -> str:
    return name if stem is None else f"{name} with the stem {stem}"


def _shapes(variables: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    found = cast(dict, flatten_dict(variables, sep="/"))
    return {place: leaf.shape for place, leaf in found.items()}
