"""What is given as logits, checked not to be what only looks like them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from perceptron_theory import InputError

_ROWS = 2**14  # that are looked at together
# sums of probabilities in half precision differ from 1 by less; those of rounded ones
# by so much a column, and not by more than the last number
_SLACK, _ROUNDED, _MOST = 0.01, 0.005, 0.5
_PERCENT, _FEW = 100, 10  # rows of logits may have the sum 100, so many have not
_CHANCE = 1e-2  # of labels that miss the last classes without being of fewer


def check_logits(
    name: str, logits: Float[np.ndarray, "*K P C"], n_classes: int | None = None
) -> None:
    """Refuse probabilities, and another number of columns than of classes.

    Probabilities can be told where *all* rows of a model are of no negative number and
    have the sum 1, to rounding, or 100, as rows of logits have only on purpose.

    Args:
        name: what the array is called, for messages.
        logits: of one model or several.
        n_classes: the number of classes, if it is known.

    Raises:
        InputError: they are probabilities, or have another number of columns.
    """
    classes = logits.shape[-1]
    if n_classes is not None and classes != n_classes:
        raise InputError(
            f"{name} has {classes} columns, and there are {n_classes} classes: give one"
            " column a class, in the order of the labels"
        )
    models = logits if logits.ndim == 3 else logits[None]
    for i, model in enumerate(models):
        sums = _sum_of_probabilities(model) if classes > 1 else None
        if sums:
            which = f"{name}[{i}]" if logits.ndim == 3 else name
            raise InputError(
                f"{which} holds probabilities, every row has the sum {sums}: give the "
                "logits, or the logarithms of the probabilities"
            )


def check_columns(name: str, classes: int, labels: Int[np.ndarray, " P"]) -> None:
    """Refuse columns that are of no class, as far as labels alone can tell.

    Labels that number *some* of the classes without a gap, and miss the others by no
    chance, are of a data set with fewer classes.

    Args:
        name: what the array is called, for messages.
        classes: its number of columns.
        labels: of the examples, checked.

    Raises:
        InputError: there are more columns than classes.
    """
    held = int(labels.max()) + 1
    missing = classes - held
    if missing < 1 or held < 2 or len(np.unique(labels)) < held:
        return
    if (held / classes) ** len(labels) < _CHANCE:
        raise InputError(
            f"{name} has {classes} columns, and the labels are all classes from 0 to "
            f"{held - 1}: leave out the columns that are of no class, or give "
            f"n_classes={classes} if the others have no example here"
        )


def _sum_of_probabilities(logits: Float[np.ndarray, "P C"]) -> int | None:
    """What all rows sum up to, if they are probabilities: 1, or 100 of percents."""
    wholes = (1, _PERCENT) if len(logits) >= _FEW else (1,)
    return next((one for one in wholes if _are_parts_of(one, logits)), None)


def _are_parts_of(whole: int, logits: Float[np.ndarray, "P C"]) -> bool:
    rounded = min(_MOST, _ROUNDED * logits.shape[-1])
    for i in range(0, len(logits), _ROWS):
        rows = logits[i : i + _ROWS]
        with np.errstate(over="ignore", invalid="ignore"):  # of the largest numbers
            off = float(abs(rows.sum(1, dtype=np.float64) / whole - 1).max())
        if not (rows.min() >= 0 and off <= max(_SLACK, rounded)):  # nor of NaN
            return False
        if off > _SLACK:
            hundredths = rows.astype(np.float64) * (100 / whole)
            if not np.allclose(hundredths, np.rint(hundredths), rtol=0, atol=1e-3):
                return False
    return True
