"""What is given as logits, checked not to be what only looks like them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int, Shaped

from perceptron_theory import InputError

_ROWS = 2**14  # that are looked at together
# sums of probabilities in half precision differ from 1 by less; those of rounded ones
# by so much a column, and not by more than the last number
_SLACK, _ROUNDED, _MOST = 0.01, 0.005, 0.5
_LOGARITHMS = 2e-3  # what half precision of a logarithm leaves of such a sum
_PERCENT, _FEW = 100, 10  # rows of logits may have the sum 100, so many have not
_CHANCE = 1e-2  # of labels that miss the last classes without being of fewer
_INSTEAD = "give the logits, or the logarithms of the probabilities"
_ANYWAY = "if they are logits, subtract 1.0 from all"


def check_logits(
    name: str, logits: Shaped[np.ndarray, "*K P C"], n_classes: int | None = None
) -> None:
    """Refuse what is no logits by its numbers, and another number of columns.

    Logits are of any sign and of any sum.  What is refused, in each model by itself:

    - probabilities, where *all* rows are of no negative number and have the sum 1, to
      rounding, or 100;
    - what is neither, where *most* rows are such and one is not;
    - numbers that all lie between 0 and 1, as outputs of sigmoids, unless all are
      equal, as those of a head that begins with zeros;
    - logarithms of probabilities with the other sign, as losses, or to another base;
    - whole numbers of which none is negative, as counts, or probabilities in bytes.

    A few rows may be whole, or have the sum 100, by hand: the rule is of the numbers,
    whatever their type.  Logits that are refused all the same pass with any number
    subtracted from all of them, which changes no probability.

    Args:
        name: what the array is called, for messages.
        logits: of one model or several.
        n_classes: the number of classes, if it is known.

    Raises:
        InputError: they are one of these, or have another number of columns.
    """
    classes = logits.shape[-1]
    if n_classes is not None and classes != n_classes:
        raise InputError(
            f"{name} has {classes} columns, and there are {n_classes} classes: give one"
            " column a class, in the order of the labels"
        )
    models = logits if logits.ndim == 3 else logits[None]
    for i, model in enumerate(models):
        fault = _fault(model) if classes > 1 else None
        if fault:
            which = f"{name}[{i}]" if logits.ndim == 3 else name
            raise InputError(f"{which} holds {fault}")


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


def _fault(logits: Shaped[np.ndarray, "P C"]) -> str | None:
    """What they are in place of logits, for a message; None if they may be logits."""
    few = len(logits) < _FEW
    for whole in (1,) if few else (1, _PERCENT):
        parts = _are_parts_of(whole, logits)
        if parts.all():
            return f"probabilities, every row has the sum {whole}: {_INSTEAD}"
        if 2 * parts.sum() > len(parts):
            row = int(parts.argmin())
            return (
                f"neither logits nor probabilities: {parts.sum()} of {len(parts)} rows "
                f"have the sum {whole}, row {row} has not ({_shown(logits[row])}): mend"
                f" it, and {_INSTEAD}; {_ANYWAY}"
            )
    least, most = float(logits.min()), float(logits.max())
    if 0 <= least < most <= 1:
        return (
            "numbers from 0 to 1 only, in rows whose sum is not 1, as outputs of "
            f"sigmoids: give what the last layer says before these; {_ANYWAY}"
        )
    if _are_powers(np.exp(-1.0), logits):
        return (
            "logarithms of probabilities with the other sign, as the loss of each "
            "class: give them with a minus before"
        )
    for base in (2, 10):
        if _are_powers(base, logits):
            return (
                f"logarithms of probabilities to the base {base}: give them times "
                f"{np.log(base):.6f}"
            )
    if not few and 0 <= least < most and _are_whole(logits):
        return (
            f"whole numbers from {least:.0f} to {most:.0f}, as counts, or probabilities"
            f" in bytes: {_INSTEAD}; {_ANYWAY}"
        )
    return None


def _are_parts_of(
    whole: int, logits: Shaped[np.ndarray, "P C"]
) -> Bool[np.ndarray, " P"]:
    """Which rows are parts of a whole: of no negative number, and with its sum.

    Rounding may leave a zero a little below zero, and hundredths another sum.
    """
    rounded = min(_MOST, _ROUNDED * logits.shape[-1])
    found = np.zeros(len(logits), bool)
    for i in range(0, len(logits), _ROWS):
        with np.errstate(over="ignore", invalid="ignore"):  # of the largest numbers
            rows = logits[i : i + _ROWS] / np.float64(whole)
            off = abs(rows.sum(1) - 1)
            hundredths = abs(100 * rows - np.rint(100 * rows)).max(1) <= 1e-3
            near = (off <= _SLACK) | ((off <= rounded) & hundredths)
        found[i : i + _ROWS] = (rows.min(1) >= -_SLACK) & near
    return found


def _are_powers(base: float, logits: Shaped[np.ndarray, "P C"]) -> bool:
    """Whether a base to the power of these is probabilities, in all rows.

    A logit that is zero in all rows, beside others of any size, is none of these.
    """
    some = False
    for i in range(0, len(logits), _ROWS):
        with np.errstate(over="ignore"):
            rows = np.asarray(logits[i : i + _ROWS], np.float64)
        nearest = (np.sign(np.log(base)) * rows).max(1)
        if not (nearest <= 0).all():
            return False
        some |= bool((nearest < 0).any())
        with np.errstate(over="ignore"):
            if (abs((base**rows).sum(1) - 1) > _LOGARITHMS).any():
                return False
    return some


def _are_whole(logits: Shaped[np.ndarray, "P C"]) -> bool:
    blocks = (logits[i : i + _ROWS] for i in range(0, len(logits), _ROWS))
    return all(bool((block == np.rint(block)).all()) for block in blocks)


def _shown(row: Shaped[np.ndarray, " C"]) -> str:
    return f"the sum {float(row.sum(dtype=np.float64)):.6g}, the least {row.min():.6g}"
