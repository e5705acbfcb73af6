"""A data set of any size: ids, labels and where the encoded images lie.

What is in memory is this list; bytes are read, and decoded, one image at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int, UInt8

from perceptron_theory import InputError

from .. import inputs
from ..optional import require
from .decode import CenterCrop, decode_rgb
from .images import Images, checked_ids, fingerprint
from .points import Points

FILE_SIDE = 32
"""Side in pixels that images of files, which have many sizes, are taken at for pixels
and for recipes of images in memory, where no other one is given."""
_MOST = 2**32  # bytes of decoded images


@runtime_checkable
class Reader(Protocol):
    """Where the images lie.  Small when pickled: every worker process gets a copy."""

    def read(self, row: int) -> bytes:
        """The encoded image of a row.

        Raises:
            InputError: it is gone or cut short.
        """
        ...

    # A reader may have where(row) -> str, the file and the place in it, if the id of
    # the example does not say them.


@dataclass(frozen=True)
class EncodedImages:
    """Ids, labels and sizes of images that are read when needed; checked when made."""

    name: str
    ids: tuple[str, ...]
    """One an example, the same wherever and however the set is stored."""
    labels: Int[np.ndarray, " P"]
    class_names: tuple[str, ...]
    sizes: Int[np.ndarray, " S"]
    """Bytes of the encoded images; in parquet, of row groups of them."""
    reader: Reader

    def __post_init__(self) -> None:
        count, classes = len(self.ids), len(self.class_names)
        object.__setattr__(self, "ids", checked_ids(self.name, self.ids, count))
        label = f"{self.name}: labels"
        named = inputs.of_examples(label, self.labels, self.ids)
        checked = inputs.label_array(label, named, count=count, n_classes=classes)
        object.__setattr__(self, "labels", checked)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of ids, labels and sizes, in their order.

        Not of what is in the files: that would take reading all of ImageNet.
        """
        sizes = np.asarray(self.sizes, "<i8").tobytes()
        return fingerprint(self.ids, self.labels, sizes)

    def decode(self, i: int, size: int) -> UInt8[np.ndarray, "size size 3"]:
        """Image ``i``: its shorter side resized to ``size``, the centre cut out.

        Raises:
            InputError: the file is gone or corrupt.
        """
        require("PIL", "decoding images")
        image = decode_rgb(self.reader.read(i), self.where(i))
        return CenterCrop(size, size)(image)

    def where(self, i: int) -> str:
        """Which image ``i`` is, for messages: its id, and its shard and row if any."""
        where = getattr(self.reader, "where", None)
        place = f" ({said})" if where and (said := where(i)) else ""
        return f"{self.name}: {self.ids[i]}{place}"

    def at_size(self, size: int) -> Images:
        """All images at one size, decoded once: the same data set, in memory.

        Its fingerprint is that of the files, so that what is computed from either
        belongs to both.

        Args:
            size: of the sides, in pixels.

        Raises:
            InputError: a corrupt image, or more than 4 GiB of pixels.
        """
        size = inputs.positive_integer("size", size)
        if len(self) * size**2 * 3 > _MOST:
            gigabytes = len(self) * size**2 * 3 / 2**30
            raise InputError(
                f"{len(self)} images of {self.name} at {size} x {size} pixels would "
                f"take {gigabytes:.0f} GiB of memory, at most {_MOST / 2**30:.0f} are "
                "taken: give a smaller size, or embed them by a network"
            )
        if size not in self._decoded:
            found, _ = self.images(size)
            vars(found)["fingerprint"] = self.fingerprint  # in place of the pixels'
            self._decoded[size] = found
        return self._decoded[size]

    @cached_property
    def _decoded(self) -> dict[int, Images]:
        return {}

    def images(self, size: int, *, max_corrupt: int = 0) -> tuple[Images, list[str]]:
        """All images at one size, and the ids of those left out because corrupt.

        Args:
            size: of the sides, in pixels.
            max_corrupt: this many corrupt images are left out rather than refused.

        Raises:
            InputError: more of them are corrupt: it says how many, and names the first.
        """
        size = inputs.positive_integer("size", size)
        decoded, good, bad, first = [], [], [], ""
        for i in range(len(self)):
            try:
                decoded.append(self.decode(i, size))
                good.append(i)
            except InputError as error:
                bad.append(self.ids[i])
                first = first or str(error)
        if len(bad) > max_corrupt or not good:
            raise InputError(
                f"{len(bad)} of {len(self)} images are corrupt and {max_corrupt} "
                f"allowed (max_corrupt); the first: {first}"
            )
        ids = tuple(self.ids[i] for i in good)
        labels = self.labels[good]
        return Images(self.name, np.stack(decoded), labels, ids, self.class_names), bad


DataSet = Images | EncodedImages | Points
"""Images in memory, or read one by one; or feature vectors."""


def images_of(dataset: DataSet, what: str) -> Images | EncodedImages:
    """The data set itself, if it has images.

    Args:
        dataset: Of images, or of feature vectors.
        what: That images are needed for, "a network is trained on images" say.

    Raises:
        InputError: It has feature vectors.
    """
    if isinstance(dataset, Points):
        raise InputError(f"{dataset.name} has feature vectors, not images: {what}")
    return dataset


def vectors_of(dataset: DataSet) -> Float[np.ndarray, "P d"]:
    """The feature vectors of a data set, or the pixels of its images.

    Raises:
        InputError: As :func:`pixels_of`.
    """
    return dataset.points if isinstance(dataset, Points) else pixels_of(dataset)


def pixels_of(dataset: DataSet, side: int | None = None) -> Float[np.ndarray, "P d"]:
    """The pixels of each image in a row, scaled to [0, 1], float32.

    Args:
        dataset: Of images.
        side: Of the images, in pixels, which they are resized to (bilinear, with a
            filter against aliasing); None is their own, or ``FILE_SIDE`` of files,
            which have many.  Of files the centre is cut out.

    Raises:
        InputError: Feature vectors, corrupt images, or more than fits in memory.
    """
    dataset = images_of(dataset, "it has no pixels")
    if not isinstance(dataset, Images):
        dataset = dataset.at_size(side or FILE_SIDE)
    elif side is not None:
        import jax.numpy as jnp

        from .augmentation import resized

        parts = np.array_split(dataset.images, -(-len(dataset) // 1024))
        scaled = (jnp.asarray(part / np.float32(255)) for part in parts)
        shrunk = [np.asarray(resized(part, side)) for part in scaled]
        return np.concatenate(shrunk).reshape(len(dataset), -1)
    flat = dataset.images.reshape(len(dataset), -1)
    return (flat / 255).astype(np.float32)


def _indices_hint(unknown: Sequence[str]) -> str:
    """What to do where indices were given for ids, or nothing."""
    if not all(one.isascii() and one.isdecimal() for one in unknown):
        return ""
    return ". These are indices: `pruning-laws select` writes ids with --ids"


def _texts(ids: Any) -> tuple[str, ...]:
    """Ids, refused in one line where they are anything else than several texts."""
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
        raise InputError(f"ids must be a list of text, got {type(ids).__name__}")
    if isinstance(ids, np.ndarray):
        ids = inputs.plain_array("ids", ids).ravel()
    ids = tuple(ids)
    others = [one for one in ids if not isinstance(one, str)]
    if others:
        raise InputError(
            f"ids must be text, got {others[0]!r} ({type(others[0]).__name__}): give "
            "those of the data set, dataset.ids[row] of a row"
        )
    return ids


def rows_of(dataset: DataSet, ids: Iterable[str]) -> Int[np.ndarray, " n"]:
    r"""Rows of a subset, in the order of the data set, whatever that of ``ids``.

    Folders in an id may be parted by "\", as on Windows.

    Raises:
        InputError: none, one that is no text or not of this data set, or one twice.
    """
    ids = _texts(ids)
    row = {one: i for i, one in enumerate(dataset.ids)}
    ids = tuple(one if one in row else one.replace("\\", "/") for one in ids)
    unknown = [one for one in ids if one not in row]
    if unknown:
        raise InputError(
            f"{len(unknown)} of {len(ids)} ids are not in {dataset.name}, such as "
            f"{unknown[0]!r}; its own look like {dataset.ids[0]!r}"
            + _indices_hint(unknown)
        )
    if not ids:
        raise InputError(f"no ids: give at least one of {dataset.name}")
    checked_ids(f"the subset of {dataset.name}", ids, len(ids))
    return np.sort(np.array([row[one] for one in ids]))
