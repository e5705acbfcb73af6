"""What three new users came for, as they would type it."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from typer.testing import CliRunner

from pruning_laws.app import app

pytestmark = pytest.mark.slow

GRID = ["--alpha-tot", "1:30:4", "-f", "0.1:1:4", "--theta-degrees", "10"]


def run(*args):
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exit_code == 0, result.stderr
    return result


def test_a_physicist_has_two_pictures_and_a_checked_point(tmp_path):
    pareto, phases = tmp_path / "pareto.pdf", tmp_path / "phases.pdf"
    run("pareto", "--alpha-prune", "1:10:4", "--theta-degrees", 10, "-o", pareto)
    run("phase-diagram", *GRID, "-o", phases, "--title", "For my talk")
    assert pareto.read_bytes()[:5] == phases.read_bytes()[:5] == b"%PDF-"
    point = ["--alpha-prune", 3, "-f", 0.3, "--theta-degrees", 10]
    checked = run(
        "validate", *point, "--sizes", "50,100,200", "-o", tmp_path / "validation"
    )
    assert "agree" in checked.stdout


def _photos(folder):
    """Images of three shapes in one folder a class, of many sizes."""
    random = np.random.default_rng(0)
    for label, name in enumerate(("dark", "mixed", "light")):
        (folder / name).mkdir(parents=True)
        for i in range(30):
            side = int(random.integers(20, 90))
            pixels = random.normal(60 + 60 * label, 50, (side, side + 7, 3))
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(
                folder / name / f"{i}.png"
            )
    return folder


@pytest.mark.filterwarnings("ignore::perceptron_theory.errors.DataWarning")
def test_an_engineer_learns_what_to_keep_of_photos_and_of_embeddings(tmp_path):
    x, y = load_digits(return_X_y=True)
    np.save(tmp_path / "x.npy", x / 16)
    np.save(tmp_path / "y.npy", y)
    arrays = f"arrays:{tmp_path}/x.npy,{tmp_path}/y.npy"
    photos = f"folder:{_photos(tmp_path / 'photos')}"
    for data, more in (arrays, []), (photos, ["--model", "linear"]):
        folder = tmp_path / data.partition(":")[0]
        short = ["--seeds", 3, "--metrics", "el2n", "--budget", "2min"]
        run("compare", "--data", data, "-f", "50%", *short, *more, "-o", folder)
        said = (folder / "answer.txt").read_text()
        assert "costs" in said and "eep" in said
        kept = (folder / "keep.txt").read_text().splitlines()
        assert len(kept) == len(set(kept)) > 0
        assert (folder / "comparison.png").stat().st_size > 10_000


def test_a_lecturer_has_a_page_with_the_picture_of_a_file(tmp_path):
    phases, page = tmp_path / "phases.nc", tmp_path / "page.html"
    run("phase-diagram", *GRID, "-o", phases)
    run("report", phases, "-o", page)
    text = page.read_text()
    assert text.index("data:image/png") < text.index("<h3>points")  # picture first
