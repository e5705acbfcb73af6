"""Tables fit the terminal, and nothing of them is cut off."""

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from pruning_laws.app import app
from pruning_laws.commands import phase_diagram
from pruning_laws.output import print_tables
from pruning_laws.results import Results


def results(rows, columns):
    """A table of distinct numbers, one of them long."""
    values = np.arange(rows * columns).reshape(columns, rows) + 0.123456789
    axes = {"alpha_prune": 1.0 + np.arange(rows)}
    variables = {
        f"a_long_name_{i}": (("alpha_prune",), values[i], {}) for i in range(columns)
    }
    return Results.over(axes, variables, {}), values


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize(("rows", "columns"), [(2, 8), (3, 2), (30, 9), (1, 12)])
def test_every_number_is_printed_within_the_width(
    monkeypatch, capsys, width, rows, columns
):
    monkeypatch.setenv("COLUMNS", str(width))
    table, values = results(rows, columns)
    print_tables(table, "A title that is much longer than the line " * 3)
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= width
    words = set(shown.split())
    assert {f"{x:.6g}" for x in values.ravel()} <= words
    assert {f"a_long_name_{i}" for i in range(columns)} <= words
    assert "\N{HORIZONTAL ELLIPSIS}" not in shown


def test_rows_that_fit_side_by_side_become_columns(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "60")
    table, values = results(2, 8)
    print_tables(table, "title")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["a_long_name_3", *(f"{x:.6g}" for x in values[3])] in lines


def test_blocks_repeat_what_tells_the_rows_apart(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "60")
    table, _ = results(30, 9)
    print_tables(table, "title")
    shown = capsys.readouterr().out
    assert shown.count("alpha_prune") == shown.count("\n\n") + 1 > 2


def test_a_wide_table_is_one_piece(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "300")
    print_tables(results(30, 9)[0], "title")
    shown = capsys.readouterr().out
    assert shown.count("alpha_prune") == 1 and len(shown.splitlines()) == 32


def test_descriptions_are_broken_into_lines(monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    shown = CliRunner().invoke(app, ["list", "rules"]).stdout
    assert max(map(len, shown.splitlines())) <= 50
    assert "mixture:SHARE:hard|easy" in shown and "at random" in shown


@pytest.mark.parametrize("width", [40, 80])
def test_a_phase_diagram_fits(monkeypatch, capsys, width):
    monkeypatch.setenv("COLUMNS", str(width))
    loads, fractions = np.geomspace(1, 30, 70), [0.1, 0.3, 1.0]
    best = np.where(loads[:, None] > 5, "hard", "easy") + np.full(3, "")
    along = ("boundary_point",)
    diagram = xr.Dataset(
        {
            "best": (("alpha_tot", "keep_fraction"), best),
            "boundary_branch": (along, [0]),
            "boundary_kind": (along, ["hard_easy"]),
            "boundary_alpha_tot": (along, [5.0]),
            "boundary_keep_fraction": (along, [0.3]),
            "boundary_best": (along, [False]),
        },
        coords={"alpha_tot": loads, "keep_fraction": fractions},
    )
    phase_diagram._show(
        Results.of(diagram), "phase diagram of the max-margin student, theta = 0"
    )
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= width
    rows = [line for line in shown.splitlines() if line.startswith("f = ")]
    step = -(-70 // (width - 14))
    assert [len(row) for row in rows] == [14 + -(-70 // step)] * 3
    assert ("one of 3 shown" in shown) == (width == 40)
