"""Options that several subcommands share, and how their values are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from perceptron_theory import Rule
    from simulations.perceptron import Point
    from simulations.perceptron.students.contract import Student

NUMBERS_HELP = (
    "Give a number, a list (0.1,0.3,1), or a range START:STOP:COUNT, which is spaced "
    "evenly in the logarithm (1:100:50), or in the value with :linear (0:30:4:linear)."
)

_POOL = typer.Option(metavar="NUMBERS", help="Examples in the pool, per dimension.")

AlphaPrune = Annotated[
    str | None,
    typer.Option(
        metavar="NUMBERS", help=f"Examples kept, per dimension. {NUMBERS_HELP}"
    ),
]
AlphaTot = Annotated[str | None, _POOL]
Pool = Annotated[str, _POOL]
_F = "The fraction f of the pool that is kept: 0.3, or 30%."
_FRACTION = typer.Option("--keep-fraction", "-f", metavar="NUMBERS", help=_F)
KeepFraction = Annotated[str, _FRACTION]
Fractions = Annotated[str | None, _FRACTION]
OneLoad = Annotated[
    float | None, typer.Option(metavar="NUMBER", help="Examples kept, per dimension.")
]
OnePool = Annotated[
    float | None,
    typer.Option(metavar="NUMBER", help="Examples in the pool, per dimension."),
]
_ONE = typer.Option(
    "--keep-fraction",
    "-f",
    metavar="NUMBER",
    parser=lambda text: fraction(text),
    help=_F,
)
OneFraction = Annotated[float | None, _ONE]
TheFraction = Annotated[float, _ONE]
RuleName = Annotated[
    str,
    typer.Option(
        metavar="RULE",
        help="Which examples are kept: hard (small margins), easy (large margins), "
        "random, window:LOWER (the margins between the quantiles LOWER and LOWER + f), "
        "mixture:SHARE:hard|easy (SHARE of f by the margin, the rest at random), or "
        "agreeing:RULE (only where the probe agrees with the label, and of these by "
        "RULE).",
    ),
]
Rounds = Annotated[
    int,
    typer.Option(metavar="N", min=1, help="Number of rounds, each with a new student."),
]
AtRest = Annotated[
    bool,
    typer.Option(
        "--at-rest", help="Find where the rounds end, without going through them."
    ),
]
Margin = Annotated[
    str,
    typer.Option(
        metavar="absolute|signed",
        help="The probe's margin: absolute, |P.x|, needs no label; signed, y P.x, is "
        "negative where the probe disagrees with the label.",
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print JSON instead of a table."),
]
Outputs = Annotated[
    list[Path] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write NetCDF (.nc), CSV (.csv) or a picture (.png, .pdf, .svg) instead "
        "of printing a table; give it once for each file.",
    ),
]
Plot = Annotated[
    bool,
    typer.Option(
        "--plot",
        help="Show the picture, in a window or in the terminal, instead of a table; "
        "--plot FILE.png writes it beside the table.",
    ),
]
PlotBeside = Annotated[
    bool,
    typer.Option(
        "--plot",
        help="Show a picture, in a window or in the terminal; --plot FILE.png or -o "
        "FILE.png (.pdf, .svg) writes it.",
    ),
]
# what --plot FILE.png stands for: see ``app.Command``
PlotFiles = Annotated[list[Path] | None, typer.Option("--plot-file", hidden=True)]
Title = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="Title of the picture, in place of its own."),
]
Size = Annotated[
    str,
    typer.Option(
        metavar="slide|column",
        help="Size of the picture: for a talk (16:9) or for a column of a paper.",
    ),
]
Simulated = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Draw these simulated errors over the picture: the .nc of `simulate "
        "--table` or of `validate`.",
    ),
]
OverwritePicture = Annotated[
    bool, typer.Option("--overwrite", help="Replace the picture if it exists.")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace the output file if it exists.")
]


def check_choice(option: str, given: str, choices: Sequence[str]) -> None:
    """Refuse what is not one of a few words.

    Raises:
        typer.BadParameter: it is none of them; the nearest is suggested.
    """
    if given in choices:
        return
    from perceptron_theory.errors import suggestion

    hint = suggestion(given, choices)
    raise bad(option, f"{given!r} must be one of {', '.join(choices)}{hint}")


def numbers(
    text: str, option: str, read: Callable[[str, str], float] | None = None
) -> list[float]:
    """The values of a comma list of numbers and ranges START:STOP:COUNT[:linear].

    Raises:
        typer.BadParameter: nothing given, or a part that is not of this form.
    """
    parts = [part.strip() for part in text.split(",")]
    if parts == [""]:
        raise bad(option, "is empty: give at least one number")
    return [value for part in parts for value in _part(part, option, read or number)]


def is_count(text: str) -> bool:
    """Whether it is made of the digits 0 to 9, and of nothing else."""
    return text.isdecimal() and text.isascii()


def _part(part: str, option: str, read: Callable[[str, str], float]) -> list[float]:
    match part.split(":"):
        case [value]:
            return [read(value, option)]
        case [start, stop, count] if is_count(count) and int(count) > 1:
            linear = False
        case [start, stop, count, "linear"] if is_count(count) and int(count) > 1:
            linear = True
        case _:
            form = "START:STOP:COUNT or START:STOP:COUNT:linear, COUNT at least 2"
            raise bad(option, f"{part!r} is not a range: write {form}")
    first, last, steps = read(start, option), read(stop, option), int(count) - 1
    if linear:
        inner = [first + (last - first) * i / steps for i in range(1, steps)]
    elif first > 0 and last > 0:
        inner = [first * (last / first) ** (i / steps) for i in range(1, steps)]
    else:
        raise bad(
            option,
            f"{part!r} is spaced evenly in the logarithm, and 0 "
            "has no logarithm: add :linear",
        )
    return [first, *inner, last]


def number(text: str, option: str) -> float:
    """A single number.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        return float(text)
    except ValueError:
        raise bad(option, f"{text!r} is not a number") from None


def fraction(text: str, option: str = "--keep-fraction") -> float:
    """A part of a whole, as 0.3 or as 30%.

    Raises:
        typer.BadParameter: it is neither.
    """
    text = str(text).strip()
    if text.endswith("%"):
        if number(text[:-1].strip(), option) > 100:
            raise bad(option, f"{text} is more than there is: give at most 100%")
        # in decimals, so that 30% and 0.3 are one number
        return float(Decimal(repr(number(text[:-1].strip(), option))) / 100)
    return number(text, option)


def fractions(text: str, option: str = "--keep-fraction") -> list[float]:
    """Like ``numbers``, for parts of a whole: 10%,30% or 0.1:1:10 and the like."""
    return numbers(text, option, fraction)


def whole_numbers(text: str, option: str) -> list[int]:
    """Like ``numbers``, for counts."""
    values = numbers(text, option)
    for value in values:
        if not value.is_integer():
            raise bad(option, f"{value:g} is not a whole number")
    return [int(value) for value in values]


def loads(alpha_prune: str | None, alpha_tot: str | None) -> dict[str, list[float]]:
    """The one load that was given, under the name the library has for it."""
    if (alpha_prune is None) == (alpha_tot is None):
        raise bad("--alpha-prune", "give either --alpha-prune or --alpha-tot")
    if alpha_prune is not None:
        return {"alpha_prune": numbers(alpha_prune, "--alpha-prune")}
    return {"alpha_tot": numbers(alpha_tot or "", "--alpha-tot")}


_FORMS = {
    "window": "window:LOWER",
    "mixture": "mixture:SHARE:hard",
    "agreeing": "agreeing:hard",
}


def pruning_rule(text: str) -> Rule:
    """The rule that ``--rule`` names.

    Raises:
        typer.BadParameter: window, mixture or agreeing without its parameters.
        perceptron_theory.InputError: a name that is no rule.
    """
    import perceptron_theory as pt

    name, *parameters = text.split(":")
    match name, parameters:
        case "window", [lower]:
            return pt.Window(lower=number(lower, "--rule"))
        case "mixture", [share, kind]:
            return pt.Mixture(share=number(share, "--rule"), rule=kind)
        case "agreeing", [_, *_]:
            return pt.Agreeing(pruning_rule(":".join(parameters)))
        case "window" | "mixture" | "agreeing", _:
            form = _FORMS[name]
            raise bad("--rule", f"{text!r} is incomplete: write {form}")
    return pt.resolve_rule(text)


def students(text: str) -> list[str | Student]:
    """The students of a comma list of names and ridge:LOSS:VALUE.

    Raises:
        typer.BadParameter: a ridge without its parameters.
        perceptron_theory.InputError: a name that is no student.
    """
    from simulations.perceptron import ConvexRidge
    from simulations.perceptron.students.catalog import resolve_student

    def one(name: str) -> str | Student:
        match name.split(":"):
            case ["ridge", loss, value]:
                return ConvexRidge(loss, number(value, "--student"))
            case ["ridge", *_]:
                form = "ridge:LOSS:VALUE, as ridge:logistic:0.1"
                raise bad("--student", f"{name!r} is incomplete: write {form}")
        resolve_student(name)
        return name

    return [one(part.strip()) for part in text.split(",")]


def points(
    loads: list[float],
    fractions: list[float],
    thetas: list[float],
    rule: str,
    margin: str,
    student: str,
) -> list[Point]:
    """Every combination of the numbers and the students given, to be simulated."""
    from simulations.perceptron import Point

    kept = pruning_rule(rule)
    return [
        Point(*place, rule=kept, margin=margin, student=one)
        for one in students(student)
        for place in product(loads, fractions, thetas)
    ]


def bad(option: str, message: str) -> typer.BadParameter:
    """What is wrong with the value of an option."""
    return typer.BadParameter(message, param_hint=option)
