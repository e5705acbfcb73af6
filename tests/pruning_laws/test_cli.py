"""The command line: results in every form, and bad input in one clear line."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import perceptron_theory as pt
from pruning_laws import options
from pruning_laws.app import app

POINT = ["solve", "--alpha-prune", "3", "-f", "0.1"]


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def succeed(*args):
    result = run(*args)
    assert result.exit_code == 0, result.stderr
    return result


def assert_one_line(code, stdout, stderr, *, status, words=""):
    assert code == status, stderr
    assert stdout == ""
    # a busy machine is told of its waiting
    stderr = re.sub(r"(?m)^\.\.\. .*\n", "", stderr)
    assert stderr.startswith("error: ") and stderr.count("\n") == 1, stderr
    assert words in stderr
    assert "unexpected" not in stderr and "Traceback" not in stderr


# results


def test_json_holds_what_the_library_returns():
    content = json.loads(succeed(*POINT, "--json").stdout)
    solution = pt.solve(alpha_prune=3.0, keep_fraction=0.1)
    (point,) = content["points"]
    assert content["attrs"]["rule"] == "hard"
    for name in ("error", "overlap", "probe_overlap", "margin", "alpha_tot"):
        assert point[name] == float(getattr(solution, name))


@pytest.mark.parametrize("where", ["~", "$RESULTS", "${RESULTS}"])
def test_home_and_variables_are_written_out_in_paths(tmp_path, monkeypatch, where):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RESULTS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    succeed(*POINT, f"--output={where}/a.nc")
    assert (tmp_path / "a.nc").is_file()
    assert succeed("show", f"{where}/a.nc").stdout


def test_the_grid_is_every_combination():
    args = ["--alpha-tot", "4,8", "-f", "0.3,1", "--theta-degrees", "0,10,30"]
    points = json.loads(succeed("solve", *args, "--json").stdout)["points"]
    assert len(points) == 2 * 2 * 3
    for point in points:
        assert point["alpha_prune"] == pytest.approx(
            point["alpha_tot"] * point["keep_fraction"]
        )


def test_theta_in_degrees_and_radians_agree():
    degrees = succeed(*POINT, "--theta-degrees", "30", "--json").stdout
    radians = succeed(*POINT, "--theta", str(np.deg2rad(30)), "--json").stdout
    assert degrees == radians


def test_the_table_shows_the_error():
    error = float(pt.solve(alpha_prune=3.0, keep_fraction=0.1).error)
    assert f"{error:.6g}" in succeed(*POINT).stdout


def test_netcdf_csv_and_show_agree(tmp_path):
    saved, table = tmp_path / "a.nc", tmp_path / "a.csv"
    written = succeed(*POINT, "-o", saved)
    assert written.stdout == "" and str(saved) in written.stderr
    succeed("show", saved, "-o", table)
    shown = json.loads(succeed("show", saved, "--json").stdout)
    direct = json.loads(succeed(*POINT, "--json").stdout)
    assert shown["points"] == direct["points"]
    with table.open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["error"]) == direct["points"][0]["error"]
    assert sorted(os.listdir(tmp_path)) == ["a.csv", "a.nc"]


def test_overwrite_replaces_the_output(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    succeed(*POINT, "-o", path, "--overwrite")
    assert "old" not in path.read_text()


def test_ranges():
    assert options.numbers("1:100:3", "-x") == pytest.approx([1, 10, 100])
    assert options.numbers("0:1:3:linear,5", "-x") == [0, 0.5, 1, 5]
    values = options.numbers("0.05:3:7", "-x")
    assert values[0] == 0.05 and values[-1] == 3.0  # the ends are not rounded


# bad input


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["solve", "--alpha-prune", "0", "-f", "0.1"], "alpha_prune"),
        (["solve", "--alpha-prune", "-2", "-f", "0.1"], "alpha_prune"),
        (["solve", "--alpha-prune", "nan", "-f", "0.1"], "NaN"),
        (["solve", "--alpha-tot", "inf", "-f", "0.1"], "alpha"),
        (["solve", "--alpha-prune", "1", "-f", "0"], "keep_fraction"),
        (["solve", "--alpha-prune", "1", "-f", "1.1"], "keep_fraction"),
        (["solve", "--alpha-prune", "1", "-f", ""], "empty"),
        (["solve", "--alpha-prune", "1,,2", "-f", "1"], "number"),
        (["solve", "--alpha-prune", "1:2", "-f", "1"], "START:STOP:COUNT"),
        (["solve", "--alpha-prune", "0:2:3", "-f", "1"], ":linear"),
        (["solve", "--alpha-prune", "one", "-f", "1"], "not a number"),
        (["solve", "-f", "0.1"], "--alpha-tot"),
        (["solve", "--alpha-prune", "1", "--alpha-tot", "2", "-f", "1"], "either"),
        ([*POINT, "--theta", "30"], "degrees"),
        ([*POINT, "--theta", "-0.1"], "theta"),
        ([*POINT, "--theta-degrees", "91"], "[0, 90]"),
        ([*POINT, "--theta", "0.1", "--theta-degrees", "6"], "not both"),
        ([*POINT, "--rule", "hadr"], "did you mean 'hard'"),
        ([*POINT, "--rule", "window"], "window:LOWER"),
        ([*POINT, "--rule", "window:0.95"], "lower"),
        ([*POINT, "--rule", "mixture:2:hard"], "share"),
        ([*POINT, "--rule", "mixture:0.5:random"], "mixture rule"),
        ([*POINT, "--margin", "singed"], "did you mean 'signed'"),
        ([*POINT, "-o", "a.txt"], ".nc or .csv"),
        ([*POINT, "-o", "/nowhere/a.nc"], "no such folder"),
        (["show", "nowhere.nc"], "nowhere.nc"),
        (["pareto", "--alpha-prune", "4", "--max-alpha-tot", "-1"], "max_alpha_tot"),
        (["phase-diagram", "--alpha-tot", "0", "-f", "0.5"], "alpha_tot"),
        (["validate", "--alpha-prune", "1"], "both"),
        (["validate", "--sizes", "50.5"], "whole number"),
        (["sovle"], "sovle"),
        ([*POINT, "--shape", "round"], "--shape"),
        (["figure", "fig1"], "'fig1a'"),
        (["score", "el2n", "--data", "v.csv", "-o", "x.parquet"], "'v.csv' is not a"),
    ],
)
def test_bad_input(args, words):
    result = run(*args)
    assert_one_line(
        result.exit_code, result.stdout, result.stderr, status=2, words=words
    )


def test_an_existing_output_is_kept(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("mine")
    result = run(*POINT, "-o", path)
    assert_one_line(
        result.exit_code, result.stdout, result.stderr, status=2, words="--overwrite"
    )
    assert path.read_text() == "mine"


@pytest.mark.parametrize("damage", ["truncated", "not NetCDF", "another version"])
def test_a_damaged_grid_file(tmp_path, damage):
    path = tmp_path / "a.nc"
    succeed(*POINT, "-o", path)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif damage == "not NetCDF":
        path.write_text("alpha,error\n1,0.3\n")
    else:
        other = xr.Dataset({"x": 1.0}, attrs={"format_version": 999})
        path.unlink()
        other.to_netcdf(path, engine="h5netcdf")
    result = run("show", path)
    assert_one_line(
        result.exit_code, result.stdout, result.stderr, status=2, words=path.name
    )


# failures


def _child(*args, prefix=(), **kwargs):
    return subprocess.run(
        [*prefix, sys.executable, "-m", "pruning_laws", *map(str, args)],
        capture_output="stdout" not in kwargs,
        text=True,
        check=False,
        **kwargs,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.nc", "a.csv"])
def test_a_disk_that_fills_up_leaves_no_file(tmp_path, name):
    saved = tmp_path / "saved.nc"
    pt.save_dataset(xr.Dataset({"error": ("alpha_prune", [0.3, 0.2])}), saved)
    no_space = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh"]
    done = _child("show", saved, "-o", tmp_path / name, prefix=no_space)
    assert_one_line(done.returncode, done.stdout, done.stderr, status=1, words=name)
    assert os.listdir(tmp_path) == ["saved.nc"]


def test_full_stdout():
    with open("/dev/full", "w") as full:
        done = _child("--help", stdout=full, stderr=subprocess.PIPE)
    assert_one_line(done.returncode, "", done.stderr, status=1, words="No space left")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), 130),
        (pt.ConvergenceError("no solution at\nalpha_prune = 3"), 1),
        (OSError(28, "No space left on device", "a.nc"), 1),
        (MemoryError(), 1),
    ],
)
def test_failures_of_the_library(monkeypatch, error, status):
    def fail(**_):
        raise error

    monkeypatch.setattr(pt, "solve", fail)
    result = run(*POINT)
    assert_one_line(result.exit_code, result.stdout, result.stderr, status=status)


def test_ctrl_c_keeps_what_was_finished(tmp_path):
    folder = tmp_path / "draws"
    args = ["--alpha-prune", "1", "-f", "0.5", "--sizes", "10", "--draws", "1000000"]
    command = [sys.executable, "-m", "pruning_laws", "validate", *args, "-o", folder]
    # tests that run in the background would hand down a SIGINT that is ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        signal.signal(signal.SIGINT, before)
        while process.poll() is None and not list(folder.glob("draws-*.npz")):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate()
    assert process.returncode == 130, stderr
    message = stderr.splitlines()[-1]
    assert message.startswith("error: interrupted: ") and str(folder) in message
    (finished,) = folder.glob("*.npz")
    with np.load(finished) as draws:
        assert len(draws["error"]) > 0
    left = {path.name for path in folder.iterdir() if path.suffix != ".lock"}
    assert left == {"config.json", finished.name}


def test_a_fault_of_the_program_is_called_one(monkeypatch):
    monkeypatch.setattr(pt, "solve", lambda **_: 1 / 0)
    result = run(*POINT)
    assert result.exit_code == 1 and result.stdout == ""
    assert "ZeroDivisionError" in result.stderr and result.stderr.count("\n") == 1
