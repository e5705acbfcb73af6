"""A picture as text: two pixels a character, words as words."""

from __future__ import annotations

import re

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text as Words
from rich.text import Text

FINER = 6  # pixels drawn for each that is shown
_PLAIN = {
    r"\alpha": "alpha",
    r"\theta": "theta",
    r"\varepsilon": "epsilon",
    r"\degree": " degrees",
    r"\to": "->",
    r"\times": "x",
    r"\rm": "",
}


def as_text(figure: Figure, columns: int, blocks: bool = True) -> Text:
    """The picture in so many characters a line.

    Args:
        figure: it is not changed.
        columns: of the terminal.
        blocks: whether half blocks can be written; "#" stands for them else.
    """
    canvas = FigureCanvasAgg(figure)
    dots = figure.get_dpi()
    figure.set_dpi(FINER * columns / figure.get_size_inches()[0])
    canvas.draw()  # makes the ticks and the layout, with the words
    words = [w for w in figure.findobj(Words) if w.get_visible() and w.get_text()]  # type: ignore[attr-defined]
    before = [word.get_alpha() for word in words]
    upright = [axes.yaxis.label for axes in figure.axes]
    wide = [axes.xaxis.label for axes in figure.axes if _is_wide(axes)]
    outside = _outside(figure)
    shown = [w for w in words if w not in [*upright, *wide, *outside]]
    places = [_place(word, figure) for word in shown]
    beside = {
        "horizontal": [plain(word.get_text()) for word in wide if word in words],
        "vertical": [plain(word.get_text()) for word in upright if word in words],
    }
    try:
        for word in words:
            word.set_alpha(0.0)
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
    finally:
        for word, alpha in zip(words, before, strict=True):
            word.set_alpha(alpha)
        figure.set_dpi(dots)
    text = _joined(_coarse(pixels, columns), places, blocks)
    for direction, names in beside.items():  # there is no room for these
        if names:
            text.append(f"{direction}: {'; '.join(dict.fromkeys(names))}\n")
    return text


def _is_wide(axes: Axes) -> bool:
    """Whether the label below a panel is longer than the panel in characters."""
    width = axes.get_window_extent().width / FINER
    return len(plain(axes.get_xlabel())) > width


def _outside(figure: Figure) -> list[Words]:
    """The numbers of ticks that lie beyond the ends of their axis."""
    found = []
    for axes in figure.axes:
        frame = axes.get_window_extent()
        for i, axis in enumerate((axes.xaxis, axes.yaxis)):
            low, high = frame.get_points()[:, i] + (-FINER, FINER)
            for label in axis.get_ticklabels(which="both"):
                middle = label.get_window_extent().get_points()[:, i].mean()
                if not low <= middle <= high:
                    found.append(label)
    return found


def _place(word: Words, figure: Figure) -> tuple[int, int, str]:
    """Row, column and text."""
    box, height = word.get_window_extent(), figure.bbox.height
    text = plain(word.get_text())
    lines = text.split("\n")
    row = (height - (box.y0 + box.y1) / 2) / FINER / 2 - (len(lines) - 1) / 2
    if word.get_horizontalalignment() == "left":  # letters here are wider than there
        return int(row), max(0, int(box.x0 / FINER)), text
    middle = (box.x0 + box.x1) / 2 / FINER
    return int(row), max(0, round(middle - max(map(len, lines)) / 2)), text


def plain(text: str) -> str:
    """Words without formulas: "$f = 0.2$" is "f = 0.2"."""
    for formula, word in _PLAIN.items():
        text = text.replace(formula, word)
    text = re.sub(r"(?<!\\)[${}]|\\[;,! ]|\\", "", text)
    return re.sub(r"[ \t]+", " ", text).replace("_ ", "_").strip()


def _coarse(pixels: np.ndarray, columns: int) -> np.ndarray:
    """The pixel of every square that is farthest from white, (rows, columns, 3)."""
    rows = 2 * (pixels.shape[0] // (2 * FINER))
    cut = pixels[: rows * FINER, : columns * FINER]
    squares = cut.reshape(rows, FINER, columns, FINER, 3).swapaxes(1, 2)
    squares = squares.reshape(rows, columns, FINER**2, 3)
    far = (255 - squares).sum(-1).argmax(-1)
    return np.take_along_axis(squares, far[..., None, None], 2)[:, :, 0]


def _joined(
    pixels: np.ndarray, places: list[tuple[int, int, str]], blocks: bool
) -> Text:
    rows, columns = pixels.shape[0] // 2, pixels.shape[1]
    cells = [
        [_cell(*pixels[2 * i : 2 * i + 2, j], blocks) for j in range(columns)]
        for i in range(rows)
    ]
    for row, column, text in places:
        for k, line in enumerate(text.split("\n")):
            for j, letter in enumerate(line, start=column):
                if 0 <= row + k < rows and 0 <= j < columns:
                    cells[row + k][j] = (letter, "")
    found = Text(no_wrap=True)
    for line in cells:
        for character, how in line:
            found.append(character, how or None)
        found.append("\n")
    return found


def _cell(above: np.ndarray, below: np.ndarray, blocks: bool) -> tuple[str, str]:
    """The character and style of two pixels; white is the terminal's own ground."""
    up, low = _color(above), _color(below)
    full, half, under = ("\u2588", "\u2580", "\u2584") if blocks else ("#", "#", "#")
    if up == low == "":
        return " ", ""
    if low == "":
        return half, up
    if up == "":
        return under, low
    if up == low:
        return full, up
    return half, up if not blocks or "default" in (up, low) else f"{up} on {low}"


def _color(pixel: np.ndarray) -> str:
    """The code of a pixel's colour: "" for white, the terminal's own for black."""
    if pixel.min() > 225:
        return ""
    if pixel.max() < 70:
        return "default"
    return "#{:02x}{:02x}{:02x}".format(*pixel)
