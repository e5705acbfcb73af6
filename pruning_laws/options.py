"""Options that several subcommands share, and how their values are read."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from perceptron_theory import Rule
    from simulations.perceptron.students.contract import Student

NUMBERS_HELP = (
    "A number, a comma list 0.1,0.3,1, or a range START:STOP:COUNT, "
    "evenly spaced in the logarithm (1:100:50) or, with :linear behind it, "
    "in the value (0:30:4:linear)."
)

_POOL = typer.Option(metavar="NUMBERS", help="Examples per dimension before pruning.")

AlphaPrune = Annotated[
    str | None,
    typer.Option(
        metavar="NUMBERS", help=f"Kept examples per dimension. {NUMBERS_HELP}"
    ),
]
AlphaTot = Annotated[str | None, _POOL]
Pool = Annotated[str, _POOL]
KeepFraction = Annotated[
    str,
    typer.Option(
        "--keep-fraction", "-f", metavar="NUMBERS", help="Kept fraction f, in (0, 1]."
    ),
]
OneLoad = Annotated[
    float | None, typer.Option(metavar="NUMBER", help="Kept examples per dimension.")
]
OnePool = Annotated[
    float | None,
    typer.Option(metavar="NUMBER", help="Examples per dimension before pruning."),
]
OneFraction = Annotated[
    float | None,
    typer.Option(
        "--keep-fraction", "-f", metavar="NUMBER", help="Kept fraction f, in (0, 1]."
    ),
]
Theta = Annotated[
    str | None,
    typer.Option(
        metavar="RADIANS",
        help="Angle of probe and teacher in radians, 0 (default) to pi/2.",
    ),
]
ThetaDegrees = Annotated[
    str | None,
    typer.Option(metavar="DEGREES", help="The same angle in degrees, 0 to 90."),
]
RuleName = Annotated[
    str,
    typer.Option(
        metavar="RULE",
        help="hard (keep small margins), easy (keep large ones), random, "
        "window:LOWER (keep margin quantiles LOWER to LOWER + f), or "
        "mixture:SHARE:hard|easy (SHARE of f by margin, the rest at random).",
    ),
]
Margin = Annotated[
    str,
    typer.Option(
        metavar="absolute|signed",
        help="The probe's margin: |P.x|, which needs no label, or y P.x.",
    ),
]
StudentName = Annotated[
    str,
    typer.Option(
        metavar="STUDENT",
        help="max_margin, gibbs (drawn at random from the students without training "
        "error), bayes_point (the centre of those) or bayes_optimal (which knows the "
        "rule: the bound of all).",
    ),
]
LossName = Annotated[
    str | None,
    typer.Option(
        "--loss",
        metavar="LOSS",
        help="In place of --student, the student of a convex loss: logistic, hinge, "
        "squared_hinge or square, with --ridge.",
    ),
]
Ridge = Annotated[
    str | None,
    typer.Option(
        metavar="NUMBER|optimal",
        help="The ridge of the loss; optimal, where strategies are compared: the best "
        "one of each.",
    ),
]
FlipProbability = Annotated[
    float,
    typer.Option(help="Part of the pool's labels that is wrong, with --loss."),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print JSON instead of a table; null: not finite."),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write a NetCDF (.nc) or CSV (.csv) file instead of the table.",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace the output if it exists.")
]


def numbers(text: str, option: str) -> list[float]:
    """The values of a comma list of numbers and ranges START:STOP:COUNT[:linear].

    Raises:
        typer.BadParameter: nothing given, or a part that is not of this form.
    """
    parts = [part.strip() for part in text.split(",")]
    if parts == [""]:
        raise _bad(option, "is empty: give at least one number")
    return [value for part in parts for value in _part(part, option)]


def is_count(text: str) -> bool:
    """Whether it is made of the digits 0 to 9, and of nothing else."""
    return text.isdecimal() and text.isascii()


def _part(part: str, option: str) -> list[float]:
    match part.split(":"):
        case [value]:
            return [_number(value, option)]
        case [start, stop, count] if is_count(count) and int(count) > 1:
            linear = False
        case [start, stop, count, "linear"] if is_count(count) and int(count) > 1:
            linear = True
        case _:
            form = "START:STOP:COUNT or START:STOP:COUNT:linear, COUNT at least 2"
            raise _bad(option, f"{part!r} is not a range: write {form}")
    first, last, steps = _number(start, option), _number(stop, option), int(count) - 1
    if linear:
        inner = [first + (last - first) * i / steps for i in range(1, steps)]
    elif first > 0 and last > 0:
        inner = [first * (last / first) ** (i / steps) for i in range(1, steps)]
    else:
        raise _bad(option, f"{part!r} is spaced in the logarithm: add :linear for 0")
    return [first, *inner, last]


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise _bad(option, f"{text!r} is not a number") from None


def whole_numbers(text: str, option: str) -> list[int]:
    """Like ``numbers``, for counts."""
    values = numbers(text, option)
    for value in values:
        if not value.is_integer():
            raise _bad(option, f"{value:g} is not a whole number")
    return [int(value) for value in values]


def loads(alpha_prune: str | None, alpha_tot: str | None) -> dict[str, list[float]]:
    """The one load that was given, under the name the library has for it."""
    if (alpha_prune is None) == (alpha_tot is None):
        raise _bad("--alpha-prune", "give either --alpha-prune or --alpha-tot")
    if alpha_prune is not None:
        return {"alpha_prune": numbers(alpha_prune, "--alpha-prune")}
    return {"alpha_tot": numbers(alpha_tot or "", "--alpha-tot")}


def angles(theta: str | None, theta_degrees: str | None) -> list[float]:
    """Theta in radians from whichever of the two options was given (0 if none)."""
    if theta is not None and theta_degrees is not None:
        raise _bad("--theta", "give radians (--theta) or --theta-degrees, not both")
    if theta_degrees is None:
        radians = numbers("0" if theta is None else theta, "--theta")
        for value in radians:
            if value > math.pi / 2:
                hint = "degrees go into --theta-degrees"
                raise _bad("--theta", f"{value:g} radians is more than pi/2: {hint}")
        return radians
    degrees = numbers(theta_degrees, "--theta-degrees")
    for value in degrees:
        if not 0 <= value <= 90:
            raise _bad("--theta-degrees", f"{value:g} is outside [0, 90]")
    return [math.radians(value) for value in degrees]


def one(values: list[float], option: str) -> float:
    """The only one of ``values``, where a command takes one."""
    if len(values) != 1:
        raise _bad(option, f"takes one number here, got {len(values)}")
    return values[0]


def pruning_rule(text: str) -> Rule:
    """The rule that ``--rule`` names.

    Raises:
        typer.BadParameter: window or mixture without its parameters.
        perceptron_theory.InputError: a name that is no rule.
    """
    import perceptron_theory as pt

    name, *parameters = text.split(":")
    match name, parameters:
        case "window", [lower]:
            return pt.Window(lower=_number(lower, "--rule"))
        case "mixture", [share, kind]:
            return pt.Mixture(share=_number(share, "--rule"), rule=kind)
        case "window" | "mixture", _:
            form = "window:LOWER" if name == "window" else "mixture:SHARE:hard"
            raise _bad("--rule", f"{text!r} is incomplete: write {form}")
    return pt.resolve_rule(text)


def learner(
    student: str, loss: str | None, ridge: str | None, flip_probability: float
) -> dict[str, Any]:
    """The student that is asked about, as arguments of the library.

    Raises:
        typer.BadParameter: a ridge that is neither a number nor "optimal".
    """
    if loss is None and ridge is None and not flip_probability:
        return {"student": student}
    given: Any = ridge
    if ridge is not None and ridge != "optimal":
        given = _number(ridge, "--ridge")
    options = {"loss": loss, "ridge": given, "flip_probability": flip_probability}
    return {"student": student, **options}


def learner_name(how: dict[str, Any]) -> str:
    """What titles call the student that is asked about."""
    if how.get("loss") is None:
        return f"{how['student'].replace('_', '-')} student"
    flips = how["flip_probability"]
    wrong = f", {100 * flips:.3g} % of the labels wrong" if flips else ""
    return f"{how['loss'].replace('_', ' ')} loss, ridge {how['ridge']}{wrong}"


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
                return ConvexRidge(loss, _number(value, "--student"))
            case ["ridge", *_]:
                form = "ridge:LOSS:VALUE, as ridge:logistic:0.1"
                raise _bad("--student", f"{name!r} is incomplete: write {form}")
        resolve_student(name)
        return name

    return [one(part.strip()) for part in text.split(",")]


def _bad(option: str, message: str) -> typer.BadParameter:
    return typer.BadParameter(message, param_hint=option)
