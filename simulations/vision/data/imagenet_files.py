"""ImageNet-1k (Russakovsky et al. 2015) as it is usually stored, indexed and not read.

Folders, the official archives and parquet shards give one set of ids, ``class/file``
such as ``n01440764/n01440764_10026.JPEG``, and labels in the sorted order of the class
names.  Folders and archives are in the sorted order of the ids and have one
fingerprint; parquet is in the order of its rows, which others' indices refer to.

The official archives and folders of validation images do not say the class: that takes
the development kit, whose class numbers are *not* in sorted order, or Kaggle's table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name
from perceptron_theory.paths import expanded
from perceptron_theory.text_files import decoded

from ...csv_files import last_part, read_csv
from .archive import read_members
from .contract import DataSource
from .encoded import EncodedImages
from .file_kinds import MAT_5, instead_of
from .folder import Files, image_folder
from .listing import (
    image_suffixes,
    list_images,
    say_left_out,
    sub_folders,
)
from .mat_file import read_mat_7
from .nested_tar import Slices, list_members
from .parquet_images import Listing, list_shards
from .shards import find_shards

SPLITS = ("train", "val")
_CLASSES = 1000
_DEVKIT = "ILSVRC2012_devkit_t12"
_TRUTH = "ILSVRC2012_validation_ground_truth.txt"
_TABLE = "LOC_val_solution.csv"
# the names in the public parquet: of the file, then of the class
_IN_PARQUET = re.compile(r"(?P<stem>.*)_(?P<wnid>n\d{8})(?P<suffix>\.\w+)")


def imagenet(path: Path | str, split: str = "train") -> EncodedImages:
    """ImageNet, or a part of it in the same form, from the folder that holds it.

    Found in this order: ``train*.parquet`` (see :mod:`.shards`), the folder ``train``
    of a folder a class, ``ILSVRC2012_img_train.tar``; ``val`` likewise, where the
    images may lie in one folder beside the development kit or ``LOC_val_solution.csv``.
    ``path`` may be the archive itself.

    Raises:
        InputError: none of these, an interrupted download, a truncated archive, labels
            that are missing, out of range or at odds with the names.
    """
    path = expanded(path)
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    name = f"ImageNet {split}"
    shards = find_shards(path, split, SPLITS)
    if shards:
        return _from_parquet(list_shards(shards), split, name)
    if path.is_file():
        return _from_archive(path, split, name)
    if (path / split).is_dir():
        return _from_folder(path / split, split, name)
    archive = path / f"ILSVRC2012_img_{split}.tar"
    if archive.is_file():
        return _from_archive(archive, split, name)
    raise InputError(
        f"{path} holds no {split}*.parquet, no folder {split} and no {archive.name}: "
        "give the folder that holds one of them"
    )


def _from_folder(folder: Path, split: str, name: str) -> EncodedImages:
    if split == "train" or sub_folders(folder):
        found = image_folder(folder)
        return EncodedImages(
            name, found.ids, found.labels, found.class_names, found.sizes, found.reader
        )
    listed = list_images(folder)
    say_left_out(name, listed.others)
    images = listed.images
    class_of, classes = _truth(folder.parent, [path.name for path in images])
    # sorted by id, which begins with the class, as is a folder of folders
    ids = sorted(f"{class_of[path.name]}/{path.name}" for path in images)
    names = [one.split("/")[1] for one in ids]
    sizes = np.array([images[folder / one] for one in names])
    return EncodedImages(
        name, tuple(ids), _labels(ids, classes), classes, sizes, Files.of(folder, names)
    )


def _from_archive(path: Path, split: str, name: str) -> EncodedImages:
    listed, suffixes = list_members(path), image_suffixes()
    members = [one for one in listed if Path(one[0]).suffix.lower() in suffixes]
    if not members:
        raise InputError(f"{path} holds no images: is it the right archive?")
    if split == "train":
        flat = [one for one, _, _ in members if "/" not in one]
        if flat:
            raise InputError(
                f"{path}: {flat[0]} is not in the folder of a class: is it the "
                "archive of train?"
            )
        ids = ["/".join(one.split("/")[-2:]) for one, _, _ in members]
        classes = tuple(sorted({one.split("/")[0] for one in ids}))
    else:
        files = [one.split("/")[-1] for one, _, _ in members]
        class_of, classes = _truth(path.parent, files)
        ids = [f"{class_of[file]}/{file}" for file in files]
    order = sorted(range(len(ids)), key=ids.__getitem__)
    ids = [ids[i] for i in order]
    places = np.array([members[i][1:] for i in order])
    empty = np.flatnonzero(places[:, 1] == 0)
    if len(empty):
        raise InputError(f"{path}: {ids[empty[0]]} is empty: download it again")
    if len(members) < len(listed):
        of_images = set(members)
        say_left_out(path, [one[0] for one in listed if one not in of_images])
    reader = Slices(path, places[:, 0], places[:, 1])
    labels = _labels(ids, classes)
    return EncodedImages(name, tuple(ids), labels, classes, places[:, 1], reader)


def _from_parquet(found: Listing, split: str, name: str) -> EncodedImages:
    """Classes are named by the files if all are there, else by metadata or number."""
    named = [_IN_PARQUET.fullmatch(path or "") for path in found.paths]
    labels = found.labels
    numbered = found.class_names or tuple(f"{i:04d}" for i in range(_CLASSES))
    if not all(named):
        found.check_labels(len(numbered))
        ids = tuple(f"{split}/{i:07d}" for i in range(len(labels)))
        return EncodedImages(name, ids, labels, numbered, found.sizes, found.reader)
    wnids = [one["wnid"] for one in named if one]
    ids = tuple(f"{one['wnid']}/{one['stem']}{one['suffix']}" for one in named if one)
    pairs = sorted(set(zip(wnids, labels.tolist(), strict=True)))
    numbers = [label for _, label in pairs]
    if len(pairs) != len(set(wnids)) or numbers != sorted(set(numbers)):
        raise InputError(
            f"{found.reader.shards[0]}: labels do not number the classes that the "
            "names of the images end with in their sorted order"
        )
    if numbers == list(range(len(pairs))):
        numbered = tuple(wnid for wnid, _ in pairs)
    else:  # a part of the classes: another part has the same names
        found.check_labels(len(numbered))
        wnid_of = {label: wnid for wnid, label in pairs}
        numbered = tuple(wnid_of.get(i, name) for i, name in enumerate(numbered))
    return EncodedImages(name, ids, labels, numbered, found.sizes, found.reader)


def _labels(ids: Iterable[str], classes: tuple[str, ...]) -> np.ndarray:
    number = {name: i for i, name in enumerate(classes)}
    return np.array([number[one.split("/")[0]] for one in ids])


def _truth(root: Path, files: list[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The class of every validation image, and all classes, sorted."""
    if (root / _TABLE).is_file():
        class_of = _kaggle(root / _TABLE)
    else:
        class_of = _devkit(root)
    classes = tuple(sorted(set(class_of.values())))
    missing = class_of.keys() - set(files)
    if missing:
        raise InputError(
            f"{len(missing)} of {len(class_of)} validation images are missing, such as "
            f"{min(missing)}: finish the download"
        )
    unknown = set(files) - class_of.keys()
    if unknown:
        raise InputError(
            f"the class of {min(unknown)} is not known: is it an image of ImageNet?"
        )
    return class_of, classes


def _kaggle(path: Path) -> dict[str, str]:
    table = read_csv(path, "CSV file of labels")
    wanted = "ImageId", "PredictionString"
    if not set(wanted) <= table.columns.keys():
        raise InputError(
            f"{path} must have the columns {' and '.join(wanted)}, and has "
            f"{', '.join(table.columns)}"
        )
    found: dict[str, str] = {}
    cells = (table.columns[name] for name in wanted)
    for line, image, said in zip(table.lines, *cells, strict=True):
        if not image.strip() or not said.strip():
            raise InputError(f"{path}: line {line} has an empty cell")
        file = f"{last_part(image).removesuffix('.JPEG')}.JPEG"
        if file in found:
            raise InputError(
                f"{path}: line {line} is of {file}, as another before it: leave one"
            )
        found[file] = said.split()[0]
    return found


def _devkit(root: Path) -> dict[str, str]:
    kits = [root / _DEVKIT / "data", root / _DEVKIT, root / f"{_DEVKIT}.tar.gz", root]
    kit = next((one for one in kits if one.is_file() or (one / _TRUTH).is_file()), None)
    if kit is None:
        raise InputError(
            f"{root}: the validation images are not in one folder per class, and "
            f"there is no {_DEVKIT}.tar.gz (or the folder) or {_TABLE} beside them to "
            "say the class"
        )
    meta, truth = read_members(kit, ["meta.mat", _TRUTH])
    try:
        synsets = read_mat_7(meta, ["synsets"], squeeze_me=True)["synsets"]
        leaves = synsets[synsets["num_children"] == 0]
        numbers = leaves["ILSVRC2012_ID"].astype(int).tolist()
        wnid_of = dict(zip(numbers, leaves["WNID"].tolist(), strict=True))
        labels = [int(line) for line in decoded(truth).split()]
    except Exception as error:  # a damaged .mat raises anything; none is run
        raise InputError(
            f"{kit}: meta.mat and {_TRUTH} cannot be read ({type(error).__name__})"
            f"{instead_of(meta, MAT_5)}"
        ) from error
    bad = [label for label in labels if label not in wnid_of]
    if bad:
        raise InputError(
            f"{kit}: {_TRUTH} has {bad[0]}, which is not a class of meta.mat"
        )
    return {
        f"ILSVRC2012_val_{i:08d}.JPEG": wnid_of[label]
        for i, label in enumerate(labels, start=1)
    }


@dataclass(frozen=True)
class ImageNet(DataSource):
    """ImageNet: photographs of 1,000 classes."""

    name: ClassVar[str] = "imagenet"
    says: ClassVar[str] = "ImageNet-1k: folders, the official archives or parquet"
    place: ClassVar[str] = "FOLDER"
    splits: ClassVar = SPLITS
    test_split: ClassVar[str | None] = "val"

    path: Path | str

    def load(self, split: str) -> EncodedImages:
        return imagenet(self.path, split)
