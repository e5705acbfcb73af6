"""The commands of the README and of docs/ print what stands under them."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pruning_laws.app import app

ROOT = Path(__file__).parents[1]
SINGLE_POINTS = True


def _examples():
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for block in re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL):
            for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, shown = example.replace("\\\n", " ").partition("\n")
                yield pytest.param(command, shown, id=f"{page.name}: {command}")


def _lines(text):
    return [line.rstrip() for line in text.strip().splitlines()]


@pytest.mark.parametrize(("command", "shown"), list(_examples()))
def test_the_example_prints_what_is_shown(command, shown, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program, *args = shlex.split(command)
    assert program == "pruning-laws", "other commands belong in a ```sh block"
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0, result.stderr
    assert _lines(result.stdout) == _lines(shown)
