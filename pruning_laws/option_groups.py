"""Options that go together: a dataclass of them is one argument of a command."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer
from typer.models import OptionInfo

from perceptron_theory.paths import expanded

from .options import bad, number, numbers


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the fields of its dataclasses as options, as typer wants it."""
    own, groups = _options(command), {}
    parameters = []
    for option in own:
        kind = option.annotation
        if isinstance(kind, type) and is_dataclass(kind):
            groups[option.name] = kind
            parameters += _options(kind)
        else:
            parameters.append(option)

    @wraps(command)
    def called(**given: Any) -> None:
        given = {name: _written_out(value) for name, value in given.items()}
        for name, kind in groups.items():
            parts = {field.name: given.pop(field.name) for field in fields(kind)}
            given[name] = kind(**parts)
        command(**given)

    called.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return called


def _written_out(value: Any) -> Any:
    """Paths as a shell would write them, which leaves --option=~/file alone."""
    if isinstance(value, list | tuple):
        return type(value)(map(_written_out, value))
    return expanded(value) if isinstance(value, Path) else value


def _options(thing: Callable[..., Any]) -> list[Parameter]:
    """The parameters of a function or a dataclass, with their annotations as objects.

    By keyword only, so that those with a default may come first.
    """
    hints = get_type_hints(thing, include_extras=True)
    for hint in hints.values():
        _name_value(hint)
    return [
        one.replace(annotation=hints[one.name], kind=Parameter.KEYWORD_ONLY)
        for one in signature(thing).parameters.values()
    ]


_VALUES = {int: "N", float: "NUMBER", Path: "FILE", str: "NAME"}


def _name_value(hint: Any) -> None:
    """Give an option that says nothing of its value a word for it: N, FILE.

    It changes what stands in the annotation, in place of the types of Python that help
    has otherwise, "<int range>" for one.
    """
    kind, *notes = get_args(hint) or (None,)
    kinds = (kind, *get_args(kind))
    for one in notes:
        if isinstance(one, OptionInfo) and one.metavar is None:
            one.metavar = next((_VALUES[k] for k in kinds if k in _VALUES), None)


@dataclass(frozen=True)
class Angle:
    """The angle of probe and teacher, in either unit."""

    theta: Annotated[
        str | None,
        typer.Option(
            metavar="RADIANS",
            help="Angle between probe and teacher in radians, from 0 (a perfect probe, "
            "the default) to pi/2 (a useless one).",
        ),
    ] = None
    theta_degrees: Annotated[
        str | None,
        typer.Option(
            metavar="DEGREES", help="The same angle in degrees, from 0 to 90."
        ),
    ] = None

    def values(self) -> list[float]:
        """Theta in radians from whichever of the two options was given (0 if none).

        Raises:
            typer.BadParameter: both are given, or an angle is outside its range.
        """
        if self.theta is not None and self.theta_degrees is not None:
            raise bad("--theta", "give radians (--theta) or --theta-degrees, not both")
        if self.theta_degrees is None:
            radians = numbers("0" if self.theta is None else self.theta, "--theta")
            for value in radians:
                if value > math.pi / 2:
                    hint = "degrees go into --theta-degrees"
                    what = f"{value:g} radians is more than pi/2: {hint}"
                    raise bad("--theta", what)
            return radians
        degrees = numbers(self.theta_degrees, "--theta-degrees")
        for value in degrees:
            if not 0 <= value <= 90:
                raise bad("--theta-degrees", f"{value:g} is outside [0, 90]")
        return [math.radians(value) for value in degrees]

    def one(self) -> float:
        """The only one, where a command takes one."""
        values = self.values()
        if len(values) != 1:
            typed = "--theta" if self.theta_degrees is None else "--theta-degrees"
            raise bad(typed, f"takes one number here, got {len(values)}")
        return values[0]


@dataclass(frozen=True)
class Learner:
    """The student that is asked about."""

    student: Annotated[
        str,
        typer.Option(
            metavar="STUDENT",
            help="Who learns from the kept examples: max_margin (as a support vector "
            "machine does), gibbs (a random one of all students without training "
            "error), bayes_point (the centre of all those) or bayes_optimal (knows the "
            "pruning rule; no student does better).",
        ),
    ] = "max_margin"
    loss: Annotated[
        str | None,
        typer.Option(
            "--loss",
            metavar="LOSS",
            help="Instead of --student, the student that minimises a convex loss: "
            "logistic, hinge, squared_hinge or square. It needs --ridge.",
        ),
    ] = None
    ridge: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER|optimal",
            help="Strength of the weight decay that goes with --loss; optimal takes "
            "the best one in each case, in commands that compare rules.",
        ),
    ] = None
    flip_probability: Annotated[
        float,
        typer.Option(
            help="Fraction of the labels of the pool that are wrong; needs --loss."
        ),
    ] = 0.0
    label_noise: Annotated[
        str | None,
        typer.Option(
            metavar="LAW:STRENGTH",
            help="Labels of a teacher with a part that the features do not show, wrong "
            "more often near its boundary: probit:0.5 or logistic:0.3, the strength in "
            "units of the spread of the teacher's output; needs --loss.",
        ),
    ] = None

    def given(self) -> dict[str, Any]:
        """It as arguments of the library.

        Raises:
            typer.BadParameter: a ridge that is neither a number nor "optimal".
        """
        convex: dict[str, Any] = {"loss": self.loss, "ridge": self.ridge}
        if self.ridge not in (None, "optimal"):
            convex["ridge"] = number(str(self.ridge), "--ridge")
        convex["flip_probability"] = self.flip_probability
        convex |= {"label_noise": self.label_noise} if self.label_noise else {}
        none = self.loss is None and self.ridge is None and not self.flip_probability
        none = none and not self.label_noise
        return {"student": self.student} | ({} if none else convex)

    def student_object(self) -> Any:
        """It as one student of the library, by name or as an object.

        Raises:
            typer.BadParameter: as :meth:`given`.
            perceptron_theory.InputError: what does not go together.
        """
        how = self.given()
        if "loss" not in how:
            return self.student
        from perceptron_theory.choices.learner import resolve_learner

        return resolve_learner(**how)  # what is missing is said by the library

    @property
    def title(self) -> str:
        """What titles call it."""
        if self.loss is None:
            return f"{self.student.replace('_', '-')} student"
        flips = self.flip_probability
        wrong = f", {100 * flips:.3g} % of the labels wrong" if flips else ""
        wrong += f", {self.label_noise} label noise" if self.label_noise else ""
        ridge = self.given()["ridge"]
        return f"{self.loss.replace('_', ' ')} loss, ridge {ridge}{wrong}"
