"""A data set in memory: what scores are scores of."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8

from perceptron_theory import InputError

from .. import inputs

# surrogates, and what editors put at the start of a text
_NO_TEXT = re.compile("[\ud800-\udfff]|^\ufeff")


@dataclass(frozen=True)
class Images:
    """Images of one size, their labels and ids; checked as it is made."""

    name: str
    """The name of the data set and its split."""
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
        object.__setattr__(self, "ids", checked_ids(self.name, self.ids, count))
        label = f"{self.name}: labels"
        named = inputs.of_examples(label, self.labels, self.ids)
        checked = inputs.label_array(label, named, count=count, n_classes=classes)
        object.__setattr__(self, "labels", checked)

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


def checked_ids(name: str, ids: Any, count: int) -> tuple[str, ...]:
    """Ids, which are as many as examples, all different, and each fits on a line.

    Args:
        name: of the data set, for messages.
        ids: text, in a list of any kind, by position.
        count: of examples.

    Raises:
        InputError: they are not, or do not.
    """
    ids = tuple(inputs.list_of(f"{name}: ids", ids))
    if len(ids) != count:
        raise InputError(f"{name}: {len(ids)} ids for {count} examples")
    other = next((one for one in ids if not isinstance(one, str)), None)
    if other is not None:
        raise InputError(f"{name}: ids must be text, got {type(other).__name__}")
    if len(set(ids)) != count:
        seen: set[str] = set()
        twice = next(one for one in ids if one in seen or seen.add(one))
        raise InputError(f"{name}: the id {twice!r} stands for several examples")
    check_lines(f"{name}: the id", ids)
    return ids


def check_lines(what: str, ids: Iterable[str]) -> None:
    """Refuse ids that a list of one id a line would not give back.

    Raises:
        InputError: one is empty, has a line break, or is no text for a file.
    """
    for one in ids:
        why = ""
        if not one:
            why = "is empty"
        elif "\n" in one or "\r" in one:
            why = "has a line break"
        elif not one.isascii() and _NO_TEXT.search(one):
            why = "has half a character or a byte-order mark"
        elif "\0" in one:
            why = "has a zero byte"
        if why:
            raise InputError(f"{what} {one!r} {why}: rename that example")
