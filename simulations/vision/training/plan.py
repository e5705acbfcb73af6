"""What is to be trained: data set, recipe, seed and devices; checked as it is made."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Int, Key

from perceptron_theory import InputError

from .. import inputs
from ..data.classes import check_classes, matched
from ..data.decode import CenterCrop, RandomCrop
from ..data.encoded import DataSet, images_of, rows_of
from ..data.images import Images
from ..data.order import training_steps
from ..data.stream import Stream
from ..device_placement import Placement
from ..networks import abstract_variables, network
from ..networks.pixels import SCALES
from .feeds import Feed, MemoryFeed, StreamFeed
from .image_size import fitted, side_of
from .initial import Initial
from .recipe import Recipe
from .step import Model, State, initial_state


@dataclass(frozen=True)
class Plan:
    """One run of training.

    Raises:
        InputError: fewer examples than a batch, a batch that the devices do not share
            evenly, ids, a test set or initial weights that do not fit the data set or
            the recipe, bad options.
    """

    dataset: DataSet
    recipe: Recipe
    seed: int
    placement: Placement
    test: DataSet | None = None
    """Its labels become those of ``dataset``, by the names of the classes."""
    ids: Sequence[str] | None = None
    """The ids of the examples to train on; None for all."""
    workers: int = 0
    """Processes that decode a stream."""
    initial: Initial | None = None
    """Weights to start from, but for the head; None for random ones."""

    def __post_init__(self) -> None:
        inputs.random_key(self.seed)
        images_of(self.dataset, "a network is trained on images")
        if self.recipe.objective == "classification":
            check_classes(self.dataset)
        self.placement.check_batch(self.recipe.batch_size)
        if self.test is not None:
            test = fitted(matched(self.test, self.dataset), self.recipe)
            object.__setattr__(self, "test", test)
        object.__setattr__(self, "dataset", fitted(self.dataset, self.recipe))
        if self.test is not None:
            test = self.test
            if _form(test) != _form(self.dataset):
                raise InputError(
                    f"the test set {test.name} has images {_form(test)}, "
                    f"{self.dataset.name} has {_form(self.dataset)}: give sets of one "
                    "size"
                )
        self._check_pad()
        _ = self.training.epoch_steps  # refuses what cannot be
        if self.initial is not None:
            shapes = abstract_variables(self.model.network, self.image_shape)
            self.initial.check(self.recipe, shapes)

    def _check_pad(self) -> None:
        if not isinstance(self.dataset, Images) or self.recipe.crop_scale:
            return
        side, pad = min(self.dataset.images.shape[1:3]), self.recipe.crop_pad
        if pad >= side:
            raise InputError(
                f"crop_pad {pad} reflects more than images of {side} pixels have: "
                f"give at most {side - 1}"
            )

    @cached_property
    def kept(self) -> Int[np.ndarray, " n"]:
        """Rows to train on, in the order of the data set."""
        if self.ids is None:
            return np.arange(len(self.dataset))
        return rows_of(self.dataset, self.ids)

    @cached_property
    def training(self) -> Feed:
        """The training set; logits are of all of it, pruned or not."""
        return self._feed(self.dataset, self.kept)

    @cached_property
    def testing(self) -> Feed | None:
        """The test set, to evaluate."""
        if self.test is None:
            return None
        return self._feed(self.test, np.arange(len(self.test)))

    @cached_property
    def model(self) -> Model:
        """What every step needs; the dtype is decided here."""
        recipe = self.recipe
        dtype = recipe.dtype
        if dtype == "auto":
            dtype = "float32" if self.placement.kind == "cpu" else "bfloat16"
        options = network_options(recipe, len(self.dataset.class_names))
        net = network(recipe.network, dtype=dtype, **options)
        epoch_steps = training_steps(len(self.kept), recipe.batch_size)
        mean, std = _scale(self.dataset, recipe.scale)
        memory = isinstance(self.dataset, Images)
        return Model(net, recipe, recipe.total_steps(epoch_steps), mean, std, memory)

    @property
    def epochs(self) -> int:
        """Passes that are begun; the last may be cut short by ``fixed_steps``."""
        return -(-self.model.total_steps // self.training.epoch_steps)

    @cached_property
    def signature(self) -> dict[str, Any]:
        """What decides the weights, as values of JSON: resuming needs the same."""
        initial = self.initial
        given = {} if initial is None else {"initial_sha256": initial.sha256}
        return {
            "recipe": self.recipe.as_dict(),
            "dtype": np.dtype(self.model.network.dtype).name,
            "dataset": self.dataset.name,
            "fingerprint": self.dataset.fingerprint,
            "kept": len(self.kept),
            "kept_sha256": hashlib.sha256(
                self.kept.astype("<i8").tobytes()
            ).hexdigest(),
            "seed": self.seed,
            "classes": len(self.dataset.class_names),
            "in_memory": isinstance(self.dataset, Images),
            "image_shape": list(self.image_shape),
            "mean": list(self.model.mean),
            "std": list(self.model.std),
            **given,
        }

    def start(self) -> State:
        """The state before the first step, on the devices."""
        state = initial_state(self.model, self.image_shape, self._keys[0])
        if self.initial is not None:
            state = self.initial.put_into(state)
        return self.placement.put(state, self.placement.whole)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels that the network sees."""
        return shape_of(self.dataset, self.recipe)

    @property
    def key(self) -> Key[Array, ""]:
        """That the keys of all batches are derived from."""
        return self._keys[1]

    @cached_property
    def _keys(self) -> Key[Array, " 2"]:
        return run_keys(self.seed)

    def _feed(self, dataset: DataSet, kept: Int[np.ndarray, " n"]) -> Feed:
        if isinstance(dataset, Images):
            return MemoryFeed(self.model, self.placement, dataset, kept, self.seed)
        size = self.recipe.image_size
        share = partial(
            Stream,
            dataset,  # type: ignore[arg-type] # of images, see __post_init__
            self.recipe.batch_size,
            host=jax.process_index(),
            hosts=jax.process_count(),
            workers=self.workers,
        )
        low, high = self.recipe.crop_scale or (0.08, 1.0)
        crop = RandomCrop(size, (low, high), flip=self.recipe.flip)
        ids = None if len(kept) == len(dataset) else [dataset.ids[i] for i in kept]
        training = share(crop, self.seed, ids)
        everything = share(CenterCrop(round(size * 256 / 224), size))
        return StreamFeed(self.model, self.placement, training, everything)


def run_keys(seed: int) -> Key[Array, " 2"]:
    """Those of the weights before training, and of all batches."""
    return jax.random.split(inputs.random_key(seed))


def shape_of(dataset: DataSet, recipe: Recipe) -> tuple[int, int, int]:
    """Height, width and channels that the network of a recipe sees."""
    if not isinstance(dataset, Images):
        side = side_of(dataset, recipe) or recipe.image_size
        return (side, side, 3)
    height, width, channels = dataset.images.shape[1:]
    return recipe.resize or height, recipe.resize or width, channels


def network_options(recipe: Recipe, classes: int) -> dict[str, Any]:
    """Those of ``network`` for a recipe and a data set of so many classes."""
    options: dict[str, Any] = {"classes": classes}
    if recipe.stem is not None:
        options["stem"] = recipe.stem
    if recipe.objective == "simclr":
        options |= {"classes": recipe.projection, "hidden_head": True}
    return options


def _form(dataset: DataSet) -> tuple[Any, ...]:
    """What a test set must share: the size of images in memory."""
    return dataset.images.shape[1:] if isinstance(dataset, Images) else ("streamed",)


def _scale(dataset: DataSet, scale: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each channel, of the whole set where it is pruned, too."""
    if scale != "dataset":
        mean, std = SCALES[scale].mean, SCALES[scale].deviation
    else:  # in memory, see image_size
        mean, std = dataset.channel_statistics  # type: ignore[union-attr]
    if isinstance(dataset, Images) and dataset.images.shape[-1] != len(mean):
        raise InputError(
            f"the scale {scale!r} is of {len(mean)} channels, {dataset.name} has "
            f'{dataset.images.shape[-1]}: choose "dataset"'
        )
    return tuple(float(x) for x in mean), tuple(float(x) for x in std)
