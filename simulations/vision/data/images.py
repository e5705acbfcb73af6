"""A data set in memory: what scores are scores of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int, UInt8

from perceptron_theory import InputError

from .. import inputs


@dataclass(frozen=True)
class Images:
    """Images of one size, their labels and ids; checked as it is made."""

    name: str
    """Of the data set and its split."""
    images: UInt8[np.ndarray, "P height width channels"]
    labels: Int[np.ndarray, " P"]
    ids: tuple[str, ...]
    """One an example, the same wherever and however the set is read."""
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        images = inputs.plain_array(f"{self.name}: images", self.images)
        object.__setattr__(self, "images", images)
        if self.images.ndim != 4 or self.images.dtype != np.uint8:
            raise InputError(
                f"{self.name}: images must be bytes of shape (P, height, width, "
                f"channels), got {self.images.dtype} of shape {self.images.shape}"
            )
        count, classes = len(self.images), len(self.class_names)
        label = f"{self.name}: labels"
        checked = inputs.label_array(label, self.labels, count=count, n_classes=classes)
        object.__setattr__(self, "labels", checked)
        check_ids(self.name, self.ids, count)

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of ids, labels and pixels, in their order."""
        shape = str(self.images.shape).encode()
        pixels = np.ascontiguousarray(self.images).data
        return fingerprint(self.ids, self.labels, shape, pixels)

    @cached_property
    def channel_statistics(
        self,
    ) -> tuple[Float[np.ndarray, " channels"], Float[np.ndarray, " channels"]]:
        """Mean and deviation of each channel, see :mod:`.augmentation`."""
        from .augmentation import channel_statistics

        return channel_statistics(self.images)


def fingerprint(ids, labels, *more) -> str:
    """SHA-256 of ids and labels in their order, and of more bytes."""
    digest = hashlib.sha256("\n".join(ids).encode())
    digest.update(np.asarray(labels, "<i8").tobytes())
    for part in more:
        digest.update(part)
    return digest.hexdigest()


def check_ids(name: str, ids: tuple[str, ...], count: int) -> None:
    """Ids are as many as examples, all different, and each fits on a line.

    Raises:
        InputError: they are not, or do not.
    """
    if len(ids) != count:
        raise InputError(f"{name}: {len(ids)} ids for {count} examples")
    if len(set(ids)) != count:
        seen: set[str] = set()
        twice = next(one for one in ids if one in seen or seen.add(one))
        raise InputError(f"{name}: the id {twice!r} stands for several examples")
    check_lines(f"{name}: the id", ids)


def check_lines(what: str, ids: Iterable[str]) -> None:
    """Refuse ids with a line break, which lists of one id a line would read as two.

    Raises:
        InputError: one has some.
    """
    broken = next((one for one in ids if "\n" in one or "\r" in one), None)
    if broken is not None:
        raise InputError(f"{what} {broken!r} has a line break: rename that example")
