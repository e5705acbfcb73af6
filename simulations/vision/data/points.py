"""A data set of feature vectors, such as embeddings: what scores are scores of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from perceptron_theory import InputError

from .. import inputs
from .images import checked_ids, fingerprint


@dataclass(frozen=True)
class Points:
    """Feature vectors, their labels and ids; checked as it is made."""

    name: str
    """The name of the data set and its split."""
    points: Float[np.ndarray, "P d"]
    """float32 or float64; may be mapped from a file."""
    labels: Int[np.ndarray, " P"]
    ids: tuple[str, ...]
    """One an example, the same wherever and however the set is read."""
    class_names: tuple[str, ...]
    columns: tuple[str, ...] = ()
    """The names of the features, where they are columns of a table."""

    def __post_init__(self) -> None:
        ids = checked_ids(self.name, self.ids, len(self.ids))
        object.__setattr__(self, "ids", ids)
        what = f"{self.name}: feature vectors"
        given = inputs.of_examples(what, self.points, self.ids)
        points = inputs.real_array(what, given, "P", "d")
        object.__setattr__(self, "points", points)
        count, classes = len(points), len(self.class_names)
        label = f"{self.name}: labels"
        named = inputs.of_examples(label, self.labels, self.ids)
        checked = inputs.label_array(label, named, count=count, n_classes=classes)
        object.__setattr__(self, "labels", checked)
        if len(ids) != count:
            raise InputError(f"{self.name}: {len(ids)} ids for {count} examples")

    def __len__(self) -> int:
        return len(self.points)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of ids, labels and feature vectors, in their order."""
        kind = self.points.dtype.newbyteorder("<")
        about = f"{kind.str}{self.points.shape}".encode()
        values = np.ascontiguousarray(self.points, kind).data
        return fingerprint(self.ids, self.labels, about, values)
