"""A training run, or an ensemble of them: loss and error against the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perceptron_theory.wording import counted

from .. import style

SETS = {"train": style.FAMILY[1], "test": style.FAMILY[0]}
_WRONG = {"simclr": "second views that were not found"}
_COLUMNS = ("step", "train_loss", "train_accuracy", "test_loss", "test_accuracy")


def training_dataset(
    history: Sequence[Mapping[str, Any]],
    dataset: str,
    network: str,
    objective: str = "classification",
) -> xr.Dataset:
    """What a run saw of itself, epoch by epoch.

    Args:
        history: a row of metrics an epoch, of ``simulations.vision.training.train``;
            None or no entry where nothing was tested. Of an ensemble a row a model and
            epoch, with the number of the model as ``model``.
        dataset: name of the data set, for the title.
        network: name of what was trained, for the title.
        objective: of the recipe, which says what one minus the accuracy is.
    """
    rows = pd.DataFrame(history)
    over = [name for name in ("model", "epoch") if name in rows]
    columns = rows.astype(dict.fromkeys(over, int)).set_index(over)
    found = columns.reindex(columns=list(_COLUMNS)).astype(float).to_xarray()
    what = f"training of {network}"
    if "model" in over:
        what += f", {counted(found.sizes['model'], 'model')} and their mean"
    wrong = _WRONG.get(objective, "error")
    return found.assign_attrs(dataset=dataset, about=what, wrong=wrong)


def draw(data: xr.Dataset, *, size: str = "slide") -> Figure:
    """Loss (left) and error (right) against steps.

    Of the examples as they were trained on, and of the test set, if there is one, after
    each epoch. Of an ensemble a thin line a model, and their mean.
    """
    figure = style.canvas_of(size)
    left, right = style.panels(figure, 2, sharex=True)
    for name, look in SETS.items():
        wrong = 100 * (1 - data[f"{name}_accuracy"])
        _lines(left, data["step"], data[f"{name}_loss"], look, name)
        _lines(right, data["step"], wrong, look, name)
    for axes in (left, right):
        axes.set(xlim=(0, None), xlabel="steps")
        _from_zero(axes)
        axes.legend(loc="best")
    left.set_ylabel("loss")
    right.set_ylabel(f"{data.attrs['wrong']} in per cent")
    return figure


def _lines(
    axes: Axes, step: xr.DataArray, values: xr.DataArray, look, name: str
) -> None:
    if "model" in values.dims:
        thin = {"color": look[0], "alpha": 0.35, "linewidth": 0.6}
        for x, y in zip(step.values, values.values, strict=True):
            axes.plot(x[np.isfinite(y)], y[np.isfinite(y)], **thin)
        step, values = step.mean("model"), values.mean("model")
    _line(axes, step.values, values.values, look, name)


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
