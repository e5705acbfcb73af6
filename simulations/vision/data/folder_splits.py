"""Whether the sub-folders of a folder are splits or classes, and which split is where.

A folder of splits has a folder a class in each; a folder of classes has images in each,
and is one split, "train".  Where contents do not tell the two apart, names do: "train"
and "test" are no classes, and "cat" and "dog" no splits, which a warning says.
"""

from __future__ import annotations

import warnings
from pathlib import Path

from perceptron_theory.errors import DataWarning, unknown_name

from .contract import NoSuchSplit
from .listing import files_in, image_suffixes, sub_folders

WHOLE = "."
"""The split that is the folder itself, whatever its sub-folders are."""
DEFAULT = "train"
_NAMES = {
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


def folder_of_split(root: Path, split: str) -> Path:
    """The folder that has a folder a class, for a split of another folder.

    Args:
        root: a folder of splits, or of classes.
        split: the name of a sub-folder; ``DEFAULT`` is also all of a folder of classes,
            and ``WHOLE`` the folder itself.

    Warns:
        DataWarning: The sub-folders are taken for classes, and may be splits.

    Raises:
        InputError: there is no such split; those that are there are named.
    """
    if split == WHOLE or not root.is_dir():  # which is refused where it is read
        return root
    names = sub_folders(root)
    has_splits = _are_splits(root, names)
    if split == DEFAULT and not has_splits:
        return root
    named = any(name.lower() in _NAMES for name in names)
    if split == DEFAULT and len(names) > 1 and not named:
        warnings.warn(
            f"{root}: its sub-folders ({', '.join(names[:3])}) are taken for classes, "
            "though all of them have the same sub-folders: if they are splits, name "
            f"one (--split {names[0]}); --split {WHOLE} is without this warning",
            DataWarning,
            stacklevel=3,
        )
        return root
    if split in names and (has_splits or sub_folders(root / split)):
        return root / split
    some = ", ".join(names[:3]) + ", ..." * (len(names) > 3)
    if has_splits:
        raise NoSuchSplit(
            f"{root}: {unknown_name('split', split, names)} ({WHOLE!r} is the folder "
            f"itself, with the classes {some})"
        )
    above = root.absolute().parent
    advice = "a folder of splits, with a folder a class in each"
    if split in sub_folders(above):
        advice = f"{above}, which has it"
    raise NoSuchSplit(
        f"{root} has no {split} set: its sub-folders ({some or 'none'}) are classes, "
        f"all of them the split {DEFAULT!r}: give {advice}"
    )


def _are_splits(root: Path, names: list[str]) -> bool:
    known = [name for name in names if name.lower() in _NAMES]
    if names and len(known) == len(names):
        return True
    first = sub_folders(root / known[0]) if known else []
    if first:
        # of classes that have an "images" each, one may be called train
        return not all(sub_folders(root / name) == first[:1] for name in names)
    return bool(names) and _have_the_same_folders(root, names)


def _have_the_same_folders(root: Path, names: list[str]) -> bool:
    """Whether no sub-folder has images, and all have the same two folders or more."""
    shared: set[str] | None = None
    for name in names:
        inside = set(sub_folders(root / name))
        shared = inside if shared is None else shared & inside
        if len(shared) < 2:
            return False
    suffixes = image_suffixes()
    return not any(
        path.suffix.lower() in suffixes
        for name in names
        for path in files_in(root / name)
    )
