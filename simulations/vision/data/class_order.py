"""The order of classes, which labels are numbers in: as text, or as numbers count.

Folders of classes are sorted as text, as torchvision sorts them: 10 comes before 2.
``DATA#natural`` sorts the digits in names by their value, and ``DATA#FILE.txt`` takes
the names in a file, one per line.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from perceptron_theory import InputError
from perceptron_theory.errors import DataWarning
from perceptron_theory.paths import expanded
from perceptron_theory.text_files import read_text

from .classes import OfSource, of_classes
from .contract import loaded
from .encoded import DataSet

NATURAL = "natural"
SUFFIX = ".txt"


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts digits in names by their value: "a2" before "a10".

    Of names that are whole numbers the sign counts, too: "-10" before "-2".
    """
    whole = re.fullmatch(r"-\d+", name)
    parts = ["", name, ""] if whole else re.split(r"(\d+)", name)
    return [
        (0, int(part), part) if i % 2 else (1, 0, part) for i, part in enumerate(parts)
    ]


def natural_order(names: Iterable[str]) -> list[str]:
    """Names in the order of :func:`natural_key`."""
    return sorted(names, key=natural_key)


def warn_of_order(dataset: DataSet) -> None:
    """Warn where the classes are sorted as text and numbers in them count otherwise."""
    names = list(dataset.class_names)
    natural = natural_order(names)
    if names != sorted(names) or names == natural or _count(names):
        return
    place = next(i for i, name in enumerate(natural) if names[i] != name)
    warnings.warn(
        f"{dataset.name}: classes are in the order of text, as torchvision sorts them: "
        f"label {place} is {names[place]!r}; by their numbers it would be "
        f"{natural[place]!r}: DATA#{NATURAL} has that order, DATA#FILE{SUFFIX} that of "
        "a file",
        DataWarning,
        stacklevel=3,
    )


def _count(names: list[str]) -> bool:
    """Whether all names are whole numbers, -1 and 1 say, in their order."""
    numbers = [int(name) for name in names if re.fullmatch(r"-?\d+", name)]
    return len(numbers) == len(names) and numbers == sorted(numbers)


def read_order(path: Path) -> tuple[str, ...]:
    """The names of classes in a file, one per line; label 0 is the first.

    Raises:
        InputError: No such file, no text, no names.
    """
    try:
        lines = read_text(path).split("\n")
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}): give a file of the names of "
            "the classes, one per line"
        ) from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    names = tuple(name for line in lines if (name := line.strip()))
    if not names:
        raise InputError(f"{path} is empty: give names of classes, one per line")
    return names


@dataclass(frozen=True)
class Ordered(OfSource):
    """Another source with its classes in natural order, or in that of a file."""

    order: str
    """``NATURAL``, or the path of a file as :func:`read_order` reads it."""

    def load(self, split: str) -> DataSet:
        dataset = loaded(self.source, split)
        if self.order == NATURAL:
            names: Sequence[str] = natural_order(dataset.class_names)
        else:
            names = read_order(expanded(self.order))
        found = of_classes(dataset, names)
        lacking = [name for name in dataset.class_names if name not in names]
        if lacking:
            raise InputError(
                f"{self.order} lacks the class {lacking[0]!r} of {dataset.name}: name "
                "all classes in their order, or give some of them as DATA#a,b"
            )
        return found
