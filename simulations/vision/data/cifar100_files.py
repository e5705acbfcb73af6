"""CIFAR-100 (Krizhevsky 2009): the official Python files, and parquet.

Labels are the 100 fine ones; their names are in the order of the text.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name
from perceptron_theory.paths import expanded

from .. import inputs
from .archive import read_members
from .contract import DataSource
from .images import Images
from .safe_pickle import by_text_key, safe_load
from .shards import find_shards
from .small_parquet import small_images

CLASSES = tuple(
    """apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy
    bridge bus butterfly camel can castle caterpillar cattle chair chimpanzee clock
    cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish forest
    fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard
    lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid
    otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum
    rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail
    snake spider squirrel streetcar sunflower sweet_pepper table tank telephone
    television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf
    woman worm""".split()
)
SPLITS = ("train", "test")
_PLACES = ("cifar-100-python", "cifar-100-python.tar.gz")
_ROWS = {"train": 50_000, "test": 10_000}
_PIXELS = 3 * 32 * 32


def cifar100(path: Path | str, split: str = "train") -> Images:
    """CIFAR-100 from a folder or archive, in Python's format or as parquet.

    The folder may also be the one above, in which an archive lies or was unpacked, or
    that of a public copy with parquet in a sub-folder, see :mod:`.shards`.  Ids are
    "train/00000" and so on in the official order; those of parquet files that have
    paths are these.

    Raises:
        InputError: files missing, truncated or of something else, labels out of range.
    """
    path = expanded(path)
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    for inside in _PLACES:
        if (path / inside).exists():
            path = path / inside
            break
    name = f"CIFAR-100 {split}"
    shards = find_shards(path, split, SPLITS)
    if shards:
        found = small_images(shards, split, CLASSES, label_name="fine_label")
        return replace(found.images, name=name)
    (content,) = read_members(path, [split])
    rows, labels = _batch(content, f"{path}: {split}", _ROWS[split])
    images = rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    ids = tuple(f"{split}/{i:05d}" for i in range(len(labels)))
    return Images(name, images, labels, ids, CLASSES)


def _batch(content: bytes, where: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    batch = safe_load(content, where)
    try:
        named = by_text_key(batch, where)
        rows, labels = np.asarray(named["data"]), np.asarray(named["fine_labels"])
    except InputError:
        raise
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise InputError(
            f"{where} holds no data and fine_labels of CIFAR-100"
        ) from error
    if rows.shape != (count, _PIXELS) or rows.dtype != np.uint8:
        raise InputError(
            f"{where} holds {rows.dtype} of shape {rows.shape}, not {count} images of "
            f"{_PIXELS} bytes"
        )
    label = f"{where}: fine_labels"
    classes = len(CLASSES)
    return rows, inputs.label_array(label, labels, count=count, n_classes=classes)


@dataclass(frozen=True)
class Cifar100(DataSource):
    """CIFAR-100: 50,000 small colour images of a hundred classes."""

    name: ClassVar[str] = "cifar100"
    says: ClassVar[str] = "official Python files, archive, or parquet"
    place: ClassVar[str] = "FOLDER"
    splits: ClassVar = SPLITS

    path: Path | str

    def load(self, split: str) -> Images:
        return cifar100(self.path, split)
