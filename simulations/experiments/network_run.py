"""One training of a network that leaves nothing behind but what was measured."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from ..vision.networks.variables import abstract_variables
from ..vision.training import Plan
from ..vision.training.checkpoint_store import Checkpoints, checkpoints
from ..vision.training.epoch_record import run_epoch
from ..vision.training.evaluation import all_logits
from ..vision.training.run import begin, save
from ..vision.training.step import Model, State

_EVERY = 300.0  # seconds between checkpoints, at ends of epochs


def trained(plan: Plan, folder: Path | None, *, keep: bool = False) -> State:
    """The state after the whole budget.

    A run that is interrupted goes on from a checkpoint of the last five minutes, if an
    epoch has ended since; shorter runs begin anew.

    Args:
        plan: what to train.
        folder: for the checkpoint; removed in the end.  None keeps none.
        keep: whether to leave in the folder a checkpoint of the end in place of that,
            from which the same call returns at once.

    Raises:
        ConvergenceError: a loss or a weight became NaN or infinite.
    """
    with _kept(folder) as saved:
        if saved is None:
            correct = np.zeros((plan.epochs, len(plan.dataset)), bool)
            state, history = plan.start(), []
        else:
            state, correct, history = begin(plan, saved)
        last = time.monotonic()
        for epoch in range(len(history), plan.epochs):
            state, row = run_epoch(plan, state, epoch, correct)
            history.append(row)
            if time.monotonic() - last > _EVERY:
                if saved is not None and epoch + 1 < plan.epochs:
                    save(plan, saved, state, correct, history)
                last = time.monotonic()
        if saved is not None and keep and saved.latest() != plan.epochs:
            save(plan, saved, state, correct, history)
    if folder is not None and not keep:
        shutil.rmtree(folder, ignore_errors=True)
    return state


@contextmanager
def _kept(folder: Path | None) -> Iterator[Checkpoints | None]:
    if folder is None:
        yield None
        return
    folder.mkdir(parents=True, exist_ok=True)
    with checkpoints(folder, 1) as saved:
        yield saved


def predicted(plan: Plan, state: State) -> Int[np.ndarray, " T"]:
    """The class that the network gives each test example."""
    assert plan.test is not None and plan.testing is not None
    return all_logits(plan.testing, state, len(plan.test)).argmax(1)


def flops_of_a_step(plan: Plan) -> float:
    """Floating-point operations of a training step: three times those of a prediction.

    (Of the prediction as XLA counts them; the gradient takes about twice as many.)
    """
    forward = _forward_flops(plan.model, plan.image_shape)
    views = 2 if plan.recipe.objective == "simclr" else 1
    return 3 * forward * views * plan.recipe.batch_size


@lru_cache(maxsize=8)
def _forward_flops(model: Model, image_shape: tuple[int, int, int]) -> float:
    variables = abstract_variables(model.network, image_shape)
    image = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
    found = jax.jit(model.network.apply).lower(variables, image).cost_analysis()
    return float((found or {}).get("flops", 0.0))
