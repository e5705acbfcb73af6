"""GraND of the networks of ``pruning-laws train``, trained or as they began."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import compress
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from perceptron_theory import InputError

from . import metrics
from .data.encoded import DataSet
from .data.images import Images
from .device_placement import Placement
from .score_files import Scores, scores_of
from .training import Plan
from .training.loss import cross_entropy
from .training.recipe_files import recipe_of
from .training.restored import about_run, check_random_start, saved_variables
from .training.step import Model, State, predict


def score_grand(dataset: DataSet, folder: Path, *, initial: bool = False) -> Scores:
    """GraND by the last checkpoint of a run; the mean over the models of an ensemble.

    Args:
        dataset: on which they were trained.
        folder: of a run or of an ensemble.
        initial: whether to take the weights before the first step, as Paul et al. did
            first; no checkpoint is needed then.

    Raises:
        InputError: no such folder, another data set, no checkpoint, images that are
            not in memory, a gradient that is not finite.
    """
    if not isinstance(dataset, Images):
        raise InputError(
            f"images of {dataset.name} are streamed: call metrics.grand with decoded "
            "batches of them"
        )
    found: list[Float[np.ndarray, " P"]] = []
    seeds, loss, recipe = [], None, {}
    for plan, state in _networks(dataset, folder, initial):
        loss = loss or _loss(plan.model)  # one program for all models
        variables = state.params, state.statistics
        found.append(metrics.grand(loss, variables, dataset.images, dataset.labels))
        seeds.append(plan.seed)
        recipe = plan.recipe.as_dict()
    return scores_of(
        dataset,
        "grand",
        np.mean(found, axis=0),
        per_model=np.stack(found) if len(found) > 1 else None,
        recipe={"initial": initial, "training": recipe},
        seeds=seeds,
    )


def _networks(
    dataset: Images, folder: Path, initial: bool
) -> Iterator[tuple[Plan, State]]:
    here = Placement((jax.local_devices()[0],))
    for path in sorted((folder / "models").glob("*")) or [folder]:
        about = about_run(path)
        if about["fingerprint"] != dataset.fingerprint:
            raise InputError(
                f"{path} was trained on {about['dataset']} "
                f"({about['fingerprint'][:12]}), the data set is {dataset.name} "
                f"({dataset.fingerprint[:12]}): give that one"
            )
        ids = None
        if (path / "member.npy").exists():
            ids = list(compress(dataset.ids, np.load(path / "member.npy")))
        plan = Plan(dataset, recipe_of(about["recipe"]), about["seed"], here, ids=ids)
        if initial:
            check_random_start(path, about)
            yield plan, plan.start()
            continue
        variables, _ = saved_variables(path, here)
        yield plan, State(variables["params"], variables["batch_stats"], None)


def _loss(model: Model) -> Any:
    def loss(variables: tuple[Any, Any], image: Array, label: Array) -> Array:
        params, statistics = variables  # the gradient is by the weights alone
        state = State(params, jax.lax.stop_gradient(statistics), None)
        logits = predict(model, state, image[None])
        return cross_entropy(logits, label[None])[0]

    return loss
