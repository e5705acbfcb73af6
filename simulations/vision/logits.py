"""What is given as logits, checked not to be what only looks like them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int, Shaped

from perceptron_theory import InputError

_ROWS = 2**14  # that are looked at together
# sums of probabilities in half precision differ from 1 by less; those of rounded ones
# by so much a column, and not by more than the last number
_SLACK, _ROUNDED, _MOST = 0.01, 0.005, 0.5
# powers of logarithms: what half precision leaves of their sum; a byte less; rounding
# to tenths.  Rows that are nearly all of one class say little.
_LOGARITHMS, _COARSE, _TENTHS, _SURE = 2e-3, 0.02, 0.06, 0.95
_NATURAL = 0.3  # to a base whose logarithm is so near 1 these are natural ones, nearly
_PERCENT, _FEW = 100, 10  # rows of logits may have the sum 100, so many have not
# of any other sum: its relative error, and that beside the sum of independent numbers
_EQUAL, _TOGETHER = 0.01, 0.02
_CHANCE = 1e-2  # of labels that miss the last classes without being of fewer
_INSTEAD = "give the logits, or the logarithms of the probabilities"
_ANYWAY = "if they are logits, subtract 1.0 from all"


def check_logits(
    name: str, logits: Shaped[np.ndarray, "*K P C"], n_classes: int | None = None
) -> None:
    """Refuse what is no logits by its numbers, and another number of columns.

    Logits are of any sign and of any sum.  What is refused, in each model by itself:

    - probabilities, where *all* rows are of no negative number and have the sum 1, to
      rounding, or 100, or any other, as those that were added over models;
    - what is neither, where *most* rows are such and one is not;
    - numbers that all lie between 0 and 1, as outputs of sigmoids, unless all are
      equal, as those of a head that begins with zeros;
    - logarithms of probabilities with the other sign, as losses, or to another base
      (10, 2 or the number of classes), or both, where *most* rows are such, to
      rounding, also where no probability is below some least one;
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
        if said := _why_parts_of(whole, logits):
            return said
    least, most = float(logits.min()), float(logits.max())
    if 0 <= least < most <= 1:
        return (
            "numbers from 0 to 1 only, in rows whose sum is not 1, as outputs of "
            f"sigmoids: give what the last layer says before these; {_ANYWAY}"
        )
    others = (2, 10, logits.shape[-1]) if least < most else ()
    for slack in (_LOGARITHMS,) if few else (_LOGARITHMS, _COARSE, _TENTHS):
        if _are_powers(np.exp(-1.0), logits, slack):
            return (
                "logarithms of probabilities with the other sign, as the loss of each "
                "class: give them with a minus before"
            )
        for base in dict.fromkeys(others):
            far = slack == _LOGARITHMS or abs(np.log(base) - 1) > _NATURAL
            if slack < _TENTHS and far and _are_powers(base, logits, slack):
                return (
                    f"logarithms of probabilities to the base {base}: give them times "
                    f"{np.log(base):.6f}"
                )
            if _are_powers(1 / base, logits, slack):
                return (
                    f"logarithms of probabilities to the base {base} with the other "
                    f"sign: give them times {-np.log(base):.6f}"
                )
    if few or not 0 <= least < most:
        return None
    if _are_whole(logits):
        return (
            f"whole numbers from {least:.0f} to {most:.0f}, as counts, or probabilities"
            f" in bytes: {_INSTEAD}; {_ANYWAY}"
        )
    return _why_parts_of(_common_sum(logits), logits)


def _why_parts_of(whole: float, logits: Shaped[np.ndarray, "P C"]) -> str | None:
    """That all rows, or most, are parts of a whole, for a message; or None."""
    parts = _are_parts_of(whole, logits)
    if parts.all():
        return f"probabilities, every row has the sum {whole:.6g}: {_INSTEAD}"
    if 2 * parts.sum() <= len(parts):
        return None
    row = int(parts.argmin())
    return (
        f"neither logits nor probabilities: {parts.sum()} of {len(parts)} rows have the"
        f" sum {whole:.6g}, row {row} has not ({_shown(logits[row])}): mend it, and "
        f"{_INSTEAD}; {_ANYWAY}"
    )


def _common_sum(logits: Shaped[np.ndarray, "P C"]) -> float:
    """The sum that most rows may have, 0 if none: their median."""
    with np.errstate(over="ignore", invalid="ignore"):
        median = float(np.median(logits.sum(1, dtype=np.float64)))
    return median if np.isfinite(median) and median > 0 else 0.0


def _are_parts_of(
    whole: float, logits: Shaped[np.ndarray, "P C"]
) -> Bool[np.ndarray, " P"]:
    """Which rows are parts of a whole: of no negative number, and with its sum.

    Rounding may leave a zero a little below zero, and hundredths another sum.  Logits
    may have any sum, and sums of many are alike: where the whole is neither 1 nor 100,
    the sums are those of parts if they differ from it by much less than as many
    independent numbers of the spread in the row would.
    """
    if whole == 0:
        return np.zeros(len(logits), bool)
    known, classes = whole in (1, _PERCENT), logits.shape[-1]
    rounded = min(_MOST, _ROUNDED * classes) if known else 0.0
    found = np.zeros(len(logits), bool)
    for i in range(0, len(logits), _ROWS):
        with np.errstate(over="ignore", invalid="ignore"):  # of the largest numbers
            rows = logits[i : i + _ROWS] / np.float64(whole)
            off = abs(rows.sum(1) - 1)
            hundredths = abs(100 * rows - np.rint(100 * rows)).max(1) <= 1e-3
            near = (off <= _SLACK) | ((off <= rounded) & hundredths)
            if not known:
                near = off <= np.minimum(
                    _EQUAL, _TOGETHER * rows.std(1) * np.sqrt(classes)
                )
                near &= rows.std(1) > 0
        found[i : i + _ROWS] = (rows.min(1) >= -_SLACK) & near
    return found


def _are_powers(base: float, logits: Shaped[np.ndarray, "P C"], slack: float) -> bool:
    """Whether a base to the power of these is probabilities.

    In all rows, to digits that no chance has; or, where ``slack`` is larger, in most
    of those that are not nearly all of one class, and in most of all.  A least
    probability, to which smaller ones were raised, adds itself once a class.  A logit
    that is zero in all rows, beside others of any size, is none of these.
    """
    all_, classes = slack == _LOGARITHMS, logits.shape[-1]
    right = telling = both = 0
    some = False
    for i in range(0, len(logits), _ROWS):
        with np.errstate(over="ignore"):
            rows = np.asarray(logits[i : i + _ROWS], np.float64)
            nearest = (np.sign(np.log(base)) * rows).max(1)
            powers = base**rows
            off = powers.sum(1) - 1
        raised = 0.0 if all_ else min(classes * powers.min(), _ROUNDED * classes)
        fits = (nearest <= 0) & (off >= -slack) & (off <= slack + raised)
        if all_ and not fits.all():
            return False
        unsure = powers.max(1) <= _SURE
        right, telling = right + int(fits.sum()), telling + int(unsure.sum())
        both, some = both + int((fits & unsure).sum()), some | bool((nearest < 0).any())
    most = 2 * right > len(logits) and 2 * both > telling >= _FEW // 2
    return some if all_ else most


def _are_whole(logits: Shaped[np.ndarray, "P C"]) -> bool:
    blocks = (logits[i : i + _ROWS] for i in range(0, len(logits), _ROWS))
    return all(bool((block == np.rint(block)).all()) for block in blocks)


def _shown(row: Shaped[np.ndarray, " C"]) -> str:
    return f"the sum {float(row.sum(dtype=np.float64)):.6g}, the least {row.min():.6g}"
