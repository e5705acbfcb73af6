"""A probe on examples of its own, which are left out of all that it prunes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

import perceptron_theory as pt
from perceptron_theory import InputError

from ...vision import inputs
from .trained_heads import train_head

MARGINS = ("absolute", "signed")


def probe_examples(law: pt.FieldLaw, count: int, seed: int) -> Int[np.ndarray, " n"]:
    """Random examples that a probe is trained on.

    Raises:
        InputError: fewer than two, all of them, or of a part of the classes.
    """
    if not 2 <= inputs.positive_integer("probe", count) < law.size:
        raise InputError(
            f"probe must be from 2 to {law.size - 1} examples, fewer than there are, "
            f"got {count}"
        )
    inputs.whole_number("seed", seed)
    rows = np.random.default_rng([seed, 1]).permutation(law.size)[:count]
    missing = np.setdiff1d(np.arange(len(law.classes)), law.labels[rows])
    if len(missing):
        raise InputError(
            f"the {count} examples of the probe have none of the class "
            f"{law.classes[missing[0]]!r}: give it more"
        )
    return np.sort(rows)


def probe_scores(
    law: pt.FieldLaw, rows: Int[np.ndarray, " n"], margin: str, ridge: float
) -> Float[np.ndarray, " P"]:
    """Minus the margin of a logistic probe, for all examples: high = hard.

    Args:
        law: of the data.
        rows: that the probe is trained on.
        margin: "absolute": of its first answer over the second; "signed": of the true
            class over the best of the others.
        ridge: of the probe, in the units of the theory.

    Raises:
        InputError: a ridge out of range.
        ConvergenceError: the probe did not settle.
    """
    if not (1e-8 <= inputs.real_number("ridge", ridge) < np.inf):
        raise InputError(f"ridge must be at least 1e-8 and finite, got {ridge}")
    classes = len(law.classes)
    head = train_head(
        law.features[rows], law.labels[rows], classes, ridge=ridge, intercept=True
    )
    output = head.outputs(law.features)
    if margin == "absolute":
        second, first = np.partition(output, -2, axis=1)[:, -2:].T
        return second - first
    true = np.take_along_axis(output, law.labels[:, None], axis=1)[:, 0]
    np.put_along_axis(output, law.labels[:, None], -np.inf, axis=1)
    return output.max(axis=1) - true
