"""Whether the sub-folders of a folder are splits or classes, and which split is where.

A folder of splits has a folder a class in each; a folder of classes has images in each,
and is one split, "train".  Where contents do not tell the two apart, names do: "train"
and "test" are no classes, and "cat" and "dog" no splits, which a warning says.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

from perceptron_theory.errors import DataWarning, InputError, unknown_name

from .contract import NoSuchSplit
from .listing import files_in, image_suffixes, sub_folders

WHOLE = "."
"""The split that is the folder itself, whatever its sub-folders are."""
DEFAULT = "train"
SPLIT_NAMES = {
    "train",
    "training",
    "trn",
    "test",
    "testing",
    "tst",
    "val",
    "valid",
    "validation",
    "dev",
    "eval",
    "evaluation",
    "holdout",
    "extra",
    "unlabeled",
    "unlabelled",
}
"""Names of splits, in small letters, which are no classes."""


def folder_of_split(root: Path, split: str) -> Path:
    """The folder that has a folder a class, for a split of another folder.

    Args:
        root: a folder of splits, or of classes.
        split: the name of a sub-folder; ``DEFAULT`` is also all of a folder of classes,
            and ``WHOLE`` the folder itself.

    Warns:
        DataWarning: The sub-folders are taken for classes, and may be splits.

    Raises:
        InputError: there is no such split, and those that are there are named; or all
            of it is in one more folder.
    """
    if split == WHOLE or not root.is_dir():  # which is refused where it is read
        return root
    names = sub_folders(root)
    has_splits = _are_splits(root, names)
    _refuse_splits_in_classes(root, names)
    if split == DEFAULT and not has_splits:
        _warn_of_splits(root, names)
        return root
    named = any(map(has_split_in, names))
    if split == DEFAULT and len(names) > 1 and not named:
        shown = ", ".join([*names[:3], *(["..."] if len(names) > 3 else [])])
        warnings.warn(
            f"{root}: its sub-folders ({shown}) are taken for classes, "
            "though all of them have the same sub-folders: if they are splits, give "
            f"one of them, {root / names[0]}",
            DataWarning,
            stacklevel=3,
        )
        return root
    if split in names and (has_splits or sub_folders(root / split)):
        return _not_nested(root / split)
    some = ", ".join(names[:3]) + ", ..." * (len(names) > 3)
    if has_splits:
        raise NoSuchSplit(
            f"{root}: {unknown_name('split', split, names)} ({WHOLE!r} is the folder "
            f"itself, with the classes {some})"
        )
    above = root.absolute().parent
    advice = "a folder of splits, each with one sub-folder per class"
    if split in sub_folders(above):
        advice = f"{above}, which has it"
    raise NoSuchSplit(
        f"{root} has no {split} set: its sub-folders ({some or 'none'}) are classes, "
        f"all of them the split {DEFAULT!r}: give {advice}"
    )


def _refuse_splits_in_classes(root: Path, names: list[str]) -> None:
    """Refuse a folder of classes that have the splits inside: cat/train, cat/test.

    Raises:
        InputError: They do, and hold no images beside these.
    """
    inside = [sub_folders(root / name) for name in names]
    splits = [bool(found) and all(map(has_split_in, found)) for found in inside]
    first = next((i for i, found in enumerate(inside) if len(found) > 1), None)
    if first is None or not all(splits) or any(map(has_split_in, names)):
        return
    name, one, other = names[first], inside[first][0], inside[first][1]
    if len(names) == 1:
        raise InputError(
            f"{root} has one sub-folder, {name}, which has the splits {one}, {other}: "
            f"give {root / name}"
        )
    raise InputError(
        f"{root} has the splits inside the classes ({name}/{one}, {name}/{other}): "
        f"move {name}/{one} to {one}/{name}, and so on, or give {root} with the split "
        f"{WHOLE!r} for all of its images"
    )


def _warn_of_splits(root: Path, names: list[str]) -> None:
    """Warn of a class that has the name of a split: test, testA, Test_1.

    A train is a thing that images show, and a test tube, too.
    """
    ends = "[-_ ]?([A-Z]|[0-9]+)?"
    for name in names if len(names) > 1 else ():
        word = re.match("[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
        known = word and word[0].lower() in SPLIT_NAMES - {"train", "training"}
        if word and known and re.fullmatch(ends, name[word.end() :]):
            warnings.warn(
                f"{root}: the sub-folder {name!r} is taken for a class, though it has "
                "the name of a split: if it is one, give a folder of splits, each with "
                "one sub-folder per class",
                DataWarning,
                stacklevel=4,
            )
            return


def _not_nested(folder: Path) -> Path:
    """The folder, unless all of it is in one sub-folder that has the classes.

    Raises:
        InputError: it is, as where an archive was unpacked into a folder of its name.
    """
    names = sub_folders(folder)
    inside = sub_folders(folder / names[0]) if len(names) == 1 else []
    if len(inside) > 1 and not _have_images(folder, names):
        raise InputError(
            f"{folder} has one sub-folder, {names[0]}, which has folders of its own "
            f"({', '.join(inside[:3])}): give {folder / names[0]} if these are the "
            f"classes, or {folder} with the split {WHOLE!r} if there is one class"
        )
    return folder


def has_split_in(name: str) -> bool:
    """Whether the name of a split is a part of a name: seg_train, val2017."""
    return not SPLIT_NAMES.isdisjoint(re.split(r"[^a-z]+", name.lower()))


def _are_splits(root: Path, names: list[str]) -> bool:
    known = [name for name in names if name.lower() in SPLIT_NAMES]
    if names and len(known) == len(names):
        return True
    alike = [name for name in names if has_split_in(name)]
    if len(alike) > 1:  # one alone may be the class "steam train"
        known = alike
    inside = [folders for name in known if (folders := sub_folders(root / name))]
    if inside:
        # of classes that have an "images" each, one may be called train
        return not all(sub_folders(root / name) == inside[0][:1] for name in names)
    return bool(names) and _have_the_same_folders(root, names)


def _have_the_same_folders(root: Path, names: list[str]) -> bool:
    """Whether no sub-folder has images, and all have the same two folders or more."""
    shared: set[str] | None = None
    for name in names:
        inside = set(sub_folders(root / name))
        shared = inside if shared is None else shared & inside
        if len(shared) < 2:
            return False
    return not _have_images(root, names)


def _have_images(root: Path, names: list[str]) -> bool:
    """Whether images lie in one of the sub-folders, not below it."""
    suffixes = image_suffixes()
    return any(
        path.suffix.lower() in suffixes
        for name in names
        for path in files_in(root / name)
    )
