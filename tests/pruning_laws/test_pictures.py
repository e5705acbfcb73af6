"""Pictures from the command line: of every command, in files and on the screen."""

import io
import sys
import time

import numpy as np
import pytest
import xarray as xr
from PIL import Image, ImageShow
from typer.testing import CliRunner

import perceptron_theory as pt
from figures import plotting
from figures.saved import load_result
from perceptron_theory.errors import InputError
from pruning_laws import showing
from pruning_laws.app import app
from simulations.progress import waiting

SWEEP = ["solve", "--alpha-prune", "2:8:3", "-f", "0.3,1"]
KINDS = {".pdf": b"%PDF", ".png": b"\x89PNG", ".svg": b"<?xml"}


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def succeed(*args):
    done = run(*args)
    assert done.exit_code == 0, done.stderr
    return done


def refused(words, *args):
    done = run(*args)
    assert done.exit_code == 2 and words in done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    return done


def test_data_and_pictures_of_every_kind_come_from_one_computation(tmp_path):
    names = [tmp_path / f"a{suffix}" for suffix in (".nc", *KINDS)]
    done = succeed(*SWEEP, *(part for name in names for part in ("-o", name)))
    assert done.stdout == "" and done.stderr.count("wrote") == len(names)
    for name in names[1:]:
        assert name.read_bytes().startswith(KINDS[name.suffix])
    again = tmp_path / "b.svg"
    succeed("show", names[0], "-o", again)
    drawn = [path.read_text().split("</metadata>")[1] for path in (names[3], again)]
    assert drawn[0] == drawn[1]


def test_several_pictures_are_drawn_once(tmp_path, monkeypatch):
    drawn, plot = [], plotting.plot
    monkeypatch.setattr(
        plotting, "plot", lambda *a, **b: drawn.append(a) or plot(*a, **b)
    )
    names = [tmp_path / f"a{suffix}" for suffix in KINDS]
    succeed(*SWEEP, "--plot", *(part for name in names for part in ("-o", name)))
    assert len(drawn) == 1 and all(name.stat().st_size > 5_000 for name in names)


def test_title_and_size(tmp_path):
    slide, column = tmp_path / "s.png", tmp_path / "c.svg"
    succeed(*SWEEP, "-o", slide)
    with Image.open(slide) as image:
        assert image.size == (1920, 1080)
    succeed(*SWEEP, "-o", column, "--size", "column", "--title", "Mine $ alone")
    assert 'width="252pt"' in column.read_text()  # 3.5 inches


def test_on_the_screen(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(ImageShow, "show", lambda image: shown.append(image) or True)
    done = succeed(*SWEEP, "--plot")
    assert "kept examples per dimension" in done.stdout  # no terminal: as text
    assert "alpha_tot " not in done.stdout and not shown
    monkeypatch.setattr(showing, "has_windows", lambda: True)
    monkeypatch.setattr("sys.stdout", _Terminal())
    showing.show(
        pt.plot(pt.solve(alpha_prune=[2.0, 8.0], keep_fraction=[[0.3], [1.0]]))
    )
    assert [image.size for image in shown] == [(1920, 1080)]


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def test_what_moves_is_taken_away_before_a_picture(monkeypatch):
    """It is on stderr, and on a terminal both are one screen."""
    out = _Terminal()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, out)
    monkeypatch.setattr(showing, "has_windows", lambda: False)
    with waiting("working"):
        time.sleep(0.7)  # what takes less is not shown
        showing.show(pt.plot(pt.solve(alpha_prune=[2.0, 8.0], keep_fraction=0.3)))
    written = out.getvalue()
    assert "theory" in written and "working" not in written.partition("theory")[2]
    before = written.partition("theory")[0]
    assert before.rfind("\x1b[2K") > before.rfind("working") >= 0


def test_plot_with_a_file_writes_it_beside_the_table(tmp_path):
    for args in (["--plot", tmp_path / "a.png"], [f"--plot={tmp_path / 'b.png'}"]):
        assert "error" in succeed(*SWEEP, *args).stdout
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    refused("must end in", *SWEEP, f"--plot={tmp_path / 'c.nc'}")


def test_simulated_points_go_over_the_theory(tmp_path):
    found, plain, over = (tmp_path / n for n in ("sim.nc", "a.svg", "b.svg"))
    at = ["--alpha-prune", "2", "-f", "0.3"]
    small = ["--sizes", "30", "--draws", "4", "-o", tmp_path / "draws"]
    succeed("simulate", *at, *small, "--table", found, "--table", tmp_path / "s.png")
    assert (tmp_path / "s.png").read_bytes().startswith(KINDS[".png"])
    succeed(*SWEEP, "-o", plain)
    succeed(*SWEEP, "-o", over, "--simulated", found)
    assert over.stat().st_size > plain.stat().st_size
    refused("it is for a picture", *SWEEP, "--simulated", found)
    refused("not a file", *SWEEP, "-o", tmp_path / "c.png", "--simulated", "no.nc")
    other = ["solve", "--alpha-prune", "2", "-f", "0.3", "--rule", "easy"]
    refused("none of the", *other, "-o", tmp_path / "c.png", "--simulated", found)
    assert not (tmp_path / "c.png").exists()


@pytest.mark.parametrize(
    "command",
    [
        ["pareto", "--alpha-prune", "2,5", "--theta-degrees", "20"],
        ["information", "--alpha-prune", "1,2,3", "-f", "0.5"],
        pytest.param(
            ["optimal-rule", "--alpha-prune", "2", "-f", "0.5"], marks=pytest.mark.slow
        ),
        pytest.param(["advise", "--alpha-tot", "5"], marks=pytest.mark.slow),
        pytest.param(
            ["phase-diagram", "--alpha-tot", "2,20", "-f", "0.2,0.8"],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_every_theory_command_draws(command, tmp_path):
    saved, picture = tmp_path / "a.nc", tmp_path / "a.svg"
    succeed(*command, "-o", saved, "-o", picture)
    assert picture.read_bytes().startswith(KINDS[".svg"])
    again = tmp_path / "b.svg"
    succeed("show", saved, "-o", again)
    assert again.stat().st_size == picture.stat().st_size


@pytest.mark.slow
def test_commands_on_real_data_draw(tmp_path):
    scores, other = tmp_path / "a.parquet", tmp_path / "b.parquet"
    succeed("score", "random", "-o", scores)
    succeed("score", "random", "--seed", 1, "-o", other)
    for name, args in {
        "select": [scores, "-f", "0.3"],
        "correlate": [scores, other],
        "balance": [scores, other],
    }.items():
        picture = tmp_path / f"{name}.png"
        succeed(name, *args, "-o", picture)
        assert picture.stat().st_size > 5_000
    kept = tmp_path / "kept.npy"
    succeed("select", scores, "-f", "0.3", "-o", kept, "--plot", tmp_path / "k.png")
    assert len(np.load(kept)) == 431 and (tmp_path / "k.png").exists()


@pytest.mark.slow
def test_commands_that_write_files_of_their_own_draw_beside_them(tmp_path):
    run, scores, points = (tmp_path / n for n in ("run", "s.parquet", "e.npy"))
    short = ["--fixed-epochs", 1, "--seed", 3]
    checked = ["--alpha-prune", "2", "-f", "0.5", "--sizes", "30", "--draws", "32"]
    (tmp_path / "small.toml").write_text(
        'learner = "logistic"\nsizes = [100, 200]\nkeep_fractions = [0.5]\n'
        'metrics = ["probe:200"]\nseeds = 3\n'
    )
    small = tmp_path / "small.toml"
    for name, args in {
        "train": ["train", *short, "-o", run],
        "embed": ["embed", "--run", run, "-o", points],
        "score": ["score", "prototypes", "--embeddings", points, "-o", scores],
        "experiment": ["experiment", small, "-o", tmp_path / "experiment"],
        "validate": ["validate", *checked, "-o", tmp_path / "validation"],
    }.items():
        first, second = tmp_path / f"{name}.png", tmp_path / f"{name}.pdf"
        more = ["--title", f"My {name}", "--plot", second]
        done = run_to_end(*args, "-o", first, *more)
        assert f"wrote {first}" in done.stderr and f"wrote {second}" in done.stderr
        with Image.open(first) as image:
            assert image.size == (1920, 1080), name
        assert second.read_bytes().startswith(KINDS[".pdf"])
    assert run.is_dir() and scores.exists() and points.exists()
    saved = {"train": run, "score": scores, "experiment": tmp_path / "experiment"}
    for name, result in saved.items():
        again = tmp_path / f"{name}_again.png"
        succeed("show", result, "-o", again, "--title", f"My {name}")
        assert again.read_bytes() == (tmp_path / f"{name}.png").read_bytes(), name
    # the folder of a run is there again at once; the picture is not replaced unasked
    again = ["train", *short, "-o", run, "-o", tmp_path / "train.png"]
    refused("exists; --overwrite", *again)
    succeed(*again, "--overwrite", "--size", "column")
    with Image.open(tmp_path / "train.png") as image:
        assert image.width == 1050  # 3.5 inches


def run_to_end(*args):
    """With a verdict, which may be no: of so few draws it says nothing."""
    done = run(*args)
    assert done.exit_code in (0, 1), done.stderr
    return done


def test_a_picture_alone_is_not_the_folder_or_the_file(tmp_path):
    for command in (["train"], ["score", "random"], ["experiment", "digits_logistic"]):
        for option in (["-o", "a.png"], ["--output=a.pdf"]):
            refused("as well, beside that of the picture", *command, *option)
    refused("must be one of slide", "train", "-o", tmp_path / "a", "--size", "poster")


def test_bad_options_are_one_line_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(pt, "solve", lambda **_: pytest.fail("computed first"))
    refused("must be one of slide, column", *SWEEP, "--size", "poster", "--plot")
    refused("it is for a picture", *SWEEP, "--title", "x")
    refused("does not go with --json", *SWEEP, "--plot", "--json")
    refused("must end in", *SWEEP, "-o", tmp_path / "a.jpg")
    (tmp_path / "a.png").write_text("mine")
    refused("exists", *SWEEP, "-o", tmp_path / "a.png")
    refused("no such folder", *SWEEP, "-o", tmp_path / "no" / "a.png")


def test_what_has_no_picture_is_one_line(tmp_path):
    import xarray as xr

    pt.save_dataset(xr.Dataset({"x": 1.0}), tmp_path / "x.nc")
    refused("no picture is known", "show", tmp_path / "x.nc", "-o", tmp_path / "x.png")
    assert not (tmp_path / "x.png").exists()


def test_the_folder_of_validate_is_shown(tmp_path):
    with pytest.raises(InputError, match=r"has none of .*report\.nc.*validate"):
        load_result(tmp_path)
    data = xr.Dataset({"error": ("alpha_prune", [0.3])}, {"alpha_prune": [1.0]})
    pt.save_dataset(data, tmp_path / "report.nc")
    done = CliRunner().invoke(app, ["show", str(tmp_path)])
    assert done.exit_code == 0 and "0.3" in done.stdout
    assert load_result(tmp_path).identical(pt.load_dataset(tmp_path / "report.nc"))
