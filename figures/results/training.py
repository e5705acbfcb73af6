"""A training run: loss and error against the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .. import style

SETS = {"train": style.FAMILY[1], "test": style.FAMILY[0]}
_COLUMNS = ("step", "train_loss", "train_accuracy", "test_loss", "test_accuracy")


def training_dataset(
    history: Sequence[Mapping[str, Any]],
    dataset: str,
    network: str,
    wrong: str = "error",
) -> xr.Dataset:
    """What a run saw of itself, epoch by epoch.

    Args:
        history: a row of metrics an epoch, of ``simulations.vision.training.train``;
            None or no entry where nothing was tested.
        dataset: name of the data set, for the title.
        network: name of what was trained, for the title.
        wrong: what one minus the accuracy is.
    """
    columns = {
        name: ("epoch", np.array([row.get(name) for row in history], float))
        for name in _COLUMNS
    }
    said = {"dataset": dataset, "about": f"training of {network}", "wrong": wrong}
    return xr.Dataset(columns, {"epoch": [int(row["epoch"]) for row in history]}, said)


def draw(data: xr.Dataset, *, size: str = "slide") -> Figure:
    """Loss (left) and error (right) against steps.

    Of the examples as they were trained on, and of the test set, if there is one, after
    each epoch.
    """
    figure = style.canvas_of(size)
    left, right = style.panels(figure, 2, sharex=True)
    step = data["step"].values
    for name, look in SETS.items():
        _line(left, step, data[f"{name}_loss"].values, look, name)
        _line(right, step, 100 * (1 - data[f"{name}_accuracy"].values), look, name)
    for axes in (left, right):
        axes.set(xlim=(0, None), xlabel="steps")
        _from_zero(axes)
        axes.legend(loc="best")
    left.set_ylabel("loss")
    right.set_ylabel(f"{data.attrs['wrong']} in per cent")
    return figure


def _line(axes: Axes, step: np.ndarray, values: np.ndarray, look, name: str) -> None:
    seen = np.isfinite(values)
    if not seen.any():
        return
    color, line, mark = look
    label = "in training" if name == "train" else "test set"
    marked = style.open_marks(mark, int(seen.sum()))
    axes.plot(
        step[seen], values[seen], color=color, linestyle=line, label=label, **marked
    )


def _from_zero(axes: Axes) -> None:
    """A logarithmic scale where values span decades, else all the way from zero."""
    values = np.concatenate(
        [np.asarray(line.get_ydata(), float) for line in axes.lines]
    )
    if values.min() > 0 and values.max() > 30 * values.min():
        axes.set_yscale("log")
        style.plain_numbers(axes.yaxis)
    else:
        axes.set_ylim(0, 1.1 * values.max() or 1.0)
