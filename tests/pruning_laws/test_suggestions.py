"""Every command ends with the next one to type, which can be copied as it stands."""

import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pruning_laws.app import app
from pruning_laws.suggestions import next_step

COMMANDS = typer.main.get_command(app).commands
# the least that each command has to be given
TYPED = {
    "solve": "--alpha-tot 30 -f 0.1,0.3 --theta-degrees 10 --loss hinge --ridge 0.1",
    "pareto": "--alpha-prune 1:10:3 --theta 0.1",
    "phase-diagram": "--alpha-tot 1:3:3 -f 0.1:1:3 -o 'a b.nc'",
    "advise": "--alpha-tot 10 --theta-degrees 10",
    "optimal-rule": "--alpha-prune 2 -f 0.5",
    "information": "--alpha-prune 1 -f 50% -o gain.csv",
    "active-rounds": "--alpha-prune 4 -f best",
    "self-training": "--alpha-tot 5 -f 1",
    "simulate": "--alpha-prune 1 -f 0.5",
    "validate": "--quick",
    "score": "el2n -o el2n.parquet --data cifar10:FOLDER",
    "select": "el2n.parquet -f 0.3",
    "gallery": "el2n.parquet -o gallery.png",
    "balance": "el2n.parquet ddd.parquet",
    "correlate": "el2n.parquet ddd.parquet",
    "sensitivity": "--embeddings run.npy",
    "predict": "--data digits --components 30 --probe 300 -f 0.3",
    "compare": "--data folder:PHOTOS -f 30% -o photos",
    "train": "--data cifar10:FOLDER --subset-fraction 0.7 --models 9 -o many",
    "embed": "--pixels -o pixels.npy",
    "experiment": "digits_logistic -o digits --plan",
    "laws": "digits",
    "verdicts": "digits/results.csv",
    "demo": "",
    "figure": "list",
    "show": "a.nc",
    "report": "demo -o demo.html",
    "list": "rules",
}


def parsed(words):
    """The options that a command line gives, as the command gets them."""
    name, *rest = words
    return name, COMMANDS[name].make_context(name, rest).params


def after(line):
    name, given = parsed(shlex.split(line))
    function = {"list": "list_names"}.get(name, name.replace("-", "_"))
    return next_step(function, given)


def test_every_command_is_tried():
    assert set(TYPED) == set(COMMANDS)


@pytest.mark.parametrize("name", TYPED)
def test_the_next_command_is_one(name):
    step = after(f"{name} {TYPED[name]}")
    program, *rest = shlex.split(step)
    if name == "report":
        assert step == "python -m webbrowser demo.html"
        return
    assert program == "pruning-laws"
    parsed(rest)  # it exists, and has these options


@pytest.mark.parametrize(
    ("typed", "step"),
    [
        (
            "solve --alpha-prune 3 -f 0.1 --theta-degrees 10 --rule easy",
            "validate --alpha-prune 3 -f 0.1 --theta-degrees 10 --rule easy",
        ),
        (
            f"solve {TYPED['solve']}",
            "solve --alpha-tot 30 -f 0.1,0.3 --theta-degrees 10 --loss hinge "
            "--ridge 0.1 -o solve.nc",
        ),
        ("pareto --alpha-prune 1 -o a.nc", "report a.nc -o a.html"),
        (
            "phase-diagram --alpha-tot 1 -f 1 -o 'a b.nc'",
            "report 'a b.nc' -o 'a b.html'",
        ),
        (
            "train -o run --data cifar10:FOLDER",
            "score el2n --data cifar10:FOLDER --logits run/logits.npy -o el2n.parquet",
        ),
        (
            "solve --alpha-prune 3 -f 0.1,1e-6",
            "validate --alpha-prune 3 -f 0.1,1e-6 --pool direct",
        ),
        (
            "select a.csv:x -f 0.3 --ids -o kept.txt --data arrays:x.npz",
            "compare --data arrays:x.npz -f 0.3 --metrics a.csv:x -o compared",
        ),
        ("select a.parquet -f 30%", "select a.parquet -f 0.3 --ids -o kept.txt"),
        (
            "select a.parquet -f 0.3 --ids -o kept.txt --data cifar10:X",
            "train --data cifar10:X --keep kept.txt -o pruned",
        ),
        (
            "experiment digits_logistic -o digits --plan",
            "experiment digits_logistic -o digits",
        ),
        ("experiment digits_logistic -o digits", "laws digits"),
        ("pareto --alpha-prune 1 -o a.pdf -o a.nc", "report a.nc -o a.html"),
        (
            "solve --alpha-tot 3 -f 0.1 -o a.png",
            "solve --alpha-tot 3 -f 0.1 -o solve.nc",
        ),
        ("simulate --alpha-prune 1 -f 1 --table a.csv", "report a.csv -o a.html"),
        (
            "predict --data digits --probe 99 -f 0.3 --loss square",
            "predict --data digits --probe 99 -f 0.3 --loss square --check",
        ),
        (
            "predict --features x.npy --labels y.npy --score a.npy -f 30%,50%",
            "select a.npy -f 0.3 --ids -o kept.txt",
        ),
        (
            "advise --features x.npy --labels y.npy --score a.npy",
            "predict --features x.npy --labels y.npy --score a.npy -f 0.1,0.3,0.5",
        ),
        ("compare -f 0.3 -o d", "train --keep d/keep.txt -o pruned"),
        (
            "compare --data arrays:x.npz -f 30% -o a/d",
            "compare --data arrays:x.npz -f 0.15 -o a/d_half",
        ),
        (
            "compare --data arrays:x.npz -f 0.3 --metrics s.npy --seeds 3 --budget 4s "
            "--test-split val --model linear -o d",
            "compare --data arrays:x.npz -f 0.15 --metrics s.npy --budget 4s "
            "--model linear --seeds 3 --test-split val -o d_half",
        ),
        (
            "select a.parquet -f 0.3 --ids -o kept.txt",
            "compare --data DATA -f 0.3 --metrics a.parquet -o compared",
        ),
        (
            "select a.parquet -f 0.3 --ids -o kept.txt --data digits --split test",
            "show a.parquet",
        ),
    ],
)
def test_it_follows_from_what_was_typed(typed, step):
    assert after(typed) == f"pruning-laws {step}"


def test_a_run_without_labels_leads_to_prototypes(tmp_path):
    (tmp_path / "embeddings.npy").touch()
    step = after(f"train -o {tmp_path}")
    assert step == (
        f"pruning-laws score prototypes --embeddings {Path(tmp_path)}/embeddings.npy "
        "-o prototypes.parquet"
    )


def test_no_less_is_asked_for_than_shows_all_classes(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/classes.csv").write_text("class,before\na,60\nb,60\nc,60\n")
    for kept in (11, 12):
        (tmp_path / "d/keep.txt").write_text("x\n" * kept)
        step = after(f"compare --data arrays:x.npz -f 0.1 -o {tmp_path}/d")
        assert (" -f 0.05 " in step) == (kept == 12)
        assert ("report" in step) == (kept == 11)


def test_a_score_file_of_digits_says_so(tmp_path):
    file = tmp_path / "p.parquet"
    scored = CliRunner().invoke(app, ["score", "random", "-o", str(file)])
    assert scored.exit_code == 0
    step = after(f"select {file} -f 0.3 --ids -o kept.txt")
    assert step == "pruning-laws train --keep kept.txt -o pruned"


def test_it_is_said_at_the_end_on_stderr():
    result = CliRunner().invoke(app, ["list", "losses"])
    assert result.stderr == (
        "next: pruning-laws solve --alpha-prune 3 -f 0.3 --loss logistic --ridge 0.1\n"
    )
    assert "next:" not in result.stdout
    failed = CliRunner().invoke(app, ["list", "nothing"])
    assert "next:" not in failed.stderr


def test_no_network_is_trained_on_less_than_a_batch(tmp_path, monkeypatch):
    from pruning_laws.suggestions import BATCH
    from simulations.vision.training import read_recipe

    assert read_recipe("digits_resnet8").batch_size == BATCH
    monkeypatch.chdir(tmp_path)
    for count in (BATCH - 1, BATCH):
        (tmp_path / "d").mkdir(exist_ok=True)
        for list_of_ids in ("d/keep.txt", "kept.txt"):
            ids = "".join(f"{i}\n" for i in range(count))
            (tmp_path / list_of_ids).write_text(ids)
        data = "--data folder:photos"
        steps = (
            after(f"compare {data} -f 0.3 -o d"),
            after(f"select a.parquet {data} -f 0.3 --ids -o kept.txt"),
        )
        trains = [f"train {data} --keep" in step for step in steps]
        assert trains == [count == BATCH] * 2
    assert after("compare --data folder:x --labels y.csv -f 0.3 -o e").endswith(
        "train --data folder:x --labels y.csv --keep e/keep.txt -o pruned"
    )
