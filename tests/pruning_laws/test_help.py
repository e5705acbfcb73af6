"""Help: commands in groups, names in one form, what was probably meant."""

import json
import re

import pytest
from typer.testing import CliRunner

import perceptron_theory as pt
from perceptron_theory.errors import did_you_mean, nearest
from pruning_laws import options
from pruning_laws.app import app
from pruning_laws.catalogue import KINDS, first_sentence


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def test_every_command_is_in_a_group_and_fits_the_line():
    shown = run("--help").stdout
    _, *groups = re.split(
        r"^(Theory|Simulation of the theory|Real data|Output):\n", shown, flags=re.M
    )
    of = dict(zip(groups[::2], groups[1::2], strict=True))
    listed = {
        group: re.findall(r"^  (\S+)", text, flags=re.M) for group, text in of.items()
    }
    assert listed["Theory"][:2] == ["solve", "pareto"]
    assert "validate" in listed["Simulation of the theory"]
    assert "select" in listed["Real data"] and "report" in listed["Output"]
    assert sorted(name for names in listed.values() for name in names) == sorted(
        app_commands()
    )
    assert "..." not in "".join(of.values())  # no description is cut off


def app_commands():
    import typer

    return list(typer.main.get_command(app).commands)


@pytest.mark.parametrize("command", app_commands())
def test_help_has_no_types_of_python_and_fits_80_columns(command):
    shown = run(command, "--help").stdout
    head, _, rest = shown.partition("Examples:\n")
    examples, _, options = rest.partition("\n\n")
    for text in (head, options):
        assert not re.search(r"<[a-z ]+>|[{}]|list\[", text)
        assert max(map(len, text.splitlines()), default=0) <= 80
    for line in examples.splitlines():  # to be copied as they stand
        assert len(line) <= 90


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("phase", "'phase-diagram'"),
        ("PARETO", "'pareto'"),
        ("sovle", "'solve'"),
        ("optimal_rule", "'optimal-rule'"),
        ("val", "'validate'"),
    ],
)
def test_a_beginning_or_a_slip_of_a_command(text, meant):
    result = run(text)
    assert result.exit_code == 2
    assert f"did you mean {meant}?" in result.stderr
    assert result.stderr.count("\n") == 1


def test_what_is_near_no_command_gets_no_suggestion():
    for text in ("frobnicate", "xyz", "keep"):
        result = run(text)
        assert result.exit_code == 2 and "did you mean" not in result.stderr


@pytest.mark.parametrize(
    ("args", "meant"),
    [
        ("compare -f 0.3 --model lin -o {}", "linear"),
        ("compare -f 0.3 --model resnet9 -o {}", "resnet8"),
        ("validate --suite larg", "large"),
        ("solve --alpha-prune 2 -f 0.5 --plot a.png --size slid", "slide"),
        ("simulate --alpha-prune 2 -f 0.5 --pool dirct -o {}", "direct"),
        ("simulate --alpha-prune 2 -f 0.5 --device gpus -o {}", "gpu"),
        ("laws nowhere --model pow", "power"),
        ("laws nowhere --against second", "seconds"),
    ],
)
def test_every_choice_has_a_suggestion(args, meant, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*args.format(tmp_path / "out").split())
    assert result.exit_code == 2
    assert f"did you mean '{meant}'" in result.stderr
    assert "unexpected" not in result.stderr and not list(tmp_path.iterdir())


def test_a_beginning_stands_for_all_that_have_it():
    result = run("figure", "fig1")
    assert "did you mean 'fig1a', 'fig1b', 'fig1c', 'fig1e' or 'fig1f'?" in (
        result.stderr
    )
    assert nearest("", ["a"]) == [] and did_you_mean([]) == ""
    with pytest.raises(pt.InputError, match="did you mean 'max_margin'"):
        pt.solve(alpha_prune=1.0, keep_fraction=1.0, student="max-")


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_has_a_line_of_its_own(kind):
    lines = json.loads(run("list", kind, "--json").stdout)
    assert len(lines) >= 3
    for name, line in lines.items():
        assert 10 < len(line) and line[0].isupper(), (name, line)
        assert ":func:" not in line and "``" not in line
    assert len(set(lines.values())) >= len(lines) - 1  # sgd and adam differ by a name
    shown = run("list", kind).stdout
    assert all(name in shown for name in lines)


def test_list_names_the_kinds_and_says_what_is_not_one():
    shown = run("list").stdout
    assert all(kind in shown for kind in KINDS)
    assert "did you mean 'metrics'" in run("list", "metric").stderr


def test_data_sets_are_listed_as_messages_write_them():
    listed = json.loads(run("list", "data", "--json").stdout)
    for form in listed:
        name, colon, path = form.partition(":")
        if colon and name != "fashion_mnist":  # which Debian's package puts at a place
            assert (
                f"{name} needs a path: {name}:{path}"
                in run(*("score", "random", "--data", name, "-o", "no.parquet")).stderr
            )


def test_the_figures_are_listed_in_the_same_form():
    assert run("figure", "list").stdout == run("list", "figures").stdout


def test_the_first_sentence():
    assert first_sentence("As (He et al. 2016, sec. 4.2). More.") == (
        "As (He et al. 2016, sec. 4.2)"
    )
    assert first_sentence("Of :func:`.el2n` and\n``d``.\n\nMore.") == "Of el2n and d"


# fractions


def test_a_percentage_is_a_fraction():
    assert options.fractions("30%, 0.3,7 %") == [0.3, 0.3, 0.07]
    assert options.fractions("5%:100%:3:linear") == pytest.approx([0.05, 0.525, 1])
    with pytest.raises(Exception, match="at most 100%"):
        options.fraction("300%")
    shown = json.loads(run("solve", "--alpha-prune", 3, "-f", "10%", "--json").stdout)
    (point,) = shown["points"]
    assert point["keep_fraction"] == 0.1


@pytest.mark.parametrize(
    "args",
    [
        ["solve", "--alpha-prune", "3", "-f", "30"],
        ["pareto", "--alpha-prune", "3", "--rule", "mixture:30:hard"],
        ["phase-diagram", "--alpha-tot", "3,4", "-f", "30"],
        ["optimal-rule", "--alpha-prune", "3", "-f", "30"],
        ["simulate", "--alpha-prune", "3", "-f", "30", "--sizes", "10"],
    ],
)
def test_thirty_is_no_fraction(args, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*args)
    assert result.exit_code == 2
    assert "; for 30 % write 0.3" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("text", ["x", "%", "3%%"])
def test_what_is_no_fraction_either(text):
    for args in (["solve", "--alpha-prune", "3"], ["optimal-rule"], ["select", "a"]):
        result = run(*args, "-f", text)
        assert result.exit_code == 2 and "is not a number" in result.stderr
