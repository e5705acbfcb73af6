"""Kept examples that have the score of others that are not: chance chose among them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from perceptron_theory import Easy, Hard, Window

from .selection import Selection

_BY_THE_SCORE = (Hard, Easy, Window)
_MANY = 0.1  # of the kept examples


def ties_in_words(
    which: str,
    selection: Selection,
    scores: Float[np.ndarray, " P"],
    labels: Int[np.ndarray, " P"] | None = None,
) -> str:
    """A sentence, without its full stop, where chance chose many; "" where it did not.

    Only of rules that go by the score alone: others are meant to be random.

    Args:
        which: What was kept, at the beginning of the sentence: "the hardest 30 %".
        selection: From all examples.
        scores: Of these.
        labels: Of these, where each class has a cut of its own.
    """
    if not isinstance(selection.rule, _BY_THE_SCORE):
        return ""
    kept, total = len(selection.indices), selection.n_examples
    if kept == total:
        return ""
    if scores.min() == scores.max():
        return (
            f"all {total:,} scores are equal: which {kept:,} of them are {which} is "
            "decided by chance alone"
        )
    keys = scores[None] if labels is None else np.stack([scores, labels])
    found, group = np.unique(keys, axis=1, return_inverse=True)
    group = group.ravel()
    size = np.bincount(group)
    mine = np.bincount(group[selection.indices], minlength=len(size))
    by_chance = np.minimum(mine, size - mine)  # chosen, or left out, whichever is fewer
    if by_chance.sum() < _MANY * kept:
        return ""
    worst = int(by_chance.argmax())
    return (
        f"the cut of {which} falls among {size[worst]:,} examples of the same score, "
        f"{found[0, worst] + 0.0:g}: which {mine[worst]:,} of them are kept is decided "
        "by chance"
    )
