"""CIFAR-10 (Krizhevsky 2009): the official Python and binary files, and parquet.

The official files and public parquet hold the same pixels.  A copy whose images are
JPEG is another data set, and is named so: the shuffled copy at quality 75 is called
``CIFAR-10 (JPEG-75)``.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name
from perceptron_theory.paths import expanded

from ..optional import require
from .archive import read_members
from .contract import DataSource
from .images import Images
from .safe_pickle import safe_load

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
_ROWS = 10_000  # of every official file
_PIXELS = 3 * 32 * 32
# the first entry of the quantisation table that the usual encoders take at quality 75
_QUALITY_75 = 8


def cifar10(path: Path | str, split: str = "train") -> Images:
    """CIFAR-10 from a folder or archive, whichever of the three formats it holds.

    The folder may also be the one above, in which an archive was unpacked.

    Ids are "train/00000" and so on in the official order; those of parquet files that
    have paths are these.

    Raises:
        InputError: files missing, truncated or of something else, labels out of range.
    """
    path = expanded(path)
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    for inside in _UNPACKED:
        if (path / inside).is_dir():
            path = path / inside
    if path.is_dir() and any(path.glob(f"{split}*.parquet")):
        return _parquet(sorted(path.glob(f"{split}*.parquet")), split)
    if path.suffix == ".parquet":
        return _parquet([path], split)
    files = ["test_batch"]
    if split == "train":
        files = [f"data_batch_{i}" for i in range(1, 6)]
    in_folder = path / f"{files[0]}.bin"
    if in_folder.exists() if path.is_dir() else "binary" in path.name:
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


def _python_batch(content: bytes, where: str) -> tuple[np.ndarray, np.ndarray]:
    batch = safe_load(content, where)
    try:
        rows, labels = np.asarray(batch[b"data"]), np.asarray(batch[b"labels"])
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise InputError(f"{where} holds no data and labels of CIFAR-10") from error
    if rows.shape != (_ROWS, _PIXELS) or rows.dtype != np.uint8:
        raise InputError(
            f"{where} holds {rows.dtype} of shape {rows.shape}, not {_ROWS} images of "
            f"{_PIXELS} bytes"
        )
    if labels.shape != (_ROWS,):
        raise InputError(f"{where} holds {labels.size} labels for {_ROWS} images")
    return rows, labels


def _binary_batch(content: bytes, where: str) -> tuple[np.ndarray, np.ndarray]:
    if len(content) != _ROWS * (_PIXELS + 1):
        raise InputError(
            f"{where} has {len(content)} bytes, not {_ROWS * (_PIXELS + 1)}: is it "
            "truncated, or CIFAR-100?"
        )
    table = np.frombuffer(content, np.uint8).reshape(_ROWS, _PIXELS + 1)
    return table[:, 1:], table[:, 0].astype(np.int64)


def _parquet(paths: list[Path], split: str) -> Images:
    require("pyarrow", "parquet")
    require("PIL", "decoding images")
    import pyarrow as pa
    import pyarrow.parquet as pq

    labels, encoded, names = [], [], []
    for path in paths:
        try:
            table = pq.read_table(path)
        except (pa.ArrowException, OSError) as error:
            line = str(error).splitlines()[0]
            raise InputError(f"{path} is no complete parquet file ({line})") from error
        column = next((c for c in ("img", "image") if c in table.column_names), None)
        if column is None or "label" not in table.column_names:
            raise InputError(
                f"{path} has the columns {', '.join(table.column_names)}; img (or "
                "image) and label are needed"
            )
        labels += table["label"].to_pylist()
        for row in table[column].to_pylist():
            if not isinstance(row, dict) or not row.get("bytes"):
                raise InputError(f"{path}: {column} holds no encoded images")
            encoded.append(row["bytes"])
            names.append(row.get("path"))
    if not encoded:
        raise InputError(f"{paths[0]} has no rows")
    if None in labels:
        raise InputError(f"{paths[0]}: row {labels.index(None)} has no label")
    images = np.stack(
        [_decode(one, f"{paths[0]}: row {i}") for i, one in enumerate(encoded)]
    )
    if not all(names):  # the public release has none
        names = [f"{split}/{i:05d}" for i in range(len(encoded))]
    name = f"{_encoding(encoded)} {split}"
    return Images(name, images, np.array(labels), tuple(names), CLASSES)


def _decode(content: bytes, where: str) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            pixels = np.asarray(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{where} is a corrupt image ({error})") from error
    if pixels.shape != (32, 32, 3):
        raise InputError(f"{where}: an image of shape {pixels.shape}, not (32, 32, 3)")
    return pixels


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
    """The source of :func:`cifar10`."""

    name: ClassVar[str] = "cifar10"
    says: ClassVar[str] = "official Python or binary files, archive, or parquet"
    splits: ClassVar = SPLITS

    path: Path | str

    def load(self, split: str) -> Images:
        return cifar10(self.path, split)
