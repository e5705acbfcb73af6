"""The network of a run of ``train``, from its folder, to embed with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from perceptron_theory import InputError

from ..embedding import Embedder
from ..networks import initialise, network
from .checkpoints import checkpoints
from .placement import Placement
from .plan import Plan, network_options, run_keys
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
    return Embedder(model.network, variables, model.mean, model.std, None, source)


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
        InputError: no run folder, no such checkpoint, one that cannot be read.
    """
    about = _about(folder)
    recipe = recipe_of(about["recipe"])
    options = network_options(recipe, about["classes"])
    net = network(recipe.network, dtype=about["dtype"], **options)
    if checkpoint == 0:
        key = run_keys(about["seed"])[0]
        variables = initialise(net, tuple(about["image_shape"]), key=key)
    else:
        variables, checkpoint = _saved(folder / "checkpoints", placement, checkpoint)
    source = {"run": about, "epochs": checkpoint}
    size = None if about["in_memory"] else recipe.image_size
    mean, std = tuple(about["mean"]), tuple(about["std"])
    return Embedder(net, variables, mean, std, size, source)


def _about(folder: Path) -> dict[str, Any]:
    about = read_about(folder)
    if not isinstance(about, dict):
        raise InputError(f"{folder} is no folder of `pruning-laws train`")
    needed = ("recipe", "dtype", "seed", "classes", "image_shape", "mean", "std")
    missing = [name for name in (*needed, "in_memory") if name not in about]
    if missing:
        raise InputError(
            f"{folder}: about.json lacks {missing[0]}: train anew with this version, "
            "or give the folder of one model"
        )
    return about


def _saved(
    folder: Path, placement: Placement, wanted: int | None
) -> tuple[dict[str, Any], int]:
    if not folder.is_dir():
        raise InputError(f"{folder.parent} has no checkpoint yet")
    with checkpoints(folder, keep=None) as saved:
        epochs = saved.latest() if wanted is None else wanted
        if epochs is None or epochs not in saved.all():
            raise InputError(
                f"{folder} has no checkpoint {wanted}, but {saved.all()}: give one of "
                "them, or 0 for the weights before training"
            )
        state = saved.all_arrays(epochs, placement.whole)["state"]
    return {"params": state["params"], "batch_stats": state["statistics"]}, epochs
