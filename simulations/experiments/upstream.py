"""Transfer: pre-train on the kept examples, fine-tune on other data, test there.

The downstream data are the same for all cells, and all of them are used: what is pruned
is upstream (Sorscher et al. 2022, Fig. 4).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import jax
import numpy as np
from jaxtyping import Int

from ..vision.data.encoded import DataSet
from ..vision.networks.variables import abstract_variables
from ..vision.training import Initial, Plan, Recipe, read_recipe
from .cells import Cell
from .cost import Forecast
from .learner import Measured
from .network import (
    NetworkLearner,
    check_labelled,
    cost_of,
    seconds_of_steps,
    tested,
)
from .network_run import trained


@dataclass(frozen=True, eq=False)
class UpstreamLearner(NetworkLearner):
    """A learner; see :class:`.learner.Learner`."""

    downstream: tuple[DataSet, DataSet] = ()  # type: ignore[assignment] # always given
    """Training and test set."""
    _needs_labels: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_labelled(self._downstream_recipe, self.experiment.downstream_recipe)
        plan = self.plan(np.arange(max(self.experiment.sizes)), 0)
        shapes = abstract_variables(plan.model.network, plan.image_shape)
        zeros = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
        self._fine_tuning(0, self._initial(self.experiment.recipe, zeros))

    @cached_property
    def _downstream_recipe(self) -> Recipe:
        return read_recipe(self.experiment.downstream_recipe)

    def _fine_tuning(self, seed: int, initial: Initial | None) -> Plan:
        dataset, test = self.downstream
        return Plan(
            dataset,
            self._downstream_recipe,
            seed,
            self.placement,
            test=test,
            workers=self.workers,
            initial=initial,
        )

    def _initial(self, name: str, variables: dict[str, Any]) -> Initial:
        of = (self.recipe.network, self.recipe.stem)
        return Initial(name, *of, variables, {"pre-training": name})

    @property
    def fingerprints(self) -> dict[str, str]:
        dataset, test = self.downstream
        recipe = json.dumps(self._downstream_recipe.as_dict(), sort_keys=True)
        return super().fingerprints | {
            "downstream": dataset.fingerprint,
            "downstream_test": test.fingerprint,
            "downstream_recipe": recipe,
        }

    def train(self, rows: Int[np.ndarray, " n"], cell: Cell) -> Measured:
        plan, folder = self.plan_of(cell, rows), self.partial_of(cell)
        up, down = (
            None if folder is None else folder / name
            for name in ("upstream", "downstream")
        )
        state = trained(plan, up, keep=True)
        variables = {"params": state.params, "batch_stats": state.statistics}
        tuning = self._fine_tuning(cell.seed, self._initial(cell.key, variables))
        after = trained(tuning, down)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        return tested(tuning, after, _sum(cost_of(plan), cost_of(tuning)))

    def forecast(self, cells: Sequence[Cell]) -> Forecast:
        before = super().forecast(cells)
        plan = self._fine_tuning(0, None)
        first, each = seconds_of_steps(plan)
        cost, count = cost_of(plan), len(cells)
        return Forecast(
            before.presentations + count * cost["presentations"],
            before.flops + count * cost["flops"],
            before.seconds + first + count * cost["steps"] * each,
        )


def _sum(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {name: one[name] + other[name] for name in one}
