"""Galleries, class balance and the matrix of correlations: data, pictures, commands."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from figures import class_balance as balance_figure
from figures import gallery as gallery_figure
from figures import spearman as spearman_figure
from perceptron_theory import InputError
from pruning_laws.app import app
from simulations.vision.balance import class_balance
from simulations.vision.class_extremes import extremes, thumbnails
from simulations.vision.correlation import spearman_matrix
from simulations.vision.data import load
from simulations.vision.score_files import scores_of, write_scores

LABELS = np.array([0, 1, 0, 1, 0, 1, 0, 2])
SCORES = np.array([4.0, 1.0, 2.0, 9.0, 3.0, 5.0, 1.0, 7.0])


def test_extremes_of_each_class_in_order():
    found = extremes(SCORES, LABELS, 2, seed=0)
    assert found.classes.tolist() == [0, 1, 2]
    assert found.easiest.tolist() == [[6, 2], [1, 5], [7, -1]]
    assert found.hardest.tolist() == [[0, 4], [3, -1], [-1, -1]]
    one = extremes(SCORES, LABELS, 1, seed=0, classes=[1])
    assert (one.easiest.tolist(), one.hardest.tolist()) == ([[1]], [[3]])


def test_extremes_break_ties_at_random_by_the_seed():
    flat, label = np.zeros(400), np.zeros(400, int)
    first, again, other = (extremes(flat, label, 50, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.hardest, again.hardest)
    assert not np.array_equal(first.hardest, other.hardest)
    assert 120 < first.hardest.mean() < 280  # not the first or last of the set
    assert not set(first.easiest.flat) & set(first.hardest.flat)


def test_extremes_refuse_what_is_no_class():
    with pytest.raises(InputError, match=r"class 5 has no example.*0, 1, 2"):
        extremes(SCORES, LABELS, 2, seed=0, classes=[5])
    with pytest.raises(InputError, match="per_class must be"):
        extremes(SCORES, LABELS, 0, seed=0)


def test_a_gallery_shows_those_images_in_their_places():
    digits = load("digits")
    found = extremes(np.arange(len(digits)), digits.labels, 3, seed=0, classes=[4, 7])
    sides = [[thumbnails(digits, row, 8) for row in rows] for rows in found[1:]]
    figure = gallery_figure.draw("order", ["four", "seven"], *sides)
    (axes,) = figure.axes
    shown = {}
    for image in axes.images:
        left, _, bottom, _ = image.get_extent()
        shown[round(bottom, 2), round(left, 2)] = np.asarray(image.get_array())
    rows = sorted({place[0] for place in shown})
    assert len(shown) == 12 and len(rows) == 2
    for i, y in enumerate(rows):
        across = [shown[place] for place in sorted(shown) if place[0] == y]
        wanted = [*found.easiest[i], *found.hardest[i][::-1]]
        for image, row in zip(across, wanted, strict=True):
            np.testing.assert_array_equal(image, digits.images[row][..., 0])


def test_class_balance_counts_and_knows_chance():
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1], [600, 300])
    fair, unfair = rng.random(900), label + rng.random(900)
    found = class_balance({"fair": fair, "unfair": unfair}, label, [0.3, 1.0], seed=0)
    top = np.argsort(-unfair)[:270]
    expected = np.bincount(label[top], minlength=2)
    assert found["kept"].sel(metric="unfair", keep_fraction=0.3).values.tolist() == (
        expected.tolist()
    )
    assert found["balance"].sel(metric="unfair", keep_fraction=0.3) == 0
    assert found["balance_before"] == 0.5
    # hypergeometric: 90 +- 6.5 of 270, so a ratio of 0.5 +- 0.054
    mean, wide = found["balance_by_chance"][0], found["chance_error"][0]
    assert abs(mean - 0.5) < 0.06 and 0.03 < wide < 0.09
    near = found["balance"].sel(metric="fair", keep_fraction=0.3)
    assert abs(near - mean) < 4 * wide
    floored = class_balance({"u": unfair}, label, [0.3], seed=0, class_floor=0.5)
    assert floored["kept"].values.min() == 67  # half of the equal share of 270
    with pytest.raises(InputError, match="two classes or more"):
        class_balance({"u": unfair}, np.zeros(900, int), [0.3], seed=0)


def test_figures_show_the_numbers():
    rng = np.random.default_rng(0)
    a = rng.random(500)
    matrix = spearman_matrix({"a": a, "b": a + rng.random(500)}, key=0)
    axes = spearman_figure.draw(matrix).axes[0]
    np.testing.assert_allclose(
        axes.images[0].get_array(), matrix["correlation"], atol=0.005
    )
    label = rng.integers(3, size=500)
    found = class_balance({"a": a}, label, [0.2, 1.0], seed=0)
    left, right = balance_figure.draw(found, ["x", "y", "z"]).axes[:2]
    np.testing.assert_allclose(left.lines[0].get_ydata(), found["balance"][0])
    share = found["kept"][:, 0] / found["before"] / 0.2
    np.testing.assert_allclose(right.images[0].get_array(), share)


def _run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


@pytest.mark.slow
def test_commands_draw_and_refuse(tmp_path):
    digits = load("digits")
    for name, values in {"up": np.arange(1438), "down": -np.arange(1438)}.items():
        write_scores(tmp_path / f"{name}.parquet", scores_of(digits, name, values))
    up, down = tmp_path / "up.parquet", tmp_path / "down.parquet"
    picture = tmp_path / "gallery.png"
    done = _run("gallery", up, "-o", picture, "--classes", "3,5", "--per-class", 2)
    assert done.exit_code == 0, done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
    balance, matrix = tmp_path / "balance.pdf", tmp_path / "matrix.svg"
    args = ("balance", up, down, "-f", "0.5,1", "--plot", balance, "--json")
    content = json.loads(_run(*args).stdout)
    assert content["points"][-1]["balance"] == content["scalars"][0]["balance_before"]
    assert balance.read_bytes().startswith(b"%PDF")
    assert _run("correlate", up, down, "--plot", matrix).exit_code == 0
    assert matrix.read_text().startswith("<?xml")

    for wrong, said in (
        (("gallery", up, "-o", picture), "exists"),
        (("gallery", up, "-o", tmp_path / "a.txt"), "must end in .png"),
        (("gallery", up, "-o", tmp_path / "no" / "a.png"), "no such folder"),
        (
            ("gallery", up, "-o", tmp_path / "a.png", "--classes", "cat"),
            "unknown class",
        ),
        (("balance", up, "-f", "1.5"), "keep_fraction must be in (0, 1]"),
        (("balance", up, "--rule", "hardest"), "unknown rule"),
    ):
        result = _run(*wrong)
        assert result.exit_code == 2 or (result.exit_code == 1 and "exists" in said)
        assert said in result.stderr and "Traceback" not in result.stderr
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [
        ".parquet",
        ".parquet",
        ".pdf",
        ".png",
        ".svg",
    ]
