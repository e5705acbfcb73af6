"""The one style of all figures: sizes, fonts, colours, marks.

Colours are those of Okabe and Ito, which eyes of every kind tell apart; each comes with
a line style and a mark of its own, so that the figures also read in black and white.
"""

from __future__ import annotations

import io
import re
import string
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from perceptron_theory.errors import DataWarning, InputError
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
# hard, easy and random have these looks and these names in every picture
RULES = {"hard": FAMILY[4], "easy": FAMILY[1], "random": (GREY, "-", "D")}
# of real data also those of middling scores
STRATEGIES = {**RULES, "middle": FAMILY[5]}
KEEP = {rule: f"keep {rule}" for rule in RULES}
PARETO = {"color": GREY, "linewidth": 4.5, "alpha": 0.45, "solid_capstyle": "round"}

LABELS = {
    "alpha_prune": r"kept examples per dimension  $\alpha_{\rm prune}$",
    "alpha_tot": r"initial examples per dimension  $\alpha_{\rm tot}$",
    "keep_fraction": r"kept fraction  $f$",
    "error": r"generalisation error  $\varepsilon$",
    "theta": r"angle of probe and teacher  $\theta$  (degrees)",
}

# inches; a slide is 1920 x 1080 pixels, and its letters are those of a slide
SIZES = {"slide": (5.6, 3.15), "column": (COLUMN, 2.8)}
DOTS = {"slide": 1920 / 5.6, "column": 300.0}

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
    "svg.hashsalt": "pruning-laws",  # the same picture, the same names inside
    "figure.dpi": 200,
    "savefig.dpi": 200,
}


@contextmanager
def applied() -> Iterator[None]:
    """The style, for as long as a figure is drawn and saved."""
    with mpl.rc_context():
        mpl.rcdefaults()  # not what a user has in a matplotlibrc
        mpl.rcParams.update(_SETTINGS)
        with _signs_in_one_line():
            yield


class Canvas(Figure):
    """A figure apart from pyplot's state, which a notebook shows all the same."""

    def savefig(self, fname: Any, **options: Any) -> None:
        """Save the figure, by default with as many pixels as its size has."""
        options.setdefault("dpi", self.get_dpi())
        with _signs_in_one_line():
            super().savefig(fname, **options)

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        with applied():
            self.savefig(content, format="png")
        return content.getvalue()


@contextmanager
def _signs_in_one_line() -> Iterator[None]:
    """One warning for all signs that the font lacks."""
    missing: dict[str, None] = {}
    show = warnings.showwarning

    def collect(message, category, *where, **how):
        found = re.match(r"Glyph (\d+) .* missing from font", str(message))
        if found:
            missing[chr(int(found[1]))] = None
        else:
            show(message, category, *where, **how)

    with warnings.catch_warnings():
        warnings.filterwarnings("always", message=r"Glyph \d+")
        warnings.showwarning = collect
        yield
    if missing:
        warnings.warn(
            f"the font of pictures has no sign for {', '.join(map(repr, missing))}: "
            "names with them are drawn with boxes",
            DataWarning,
            stacklevel=3,
        )


def canvas(width: float, height: float) -> Figure:
    """An empty figure of ``width`` x ``height`` inches, apart from pyplot's state."""
    return Canvas(figsize=(width, height), layout="constrained")


def canvas_of(size: str, *, width: float = 0.0, height: float = 0.0) -> Figure:
    """An empty figure of a size by name, larger where its content needs more.

    Args:
        size: "slide" or "column".
        width: inches that are needed.
        height: the same.

    Raises:
        InputError: another size.
    """
    if size not in SIZES:
        raise InputError(f"size must be {' or '.join(SIZES)}, got {size!r}")
    wide, high = SIZES[size]
    figure = canvas(max(wide, width), max(high, height))
    figure.set_dpi(DOTS[size] * wide / max(wide, width))
    return figure


def panels(figure: Figure, count: int, **options: Any) -> list[Axes]:
    """So many panels side by side, or one below the other where that is too narrow."""
    width, height = figure.get_size_inches()
    if width >= count * 2.2:
        return list(figure.subplots(1, count, squeeze=False, **options)[0])
    figure.set_size_inches(width, max(height, 0.4 + 2.0 * count))
    return list(figure.subplots(count, 1, squeeze=False, **options)[:, 0])


def save(draw: Callable[[], Figure], path: Path) -> None:
    """Draw and write a picture, whole or not at all, in the format of the suffix.

    The same picture is the same file: it carries no date.
    """
    kind = path.suffix.removeprefix(".")
    stamp = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind)
    with applied():
        figure = draw()

        def write(part: Path) -> None:
            figure.savefig(part, format=kind, metadata=stamp, dpi=figure.get_dpi())

        write_whole(path, write)


def better(than: str) -> Colormap:
    """Colours of hard against another rule: of each where it is the better one.

    Args:
        than: "easy" or "random".
    """
    ends = RULES["hard"][0], "#ffffff", RULES[than][0]
    return LinearSegmentedColormap.from_list(f"hard-{than}", ends)


def percent(ratio: float) -> str:
    """What a ratio of errors is in words: 0.5 is "-50 %", 3 is "+200 %"."""
    change = 100 * (ratio - 1)
    return "0 %" if abs(change) < 0.05 else f"{change:+.3g} %"


def percent_axis(axis: Axis) -> None:
    """Where ln of a ratio is drawn: the ratios, as per cent better or worse."""
    low, high = axis.get_view_interval()
    steps = (-0.9, -0.8, -0.5, -0.2, -0.1, 0, 0.1, 0.2, 0.5, 1, 2, 5, 10)
    if high - low > 1.2:  # no room for all
        steps = (-0.95, -0.9, -0.75, -0.5, 0, 1, 3, 9)
    ticks = [step for step in steps if low <= np.log1p(step) <= high]
    axis.set_ticks([float(np.log1p(t)) for t in ticks], [percent(1 + t) for t in ticks])


def degrees(theta: float) -> str:
    """An angle in radians for a label, in degrees."""
    return rf"$\theta = {float(np.rad2deg(theta)):.4g}\degree$"


def title(figure: Figure, text: str) -> None:
    """Above all panels, at the left, in as many lines as it takes."""
    width = figure.get_size_inches()[0]
    whole = plain(text).replace(" = ", "\0=\0")  # no line ends within "N = 200"
    whole = re.sub(r"(\0[0-9.e+-]+) degrees", r"\1\0degrees", whole)
    lines = textwrap.wrap(whole, max(20, int(width * 15)))
    shown = "\n".join(lines).replace("\0", " ")
    figure.suptitle(shown, x=0.01, ha="left", fontsize=8)


def plain(text: object) -> str:
    r"""A name from outside, as it is: "$" begins no formula, a line break no line."""
    words = " ".join(str(text).split())
    return words.encode("utf-8", "replace").decode().replace("$", r"\$")


def words(name: object) -> str:
    """The name of a metric, a student or a loss, in words; of a long one, both ends."""
    return tick(name).replace("_", " ")


def spoken(name: object) -> str:
    """The name of a student or a rule before a noun: "max-margin", "hard"."""
    text = str(name)
    if text.endswith(")"):  # an object: as the command line has it, "window:0.2"
        text = re.sub(r"\w+=|\(\)|'", "", text.lower())
        text = re.sub(r"\(|, ", ":", text).replace(")", "")
    return text.replace("_", "-")


def student(name: object) -> str:
    """A student in words: "max-margin student", "logistic loss, ridge 0.1"."""
    text = str(name)
    kind, _, rest = text.partition("(")
    numbers = [one.partition("=") for one in rest.rstrip(")").split(", ") if "=" in one]
    if not numbers:
        return f"{spoken(text)} student"
    with_ridge = any(key == "ridge" for key, _, _ in numbers)
    parts = [f"{kind.replace('_', ' ')} {'loss' if with_ridge else 'student'}"]
    for key, _, value in numbers:
        if key == "flip_probability":
            parts.append(f"{100 * float(value):g} % wrong labels")
        elif key == "ridge" and not value[:1].isdigit():
            parts.append(f"{value} ridge")  # the optimal one
        else:
            parts.append(f"{key.replace('_', ' ')} {value}")
    return ", ".join(parts)


def metric(name: object) -> str:
    """The name of a metric of an experiment: of a probe at an angle, the angle."""
    kind, _, number = str(name).partition(":")
    if kind == "theta":
        return rf"$\theta = {number}\degree$"
    return tick(f"{kind} {number}".strip())


def tick(name: object) -> str:
    """A name from outside at an axis, which a long one would leave no room."""
    text = str(name)
    return plain(text if len(text) <= _LONGEST else f"{text[:15]}...{text[-15:]}")


def letter(panels: Iterable[Axes]) -> None:
    """A, B, C, ... at the upper left of the panels."""
    for axes, name in zip(panels, string.ascii_uppercase, strict=False):
        axes.set_title(name, loc="left", fontweight="bold", fontsize=10)


def open_marks(mark: str, count: int) -> dict[str, Any]:
    """Open marks along a curve, unless so many would hide it."""
    return {"marker": mark, "markerfacecolor": "white"} if count <= 40 else {}


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


def setting(name: str, value: Any) -> str:
    """One setting of a curve, for a legend or a title."""
    if name == "keep_fraction":
        return fraction(float(value))
    if name == "theta":
        return degrees(float(value))
    if name in ("alpha_prune", "alpha_tot"):
        return rf"$\alpha_{{\rm {name.partition('_')[2]}}} = {float(value):.4g}$"
    if name == "rule":
        return KEEP.get(str(value), words(value))
    return words(value)


def scale(axis: Axis, values: np.ndarray) -> None:
    """Logarithmic where the values span a decade evenly so, with plain numbers."""
    values = np.asarray(values, float)
    if values.min() <= 0 or values.max() < 8 * values.min():
        return
    steps = [
        np.ptp(np.diff(v)) / abs(np.diff(v)).max() for v in (np.log(values), values)
    ]
    if len(values) < 3 or steps[0] <= steps[1]:
        axis.axes.set(**{f"{axis.axis_name}scale": "log"})  # type: ignore[attr-defined]
        plain_numbers(axis)


def plain_numbers(axis: Axis) -> None:
    """Numbers such as 0.5, 1, 2, 5, 10 along a logarithmic axis, as many as fit."""
    low, high = sorted(axis.get_view_interval())
    if not 0 < low < high or axis.get_scale() != "log":
        return
    decades = np.log10(high / low)
    if not 1e-4 < low < high < 1e5 or decades > 4:
        return
    every = (1.0, 2.0, 5.0) if decades < 2.2 else (1.0,)
    if decades < 0.8:
        every = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
    axis.set_major_locator(LogLocator(subs=every))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def error_axes(axes: Axes, x: str, at: np.ndarray, error: np.ndarray) -> None:
    """Labels and scales of errors against an input."""
    axes.set(xlabel=LABELS[x], ylabel=LABELS["error"])
    if x != "theta":
        scale(axes.xaxis, np.unique(at))
    good = error[np.isfinite(error) & (error > 0)]
    if good.size and good.max() > 1.5 * good.min():
        axes.set_yscale("log")
        plain_numbers(axes.yaxis)


def fraction(value: float) -> str:
    """The kept fraction for a legend: 0.2 as it is, 1e-4 as a power of ten."""
    number = f"{value:.4g}" if value >= 0.01 else f"10^{{{round(np.log10(value))}}}"
    return f"$f = {number}$"


def lone(values: np.ndarray) -> np.ndarray:
    """Where a number stands between NaNs, so that no line is drawn to it."""
    there = np.pad(np.isfinite(values), 1)
    return there[1:-1] & ~there[:-2] & ~there[2:]


def number_beside(axes: Axes, x: Any, y: Any, color: Any) -> None:
    """The value of a single point, whose axis says little, in numbers beside it."""
    axes.annotate(
        f"{float(y):.4g}",
        (float(x), float(y)),
        (6, 0),
        textcoords="offset points",
        va="center",
        color=color,
    )


def legend_entry(axes: Axes, look, label: str) -> None:
    """One entry for a curve and its simulation points together."""
    color, line, mark = look
    options = {"color": color, "linestyle": line, "marker": mark}
    axes.plot([], [], markerfacecolor="white", label=label, **options)
