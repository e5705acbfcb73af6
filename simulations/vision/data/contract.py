"""The contract of a data source: where a data set lies, and how it is read from there.

A source is a small object: a name, the splits it has, and one method that reads a split
into :class:`.images.Images` (in memory), :class:`.encoded.EncodedImages` (any size,
streamed) or :class:`.points.Points` (feature vectors).  To add one, write a subclass of
:class:`DataSource` in a file of your own, as a frozen dataclass with one field at most:
the path.  Everything that reads data takes the object, or the text
``package.module:Name:PATH``.
"""

from __future__ import annotations

from inspect import signature
from typing import Any, ClassVar

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name

from ..contracts import check_parts, object_path
from .encoded import DataSet, EncodedImages
from .images import Images
from .points import Points


class NoSuchSplit(InputError):
    """A place that data are read from has no split of this name, but others."""


class DataSource:
    """A place that data are read from.

    ``name`` and ``load`` are the parts that a subclass brings.  As frozen dataclasses
    two sources of one place are equal, so that an experiment reads the place once.
    """

    name: ClassVar[str]
    """One word, the first of its text form: "cifar10" in cifar10:FOLDER."""
    says: ClassVar[str] = ""
    """What it is, for a person who chooses one."""
    place: ClassVar[str] = "PATH"
    """What its text form has behind the colon, for messages."""
    splits: ClassVar[tuple[str, ...] | None] = None
    """The names of its splits; None if any name may be one, such as of folders."""
    test_split: ClassVar[str | None] = "test"
    """What networks are evaluated on; None where a source may have no such split."""

    def load(self, split: str) -> DataSet:
        """A split, with stable ids: the same wherever and however the set is read.

        Raises:
            InputError: An unknown split, or data that are missing or damaged.
        """
        raise NotImplementedError


PARTS = {
    "name": "one word",
    "load": "a method of (split) that returns Images, EncodedImages or Points",
}


def check_source(source: Any) -> DataSource:
    """The object itself, if it has all parts of a data source.

    Raises:
        InputError: It lacks a part, which is named, or cannot be hashed.
    """
    check_parts("data source", source, PARTS)
    kind = type(source).__name__
    if getattr(type(source), "load", None) is DataSource.load:
        raise InputError(f"{kind} is not a data source: it lacks load, {PARTS['load']}")
    if not isinstance(source.name, str) or not source.name.isidentifier():
        raise InputError(
            f"{kind}.name must be one word of letters, digits and _, got "
            f"{source.name!r}"
        )
    splits = getattr(source, "splits", None)
    names = isinstance(splits, tuple | list) and all(isinstance(x, str) for x in splits)
    if splits is not None and not (names and splits):
        raise InputError(
            f"{kind}.splits must be a tuple of names such as ('train', 'test'), or "
            f"None, got {splits!r}"
        )
    try:
        hash(source)
    except TypeError as error:
        raise InputError(
            f"{kind} cannot be hashed ({error}): make it a frozen dataclass"
        ) from error
    return source


def loaded(source: DataSource, split: str) -> DataSet:
    """A split of a source, verified to be a data set.

    Raises:
        InputError: What the source refuses, a split that it does not have, or its
            ``load`` returned something else.
    """
    splits = getattr(source, "splits", None)
    if splits is not None and split not in splits:
        raise NoSuchSplit(unknown_name("split", split, splits))
    found = source.load(split)
    if not isinstance(found, Images | EncodedImages | Points):
        raise InputError(
            f"{type(source).__name__}.load returned {type(found).__name__}: it must "
            "return Images, EncodedImages or Points of simulations.vision.data"
        )
    return found


def takes_path(kind: type) -> bool:
    """Whether a source of this class is at a path, the one argument of its class."""
    return bool(signature(kind).parameters)


def needs_path(kind: type) -> bool:
    """Whether a source of this class is at no place where no path is given."""
    parameters = signature(kind).parameters.values()
    return any(one.default is one.empty for one in parameters)


def with_path(kind: type, path: str) -> DataSource:
    """A source of a class, at the path of a text form such as cifar10:FOLDER.

    Args:
        kind: A class of one argument for the path, or of none.
        path: May be empty, if the class needs none.

    Raises:
        InputError: A path is missing, or given to a class without one.
    """
    if path and not takes_path(kind):
        raise InputError(f"{kind.__name__} takes no path: leave it out")
    try:
        return kind(path) if path else kind()
    except TypeError as error:
        raise InputError(f"{kind.__name__} needs a path: give it as :PATH") from error


def text_of(source: DataSource, *, ours: bool) -> str:
    """The text form of a source: its name or class, and its path.

    Args:
        source: The source.
        ours: Whether its name is enough to find it.
    """
    head = source.name if ours else object_path(source)
    argument = next(iter(signature(type(source)).parameters), "")
    path = str(getattr(source, argument)) if argument else ""
    return f"{head}:{path}" if path else head
