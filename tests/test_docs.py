"""The commands of the README and of docs/ print what stands under them."""

import ast
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pruning_laws.app import app

ROOT = Path(__file__).parents[1]
SINGLE_POINTS = True
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TUTORIAL = ROOT / "docs" / "tutorial.md"


def _examples(page, *, silent=False):
    """Commands and what they print; with ``silent`` also those of sh blocks."""
    for kind, block in re.findall(
        r"```(console|sh)\n(.*?)```", page.read_text(), re.DOTALL
    ):
        text = block.replace("\\\n", " ")
        if kind == "console":
            for example in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, shown = example.partition("\n")
                yield command, shown
        elif silent:
            yield from ((line, None) for line in text.splitlines())


def _lines(text):
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def _run(command, shown):
    program, *args = shlex.split(command, comments=True)
    assert program == "pruning-laws", "other commands belong in a ```sh block"
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0, f"{command}: {result.stderr}"
    assert shown is None or _lines(result.stdout) == _lines(shown), command


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=str(page.relative_to(ROOT)))
        for page in PAGES
        if page != TUTORIAL and list(_examples(page))
    ],
)
def test_examples_print_what_is_shown(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command, shown in _examples(page):
        _run(command, shown)


@pytest.mark.parametrize(
    "left_out",
    [
        ("pip", "pruning-laws train", "pruning-laws validate"),
        pytest.param(("pip",), marks=pytest.mark.slow),
    ],
    ids=["without the long commands", "all of it"],
)
def test_the_tutorial_runs_from_beginning_to_end(left_out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    examples = [
        (command, shown)
        for command, shown in _examples(TUTORIAL, silent=True)
        if not command.startswith(left_out)
    ]
    assert len(examples) >= 11
    for command, shown in examples:
        _run(command, shown)


def test_every_public_name_is_in_the_reference():
    tree = ast.parse((ROOT / "perceptron_theory" / "__init__.pyi").read_text())
    public = {
        f"perceptron_theory.{node.module}.{alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    page = (ROOT / "docs" / "api" / "perceptron_theory.md").read_text()
    shown = re.findall(r"^::: (\S+)", page, re.MULTILINE)
    assert len(public) > 40
    assert public <= set(shown)
    assert len(set(shown)) == len(shown)
