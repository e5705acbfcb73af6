"""Where the parquet shards of a split lie, and whether all of them are there.

Public copies have them beside each other (``train-00000-of-00294.parquet``, with a hash
in older ones), in ``data``, in a folder of the name of a configuration (CIFAR-10's is
``plain_text``), or as ``train/0000.parquet``, as the Hub converts data sets.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

from perceptron_theory import InputError
from perceptron_theory.errors import DataWarning

from .class_order import natural_key
from .listing import files_in, sub_folders

SUFFIX = ".parquet"
_COUNTED = re.compile(
    r"(?P<name>(?:.*\D)?)(?P<number>\d+)[-_. ]?of[-_. ]?(?P<total>\d+)"
    r"(?P<end>(?:[-_.][0-9a-f]{8,})?)\.parquet",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(?P<name>.*?)(?P<number>\d+)(?P<end>)\.parquet")
# other names of splits, in public copies
_A_PART = "(part|shard|chunk)[-_. ]?"  # at the end of a name before its number
_ALSO = {"val": ("validation", "valid")}


def find_shards(path: Path, split: str, splits: Sequence[str]) -> list[Path]:
    """The shards of a split, in the order of their numbers; none if there are none.

    Args:
        path: A folder that has them, or has the folder that has them; or the one file.
        split: One of ``splits``.
        splits: All that the data set has.

    Raises:
        InputError: A shard is missing or there twice, shards of several sets lie beside
            each other or in several folders, a file that is of another split or is one
            of several.
    """
    if path.suffix == SUFFIX and not path.is_dir():
        return [_only(path, split, splits)] if path.exists() else []
    if not path.is_dir():
        return []
    places = _places(path, split)
    if len(places) > 1:
        raise InputError(
            f"{path} has {split} as parquet in {' and in '.join(places)}: give a folder"
            " that has it once, or move the others away"
        )
    found = next(iter(places.values()), [])
    _check_whole(found, named=all(_is_named_by(split, shard) for shard in found))
    return sorted(found, key=lambda shard: natural_key(shard.name))


def of_other_names(path: Path) -> str | None:
    """A parquet file in a folder or in one in it, as a path from there, if any."""
    if not path.is_dir():
        return None
    folders = [path, *(path / name for name in sub_folders(path))]
    found = [p for folder in folders for p in files_in(folder) if p.suffix == SUFFIX]
    return str(min(found).relative_to(path)) if found else None


def split_of(path: Path, splits: Sequence[str]) -> str | None:
    """The split that a file or its folder is named by, if there is one."""
    for split in splits:
        for word in (split, *_ALSO.get(split, ())):
            if re.search(rf"(?<![a-z]){word}(?![a-z])", path.name.lower()):
                return split
    for split in splits:
        if path.parent.name in (split, *_ALSO.get(split, ())):
            return split
    return None


def _only(path: Path, split: str, splits: Sequence[str]) -> Path:
    """A file that is the whole of a split, by its name; of the first if it has none."""
    held = split_of(path, splits) or splits[0]
    if split != held:
        raise InputError(
            f"{path} is taken for the split {held!r}, not {split!r}: give the folder "
            "that holds both"
        )
    counted = _COUNTED.fullmatch(path.name)
    if counted and int(counted["total"]) > 1:
        raise InputError(
            f"{path} is one of {int(counted['total'])} shards: give the folder that "
            "holds all"
        )
    numbered = re.fullmatch(rf".*[-_. ]{_A_PART}\d+\.parquet", path.name, re.IGNORECASE)
    if numbered:
        raise InputError(
            f"{path} is one of several {numbered[1].lower()}s by its name: give the "
            "folder that holds all, or rename it if it is all"
        )
    return path


def _is_named_by(split: str, path: Path) -> bool:
    names = "|".join((split, *_ALSO.get(split, ())))
    own = rf"(?:{names})(?:[^a-z].*)?\.parquet"
    return bool(re.fullmatch(own, path.name, re.IGNORECASE))


def _places(path: Path, split: str) -> dict[str, list[Path]]:
    """The shards of a split in a folder and in those in it, by the place of each.

    In a folder of the split they may have any name, elsewhere they are named by it.
    """
    found = {"the folder itself": [p for p in files_in(path) if _is_named_by(split, p)]}
    own = (split, *_ALSO.get(split, ()))
    for name in sub_folders(path):
        files = files_in(path / name)
        named = [p for p in files if _is_named_by(split, p)]
        any_name = [p for p in files if p.suffix == SUFFIX]
        found[name] = named or (any_name if name.lower() in own else [])
        for inner in sub_folders(path / name):
            if inner.lower() in own:
                files = files_in(path / name / inner)
                found[f"{name}/{inner}"] = [p for p in files if p.suffix == SUFFIX]
    return {place: shards for place, shards in found.items() if shards}


def _check_whole(shards: list[Path], *, named: bool) -> None:
    """Refuse shards that are not those of one set, each once.

    Names without a count that end in numbers are numbered from 0 on, those without
    zeros in front perhaps from 1 on, of which a warning tells.

    Args:
        shards: Of one split.
        named: Whether their names say of which, so that other names are other sets; in
            a folder of the split they may be any.

    Raises:
        InputError: They are not; it names one.
    """
    counted = {path: _COUNTED.fullmatch(path.name) for path in shards}
    families: dict[object, Path] = {}
    for path, found in counted.items():
        families.setdefault((found["name"], found["total"]) if found else None, path)
    if families.keys() == {None}:
        families = {_without_number(path): path for path in shards}
        if len(families) > 1 and not named:
            return
    if len(families) > 1:
        one, other, *_ = (path.name for path in families.values())
        raise InputError(
            f"{shards[0].parent} has shards of two sets, {one} and {other}: leave one"
        )
    numbers: dict[int, Path] = {}
    total, padded = 0, False
    for path in shards:
        found = counted[path] or _NUMBERED.fullmatch(path.name)
        if not found:
            return  # names that count nothing
        number = int(found["number"])
        plain = found["name"] and found["number"] == str(number)
        padded = padded or not plain or bool(counted[path])
        part = re.search(f"{_A_PART}$", found["name"], re.IGNORECASE)
        if len(shards) == 1 and not padded and not part:
            return  # as train2017
        if len(shards) == 1 and part and not counted[path] and not padded:
            raise InputError(
                f"{path} is the only one of several {part[1].lower()}s: finish the "
                "download, or rename it if it is all"
            )
        if number in numbers:
            raise InputError(
                f"{path} and {numbers[number].name} are both shard {number}: leave one"
            )
        numbers[number] = path
        total = int(found["total"]) if counted[path] else max(total, number + 1)
    if numbers and 0 not in numbers and not padded:
        warnings.warn(
            f"{shards[0].parent}: there is no {_like(shards[0], 0).name}: the shards "
            "are taken to be numbered from 1 on",
            DataWarning,
            stacklevel=4,
        )
        numbers[0] = shards[0]
    # names that count say where they begin: the last of 2 from 1 on is 2
    first = int(any(counted.values()) and total in numbers and 0 not in numbers)
    for number in range(first, first + total):
        if number not in numbers:
            path = shards[0]
            missing = _like(path, number)
            raise InputError(
                f"{missing} is missing: finish the download (shard {number} of {total})"
            )


def _without_number(path: Path) -> str:
    found = _NUMBERED.fullmatch(path.name)
    return found["name"] + "#" if found else path.name


def _like(path: Path, number: int) -> Path:
    """What a shard of another number is called; a hash in the name is not known."""
    old = _COUNTED.fullmatch(path.name) or _NUMBERED.fullmatch(path.name)
    assert old is not None
    start, end = old.span("number")
    digits = f"{number:0{end - start}d}"
    rest = path.name[end:]
    if "total" in old.groupdict() and old["end"]:
        rest = rest.replace(old["end"], "-*")
    return path.with_name(path.name[:start] + digits + rest)
