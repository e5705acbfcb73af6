"""Names of other people in pictures and tables: text, and nothing else."""

import io
import re
from html import unescape

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.table import Table
from typer.testing import CliRunner

from figures import class_balance as balance_figure
from figures import gallery, scaling, spearman, style
from perceptron_theory.errors import DataWarning
from pruning_laws import output
from pruning_laws.app import app
from simulations.vision.balance import class_balance
from simulations.vision.correlation import spearman_matrix

NAMES = ["$a_b^{$", "$x^2$", "_c", "a$b", r"\alpha$", r"a\$b$", "^_{}%&#~", "b", "$$"]
SCORES = np.random.default_rng(0).random(90)
LABELS = np.arange(90) % 9


def _texts(draw, kind="none"):
    """What a figure shows as text."""
    with style.applied():
        mpl.rcParams["svg.fonttype"] = kind
        content = io.StringIO()
        draw().savefig(content, format="svg")
    found = re.findall(r"<text[^>]*>(.*?)</text>", content.getvalue(), re.DOTALL)
    return [unescape(re.sub(r"<[^>]*>", "", one)) for one in found]


def test_a_gallery_shows_names_as_they_are():
    images = [[np.zeros((4, 4, 1), np.uint8)]] * len(NAMES)
    title = r"my $el_2^n of C:\data$"
    shown = _texts(lambda: gallery.draw(title, NAMES, images, images))
    assert set(shown) == {*NAMES, title, "easiest", "hardest"}
    broken = ["a\nb\tc", "x\udcff"]
    shown = _texts(lambda: gallery.draw("two", broken, images[:2], images[:2]))
    assert {"a b c", "x?"} <= set(shown)


def test_signs_that_the_font_lacks_are_named_in_one_line():
    images = [[np.zeros((4, 4, 1), np.uint8)]] * 2
    with pytest.warns(DataWarning, match="no sign for '中', '文': names") as raised:
        _texts(lambda: gallery.draw("two", ["中文", "café ж"], images, images), "path")
    assert len(raised) == 1


def test_class_balance_shows_names_as_they_are():
    metrics = dict.fromkeys(NAMES, SCORES)
    found = class_balance(metrics, LABELS, [0.5], seed=0)
    shown = _texts(lambda: balance_figure.draw(found, NAMES))
    assert set(NAMES) <= set(shown)
    in_words = [name.replace("_", " ") for name in NAMES]
    for name in in_words:  # in the legend and at the axis
        assert [one.strip() for one in shown].count(name.strip()) >= 2


def test_correlations_show_names_as_they_are():
    matrix = spearman_matrix(dict.fromkeys(NAMES, SCORES), key=0, resamples=2)
    shown = _texts(lambda: spearman.draw(matrix))
    assert {name.replace("_", " ").strip() for name in NAMES} <= {
        one.strip() for one in shown
    }


def test_scaling_shows_names_as_they_are():
    rows = [
        {"metric": metric, "strategy": strategy, "keep_fraction": f}
        for metric, strategy, f in (
            ("$m_1$", "hard", 0.5),
            ("none", "random", 0.5),
            ("none", "unpruned", 1.0),
        )
    ]
    points = pd.DataFrame(rows * 2).assign(
        kept=[10, 10, 10, 20, 20, 20], size=20, error=0.1, standard_error=0.01
    )
    points["error"] = np.linspace(0.1, 0.3, 6)
    assert "keep hard, $m_1$" in _texts(lambda: scaling.draw(points))


def test_a_table_shows_names_as_they_are(capsys):
    table = Table(box=None)
    table.add_column("[b]")
    for name in ("[red]x[/]", "a[/b]", ":smile:", "$"):
        table.add_row(name)
    output.print_rich(table)
    shown = capsys.readouterr().out.split()
    assert shown == ["[b]", "[red]x[/]", "a[/b]", ":smile:", "$"]


def test_long_names_leave_room_for_the_picture():
    long = ["/home/somebody/data/" + "x" * 200 + "/el2n.parquet", "b" * 37]
    matrix = spearman_matrix(dict.fromkeys(long, SCORES), key=0, resamples=2)
    shown = _texts(lambda: spearman.draw(matrix))  # a warning is an error
    assert {"/home/somebody/...xx/el2n.parquet", f"{'b' * 15}...{'b' * 15}"} <= set(
        shown
    )


@pytest.mark.slow
def test_commands_draw_classes_of_any_name(tmp_path):
    rng = np.random.default_rng(0)
    classes = ("$a_b^", "_c", "[b]", "d$")
    for name in classes:
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(4):
            pixels = rng.integers(256, size=(12, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"$_{i}^.png")
    data = ["--data", f"folder:{tmp_path / 'data'}"]
    scores, picture = tmp_path / "$s_1^.parquet", tmp_path / "$p^.png"

    def run(*args):
        done = CliRunner().invoke(app, [str(arg) for arg in args])
        assert done.exit_code == 0, done.stderr
        return done

    run("score", "random", "-o", scores, *data)
    run("gallery", scores, "-o", picture, *data)
    again = tmp_path / "$t^.parquet"
    run("score", "random", "--seed", 1, "-o", again, *data)
    done = run("correlate", scores, again, "--plot", tmp_path / "$c_.svg")
    assert again.name in done.stdout
    run("balance", scores, again, "-f", "0.5", "--plot", tmp_path / "$b.pdf", *data)
    kept = tmp_path / "$k.txt"
    run("select", scores, "-f", "0.5", "--ids", "-o", kept)
    assert all(one.split("/")[0] in classes for one in kept.read_text().split())
