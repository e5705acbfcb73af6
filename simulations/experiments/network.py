"""A network that is trained on the kept examples by a recipe.

From random weights, or from given ones with a new head.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import jax
import numpy as np
from jaxtyping import Float, Int

from perceptron_theory import InputError

from ..vision.data.classes import matched
from ..vision.data.encoded import DataSet
from ..vision.data.order import training_steps
from ..vision.device_placement import Placement
from ..vision.networks.variables import parameter_count
from ..vision.training import Initial, Plan, Recipe, placement, read_recipe
from ..vision.training.step import State
from .cells import NO_METRIC, Cell, cells_of
from .configuration import Experiment
from .cost import Forecast
from .features import random_order
from .learner import Measured, measured
from .network_run import flops_of_a_step, predicted, trained
from .pool_scores import SCORERS, PoolScores
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
        smallest = min(cells_of(self.experiment), key=lambda cell: cell.kept)
        self.plan_of(smallest, np.arange(smallest.kept))  # refuses fewer than a batch

    @cached_property
    def recipe(self) -> Recipe:
        """With the budget of the experiment, for a pool."""
        names = ("fixed_epochs", "fixed_steps")
        budget = {name: getattr(self.experiment, name) for name in names}
        budget["fixed_steps"] = budget["fixed_steps"] or self.experiment.pool_steps
        given = {name: value for name, value in budget.items() if value is not None}
        return read_recipe(self.experiment.recipe, **given)

    @cached_property
    def placement(self) -> Placement:
        """The devices that share each batch."""
        return placement(self.device)

    def plan(self, rows: Int[np.ndarray, " n"], seed: int, share: float = 1.0) -> Plan:
        """What is trained on some rows, for a share of the budget of a pool."""
        recipe = self.recipe
        if self.experiment.smaller_batches:
            batch = min(recipe.batch_size, len(rows))
            recipe = replace(recipe, batch_size=batch)
        if share != 1:
            epoch_steps = training_steps(len(rows), recipe.batch_size)
            steps = max(1, round(share * recipe.total_steps(epoch_steps)))
            recipe = replace(recipe, fixed_epochs=None, fixed_steps=steps)
        return Plan(
            self.dataset,
            recipe,
            seed,
            self.placement,
            test=self.test,
            ids=[self.dataset.ids[row] for row in rows],
            workers=self.workers,
            initial=self.initial,
        )

    def plan_of(self, cell: Cell, rows: Int[np.ndarray, " n"]) -> Plan:
        """What a cell trains on the rows that it keeps."""
        fewer = self.experiment.pool_steps is not None
        return self.plan(rows, cell.seed, cell.keep_fraction if fewer else 1.0)

    @cached_property
    def pool_scores(self) -> PoolScores:
        """By networks that are trained on the pools themselves."""
        folder = None if self.partial is None else self.partial / "scores"
        return PoolScores(self.dataset, self.plan, folder)

    def partial_of(self, cell: Cell) -> Path | None:
        """The folder for its checkpoints."""
        return None if self.partial is None else self.partial / cell.key

    @property
    def fingerprints(self) -> dict[str, str]:
        dtype = self.plan(np.arange(self.experiment.sizes[0]), 0).signature["dtype"]
        start = {} if self.initial is None else {"initial": self.initial.sha256}
        if self.experiment.pool_steps is not None:
            start["budget"] = "the epochs of the pool"
        if self.experiment.smaller_batches:
            start["batches"] = "of all examples where these are fewer"
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
        if metric in self.experiment.score_files:
            return self.scores.of(metric, rows)
        share = self.experiment.metric_value(metric)
        return self.pool_scores.of(rows, seed, share)

    def scores_digest(self, metric: str) -> str:
        return self.scores.digest(metric)

    def train(self, rows: Int[np.ndarray, " n"], cell: Cell) -> Measured:
        plan = self.plan_of(cell, rows)
        state = trained(plan, self.partial_of(cell))
        return tested(plan, state, cost_of(plan))

    def forecast(self, cells: Sequence[Cell]) -> Forecast:
        plans: dict[tuple[int, float], Plan] = {}
        for cell in cells:
            of = (cell.kept, cell.keep_fraction)
            if of not in plans:
                plans[of] = self.plan_of(cell, np.arange(cell.kept))
        every = [plans[cell.kept, cell.keep_fraction] for cell in cells]
        every += self._scorers(cells)
        totals = [cost_of(plan) for plan in every]
        presentations = sum(one["presentations"] for one in totals)
        # of the largest batch: smaller ones cost more an example, but there are few
        timed = max(plans.values(), key=_batch_then_few)
        first, each = seconds_of_steps(timed)
        programs = len({plan.model for plan in every})
        return Forecast(
            presentations,
            sum(one["flops"] for one in totals),
            programs * first + presentations / timed.recipe.batch_size * each,
        )

    def _scorers(self, cells: Sequence[Cell]) -> list[Plan]:
        """What is trained for the scores of pools that cells are pruned by."""
        files = (*self.experiment.score_files, NO_METRIC)
        pools = {
            (cell.metric, cell.size, cell.seed)
            for cell in cells
            if cell.metric not in files
        }
        value = self.experiment.metric_value
        plans = {
            (metric, size): self.plan(np.arange(size), 0, value(metric))
            for metric, size, _ in pools
        }
        return SCORERS * [plans[metric, size] for metric, size, _ in pools]


def _batch_then_few(plan: Plan) -> tuple[int, int]:
    return plan.recipe.batch_size, -len(plan.kept)


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
