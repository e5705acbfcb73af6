"""Figures: drawn from the data saved with the docs, which hold what they show."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import figures
import perceptron_theory as pt
from figures import curves, threshold, z_scores

DOCS = Path(__file__).parents[2] / "docs" / "figures"


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(DOCS / "data", tmp_path / "data")
    return tmp_path


@pytest.mark.few(4)
@pytest.mark.parametrize("name", figures.FIGURES)
def test_a_figure_is_drawn_from_saved_data_alone(name, folder):
    paths = figures.make(name, folder, redraw=True)
    assert {path.suffix for path in paths} == {".pdf", ".png"}
    for path in paths:
        assert path.stem == name
        assert path.stat().st_size > 5_000


@pytest.mark.slow
def test_nothing_is_overwritten_unless_told(folder):
    first = figures.make("fig1c", folder, redraw=True)
    first[-1].write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        figures.make("fig1c", folder, redraw=True)
    assert first[-1].read_bytes() == b"mine"
    figures.make("fig1c", folder, redraw=True, overwrite=True)
    assert first[-1].read_bytes() != b"mine"


def test_data_that_exist_are_refused_before_the_work(folder, monkeypatch):
    monkeypatch.setattr(pt, "solve", lambda **_: pytest.fail("computed first"))
    with pytest.raises(FileExistsError, match=r"fig1e\.nc"):
        figures.make("fig1e", folder)


def test_redrawing_without_data_names_the_file(tmp_path):
    with pytest.raises(pt.InputError, match=r"fig1a\.nc"):
        figures.make("fig1a", tmp_path, redraw=True)


def test_an_unknown_name_suggests_the_nearest(tmp_path):
    with pytest.raises(pt.InputError, match="did you mean 'threshold'"):
        figures.make("treshold", tmp_path)


@pytest.mark.parametrize("name", figures.FIGURES)
def test_the_docs_show_every_figure_with_its_caption(name):
    text = " ".join((DOCS / "README.md").read_text().split())
    assert f"{name}.png" in text
    assert figures.FIGURES[name].caption in text


def test_saved_curves_are_those_of_the_theory():
    saved = pt.load_dataset(DOCS / "data" / "fig1a.nc")["error"][30:32, :2]
    loads, fractions = saved["alpha_prune"].values, saved["keep_fraction"].values
    fresh = curves.errors(loads, fractions)["error"]
    np.testing.assert_allclose(saved, fresh, rtol=1e-7)


def test_the_slope_above_the_threshold_is_the_limit_of_error_over_f():
    # solved independently: the limit f -> 0 of the saddle-point equations
    loads = np.array([2.5, 3.0, 5.0])
    slope = threshold.slope(loads)
    np.testing.assert_allclose(slope, [0.24287, 0.176403, 0.100128], rtol=2e-5)
    fraction = 1e-6
    errors = pt.solve(alpha_prune=loads, keep_fraction=fraction).error
    np.testing.assert_allclose(errors, slope * fraction, rtol=1e-4)


def test_z_scores_of_a_report_are_drawn(tmp_path):
    rng = np.random.default_rng(0)
    report = xr.Dataset(
        {
            "z": ("point", rng.normal(size=30)),
            "difference": ("point", 0.01 * rng.normal(size=30)),
            "difference_error": ("point", rng.uniform(0.005, 0.01, 30)),
        },
        {
            "alpha_prune": ("point", np.geomspace(0.5, 10, 30)),
            "student": ("point", ["max_margin", "gibbs(samples=100)"] * 15),
        },
    )
    z_scores.save(report, tmp_path / "report.png")
    assert (tmp_path / "report.png").stat().st_size > 5_000
    assert len(list(tmp_path.iterdir())) == 1
    panels = z_scores.draw(report).axes
    marks = [line.get_ydata() for line in panels[0].lines if len(line.get_ydata())]
    assert sorted(np.concatenate(marks)) == sorted(report["z"].values)
    np.testing.assert_array_equal(panels[1].lines[1].get_ydata(), sorted(report["z"]))


def test_a_name_is_checked_without_the_modules_of_all_figures():
    code = (
        "import sys, figures; assert 'fig1' not in figures.FIGURES; "
        "assert 'matplotlib' not in sys.modules; figures.FIGURES['fig1a']; "
        "assert 'figures.fig1b' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    modules = {path.stem for path in Path(figures.__file__).parent.glob("*.py")}
    drawn = [one for one in modules if "\ndef compute(" in _text(one)]
    assert set(figures.FIGURES) == set(drawn)


def _text(name):
    return (Path(figures.__file__).parent / f"{name}.py").read_text()


@pytest.mark.parametrize("name", figures.FIGURES)
def test_the_title_names_student_and_angle_as_those_of_commands_do(name):
    figure = figures.FIGURES[name]
    if figure.source.startswith(("theory (", "theory:", "theory;", "simulation")):
        assert "student" in figure.source
    if name.startswith(("fig1", "threshold")):  # of a perfect probe, all of them
        assert figure.source.endswith("theta = 0 degrees")
