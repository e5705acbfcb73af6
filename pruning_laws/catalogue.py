"""What can be named on the command line, each with a line that says what it is.

The line is the first sentence of its docstring, of its caption or of the comment at the
top of its file, so that what is added there is described here by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

Lines = dict[str, str]


class Kind(NamedTuple):
    """Things of one kind: what they are for, their lines, and one command to type."""

    what: str
    lines: Callable[[], Lines]
    example: str


def first_sentence(text: str) -> str:
    """The first sentence of a docstring or a comment, in plain words."""
    plain = re.sub(r":\w+:`[.~]*([^`]+)`", r"\1", text).replace("``", "")
    paragraph = " ".join(plain.strip().split("\n\n")[0].split())
    # a full stop ends it where a new sentence begins, not within "sec. 4.2"
    return re.split(r"\.\s+(?=[A-Z])(?<!al\. )(?<!Fig\. )", paragraph)[0].rstrip(".:")


def _figures() -> Lines:
    import figures

    return {name: first_sentence(one.caption) for name, one in figures.FIGURES.items()}


def _recipes() -> Lines:
    from simulations.vision.training.recipe_files import FOLDER

    return _files(FOLDER)


def _experiments() -> Lines:
    from simulations.experiments.configuration import FOLDER

    return _files(FOLDER)


def _files(folder: Path) -> Lines:
    """The comment at the top of each .toml file."""
    return {
        path.stem: first_sentence(_comment(path.read_text("utf-8").splitlines()))
        for path in sorted(folder.glob("*.toml"))
    }


def _comment(lines: Iterable[str]) -> str:
    text = []
    for line in lines:
        if not line.startswith("# "):
            break
        text.append(line[2:])
    return "\n".join(text)


def _of_classes(kinds: Mapping[str, Any]) -> Lines:
    return {name: first_sentence(kind.__doc__ or "") for name, kind in kinds.items()}


def _of_objects(objects: Mapping[str, Any]) -> Lines:
    return _of_classes({name: type(one) for name, one in objects.items()})


def _data() -> Lines:
    from simulations.vision.data.catalog import SOURCES, form_of

    lines = _of_classes(SOURCES)
    return {form_of(SOURCES[name]): line for name, line in lines.items()}


def _metrics() -> Lines:
    from simulations.vision.metrics import METRICS

    return _of_classes(METRICS)


def _rules() -> Lines:
    import perceptron_theory as pt
    from perceptron_theory.rules.names import RULES
    from simulations.vision.selection import Stratified

    more = {
        "window:LOWER": pt.Window,
        "mixture:SHARE:hard|easy": pt.Mixture,
        "agreeing:RULE": pt.Agreeing,
        "stratified[:SHARE]": Stratified,
    }
    return _of_objects(RULES) | _of_classes(more)


def _students() -> Lines:
    from perceptron_theory.students.names import STUDENTS as IN_THEORY
    from simulations.perceptron import ConvexRidge
    from simulations.perceptron.students.catalog import STUDENTS as TRAINED

    # of a student that is in both, the theory says what it is
    lines = _of_objects(TRAINED) | _of_objects(IN_THEORY)
    where = {
        name: " (theory and simulation)"
        if name in IN_THEORY and name in TRAINED
        else f" ({'theory' if name in IN_THEORY else 'simulation'} only)"
        for name in lines
    }
    found = {name: line + where[name] for name, line in sorted(lines.items())}
    ridge = first_sentence(ConvexRidge.__doc__ or "") + " (simulation only)"
    return found | {"ridge:LOSS:VALUE": ridge}


def _losses() -> Lines:
    from perceptron_theory.convex.losses import LOSSES

    return _of_objects(LOSSES)


KINDS: dict[str, Kind] = {
    "figures": Kind(
        "Pictures that `figure` makes.", _figures, "pruning-laws figure fig1a"
    ),
    "recipes": Kind(
        "How `train` trains a network: --recipe NAME.",
        _recipes,
        "pruning-laws train --recipe digits_resnet8 -o run",
    ),
    "experiments": Kind(
        "What `experiment` runs.",
        _experiments,
        "pruning-laws experiment digits_logistic -o digits",
    ),
    "data": Kind(
        "Data sets: --data NAME.",
        _data,
        "pruning-laws score prototypes --data digits -o prototypes.parquet",
    ),
    "metrics": Kind(
        "How `score` tells hard examples from easy ones.",
        _metrics,
        "pruning-laws score prototypes -o prototypes.parquet",
    ),
    "rules": Kind(
        "Which examples are kept: --rule NAME.",
        _rules,
        "pruning-laws solve --alpha-prune 3 -f 0.3 --rule easy",
    ),
    "students": Kind(
        "Who learns from the kept examples: --student NAME.",
        _students,
        "pruning-laws solve --alpha-prune 3 -f 0.3 --student gibbs",
    ),
    "losses": Kind(
        "Losses of a convex student: --loss NAME, with --ridge.",
        _losses,
        "pruning-laws solve --alpha-prune 3 -f 0.3 --loss logistic --ridge 0.1",
    ),
}
