"""Predictions over pools, kept fractions, strategies and scores, as one dataset."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import product

import xarray as xr

import perceptron_theory as pt
from perceptron_theory import ConvergenceError, InputError
from perceptron_theory.errors import DataWarning
from perceptron_theory.numerics.cpu_threads import blas_threads_for
from perceptron_theory.wording import some_of

from .columns import predicted_dataset
from .examples import Examples
from .measured import Measured, largest_pool, measured_errors, trained_loss
from .question import NO_SCORE, Cell, Question
from .unpruned import UnprunedCurve

Bar = Callable[[int, str], AbstractContextManager[Callable[..., None]]]


def _silent(total: int, what: str) -> AbstractContextManager[Callable[..., None]]:
    return nullcontext(lambda count, text="": None)


def predictions(
    examples: Examples, question: Question, *, bar: Bar = _silent
) -> xr.Dataset:
    """The predicted errors of heads, over all that is asked.

    Args:
        examples: what is known.
        question: what is asked.
        bar: makes a function that is told of what was done, from how much there is to
            do and what it is.

    Returns:
        A dataset over score, strategy, keep_fraction and pool: ``error`` and
        ``standard_error`` as of :class:`perceptron_theory.Prediction`; ``kept``
        examples; ``unpruned``, how many random examples give the same error, and
        ``saving``, how many times as many as are kept, as :mod:`.unpruned` finds them
        (approximate: interpolated; inf where no number does); ``best``, where no other
        score or strategy has less error at this fraction and pool; over pool,
        ``pool_error`` and its standard error, of all of it.  With ``repeats`` also
        ``measured``, the mean error of trained heads, ``measured_error``, its standard
        error over pools, and ``z``, their difference to the prediction over that: both
        are of the same examples, so that the standard error of the prediction, which
        is of other examples of the same law, is not in it.

        What cannot be predicted is NaN, and a warning says why.

    Warns:
        DataWarning: some of it cannot be predicted, or checked.

    Raises:
        InputError: strategies that need a score without one, pools none of which can
            be checked, or nothing of it can be predicted.
        ConvergenceError: the equations of the whole pools did not settle.
    """
    scores = list(examples.scores) or [NO_SCORE]
    if not examples.scores and (named := set(question.strategies) - {"random"}):
        raise InputError(
            f"{' and '.join(sorted(named))} need a score: give one, or a probe"
        )
    if question.repeats and min(question.pools) > (most := largest_pool(examples.law)):
        raise InputError(
            f"a check tests on the examples that are not in the pool: of "
            f"{examples.law.size} give a pool of at most {most}, got "
            f"{min(question.pools)}"
        )
    if question.repeats:  # refused, if it must be, before anything is computed
        trained_loss(question.loss)
    axes = scores, list(question.strategies), question.keep_fractions, question.pools
    cells = {place: _cell(*place) for place in product(*axes)}
    distinct = list(dict.fromkeys(cells.values()))
    with blas_threads_for(examples.law.width):
        curve, found = _predicted(examples, question, distinct, bar)
        same = _unpruned(curve, found, bar)
        checked = _checked(examples, question, list(found), bar)
    whole = [curve.at(pool) for pool in question.pools]
    return predicted_dataset(
        examples, question, axes, cells, whole, found, same, checked
    )


def _cell(score: str, strategy: str, fraction: float, pool: int) -> Cell:
    if strategy == "random" or fraction == 1:
        return Cell(None, "random", fraction, pool)
    return Cell(score, strategy, fraction, pool)


def _predicted(
    examples: Examples, question: Question, cells: list[Cell], bar: Bar
) -> tuple[UnprunedCurve, dict[Cell, pt.Prediction]]:
    """The curve of unpruned examples, and what can be predicted."""
    curve = UnprunedCurve(examples.law, question.head)
    found: dict[Cell, pt.Prediction] = {}
    failures: dict[Cell, Exception] = {}
    pools = question.pools
    with bar(len(pools) + len(cells), "predictions") as advance:
        for pool in pools:
            curve.at(pool)
            advance(1, f"all of {pool:,}")
        for cell in cells:
            try:
                found[cell] = _of_cell(examples, question, cell, curve)
            except (InputError, ConvergenceError) as error:
                failures[cell] = error
            advance(1, f"{cell.strategy} {cell.keep_fraction:g} of {cell.pool:,}")
    if not found:
        raise next(iter(failures.values()))
    _warn_of(failures, len(cells))
    return curve, found


def _of_cell(
    examples: Examples, question: Question, cell: Cell, curve: UnprunedCurve
) -> pt.Prediction:
    if not cell.kept:
        raise InputError(
            f"keep_fraction {cell.keep_fraction:g} keeps none of a pool of {cell.pool}"
        )
    if cell.score is None:  # a random part is like a pool of its size
        return curve.at(cell.kept)
    return pt.predict(
        examples.by(cell.score),
        cell.pool,
        cell.keep_fraction,
        question.strategies[cell.strategy],
        per_class=question.per_class,
        **question.head,
    )


def _warn_of(failures: dict[Cell, Exception], total: int) -> None:
    if not failures:
        return
    cell, error = next(iter(failures.items()))
    by = f" by {cell.score}" if cell.score else ""
    warnings.warn(
        f"{some_of(len(failures), total, 'prediction')} cannot be made; {cell.strategy}"
        f"{by}, {cell.keep_fraction:g} of {cell.pool}: {error}",
        DataWarning,
        stacklevel=4,
    )


def _unpruned(
    curve: UnprunedCurve, found: dict[Cell, pt.Prediction], bar: Bar
) -> dict[Cell, float]:
    with bar(len(found), "errors without pruning") as advance:
        same = {}
        for cell, one in found.items():
            random = cell.score is None
            same[cell] = one.kept if random else curve.size(one.error, one.kept)
            advance(1)
    return same


def _checked(
    examples: Examples, question: Question, cells: list[Cell], bar: Bar
) -> dict[Cell, Measured]:
    if not question.repeats:
        return {}
    most = largest_pool(examples.law)
    within = [cell for cell in cells if cell.pool <= most]
    if len(within) < len(cells):
        warnings.warn(
            f"pools of more than {most} of the {examples.law.size} examples are not "
            "checked: too few are left to test on",
            DataWarning,
            stacklevel=3,
        )
    classes = len(examples.law.classes)
    with bar(question.repeats * len(within), f"heads of {classes} classes") as advance:
        return {
            cell: measured_errors(
                examples.by(cell.score),
                cell.pool,
                cell.keep_fraction,
                question.strategies[cell.strategy],
                repeats=question.repeats,
                seed=question.seed,
                per_class=question.per_class and cell.score is not None,
                advance=advance,
                **question.head,
            )
            for cell in within
        }
