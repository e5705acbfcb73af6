"""Loss and accuracy of a whole set, and its logits in the order of the set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from scipy.special import logsumexp

from ...files import filled_rows, write_npy_rows
from .feeds import Feed
from .step import State


@dataclass(frozen=True)
class Evaluation:
    """Means over all examples of a set, each counted once."""

    loss: float
    """Cross-entropy without label smoothing."""
    accuracy: float
    examples: int


def evaluate(feed: Feed, state: State, labels: Int[np.ndarray, " P"]) -> Evaluation:
    """Evaluate in evaluation mode; sums over examples, so partial batches weigh right.

    Args:
        feed: the set, of whichever batch size.
        state: of training.
        labels: of the set, in its order.
    """
    examples, loss, correct = 0, 0.0, 0
    for rows, logits in feed.logits(state):
        own, found = labels[rows], logits.astype(np.float64)
        right = found[np.arange(len(own)), own]
        norms = np.asarray(logsumexp(found, axis=1))
        loss += float((norms - right).sum())
        correct += int((found.argmax(1) == own).sum())
        examples += len(own)
    return Evaluation(loss / examples, correct / examples, examples)


def all_logits(
    feed: Feed, state: State, count: int, out: Path | None = None
) -> Float[np.ndarray, "P C"]:
    """Logits of every example of a set, in its order, float32.

    Args:
        feed: the set.
        state: of training.
        count: of its examples.
        out: a .npy file to write them to, whole or not at all; they are then not all in
            memory at once.
    """
    if out is None:
        return filled_rows(feed.logits(state), count)
    write_npy_rows(out, feed.logits(state), count)
    return np.load(out, mmap_mode="r")
