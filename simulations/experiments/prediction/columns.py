"""The dataset that predictions are handed out as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

import perceptron_theory as pt
from perceptron_theory.choices.attributes import text
from perceptron_theory.convex.losses import resolve_loss

from .examples import Examples
from .measured import Measured
from .question import Cell, Question

AXES = ("score", "strategy", "keep_fraction", "pool")


def predicted_dataset(
    examples: Examples,
    question: Question,
    axes: tuple[Any, ...],
    cells: dict[Any, Cell],
    whole: Sequence[pt.Prediction],
    found: dict[Cell, pt.Prediction],
    same: dict[Cell, float],
    checked: dict[Cell, Measured],
) -> xr.Dataset:
    """Put what was found where it belongs.

    Args:
        examples: that it was found from.
        question: that was asked.
        axes: values along ``AXES``.
        cells: of each place along them, in their order.
        whole: predictions for all of each pool.
        found: of cells; the others are NaN.
        same: numbers of random examples with the same error, of cells.
        checked: of the cells that heads were trained for.
    """
    shape = tuple(map(len, axes))

    def over(values: Mapping[Cell, float]) -> np.ndarray:
        flat = [values.get(cell, np.nan) for cell in cells.values()]
        return np.array(flat, np.float64).reshape(shape)

    kept = {cell: cell.kept for cell in cells.values()}
    error = over({cell: one.error for cell, one in found.items()})
    columns = {
        "error": (error, text("error", "1", "predicted part of wrong answers")),
        "standard_error": (
            over({cell: one.standard_error for cell, one in found.items()}),
            text("its standard error"),
        ),
        "kept": (over(kept).astype(np.int64), text("kept examples")),
        "unpruned": (
            over(same),
            text("random examples, same error", "1", "interpolated"),
        ),
        "saving": (
            over({cell: size / kept[cell] for cell, size in same.items()}),
            text("unpruned over kept", "1", "times as many random examples"),
        ),
        "best": (_best(error), text("least error of this pool")),
    }
    if checked:
        of = {cell: found[cell].error for cell in checked}
        columns |= {
            "measured": (
                over({cell: one.error for cell, one in checked.items()}),
                text("error of trained heads"),
            ),
            "measured_error": (
                over({cell: one.standard_error for cell, one in checked.items()}),
                text("its standard error"),
            ),
            "z": (
                over({cell: one.z(of[cell]) for cell, one in checked.items()}),
                text("(measured - predicted)/s.e."),
            ),
        }
    variables: dict[str, Any] = {
        name: (AXES, values, about) for name, (values, about) in columns.items()
    }
    variables["pool_error"] = "pool", [one.error for one in whole], text("all kept")
    errors = [one.standard_error for one in whole]
    variables["pool_standard_error"] = "pool", errors, text("its standard error")
    attrs = {
        "dataset": examples.name,
        "examples": examples.law.size,
        "features": examples.law.width,
        "classes": len(examples.law.classes),
        "loss": resolve_loss(question.loss).name,
        "ridge": float(question.ridge),
        "intercept": int(question.intercept),
        "per_class": int(question.per_class),
        **examples.about,
    }
    if question.repeats:
        attrs |= {"repeats": question.repeats, "check_seed": question.seed}
    coords: dict[str, Any] = dict(zip(AXES, axes, strict=True))
    coords["keep_fraction"] = "keep_fraction", axes[2], text("kept fraction")
    coords["pool"] = "pool", axes[3], text("pool examples")
    return xr.Dataset(variables, coords, attrs)


def _best(error: np.ndarray) -> np.ndarray:
    least = np.where(np.isnan(error), np.inf, error).min(axis=(0, 1), keepdims=True)
    return error == least
