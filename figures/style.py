"""The one style of all figures: sizes, fonts, colours, marks.

Colours are those of Okabe and Ito, which eyes of every kind tell apart; each comes with
a line style and a mark of its own, so that the figures also read in black and white.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulations.files import write_whole

COLUMN, PAGE = 3.5, 7.1  # widths in inches of one column and of the whole page
BLACK, GREY = "#000000", "#7f7f7f"
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"
PURPLE, AMBER = "#cc79a7", "#e69f00"

# colour, line style, mark of the first, second, ... curve of a family
FAMILY = (
    (BLACK, "-", "o"),
    (BLUE, (0, (6, 1.5)), "s"),
    (GREEN, (0, (6, 1.5, 1.2, 1.5)), "D"),
    (AMBER, (0, (3, 1.2)), "^"),
    (ORANGE, (0, (1.2, 1.0)), "v"),
    (PURPLE, (0, (4, 1, 1, 1, 1, 1)), "P"),
)
RULES = {"hard": FAMILY[4], "easy": FAMILY[1], "random": (GREY, "-", "D")}
PARETO = {"color": GREY, "linewidth": 4.5, "alpha": 0.45, "solid_capstyle": "round"}

LABELS = {
    "alpha_prune": r"kept examples per dimension  $\alpha_{\rm prune}$",
    "alpha_tot": r"initial examples per dimension  $\alpha_{\rm tot}$",
    "keep_fraction": r"kept fraction  $f$",
    "error": r"generalisation error  $\varepsilon$",
}

_LONGEST = 36  # letters of a name at an axis

_SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with Matplotlib: the same everywhere
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 2.8,
    "legend.labelspacing": 0.3,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.6,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "pdf.fonttype": 42,  # text stays text
    "savefig.dpi": 200,
}


@contextmanager
def applied() -> Iterator[None]:
    """The style, for as long as a figure is drawn and saved."""
    with mpl.rc_context():
        mpl.rcdefaults()  # not what a user has in a matplotlibrc
        mpl.rcParams.update(_SETTINGS)
        yield


def canvas(width: float, height: float) -> Figure:
    """An empty figure of ``width`` x ``height`` inches, apart from pyplot's state."""
    return Figure(figsize=(width, height), layout="constrained")


def save(draw: Callable[[], Figure], path: Path) -> None:
    """Draw and write a picture, whole or not at all, in the format of the suffix."""
    kind = path.suffix.removeprefix(".")
    with applied():
        figure = draw()
        write_whole(path, lambda part: figure.savefig(part, format=kind))


def plain(text: object) -> str:
    r"""A name from outside, as it is: "$" begins no formula, a line break no line."""
    words = " ".join(str(text).split())
    return words.encode("utf-8", "replace").decode().replace("$", r"\$")


def words(name: object) -> str:
    """The name of a metric, a student or a loss, in words; of a long one, both ends."""
    return tick(name).replace("_", " ")


def tick(name: object) -> str:
    """A name from outside at an axis, which a long one would leave no room."""
    text = str(name)
    return plain(text if len(text) <= _LONGEST else f"{text[:15]}...{text[-15:]}")


def letter(panels: Iterable[Axes]) -> None:
    """A, B, C, ... at the upper left of the panels."""
    for axes, name in zip(panels, string.ascii_uppercase, strict=False):
        axes.set_title(name, loc="left", fontweight="bold", fontsize=10)


def simulated(axes: Axes, x, y, error, look, **options) -> None:
    """Simulation points: open marks with bars of one standard error."""
    color, _, mark = look
    axes.errorbar(
        x,
        y,
        yerr=error,
        linestyle="none",
        marker=mark,
        color=color,
        markerfacecolor="white",
        markeredgewidth=0.9,
        elinewidth=0.9,
        capsize=1.8,
        capthick=0.7,
        zorder=4,
        **options,
    )


def fraction(value: float) -> str:
    """The kept fraction for a legend: 0.2 as it is, 1e-4 as a power of ten."""
    number = f"{value:g}" if value >= 0.01 else f"10^{{{round(np.log10(value))}}}"
    return f"$f = {number}$"


def legend_entry(axes: Axes, look, label: str) -> None:
    """One entry for a curve and its simulation points together."""
    color, line, mark = look
    options = {"color": color, "linestyle": line, "marker": mark}
    axes.plot([], [], markerfacecolor="white", label=label, **options)
