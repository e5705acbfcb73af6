"""Networks in a comparison: all trained for as many steps, whatever they are given.

A run on few examples would otherwise be a short one as well, and its cost partly that
of training less.  Scores are of networks of the same kind that were trained for a
quarter of the epochs: early, as Paul et al. 2021 (arXiv 2107.07075) advise for EL2N.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from perceptron_theory import InputError
from perceptron_theory.errors import suggestion

from ...files import filled_rows
from ...vision.data import DataSet, Images
from ...vision.device_placement import Placement
from ...vision.embedding import embed
from ...vision.networks import NETWORKS
from ...vision.training import Plan, Recipe, placement, read_recipe, recipe_names
from ...vision.training.evaluation import all_logits
from ...vision.training.recipe_files import write_recipe
from ...vision.training.restored import embedder_of
from ..configuration import Experiment
from ..network import seconds_of_steps
from ..network_run import trained
from ..sources import Source
from .data_sets import Opened
from .models import Bar, experiment_of
from .question import LINEAR

_BASE = "cifar10_resnet8"  # optimiser and schedule of a network that is named
_EPOCHS = 10
_EARLY = 0.25  # of the epochs, for scores
_SCORERS = 3
_BATCHES = 4  # of the fewest examples that are trained on, at least
_SMALLEST = 8


@dataclass(frozen=True)
class Networks:
    """A network, by a recipe whose budget is in steps."""

    data: Opened
    recipe: Recipe
    """With its budget for all examples."""
    file: Path
    """Where the recipe of an experiment is written."""
    budget: float
    """Seconds of all that is trained."""
    device: str | None = None

    @property
    def says(self) -> str:
        return f"{self.recipe.network} networks"

    @property
    def largest(self) -> int:
        return len(self.data.train)

    @property
    def least(self) -> int:
        return self.recipe.batch_size

    def source(self, scores: Path) -> Source:
        return Source(self.data, scores=str(scores), device=self.device)

    def experiment(
        self, size: int, fractions: Iterable[float], seeds: int, metrics: Iterable[str]
    ) -> Experiment:
        steps = max(1, round(self._steps * size / self.largest))
        if not self.file.exists():
            write_recipe(self.file, self.recipe)
        return experiment_of(
            "network",
            size,
            fractions,
            seeds,
            metrics,
            recipe=str(self.file),
            fixed_steps=steps,
        )

    @property
    def _steps(self) -> int:
        return self.recipe.total_steps(self.largest // self.recipe.batch_size)

    def arrays(
        self, dataset: DataSet, names: set[str], bar: Bar
    ) -> dict[str, Float[np.ndarray, ...]]:
        place = placement(self.device)
        recipe, count = self._of_scores(dataset, place)
        found: dict[str, Any] = {"logits": []}
        with bar(count, "networks, for scores") as advance:
            for seed in range(count):
                plan = Plan(dataset, recipe, seed, place)
                state = trained(plan, None)
                found["logits"].append(all_logits(plan.training, state, len(dataset)))
                if "embeddings" in names and seed == 0:
                    by = embedder_of(plan, state, plan.epochs)
                    batches = embed(dataset, by, place, batch_size=recipe.batch_size)
                    found["embeddings"] = filled_rows(batches, len(dataset))
                advance(1)
        found["logits"] = np.stack(found["logits"])
        return {name: found[name] for name in names}

    def _of_scores(self, dataset: DataSet, place: Placement) -> tuple[Recipe, int]:
        """The recipe of the networks that give scores, and how many of them.

        Raises:
            InputError: Not even one epoch of one of them fits the budget.
        """
        room = self.budget / 3
        whole = Plan(dataset, self.recipe, 0, place)
        epoch = whole.training.epoch_steps
        steps = max(epoch, round(_EARLY * whole.model.total_steps))
        recipe = replace(self.recipe, fixed_epochs=None, fixed_steps=steps)
        first, each = seconds_of_steps(Plan(dataset, recipe, 0, place))
        if first + each * steps > room:  # compiled anew for fewer steps
            fewer = int((room - 2 * first) / each)
            if fewer < epoch:
                raise InputError(
                    f"an epoch of {self.says} on {len(dataset)} examples takes about "
                    f"{first + each * epoch:.0f} s here, and scores may take a third "
                    f"of the budget of {self.budget:.0f} s: raise the budget, take a "
                    "smaller network, or the model linear"
                )
            return replace(recipe, fixed_steps=fewer), 1
        return recipe, min(_SCORERS, int((room - first) / (each * steps)))


def networks_of(
    model: str,
    data: Opened,
    fewest: int,
    folder: Path,
    budget: float,
    device: str | None = None,
) -> Networks:
    """The networks that a name or a recipe means, for a data set.

    Args:
        model: A key of ``networks.NETWORKS``, or a recipe by name or path.
        data: What they are trained on.
        fewest: Examples that one of them is trained on, at least.
        folder: That gets the recipe.
        budget: Seconds of all that is trained.
        device: The kind to train on.

    Raises:
        InputError: No such network or recipe, no images, or too few of them.
    """
    if not isinstance(data.train, Images):
        raise InputError(
            f"{data.whole.name} has feature vectors, not images: give the model linear"
        )
    if model in NETWORKS:
        recipe = _usual(model, data.train)
    elif model in recipe_names() or model.endswith(".toml"):
        recipe = read_recipe(model)
    else:
        hint = suggestion(model, (LINEAR, *NETWORKS, *recipe_names()))
        raise InputError(
            f"{model!r} is not a model I know{f'{hint} Choose' if hint else ': choose'}"
            f" {LINEAR}, a network ({', '.join(NETWORKS)}), or a recipe "
            f"({', '.join(recipe_names())}, or a .toml file)"
        )
    batch = recipe.batch_size
    while batch > _SMALLEST and batch * _BATCHES > fewest:
        batch //= 2
    if batch > fewest:
        raise InputError(
            f"{fewest} examples are kept at least, and a batch has {batch}: keep more, "
            "or give the model linear"
        )
    epochs = recipe.total_steps(len(data.train) // recipe.batch_size) / (
        len(data.train) // recipe.batch_size or 1
    )
    recipe = replace(
        recipe,
        batch_size=batch,
        learning_rate=recipe.learning_rate * batch / recipe.batch_size,
        fixed_epochs=None,
        fixed_steps=max(1, round(epochs * (len(data.train) // batch))),
        evaluate_every=10**6,
        logits_epochs=(),
    )
    return Networks(data, recipe, folder / "recipe.toml", budget, device)


def _usual(network: str, images: Images) -> Recipe:
    """How a network that is named is trained on some images."""
    side, channels = min(images.images.shape[1:3]), images.images.shape[-1]
    return read_recipe(
        _BASE,
        network=network,
        fixed_epochs=_EPOCHS,
        crop_pad=max(0, side // 8),
        flip=channels == 3,  # in grey there are digits, which have no mirror image
    )
