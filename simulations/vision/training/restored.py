"""The network of a run of ``train``, from its folder: to embed with, to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from perceptron_theory import InputError
from perceptron_theory.paths import expanded

from ..data.encoded import DataSet
from ..device_placement import Placement
from ..embedding import Embedder
from ..networks import import_weights, initialise, network
from ..networks.pixels import Scale
from .checkpoint_store import checkpoints
from .initial import Initial, backbone
from .plan import Plan, network_options, run_keys, shape_of
from .recipe import Recipe
from .recipe_files import recipe_of
from .run_folder import read_about
from .step import State


def embedder_of(plan: Plan, state: State, epochs: int) -> Embedder:
    """The network of a plan in a state of its training.

    Args:
        plan: what is trained.
        state: after some epochs.
        epochs: how many they were, for the record.
    """
    model = plan.model
    variables = {"params": state.params, "batch_stats": state.statistics}
    source = {"run": plan.signature, "epochs": epochs}
    size = model.recipe.resize  # embeddings of a plan are of images in memory
    scale = Scale(model.mean, model.std)
    return Embedder(model.network, variables, scale, size, source)


def embedder_from(
    folder: Path, placement: Placement, checkpoint: int | None = None
) -> Embedder:
    """The network of a run folder.

    Args:
        folder: of a run, whole or interrupted.
        placement: the devices to put it on; others than it was trained on may do.
        checkpoint: the epochs after which; None is the last that is there, 0 the random
            weights before the first.

    Raises:
        InputError: no run folder, no such checkpoint, one that cannot be read; the
            start of a run that did not start from random weights.
    """
    about = about_run(folder)
    recipe = recipe_of(about["recipe"])
    options = network_options(recipe, about["classes"])
    net = network(recipe.network, dtype=about["dtype"], **options)
    if checkpoint == 0:
        check_random_start(folder, about)
        key = run_keys(about["seed"])[0]
        variables = initialise(net, tuple(about["image_shape"]), key=key)
    else:
        variables, checkpoint = saved_variables(folder, placement, checkpoint)
    source = {"run": about, "epochs": checkpoint}
    size = recipe.resize if about["in_memory"] else recipe.image_size
    scale = Scale(tuple(about["mean"]), tuple(about["std"]))
    side = about["image_shape"][0] if about["in_memory"] else None
    return Embedder(net, variables, scale, size, source, side)


def initial_from(
    path: Path | str, dataset: DataSet, recipe: Recipe, placement: Placement
) -> Initial:
    """Weights to start from: of a run folder, or of a file as PyTorch code writes it.

    Args:
        path: of either; of a run the last checkpoint is taken.
        dataset: to train on; positions of a ViT are resampled to its images.
        recipe: to train by.
        placement: the devices that a checkpoint is read on.

    Raises:
        InputError: neither, or what :func:`initial_of_run` or
            :func:`..networks.import_weights` refuses.
    """
    path = expanded(path)
    if not path.exists():
        raise InputError(
            f"{path} does not exist: give a folder of `pruning-laws train`, or a file "
            "of weights"
        )
    if path.is_dir() and read_about(path) is not None:
        return initial_of_run(path, placement)
    net, shape = backbone(recipe.network, recipe.stem), shape_of(dataset, recipe)
    found = import_weights(net, path, shape, interpolate=True)
    source = {"weights": path.name, "layout": found.layout}
    return Initial(str(path), recipe.network, recipe.stem, found.variables, source)


def initial_of_run(folder: Path | str, placement: Placement) -> Initial:
    """The weights of a run, with labels or without, to start another one from.

    Args:
        folder: of a run, whole or interrupted; its last checkpoint is taken.
        placement: the devices that it is read on.

    Raises:
        InputError: no run folder, no checkpoint, one that cannot be read.
    """
    folder = expanded(folder)
    about = about_run(folder)
    recipe = recipe_of(about["recipe"])
    variables, epochs = saved_variables(folder, placement)
    source = {"run": about, "epochs": epochs}
    return Initial(str(folder), recipe.network, recipe.stem, variables, source)


def check_random_start(folder: Path, about: dict[str, Any]) -> None:
    """Refuse a run that did not start from random weights, which are not kept.

    Raises:
        InputError: it is one.
    """
    if "initial_sha256" in about:
        raise InputError(
            f"{folder} started from other weights, which it does not keep: give those, "
            "or take a checkpoint"
        )


def about_run(folder: Path) -> dict[str, Any]:
    """What a run folder says of itself.

    Raises:
        InputError: it is none, or of an older version.
    """
    about = read_about(folder)
    if about is None:
        raise InputError(f"{folder} is not a folder of `pruning-laws train`")
    needed = ("recipe", "dtype", "seed", "classes", "image_shape", "mean", "std")
    missing = [name for name in (*needed, "in_memory") if name not in about]
    if missing:
        raise InputError(
            f"{folder}: about.json lacks {missing[0]}: train again with this version, "
            "or give the folder of one model"
        )
    return about


def saved_variables(
    run: Path, placement: Placement, wanted: int | None = None
) -> tuple[dict[str, Any], int]:
    """The variables of a checkpoint of a run, and how many epochs it is after.

    Raises:
        InputError: no such checkpoint, or one that cannot be read.
    """
    folder = run / "checkpoints"
    if not folder.is_dir():
        raise InputError(f"{run} has no checkpoint yet: train on")
    with checkpoints(folder, keep=None) as saved:
        epochs = saved.latest() if wanted is None else wanted
        if epochs is None:
            raise InputError(f"{run} has no checkpoint yet: train on")
        if epochs not in saved.all():
            raise InputError(
                f"{folder} has no checkpoint {wanted}, but {saved.all()}: give one of "
                "them, or 0 for the weights before training"
            )
        state = saved.all_arrays(epochs, placement.whole)["state"]
    return {"params": state["params"], "batch_stats": state["statistics"]}, epochs
