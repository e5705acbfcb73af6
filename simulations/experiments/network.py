"""A network that is trained on the kept examples by a recipe.

From random weights, or from given ones with a new head.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import jax
import numpy as np
from jaxtyping import Float, Int

from perceptron_theory import InputError

from ..vision.data.classes import matched
from ..vision.data.encoded import DataSet
from ..vision.device_placement import Placement
from ..vision.networks.variables import parameter_count
from ..vision.training import Initial, Plan, Recipe, placement, read_recipe
from ..vision.training.step import State
from .cells import Cell, cells_of
from .configuration import Experiment
from .cost import Forecast
from .features import random_order
from .learner import Measured, measured
from .network_run import flops_of_a_step, predicted, trained
from .score_set import ScoreSet

_TIMED = 5  # steps


@dataclass(frozen=True, eq=False)
class NetworkLearner:
    """A learner; see :class:`.learner.Learner`."""

    dataset: DataSet
    test: DataSet
    experiment: Experiment
    scores: ScoreSet
    device: str | None = None
    workers: int = 0
    partial: Path | None = None
    """For checkpoints of runs that are not whole."""
    initial: Initial | None = None
    """Weights to start from: the cells are fine-tuned."""
    _needs_labels: ClassVar[bool] = True
    """Whether the errors are of what the recipe trains."""

    def __post_init__(self) -> None:
        total, sizes = len(self.dataset), self.experiment.sizes
        if max(sizes) > total:
            raise InputError(
                f"sizes go up to {max(sizes)}, {self.dataset.name} has {total} examples"
            )
        object.__setattr__(self, "test", matched(self.test, self.dataset))
        if self._needs_labels:
            advice = ": give one of classification, or a downstream_recipe"
            check_labelled(self.recipe, self.experiment.recipe, advice)
        smallest = min(cell.kept for cell in cells_of(self.experiment))
        self.plan(np.arange(smallest), 0)  # refuses fewer than a batch

    @cached_property
    def recipe(self) -> Recipe:
        """With the budget of the experiment."""
        names = ("fixed_epochs", "fixed_steps")
        budget = {name: getattr(self.experiment, name) for name in names}
        given = {name: value for name, value in budget.items() if value is not None}
        return read_recipe(self.experiment.recipe, **given)

    @cached_property
    def placement(self) -> Placement:
        """The devices that share each batch."""
        return placement(self.device)

    def plan(self, rows: Int[np.ndarray, " n"], seed: int) -> Plan:
        """What a cell trains."""
        return Plan(
            self.dataset,
            self.recipe,
            seed,
            self.placement,
            test=self.test,
            ids=[self.dataset.ids[row] for row in rows],
            workers=self.workers,
            initial=self.initial,
        )

    def partial_of(self, cell: Cell) -> Path | None:
        """The folder for its checkpoints."""
        return None if self.partial is None else self.partial / cell.key

    @property
    def fingerprints(self) -> dict[str, str]:
        dtype = self.plan(np.arange(self.experiment.sizes[0]), 0).signature["dtype"]
        start = {} if self.initial is None else {"initial": self.initial.sha256}
        return start | {
            "data": self.dataset.fingerprint,
            "test": self.test.fingerprint,
            "recipe": json.dumps(self.recipe.as_dict(), sort_keys=True),
            "dtype": dtype,
        }

    @property
    def classes(self) -> int:
        return len(self.dataset.class_names)

    def labels(self, rows: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        return self.dataset.labels[rows]

    def pool(self, size: int, seed: int) -> Int[np.ndarray, " n"]:
        return random_order(len(self.dataset), seed)[:size]

    def difficulty(
        self, metric: str, rows: Int[np.ndarray, " n"], seed: int
    ) -> Float[np.ndarray, " n"]:
        return self.scores.of(metric, rows)

    def scores_digest(self, metric: str) -> str:
        return self.scores.digest(metric)

    def train(self, rows: Int[np.ndarray, " n"], cell: Cell) -> Measured:
        plan = self.plan(rows, cell.seed)
        state = trained(plan, self.partial_of(cell))
        return tested(plan, state, cost_of(plan))

    def forecast(self, cells: Sequence[Cell]) -> Forecast:
        plans: dict[int, Plan] = {}
        for cell in cells:
            if cell.kept not in plans:
                plans[cell.kept] = self.plan(np.arange(cell.kept), 0)
        totals = [cost_of(plans[cell.kept]) for cell in cells]
        steps = sum(one["steps"] for one in totals)
        first, each = seconds_of_steps(plans[min(plans)])
        return Forecast(
            sum(one["presentations"] for one in totals),
            sum(one["flops"] for one in totals),
            len(plans) * first + steps * each,  # a program a number of examples
        )


def check_labelled(recipe: Recipe, name: str, advice: str = "") -> None:
    """Refuse a recipe after which there are no errors to measure.

    Raises:
        InputError: it learns no classes; with the advice.
    """
    if recipe.objective != "classification":
        raise InputError(
            f"the recipe {name} is of {recipe.objective}, which learns no classes"
            f"{advice}"
        )


def tested(plan: Plan, state: State, cost: dict[str, Any]) -> Measured:
    """What became of a network, on the test set of its plan."""
    assert plan.test is not None
    labels, model = plan.test.labels, plan.model
    return measured(
        predicted(plan, state) != labels,
        labels,
        len(plan.test.class_names),
        **cost,
        dimensions=parameter_count(model.network, plan.image_shape),
        setting=0.0,
    )


def cost_of(plan: Plan) -> dict[str, Any]:
    """Steps, presentations and operations of a training."""
    steps = plan.model.total_steps
    return {
        "steps": steps,
        "presentations": steps * plan.recipe.batch_size,
        "flops": steps * flops_of_a_step(plan),
    }


def seconds_of_steps(plan: Plan) -> tuple[float, float]:
    """Seconds of the first step, with what is compiled for it, and of later ones."""
    state, took = plan.start(), []
    for steps in (1, _TIMED):
        steps = min(steps, plan.training.epoch_steps)
        started = time.perf_counter()
        for changed, _ in plan.training.epoch(state, plan.key, 0, steps):
            state = changed
        jax.block_until_ready(state)
        took.append((time.perf_counter() - started) / steps)
    return took[0], took[1]
