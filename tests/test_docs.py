"""The commands of the README and of docs/ print what stands under them."""

import ast
import doctest
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pruning_laws.app import app

ROOT = Path(__file__).parents[1]
# pages that the site does not check
FRONT = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
PAGES = [*FRONT, *sorted((ROOT / "docs").rglob("*.md"))]
TUTORIAL = ROOT / "docs" / "tutorial.md"
TASKS = sorted((ROOT / "docs" / "howto").glob("*.md"))  # run from beginning to end


def _examples(page, *, silent=False):
    """Commands and what they print; with ``silent`` also those of sh blocks."""
    for kind, block in re.findall(
        r"```(console|sh)\n(.*?)```", page.read_text(), re.DOTALL
    ):
        if kind == "console" or silent:
            yield from _examples_in(kind, block)


def _examples_in(kind, block):
    text = block.replace("\\\n", " ")
    if kind == "sh":
        yield from ((line, None) for line in text.splitlines())
        return
    for example in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = example.partition("\n")
        yield command, shown


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
        if page not in (TUTORIAL, *TASKS) and list(_examples(page))
    ],
)
def test_examples_print_what_is_shown(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command, shown in _examples(page):
        _run(command, shown)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=str(page.relative_to(ROOT)))
        for page in PAGES
        if "```pycon" in page.read_text()
    ],
)
def test_python_sessions_print_what_is_shown(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```pycon\n(.*?)```", page.read_text(), re.DOTALL)
    session = doctest.DocTestParser().get_doctest(
        "\n".join(blocks), {}, page.name, str(page), 0
    )
    assert session.examples
    assert doctest.DocTestRunner().run(session).failed == 0


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::perceptron_theory.errors.DataWarning")
@pytest.mark.parametrize("page", TASKS, ids=lambda page: page.stem)
def test_a_page_of_a_task_runs_from_beginning_to_end(page, tmp_path, monkeypatch):
    """Its commands and its Python, in the order of the page, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(
        r"```(console|sh|python)\n(.*?)```", page.read_text(), re.DOTALL
    )
    assert len(blocks) >= 2
    space = {"__name__": page.stem}
    for kind, block in blocks:
        if kind == "python":
            exec(compile(block, str(page), "exec"), space)
            continue
        for command, shown in _examples_in(kind, block):
            _run(command, shown)


@pytest.mark.parametrize("page", FRONT, ids=lambda page: page.name)
def test_links_of_the_front_pages_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text())
    assert len(links) >= 4
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=str(page.relative_to(ROOT)))
        for page in PAGES
        if "::test_" in page.read_text()
    ],
)
def test_tests_that_a_page_names_are_there(page):
    named = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text()))
    assert len(named) == len(set(re.findall(r"tests/[^`]*::[^`]*", page.read_text())))
    assert named
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / file).is_file()
        or name not in re.findall(r"^def (\w+)\(", (ROOT / file).read_text(), re.M)
    ]
    assert missing == []


def test_every_item_of_the_table_of_other_peoples_data_has_a_test():
    text = (ROOT / "docs" / "other_peoples_data.md").read_text()
    rows = re.findall(r"^\| (\d+)(?: \*)? \|(.*)\|$", text, re.MULTILINE)
    assert {int(number) for number, _ in rows} == set(range(1, 21))
    assert len(rows) >= 45
    for number, row in rows:
        cells = re.split(r"(?<!\\)\|", row)
        assert len(cells) == 4 and "::test_" in cells[-1], (number, row)


def test_every_public_name_is_in_the_reference():
    tree = ast.parse((ROOT / "perceptron_theory" / "__init__.pyi").read_text())
    public = {
        f"perceptron_theory.{node.module}.{alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    page = (ROOT / "docs" / "api" / "perceptron_theory.md").read_text()
    shown = re.findall(r"^::: (\S+)", page, re.MULTILINE)
    assert len(public) > 40
    assert public <= set(shown)
    assert len(set(shown)) == len(shown)


def test_the_examples_of_one_s_own_objects_run(tmp_path, monkeypatch):
    """The blocks of docs/extending.md, from its top to its end, in a folder."""
    from simulations.vision.networks import NETWORKS

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(NETWORKS, "patches", None)  # and is taken out afterwards
    page = (ROOT / "docs" / "extending.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", page, flags=re.M | re.S)
    assert len(blocks) >= 7
    space = {"__name__": "extending"}
    for block in blocks:
        exec(compile(block, "docs/extending.md", "exec"), space)
    assert space["done"].history[-1]["test_accuracy"] > 0.9
