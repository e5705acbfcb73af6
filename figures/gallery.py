"""The easiest and hardest images of each class, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from simulations.vision.class_extremes import extremes, thumbnails
from simulations.vision.data import DataSet
from simulations.vision.score_files import Scores

from . import style

_SIDE, _GAP, _NAMES, _HEAD, _EDGE = 0.46, 0.25, 0.9, 0.28, 0.05  # inches


def draw_scores(
    title: str,
    dataset: DataSet,
    scores: Scores,
    per_class: int,
    classes: Sequence[int],
    *,
    seed: int = 0,
    size: int = 0,
) -> Figure:
    """The gallery of some scores of a data set.

    Args:
        title: above all.
        dataset: of images.
        scores: of its examples.
        per_class: images on either side.
        classes: numbers of those that are shown.
        seed: of the order of equal scores.
        size: of the sides in pixels; 0 leaves images as they are.

    Raises:
        InputError: as ``simulations.vision.class_extremes.extremes`` and
            ``thumbnails``.
    """
    found = extremes(
        scores.scores, scores.labels, per_class, seed=seed, classes=classes
    )
    sides = [
        [thumbnails(dataset, row[row >= 0], size) for row in rows]
        for rows in (found.easiest, found.hardest)
    ]
    return draw(title, [dataset.class_names[one] for one in found.classes], *sides)


def draw(
    title: str,
    class_names: Sequence[str],
    easiest: Sequence[Sequence[np.ndarray]],
    hardest: Sequence[Sequence[np.ndarray]],
) -> Figure:
    """A row a class: easiest images on the left, hardest on the right.

    Args:
        title: above all.
        class_names: of the rows.
        easiest: images (height, width, 1 or 3) of bytes, a list a class, in order.
        hardest: as those; the hardest stands at the far right.
    """
    n = max(len(row) for row in (*easiest, *hardest))
    width = _NAMES + 2 * n * _SIDE + _GAP + _EDGE
    height = _HEAD + len(class_names) * _SIDE + _EDGE
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    for images, left, backwards in (
        (easiest, _NAMES, False),
        (hardest, _NAMES + n * _SIDE + _GAP, True),
    ):
        edge = left + n * _SIDE if backwards else left
        name, side = ("hardest", "right") if backwards else ("easiest", "left")
        axes.text(edge, _HEAD - 0.05, name, ha=side, va="bottom")
        for i, row in enumerate(images):
            for j, image in enumerate(row):
                x = left + (n - 1 - j if backwards else j) * _SIDE
                y = _HEAD + i * _SIDE
                inside = (x + 0.02, x + _SIDE - 0.02, y + _SIDE - 0.02, y + 0.02)
                grey = image.shape[-1] == 1
                axes.imshow(
                    image[..., 0] if grey else image,
                    extent=inside,
                    cmap="gray" if grey else None,
                    vmin=0,
                    vmax=255,
                    interpolation="nearest",
                )
    for i, name in enumerate(class_names):
        place = (_NAMES - 0.08, _HEAD + (i + 0.5) * _SIDE)
        axes.text(*place, style.plain(_short(name)), ha="right", va="center")
    middle = (_NAMES + n * _SIDE + _GAP / 2, _HEAD - 0.05)
    axes.text(*middle, style.plain(title), ha="center", va="bottom")
    # after the images, which set limits of their own
    axes.set(xlim=(0, width), ylim=(height, 0), aspect="auto")
    return figure


def _short(name: str) -> str:
    return name if len(name) <= 14 else f"{name[:13]}~"
