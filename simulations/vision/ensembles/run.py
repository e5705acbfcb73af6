"""Train an ensemble into a folder; the same call goes on where it was interrupted.

``models/000`` and so on are folders of :func:`..training.train`, whichever way a model
was trained; one that is whole there is not trained again.  In the end the folder
holds, in the order of models and of the data set: member.npy (K, P), logits.npy
(K, P, C), correct.npy (K, P), test_correct.npy (K, T) and, where all models have all
examples, presentations.npy (K, epochs, P); and metrics.csv, a row a model and epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from perceptron_theory import ConvergenceError, InputError
from perceptron_theory.numerics.precision import own_settings
from perceptron_theory.paths import expanded

from ...files import write_npy, write_whole
from ...progress import Advance, progress_bar
from ..training import Plan
from ..training.checkpoint_store import checkpoints
from ..training.epoch_record import EpochRecord
from ..training.evaluation import all_logits
from ..training.recipe_files import write_recipe
from ..training.records import read_metrics, write_metrics
from ..training.run import run_plan, save, tested, write_outputs, write_results
from ..training.run_folder import about, claim, write_about
from ..training.step import State
from . import ways
from .ensemble import Ensemble
from .group import Group
from .ways import Choice

_PACKAGES = ("pruning-laws", "jax", "jaxlib", "flax", "optax", "numpy")


@own_settings()
def train_ensemble(
    ensemble: Ensemble,
    folder: Path | str,
    *,
    way: str = "auto",
    checkpoint_every: int | None = None,
    progress: bool = False,
) -> Choice:
    """Train the models that are not there yet, and put the results of all together.

    Args:
        ensemble: the models.
        folder: new, empty, or of the same ensemble, of as many models or fewer.
        way: one of ``WAYS``, or "auto": the fastest by measurement, or that by which
            the folder was begun.
        checkpoint_every: epochs between checkpoints of a model that is trained alone;
            None for its end only.  Models that are trained at once start anew when
            they are interrupted.
        progress: whether to draw a bar on stderr.

    Returns:
        The way that was taken, and why.

    Raises:
        InputError: the folder is of something else, or of more models; a way that is
            none, or not possible here.
        ConvergenceError: a loss or a weight became NaN or infinite; says of which
            model.  Models that were whole before stay.
    """
    folder = expanded(folder)
    begun = about(folder, ensemble.signature) or {}
    if begun.get("models", 0) > ensemble.models:
        raise InputError(
            f"{folder} holds {begun['models']} models: give as many or more, not "
            f"{ensemble.models}"
        )
    todo = [k for k in range(ensemble.models) if not _whole(ensemble, folder, k)]
    choice = _choice(ensemble, todo, way, begun)
    _claim(ensemble, folder, begun, choice)
    steps = len(todo) * ensemble.plan(0).model.total_steps
    with progress_bar(steps, progress, what="compiling the first step") as advance:
        while todo:
            count = ways.at_once(choice.way, ensemble.plan(0), len(todo)) or 1
            now, todo = todo[:count], todo[count:]
            if count > 1:
                _train_group(ensemble, folder, now, advance)
            else:
                _train_one(ensemble, folder, now[0], checkpoint_every, advance)
    _put_together(ensemble, folder)
    return choice


def model_folder(folder: Path, model: int) -> Path:
    """The folder of one model of an ensemble."""
    return folder / "models" / f"{model:03d}"


def _whole(ensemble: Ensemble, folder: Path, model: int) -> bool:
    """Whether a model is trained: what is written last is there."""
    last = "correct.npy" if ensemble.test is None else "test_correct.npy"
    return (model_folder(folder, model) / last).exists()


def _choice(
    ensemble: Ensemble, todo: Sequence[int], way: str, begun: dict[str, Any]
) -> Choice:
    if way != "auto":
        return ways.forced(way, ensemble.plan(0), ensemble.models)
    if begun.get("devices") == ensemble.placement.says or not todo:
        return ways.from_json(begun)
    most = ways.MOST_ON_A_DEVICE * len(ensemble.placement.devices)
    return ways.fastest([ensemble.plan(k) for k in todo[:most]], len(todo))


def _claim(
    ensemble: Ensemble, folder: Path, begun: dict[str, Any], choice: Choice
) -> None:
    """Say in the folder what it is of; again where models, devices or way are new."""
    wanted = ensemble.signature | {
        "devices": ensemble.placement.says,
        "models": ensemble.models,
        "seeds": list(ensemble.seeds),
        **ways.as_json(choice),
        "versions": {package: version(package) for package in _PACKAGES},
    }
    if wanted == begun:
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_recipe(folder / "recipe.toml", ensemble.recipe)
    write_npy(folder / "member.npy", ensemble.member)
    write_about(folder, wanted)


def _train_one(
    ensemble: Ensemble, folder: Path, k: int, every: int | None, advance: Advance
) -> None:
    plan = ensemble.plan(k)

    def named(count: int, text: str = "") -> None:
        advance(count, f"model {k}, {text}")

    with _naming(k):
        done = run_plan(
            plan,
            model_folder(folder, k),
            named,
            epochs=plan.epochs,
            checkpoint_every=every or plan.epochs,
            keep_checkpoints=1,
        )
    _write_test(plan, done.state, model_folder(folder, k))


def _train_group(
    ensemble: Ensemble, folder: Path, models: Sequence[int], advance: Advance
) -> None:
    """Train some at once; each leaves what it would have left alone."""
    plans = {k: ensemble.plan(k) for k in models}
    folders = {k: model_folder(folder, k) for k in models}
    for k, plan in plans.items():
        claim(folders[k], plan)
    group, first = Group(list(plans.values())), plans[models[0]]
    correct = {k: np.zeros((first.epochs, len(first.dataset)), bool) for k in models}
    history: dict[int, list[dict[str, Any]]] = {k: [] for k in models}
    states = group.start()
    for epoch in range(first.epochs):
        last = epoch + 1 == first.epochs
        records = {k: EpochRecord(plans[k], epoch, correct[k]) for k in models}
        due = records[models[0]].due
        for changed, seen in group.epoch(states, epoch, due):
            states = changed
            for k, steps in zip(models, seen, strict=True):
                with _naming(k):
                    records[k].add(steps)
            says = f"models {models[0]} to {models[-1]}, {records[models[0]].says}"
            advance(len(seen[0]) * len(models), says)
        for i, k in enumerate(models):
            state = group.state(states, i)
            with _naming(k):
                row = records[k].row(state)
            history[k].append(row | tested(plans[k], state, epoch, last))
            if epoch + 1 in first.recipe.logits_epochs:
                write_outputs(plans[k], state, folders[k], epoch + 1, f"_{epoch + 1}")
    for i, k in enumerate(models):
        state = group.state(states, i)
        with checkpoints(folders[k] / "checkpoints", 1) as saved:
            save(plans[k], saved, state, correct[k], history[k])
        write_metrics(folders[k] / "metrics.csv", history[k])
        write_results(plans[k], folders[k], state, correct[k])
        _write_test(plans[k], state, folders[k])


@contextmanager
def _naming(model: int) -> Iterator[None]:
    """Say of which model it is that a loss is not finite."""
    try:
        yield
    except ConvergenceError as error:
        raise ConvergenceError(f"model {model}: {error}") from error


def _write_test(plan: Plan, state: State, folder: Path) -> None:
    if plan.test is None or plan.testing is None:
        return
    logits = all_logits(plan.testing, state, len(plan.test))
    write_npy(folder / "test_correct.npy", logits.argmax(1) == plan.test.labels)


def _put_together(ensemble: Ensemble, folder: Path) -> None:
    """The results of all models, a row each; correctness is that of the logits."""
    write_metrics(folder / "metrics.csv", ensemble_history(ensemble, folder))
    last = ensemble.plan(0).epochs  # a budget may end before what the recipe asks for
    epochs = [epoch for epoch in ensemble.recipe.logits_epochs if epoch <= last]
    for name in ("logits", *(f"logits_{epoch}" for epoch in epochs)):
        _stack(ensemble, folder, f"{name}.npy")
    logits = np.load(folder / "logits.npy", mmap_mode="r")
    labels = ensemble.dataset.labels
    correct = np.stack([one.argmax(1) == labels for one in logits])
    write_npy(folder / "correct.npy", correct)
    if ensemble.test is not None:
        _stack(ensemble, folder, "test_correct.npy")
    if ensemble.subset_fraction is None:
        _stack(ensemble, folder, "correct.npy", "presentations.npy")


def ensemble_history(ensemble: Ensemble, folder: Path) -> list[dict[str, Any]]:
    """The metrics of all models that are whole in a folder: a row a model and epoch."""
    return [
        {"model": k, **row}
        for k in range(ensemble.models)
        for row in read_metrics(model_folder(folder, k) / "metrics.csv")
    ]


def _stack(ensemble: Ensemble, folder: Path, name: str, to: str | None = None) -> None:
    """One file of those of all models, which are never all in memory."""

    def rows() -> Iterator[np.ndarray]:
        for k in range(ensemble.models):
            yield np.load(model_folder(folder, k) / name, mmap_mode="r")

    def write(part: Path) -> None:
        one = next(rows())
        shape = ensemble.models, *one.shape
        table = np.lib.format.open_memmap(part, "w+", one.dtype, shape)
        for k, row in enumerate(rows()):
            table[k] = row
        table.flush()

    write_whole(folder / (to or name), write)
