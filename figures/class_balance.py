"""Class sizes after pruning by each metric, beside those by chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from . import style


def draw(
    found: xr.Dataset,
    class_names: Sequence[str] | None = None,
    *,
    size: str = "column",
) -> Figure:
    """The figure of ``simulations.vision.balance.class_balance``.

    A: balance, the smallest class over the largest, against the kept fraction; band:
    two standard deviations of random selections.  B: kept part of each class at the
    smallest kept fraction, over that of the whole set.  Without names, classes have
    their numbers.
    """
    if class_names is None:
        class_names = [str(one) for one in range(int(found["class"].max()) + 1)]
    metrics = [str(name) for name in found["metric"].values]
    height = 0.22 * max(len(metrics), 8) + 1.4
    if size == "slide":
        height = max(height, style.PAGE * 9 / 16)
    figure = style.canvas_of(size, width=style.PAGE, height=height)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    f = found["keep_fraction"].values
    looks = _looks(len(metrics))
    for name, look in zip(metrics, looks, strict=True):
        values = found["balance"].sel(metric=name)
        marks = {"markersize": 3, "clip_on": False} | look
        left.plot(f, values, label=style.words(name), **marks)
    mean, wide = found["balance_by_chance"], 2 * found["chance_error"]
    band = {"color": style.GREY, "alpha": 0.3, "linewidth": 0}
    left.fill_between(f, mean - wide, mean + wide, label="by chance", **band)
    before = float(found["balance_before"])
    left.axhline(before, color=style.GREY, linewidth=0.8, label="before")
    left.set(xlabel=style.LABELS["keep_fraction"], ylabel="smallest / largest class")
    left.set_ylim(0, 1.05)
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2), "ncols": 3}
    left.legend(fontsize=5.5, handlelength=2, columnspacing=1, **below)
    last = found.isel(keep_fraction=int(np.argmin(f)))
    share = last["kept"] / last["before"] / float(f.min())
    limit = float(max(share.max(), 2.0))
    norm = TwoSlopeNorm(1.0, 0.0, limit)
    picture = right.imshow(share, norm=norm, cmap="PuOr", aspect="auto")
    right.set_yticks(range(len(metrics)), [style.words(one) for one in metrics])
    names = [style.tick(class_names[int(one)]) for one in found["class"].values]
    short = max(map(len, names)) < 3
    turned = {} if short else {"rotation": 45, "ha": "right"}
    right.set_xticks(range(len(names)), names, **turned)
    right.spines[:].set_visible(False)
    right.tick_params(length=0)
    label = f"kept part of the class / f,  f = {f.min():g}"
    figure.colorbar(picture, label=label)
    style.letter((left, right))
    return figure


def _looks(count: int) -> list[dict]:
    """Colour and mark of so many curves: marks change when colours begin again."""
    marks = "oDs^vP"
    family = style.FAMILY
    return [
        {
            "color": family[i % len(family)][0],
            "linestyle": family[i // len(family) % len(family)][1],
            "marker": marks[(i + i // len(family)) % len(marks)],
        }
        for i in range(count)
    ]
