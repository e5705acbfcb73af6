"""A picture as text."""

import numpy as np

from figures import style
from figures.terminal import as_text, plain


def _picture():
    with style.applied():
        figure = style.canvas_of("slide")
        axes = figure.subplots()
        axes.fill_between([0, 1], 0, 1, color=style.BLUE)
        axes.plot([0, 1], [2, 2], color=style.BLACK)
        axes.set(xlim=(0, 1), ylim=(0, 4), xlabel=style.LABELS["alpha_prune"])
        axes.set_ylabel(style.LABELS["error"])
        style.title(figure, "theory: a test")
    return figure


def test_words_stand_in_it_as_words():
    lines = as_text(_picture(), 80).plain.split("\n")
    assert all(len(line) <= 80 for line in lines[:-2])
    assert lines[0].startswith("theory: a test")
    assert "kept examples per dimension alpha_prune" in lines[-3]
    assert lines[-2] == "vertical: generalisation error epsilon"
    numbers = {
        word.strip("\u2580\u2584\u2588 ") for line in lines for word in line.split()
    }
    assert {"0.5", "1.0"} <= numbers


def test_fills_have_their_colour_and_cover_their_part():
    text = as_text(_picture(), 80)
    blue = [span for span in text.spans if str(span.style) == style.BLUE]
    covered = sum(span.end - span.start for span in blue)
    rows = len(text.plain.split("\n")) - 3
    assert 0.12 < covered / (80 * rows) < 0.3  # a quarter of the axes


def test_the_picture_is_as_before_and_other_terminals_are_served():
    figure = _picture()
    dots, alphas = figure.get_dpi(), [t.get_alpha() for t in figure.findobj()]
    assert as_text(figure, 60, blocks=False).plain.isascii()
    assert figure.get_dpi() == dots
    assert [t.get_alpha() for t in figure.findobj()][: len(alphas)] == alphas
    assert np.isclose(figure.get_size_inches(), style.SIZES["slide"]).all()


def test_formulas_become_words():
    assert plain(r"kept fraction  $f$") == "kept fraction f"
    assert plain(r"$\theta = 10\degree$") == "theta = 10 degrees"
    assert plain(style.LABELS["alpha_tot"]).endswith("alpha_tot")


def test_a_label_wider_than_its_panel_is_told_below():
    with style.applied():
        figure = style.canvas_of("slide")
        for one in figure.subplots(1, 2):
            one.set_xlabel(style.LABELS["alpha_prune"])
    text = as_text(figure, 60).plain
    assert text.endswith("\nhorizontal: kept examples per dimension alpha_prune\n")
