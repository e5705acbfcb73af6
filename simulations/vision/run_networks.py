"""The networks of a run of ``pruning-laws train``, trained or as they began.

Metrics that are computed from a network itself, and not from what it left in files,
read them here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from perceptron_theory import InputError

from .data.class_order import natural_key
from .data.encoded import DataSet, images_of
from .data.images import Images
from .data.listing import is_data
from .device_placement import Placement
from .training import Plan
from .training.image_size import fitted
from .training.loss import cross_entropy
from .training.recipe_files import recipe_of
from .training.restored import about_run, check_random_start, saved_variables
from .training.step import Model, State, predict


@dataclass(frozen=True, eq=False)
class RunNetwork:
    """A network of a run, in evaluation mode."""

    plan: Plan
    dataset: Images
    """The data set of the run, in memory."""
    state: State
    loss: Callable[[Any, Array, Array], Array]
    """The cross-entropy of one image, as a function of ``variables``, image and label.
    It is one function for all networks of an ensemble, so that it is compiled once."""

    @property
    def variables(self) -> tuple[Any, Any]:
        """Weights, and the statistics of batch norm, on which no gradient depends."""
        return self.state.params, self.state.statistics

    @property
    def seed(self) -> int:
        """The seed of its training."""
        return self.plan.seed

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe of its training, as values of JSON."""
        return self.plan.recipe.as_dict()


def networks_of_run(
    dataset: DataSet, folder: Path, *, initial: bool = False
) -> Iterator[RunNetwork]:
    """The network of a run by its last checkpoint, or all networks of an ensemble.

    Args:
        dataset: The data set on which they were trained.
        folder: The folder of a run or of an ensemble.
        initial: Whether to take the weights before the first step; no checkpoint is
            needed then.

    Raises:
        InputError: There is no such folder, or no checkpoint, the data set is another
            one, or its images are not in memory.
    """
    dataset = images_of(dataset, "give the data that the network was trained on")
    here = Placement((jax.local_devices()[0],))
    loss = None
    models = (path for path in (folder / "models").glob("*") if is_data(path.name))
    for path in sorted(models, key=lambda one: natural_key(one.name)) or [folder]:
        about = about_run(path)
        if about["fingerprint"] != dataset.fingerprint:
            raise InputError(
                f"{path} was trained on {about['dataset']} "
                f"({about['fingerprint'][:12]}), the data set is {dataset.name} "
                f"({dataset.fingerprint[:12]}): give that one"
            )
        recipe = recipe_of(about["recipe"])
        images = fitted(dataset, recipe)
        if not isinstance(images, Images):
            raise InputError(
                f"images of {dataset.name} are streamed: call metrics.grand with "
                "decoded batches of them"
            )
        ids = None
        if (path / "member.npy").exists():
            ids = list(compress(dataset.ids, np.load(path / "member.npy")))
        plan = Plan(images, recipe, about["seed"], here, ids=ids)
        if initial:
            check_random_start(path, about)
            state = plan.start()
        else:
            variables, _ = saved_variables(path, here)
            state = State(variables["params"], variables["batch_stats"], None)
        loss = loss or _loss(plan.model)
        yield RunNetwork(plan, images, state, loss)


def _loss(model: Model) -> Any:
    def loss(variables: tuple[Any, Any], image: Array, label: Array) -> Array:
        params, statistics = variables  # the gradient is by the weights alone
        state = State(params, jax.lax.stop_gradient(statistics), None)
        logits = predict(model, state, image[None])
        return cross_entropy(logits, label[None])[0]

    return loss
