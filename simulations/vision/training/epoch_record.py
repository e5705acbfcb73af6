"""What is seen of one epoch of one run: means over examples, and who was right."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from perceptron_theory import ConvergenceError

from ...progress import Advance
from .feeds import all_finite
from .optimizers import learning_rate
from .plan import Plan
from .step import Seen, State


class EpochRecord:
    """Fills in a row of correctness, and gives a row of metrics in the end."""

    def __init__(
        self, plan: Plan, epoch: int, correct: Bool[np.ndarray, "epochs P"]
    ) -> None:
        self._plan, self._epoch, self._correct = plan, epoch, correct
        self._started = time.perf_counter()
        self._before = epoch * plan.training.epoch_steps
        self.due = min(plan.training.epoch_steps, plan.model.total_steps - self._before)
        """Steps of this epoch."""
        # who sits out has the value of the epoch before
        correct[epoch] = correct[epoch - 1] if epoch else False
        self._steps, self._examples, self._loss, self._right = 0, 0, 0.0, 0

    def add(self, seen: Sequence[Seen]) -> None:
        """Count some steps.

        Raises:
            ConvergenceError: a loss is not finite.
        """
        _check_losses(seen, self._epoch, self._steps)
        for one in seen:
            right, count = one.correct[one.mask], int(one.mask.sum())
            self._correct[self._epoch, one.rows[one.mask]] = right
            self._steps += 1
            self._examples += count
            self._loss += float(one.loss) * count
            self._right += int(right.sum())

    @property
    def says(self) -> str:
        """Where it is, for a bar."""
        return f"epoch {self._epoch + 1}, loss {self._loss / self._examples:.4f}"

    def row(self, state: State) -> dict[str, Any]:
        """The metrics of the epoch, after whose last step this is the state.

        Raises:
            ConvergenceError: a weight is not finite.
        """
        if not all_finite(state):
            raise _diverged("a weight", self._epoch, self._steps)
        rate = learning_rate(self._plan.recipe, self._plan.model.total_steps)
        done = self._before + self._steps
        return {
            "epoch": self._epoch + 1,
            "step": done,
            "learning_rate": np.asarray(rate(done - 1)).item(),
            "train_loss": self._loss / self._examples,
            "train_accuracy": self._right / self._examples,
            "images_per_second": self._examples / (time.perf_counter() - self._started),
        }


def run_epoch(
    plan: Plan,
    state: State,
    epoch: int,
    correct: Bool[np.ndarray, "epochs P"],
    advance: Advance = lambda count, text="": None,
) -> tuple[State, dict[str, Any]]:
    """Train for an epoch: the state after it, and its row of metrics.

    Args:
        plan: what to train.
        state: before the epoch; used up.
        epoch: its number, from 0.
        correct: its row is filled in.
        advance: told of steps as they are done.

    Raises:
        ConvergenceError: a loss or a weight is not finite.
    """
    record = EpochRecord(plan, epoch, correct)
    for changed, seen in plan.training.epoch(state, plan.key, epoch, record.due):
        state = changed
        record.add(seen)
        advance(len(seen), record.says)
    return state, record.row(state)


def _check_losses(seen: Sequence[Seen], epoch: int, steps: int) -> None:
    for i, one in enumerate(seen, start=steps + 1):
        if not math.isfinite(one.loss):
            raise _diverged(f"the loss ({one.loss})", epoch, i)


def _diverged(what: str, epoch: int, step: int) -> ConvergenceError:
    return ConvergenceError(
        f"{what} is not finite at step {step} of epoch {epoch + 1}: train with a lower "
        "learning_rate, or a warmup, into a new folder; checkpoints of earlier epochs "
        "are kept"
    )
