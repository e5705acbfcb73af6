"""Train a network into a folder; the same call goes on where it was interrupted.

The folder holds recipe.toml, about.json (what is trained on what), checkpoints/,
metrics.csv (a row an epoch) and, in the end, logits.npy (of the whole training set, in
its order, in evaluation mode) and correct.npy (whether each training example was right
at each presentation), or of SimCLR embeddings.npy with its record: what ``pruning-laws
score`` reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from perceptron_theory.numerics.precision import own_settings
from perceptron_theory.paths import expanded

from ...files import write_npy
from ...progress import Advance, progress_bar
from .. import inputs
from ..embedding import embed, source_of
from ..embedding_files import write_embeddings
from .checkpoint_store import Checkpoints, checkpoints, shapes_of
from .epoch_record import run_epoch
from .evaluation import all_logits, evaluate
from .plan import Plan
from .records import tensorboard, write_metrics
from .restored import embedder_of
from .run_folder import check_same, claim, reports
from .step import State


@dataclass(frozen=True)
class Trained:
    """A run that has come to its end, or to ``stop_after``."""

    state: State
    history: list[dict[str, Any]]
    """A row of metrics an epoch."""
    correct: Bool[np.ndarray, "epochs n"]
    """At each presentation of the examples trained on, in the order of the data set.
    One that sat out an epoch has the value of the epoch before: no transition."""


@own_settings()
def train(
    plan: Plan,
    folder: Path | str,
    *,
    stop_after: int | None = None,
    checkpoint_every: int = 1,
    keep_checkpoints: int = 2,
    board: bool = False,
    progress: bool = False,
) -> Trained:
    """Train, or go on from the last checkpoint: the weights are the same, bit for bit.

    (On one kind and number of devices, and with the same versions.)

    Args:
        plan: what to train on what.
        folder: new, empty, or of an interrupted run of the same plan.
        stop_after: epochs (counted from the start of the run) after which to stop; the
            same call without it goes on.
        checkpoint_every: epochs between checkpoints; the last epoch has one always.
        keep_checkpoints: how many of the last ones to keep.
        board: whether to write events for TensorBoard, too.
        progress: whether to draw a bar on stderr.

    Raises:
        InputError: the folder is of another run, or of none.
        ConvergenceError: the loss or a weight became NaN or infinite; it says where,
            and the last checkpoint is from before.
    """
    for name in ("checkpoint_every", "keep_checkpoints"):
        inputs.positive_integer(name, locals()[name])
    if stop_after is not None:
        inputs.positive_integer("stop_after", stop_after)
    with progress_bar(
        plan.model.total_steps, progress, what="compiling the first step"
    ) as advance:
        return run_plan(
            plan,
            expanded(folder),
            advance,
            epochs=min(plan.epochs, stop_after or plan.epochs),
            checkpoint_every=checkpoint_every,
            keep_checkpoints=keep_checkpoints,
            board=board,
        )


def run_plan(
    plan: Plan,
    folder: Path,
    advance: Advance,
    *,
    epochs: int,
    checkpoint_every: int,
    keep_checkpoints: int,
    board: bool = False,
) -> Trained:
    """:func:`train`, with a function that is told of steps done in place of a bar."""
    claim(folder, plan)
    events = folder / "tensorboard" if board and reports() else None
    with (
        checkpoints(folder / "checkpoints", keep_checkpoints) as saved,
        tensorboard(events) as add_to_board,
    ):
        state, correct, history = begin(plan, saved)
        advance(min(len(history) * plan.training.epoch_steps, plan.model.total_steps))
        for epoch in range(len(history), epochs):
            last = epoch + 1 == epochs
            state, row = run_epoch(plan, state, epoch, correct, advance)
            row |= tested(plan, state, epoch, last)
            history.append(row)
            if epoch + 1 in plan.recipe.logits_epochs:
                write_outputs(plan, state, folder, epoch + 1, f"_{epoch + 1}")
            if last or (epoch + 1) % checkpoint_every == 0:
                save(plan, saved, state, correct, history)
            if reports():
                write_metrics(folder / "metrics.csv", history)
                add_to_board(row)
    advance(0, "computing the outputs of all examples")
    columns = write_results(plan, folder, state, correct[: len(history)])
    return Trained(state, history, columns)


def tested(plan: Plan, state: State, epoch: int, last: bool) -> dict[str, Any]:
    """The columns of the test set, empty where it is not evaluated."""
    names = ("test_loss", "test_accuracy", "test_examples")
    due = last or (epoch + 1) % plan.recipe.evaluate_every == 0
    labelled = plan.recipe.objective == "classification"
    if plan.testing is None or plan.test is None or not (due and labelled):
        return dict.fromkeys(names)
    found = evaluate(plan.testing, state, plan.test.labels)
    values = (found.loss, found.accuracy, found.examples)
    return dict(zip(names, values, strict=True))


def begin(
    plan: Plan, saved: Checkpoints
) -> tuple[State, Bool[np.ndarray, "epochs P"], list[dict[str, Any]]]:
    """The state to go on from, correctness and history so far."""
    state = plan.start()
    correct = np.zeros((plan.epochs, len(plan.dataset)), bool)
    done = saved.latest()
    if done is None:
        return state, correct, []
    about = saved.about(done)
    check_same(about["signature"], plan.signature, saved.folder)
    packed = plan.placement.put(np.packbits(correct, axis=1), plan.placement.whole)
    found = saved.arrays(done, shapes_of({"state": state, "correct": packed}))
    unpacked = np.unpackbits(np.asarray(found["correct"]), axis=1)
    seen = unpacked[:, : correct.shape[1]].astype(bool)
    return State(*found["state"]), seen, about["history"]


def save(
    plan: Plan,
    saved: Checkpoints,
    state: State,
    correct: Bool[np.ndarray, "epochs P"],
    history: list[dict[str, Any]],
) -> None:
    """Write a checkpoint, of which a run can go on."""
    packed = plan.placement.put(np.packbits(correct, axis=1), plan.placement.whole)
    about = {"signature": plan.signature, "history": history}
    saved.save(len(history), {"state": state, "correct": packed}, about)


def write_results(
    plan: Plan, folder: Path, state: State, correct: Bool[np.ndarray, "epochs P"]
) -> Bool[np.ndarray, "epochs n"]:
    """Write what the end of a run leaves; returns what correct.npy holds."""
    columns = correct[:, plan.kept]
    write_outputs(plan, state, folder, len(correct))
    if reports() and plan.recipe.objective == "classification":
        write_npy(folder / "correct.npy", columns)
    return columns


def write_outputs(
    plan: Plan, state: State, folder: Path, epochs: int, suffix: str = ""
) -> None:
    """Logits of the whole training set, or of SimCLR its embeddings.

    Every host takes part, one writes.
    """
    if plan.recipe.objective == "classification":
        out = folder / f"logits{suffix}.npy" if reports() else None
        all_logits(plan.training, state, len(plan.dataset), out)
        return
    by = embedder_of(plan, state, epochs)
    found = embed(plan.dataset, by, plan.placement, batch_size=plan.recipe.batch_size)
    if reports():
        path = folder / f"embeddings{suffix}.npy"
        write_embeddings(path, found, plan.dataset, source_of(by))
    else:  # the others compute their part
        for _ in found:
            pass
