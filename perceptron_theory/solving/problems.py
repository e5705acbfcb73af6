"""Points that were not solved, as files that somebody else can repeat."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import jax
import numpy as np

from ..convex.hard_margin import HardMargin
from ..convex.losses import LOSSES
from ..convex.student import Convex
from ..errors import ConvergenceError, InputError
from ..kept.label_laws import LABEL_NOISE
from ..numerics.checks import truth_value
from ..numerics.parameters import Parameters
from ..paths import expanded
from ..rules.by_quantile import Easy, Hard, Mixture, Random, Window
from ..rules.intervals import Intervals
from ..students.names import STUDENTS
from ..text_files import read_record

FORMAT = "pruning-laws problem"
_POINT = {"alpha_prune", "alpha_tot", "keep_fraction", "theta"}
# what a file can name; objects of one's own are only shown
KNOWN: Mapping[str, type[Parameters]] = {
    kind.__name__: kind
    for kind in (Hard, Easy, Random, Window, Mixture, Intervals, Convex, HardMargin)
} | {type(student).__name__: type(student) for student in STUDENTS.values()}


def problem_of(point: dict[str, float], **how: Any) -> dict[str, Any]:
    """One point with its rule, student and margin, in words and numbers of JSON."""
    words = {name: _words(thing) for name, thing in how.items()}
    return {
        "format": FORMAT,
        "point": point,
        **words,
        "versions": {
            "pruning-laws": version("pruning-laws"),
            "jax": jax.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "machine": platform.machine(),
        },
    }


def save_problem(
    error: ConvergenceError, path: str | os.PathLike[str], overwrite: bool = False
) -> None:
    """Write the first point that a :func:`solve` did not solve to a JSON file.

    ``pruning-laws solve --problem FILE`` repeats it, and so does
    ``solve(**load_problem(FILE))``.

    Args:
        error: what ``solve`` raised.
        path: the file.
        overwrite: replace the file if it exists.

    Raises:
        InputError: the error is not from ``solve`` or of structured inputs, or the file
            exists.
        OSError: the file cannot be written.
    """
    problem = getattr(error, "problem", None)
    if problem is None:
        raise InputError(
            "there is no problem to save: the error is not one that solve raised, or "
            "it is of structured inputs, for which there is no file"
        )
    overwrite = truth_value("overwrite", overwrite)
    path = expanded(path)
    if path.exists() and not overwrite:
        raise InputError(f"{str(path)!r} exists: overwrite=True replaces it")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(json.dumps(problem, indent=2) + "\n")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def load_problem(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The arguments of :func:`solve` that a problem file holds.

    Raises:
        InputError: the file is missing or no problem file, or names a rule or a
            student that is somebody's own.
    """
    path = expanded(path)
    try:
        content = read_record(path)
    except (OSError, InputError) as error:
        raise InputError(f"{str(path)!r} is not a problem file ({error})") from error
    try:
        if content["format"] != FORMAT:
            raise ValueError
        point = {name: float(value) for name, value in content["point"].items()}
        if not point.keys() <= _POINT:
            raise ValueError
        how = {name: _thing(content[name]) for name in ("rule", "student")}
        margin = str(content["margin"])
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise InputError(
            f"{str(path)!r} is not a problem file: give one that a failed solve wrote"
        ) from error
    return {**point, "margin": margin, **how}


def _words(thing: Any) -> Any:
    """A rule or a student as its class and fields, if a file can name it."""
    if not isinstance(thing, Parameters):
        return thing
    fields = {name: getattr(thing, name) for name in thing.fields()}
    # a loss of somebody's own may be called like one of ours
    known = {id(loss): name for name, loss in LOSSES.items()}
    fields = {name: known.get(id(value), value) for name, value in fields.items()}
    noise = fields.get("label_noise")
    name = getattr(noise, "name", "")
    if LABEL_NOISE.get(name) is type(noise):
        fields["label_noise"] = name
    try:
        plain = json.loads(json.dumps(fields, default=_plain))
    except TypeError:
        plain = None
    if plain is None or KNOWN.get(type(thing).__name__) is not type(thing):
        return {"shown": repr(thing)}
    return {"class": type(thing).__name__, **plain}


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError


def _thing(words: Any) -> Any:
    if "class" not in words:
        raise InputError(
            f"the problem is about {words.get('shown', words)}, which is somebody's "
            "own: repeat it in Python, with that object"
        )
    fields = {name: value for name, value in words.items() if name != "class"}
    fields = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    return KNOWN[words["class"]](**fields)
