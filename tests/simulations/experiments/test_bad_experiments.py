"""Bad input to an experiment is one line, and nothing is written."""

import json

import pytest
import small_networks as small
from PIL import Image
from typer.testing import CliRunner

from perceptron_theory import InputError
from pruning_laws.app import app
from simulations.experiments import Experiment, cells_of, run_experiment
from simulations.vision.data import load

GOOD = {
    "learner": "logistic",
    "sizes": (60, 120),
    "keep_fractions": (0.5,),
    "metrics": ("el2n",),
    "strategies": ("hard",),
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"metrics": ("none",)}, "a metric cannot be called none"),
        ({"metrics": ("probe:20", "probe20")}, "two runs would be called 60-0.5-hard"),
        ({"keep_fractions": (0.5, 0.5000001)}, "two runs would be called 60-0.5-rand"),
        ({"metrics": "el2n"}, "metrics must be a list, got 'el2n'"),
        ({"metrics": (3,)}, "or names of score files"),
        ({"sizes": (2, 60), "keep_fractions": (0.2,)}, "keeps none of 2 examples"),
        ({"sizes": 60}, "sizes must be a list"),
        ({"keep_fractions": ("0.5",)}, "keep_fractions must be inside"),
        ({"keep_fractions": ([0.5],)}, "keep_fractions must be a list of single"),
        ({"sizes": ([60], [60, 70])}, "sizes must be a list of single"),
        ({"recipe": 3}, "recipe must be a string"),
        ({"downstream_recipe": "digits_resnet8"}, 'is for learner = "network"'),
        ({"learner": "network"}, "which needs it"),
        ({"fixed_epochs": [2]}, r"whole numbers of at least 1, got \[2\]"),
        (
            {
                "learner": "network",
                "recipe": "digits_resnet8",
                "fixed_epochs": 3,
                "fixed_steps": 3,
            },
            "one of fixed_epochs, fixed_steps and pool_steps at most",
        ),
    ],
)
def test_experiments_that_cannot_be(change, said):
    with pytest.raises(InputError, match=said):
        cells_of(Experiment(name="x", **(GOOD | change)))


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Experiments, and folders of scores, of results and of other things."""
    folder = tmp_path_factory.mktemp("home")
    files = {
        "good": GOOD,
        "number": GOOD | {"learner": "network", "recipe": 3},
        "unknown": GOOD | {"epochs": 3},
        "lacks": {"learner": "logistic"},
    }
    for name, values in files.items():
        lines = (f"{key} = {json.dumps(value)}\n" for key, value in values.items())
        (folder / f"{name}.toml").write_text("".join(lines))
    (folder / "bytes.toml").write_bytes(b"\xff\xfe")
    small.scores_file(folder)
    for name in ("other", "two", "damaged", "images/a", "images/b"):
        (folder / name).mkdir(parents=True)
    for name in ("a", "b"):
        Image.new("L", (8, 8)).save(folder / "images" / name / "x.png")
    small.scores_file(folder / "other", seed=1)
    small.scores_file(folder / "two", dataset=load("digits#0,1"))
    (folder / "damaged" / "el2n.parquet").write_bytes(b"PAR1")
    chosen = Experiment(name="good", **GOOD)
    run_experiment(chosen, small.source(folder), folder / "done")
    return folder


@pytest.mark.slow
def test_a_plan_counts_what_is_missing_and_writes_nothing(home, monkeypatch):
    monkeypatch.chdir(home)
    args = ("experiment", "good.toml", "--plan", "--scores", "scores", "-o")
    planned = run(*args, "new")
    assert planned.exit_code == 0 and not (home / "new").exists()
    assert "good: 18 runs of logistic, 3 seeds; 18 to make: " in planned.stderr
    assert "presentations" in planned.stderr and "FLOPs" in planned.stderr
    assert "3 seeds; all are made" in run(*args, "done").stderr
    # of the 24 runs of four seeds it lacks six, four of them at even places
    more = run(*args, "done", "--seeds", 4, "--shard", "2/2").stderr
    assert "24 runs of logistic, 4 seeds; 4 to make" in more


SCORED = ["good.toml", "-o", "new", "--scores", "scores"]


@pytest.mark.parametrize("plan", [["--plan"], []])
@pytest.mark.parametrize(
    ("args", "said"),
    [
        (SCORED[:3], "give the folder that it is in (--scores)"),
        ([*SCORED, "--scores", "none"], "none/el2n.parquet does not exist"),
        (
            [*SCORED, "--scores", "damaged"],
            "el2n.parquet is not a complete parquet file",
        ),
        ([*SCORED, "--scores", "two/scores"], "the scores are of digits train#0,1"),
        ([*SCORED, "-o", "done", "--scores", "other/scores"], "other scores of el2n"),
        ([*SCORED, "-o", "good.toml"], "good.toml is a file"),
        ([*SCORED, "-o", "other"], "holds no experiment"),
        ([*SCORED, "--data", "cifar10:none"], "none"),
        ([*SCORED, "--data", "mnis"], "is not a data set I recognise"),
        ([*SCORED, "--data", "folder:images"], "images has no test set"),
        ([*SCORED, "--features", "x.npy"], "training and the test set, or none"),
        ([*SCORED, "--initial", "done"], "are for networks"),
        ([*SCORED, "--downstream", "digits"], "are for networks"),
        ([*SCORED, "--shard", "3/2"], "is not I/N"),
        ([*SCORED, "--seeds", "2"], "seeds must be at least 3"),
        ([*SCORED, "--workers", "0"], "workers >= 1"),
        ([*SCORED, "--scale", "huge"], "unknown scale 'huge'"),
        (["digits_logistic", "-o", "new", "--scale", "gpu"], "unknown experiment"),
        (["number.toml", "-o", "new"], "recipe must be a string, got 3"),
        (["unknown.toml", "-o", "new"], "did you mean 'fixed_epochs'"),
        pytest.param(
            ["lacks.toml", "-o", "new"],
            "missing 3 required",
            marks=pytest.mark.unchecked,
        ),
        (["bytes.toml", "-o", "new"], "is not a readable experiment"),
        (["none.toml", "-o", "new"], "is not a readable experiment"),
        ([".", "-o", "new"], "unknown experiment"),
    ],
)
def test_bad_options_are_one_line(home, monkeypatch, args, said, plan):
    monkeypatch.chdir(home)
    bad = run("experiment", *args, *plan)
    assert bad.exit_code == 2, bad.stderr
    assert bad.stderr.startswith("error: ") and bad.stderr.count("\n") == 1
    assert said in bad.stderr and not (home / "new").exists()
