"""CIFAR-10 (Krizhevsky 2009): the official Python and binary files, and parquet.

The official files and public parquet hold the same pixels.  A copy whose images are
JPEG is another data set, and is named so: the shuffled copy at quality 75 is called
``CIFAR-10 (JPEG-75)``.
"""

from __future__ import annotations

import io
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
from .shards import find_shards, of_other_names
from .small_parquet import small_images

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
SPLITS = ("train", "test")
_UNPACKED = ("cifar-10-batches-py", "cifar-10-batches-bin")
_PACKED = ("cifar-10-python.tar.gz", "cifar-10-binary.tar.gz")
_ROWS = 10_000  # of every official file
_PIXELS = 3 * 32 * 32
# the first entry of the quantisation table that the usual encoders take at quality 75
_QUALITY_75 = 8


def cifar10(path: Path | str, split: str = "train") -> Images:
    """CIFAR-10 from a folder or archive, whichever of the three formats it holds.

    The folder may also be the one above, in which an archive lies or was unpacked, or
    that of a public copy with parquet in a sub-folder, see :mod:`.shards`.

    Ids are "train/00000" and so on in the official order; those of parquet files that
    have paths are these.

    Raises:
        InputError: files missing, truncated or of something else, labels out of range.
    """
    path = expanded(path)
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    for inside in (*_UNPACKED, *_PACKED):
        if (path / inside).exists():
            path = path / inside
            break
    shards = find_shards(path, split, SPLITS)
    if shards:
        return _parquet(shards, split)
    files = ["test_batch"]
    if split == "train":
        files = [f"data_batch_{i}" for i in range(1, 6)]
    other = of_other_names(path)
    if other and not list(path.glob(f"{files[0]}*")):
        raise InputError(
            f"{path} has no {split}*.parquet, only others, such as {other}: give the "
            "file itself, or call it by its split"
        )
    in_folder = path / f"{files[0]}.bin"
    if in_folder.exists() if path.is_dir() else _is_binary(path):
        files = [f"{name}.bin" for name in files]
    read = _binary_batch if files[0].endswith(".bin") else _python_batch
    parts = [
        read(content, f"{path}: {name}")
        for name, content in zip(files, read_members(path, files), strict=True)
    ]
    rows, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    images = rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    ids = tuple(f"{split}/{i:05d}" for i in range(len(labels)))
    return Images(f"CIFAR-10 {split}", images, labels, ids, CLASSES)


def _is_binary(archive: Path) -> bool:
    return "binary" in archive.name or "-bin" in archive.name


def _python_batch(content: bytes, where: str) -> tuple[np.ndarray, np.ndarray]:
    batch = safe_load(content, where)
    try:
        named = by_text_key(batch, where)
        rows, labels = np.asarray(named["data"]), np.asarray(named["labels"])
    except InputError:
        raise
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise InputError(f"{where} holds no data and labels of CIFAR-10") from error
    if rows.shape != (_ROWS, _PIXELS) or rows.dtype != np.uint8:
        raise InputError(
            f"{where} holds {rows.dtype} of shape {rows.shape}, not {_ROWS} images of "
            f"{_PIXELS} bytes"
        )
    if labels.shape != (_ROWS,):
        raise InputError(f"{where} holds {labels.size} labels for {_ROWS} images")
    return rows, _labels(labels, where)


def _binary_batch(content: bytes, where: str) -> tuple[np.ndarray, np.ndarray]:
    if len(content) != _ROWS * (_PIXELS + 1):
        raise InputError(
            f"{where} has {len(content)} bytes, not {_ROWS * (_PIXELS + 1)}: is it "
            "truncated, or CIFAR-100?"
        )
    table = np.frombuffer(content, np.uint8).reshape(_ROWS, _PIXELS + 1)
    return table[:, 1:], _labels(table[:, 0], where)


def _labels(labels: np.ndarray, where: str) -> np.ndarray:
    name, classes = f"{where}: labels", len(CLASSES)
    return inputs.label_array(name, labels, count=_ROWS, n_classes=classes)


def _parquet(shards: list[Path], split: str) -> Images:
    found = small_images(shards, split, CLASSES)
    return replace(found.images, name=f"{_encoding(found.encoded)} {split}")


def _encoding(encoded: list[bytes]) -> str:
    """The name of the data set by how its images are stored."""
    from PIL import Image

    jpeg = [one for one in encoded if one.startswith(b"\xff\xd8")]
    if not jpeg:
        return "CIFAR-10"
    with Image.open(io.BytesIO(jpeg[0])) as image:
        first = image.quantization[0][0]  # type: ignore[attr-defined] # of JPEG
    return "CIFAR-10 (JPEG-75)" if first == _QUALITY_75 else "CIFAR-10 (JPEG)"


@dataclass(frozen=True)
class Cifar10(DataSource):
    """CIFAR-10: 50,000 small colour images of ten classes."""

    name: ClassVar[str] = "cifar10"
    says: ClassVar[str] = "official Python or binary files, archive, or parquet"
    place: ClassVar[str] = "FOLDER"
    splits: ClassVar = SPLITS

    path: Path | str

    def load(self, split: str) -> Images:
        return cifar10(self.path, split)
