"""Sets of small images in parquet, all of which are decoded into memory."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from perceptron_theory import InputError

from ..optional import require
from .decode import why_unreadable
from .images import Images
from .parquet_images import Rows, list_shards

SIDE = 32  # pixels; the images are in colour


class Decoded(NamedTuple):
    """A set, and what it was decoded from."""

    images: Images
    encoded: list[bytes]


def small_images(
    shards: Sequence[Path],
    split: str,
    classes: tuple[str, ...],
    *,
    label_name: str = "label",
    digits: int = 5,
) -> Decoded:
    """The colour images of 32 x 32 pixels of some shards.

    Ids are the paths of the images where all have one, else "train/00000" and so on.

    Args:
        shards: of one split, in their order.
        split: its name.
        classes: in the order of the labels; that of the files may be another one of the
            same names, and other names are taken as they are.
        label_name: the column of the labels.
        digits: of the numbers in ids.

    Raises:
        InputError: Pillow is missing; a file that is truncated or of other columns, a
            label out of range, an image that is corrupt or of another size.
    """
    require("PIL", "decoding images")
    found = list_shards(shards, label_name)
    names = found.class_names or classes
    found.check_labels(len(names))
    count, reader, labels = len(found.labels), found.reader, found.labels
    encoded = [reader.read(row) for row in range(count)]
    images = np.stack([_decode(one, reader, i) for i, one in enumerate(encoded)])
    ids = tuple(path for path in found.paths if path)
    if len(ids) < count:  # the public releases have none
        ids = tuple(f"{split}/{i:0{digits}d}" for i in range(count))
    if sorted(names) == sorted(classes):  # in whichever order the file has them
        labels = np.array([classes.index(name) for name in names])[labels]
        names = classes
    return Decoded(Images(split, images, labels, ids, names), encoded)


def _decode(content: bytes, reader: Rows, row: int) -> UInt8[np.ndarray, "h w c"]:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            pixels = np.asarray(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{reader.where(row)} is a corrupt image ({why_unreadable(error, content)})"
        ) from error
    if pixels.shape != (SIDE, SIDE, 3):
        raise InputError(
            f"{reader.where(row)}: an image of shape {pixels.shape}, not "
            f"({SIDE}, {SIDE}, 3)"
        )
    return pixels
