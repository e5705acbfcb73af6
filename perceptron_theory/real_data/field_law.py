"""The law of a data set: features, labels and scores, as the equations take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from jaxtyping import Float, Int

from ..errors import InputError
from ..numerics.checks import in_float64, is_real, plain_array

LEAST = 20  # examples of a law


@dataclass(frozen=True, eq=False)
class FieldLaw:
    """The joint law of features, label and score that a data set shows.

    Nothing is fitted to it.  The equations (:mod:`.mean_head`) average over the
    examples themselves, so that any law of label, margin and score will do: every
    example brings its own field under the mean head, its own response and its own
    noise.  Make one with :meth:`from_data`.

    Attributes:
        features: (P, N), centred, and scaled so that the trace of their covariance is
            N.  The ridge of a head is that of (N ridge/2) |w|^2 on these features.
        labels: (P,) places in ``classes``.
        classes: (C,) the labels that occur, in increasing order.
        score: (P,) high = hard, or None.
        mean: (N,) what was taken off the features.
        scale: by which they were then multiplied.
    """

    features: Float[np.ndarray, "P N"]
    labels: Int[np.ndarray, " P"]
    classes: np.ndarray
    score: Float[np.ndarray, " P"] | None
    mean: Float[np.ndarray, " N"]
    scale: float

    @classmethod
    def from_data(cls, features: Any, labels: Any, score: Any = None) -> Self:
        """The law of a data set.

        Args:
            features: (P, N) real numbers, as the head sees them.
            labels: (P,) whole numbers, truth values or text; two classes or more.
            score: (P,) by which examples are pruned, high = hard = kept by "hard".
                Where it is left out only random pruning can be predicted.

        Raises:
            InputError: arrays whose lengths differ, NaN or infinite numbers, constant
                or linearly dependent columns, fewer examples than columns, labels of a
                single class.
        """
        x = _real("features", features)
        if x.ndim != 2:
            raise InputError(f"features must have the shape (P, N), got {x.shape}")
        count, width = x.shape
        label, classes = _classes(labels, count)
        values = None if score is None else _real("score", score)
        if values is not None and values.shape != (count,):
            raise InputError(
                f"score must have one number for each of the {count} examples, got the "
                f"shape {values.shape}: is it of another data set?"
            )
        if count < max(LEAST, 2 * width):
            raise InputError(
                f"{count} examples of {width} features show too little of their law: "
                f"give {max(LEAST, 2 * width)} or more, or the first "
                f"{max(count // 10, 1)} principal components"
            )
        mean = x.mean(axis=0)
        constant = np.flatnonzero(np.ptp(x, axis=0) == 0)
        if len(constant):
            shown = ", ".join(map(str, constant[:5])) + (
                ", ..." if len(constant) > 5 else ""
            )
            raise InputError(
                f"features has {len(constant)} constant columns ({shown}): leave them "
                "out, or give principal components"
            )
        x = x - mean
        covariance = x.T @ x / count
        spectrum = np.linalg.eigvalsh(covariance)
        rank = int((spectrum > 1e-10 * spectrum[-1]).sum())
        if rank < width:
            raise InputError(
                f"features are linearly dependent: their covariance has the rank {rank}"
                f" of {width}; give {rank} principal components or fewer"
            )
        scale = float(np.sqrt(width / np.trace(covariance)))
        return cls(x * scale, label, classes, values, mean, scale)

    @property
    def size(self) -> int:
        """P, the number of examples."""
        return len(self.labels)

    @property
    def width(self) -> int:
        """N, the number of features."""
        return self.features.shape[1]

    def part(self, rows: Int[np.ndarray, " n"]) -> FieldLaw:
        """The law that some of the examples show, in the same units."""
        score = None if self.score is None else self.score[rows]
        return FieldLaw(
            self.features[rows],
            self.labels[rows],
            self.classes,
            score,
            self.mean,
            self.scale,
        )

    def __repr__(self) -> str:
        return f"FieldLaw(P={self.size}, N={self.width}, C={len(self.classes)})"


def _real(name: str, value: Any) -> Float[np.ndarray, ...]:
    array = plain_array(name, value)
    if not is_real(array.dtype):
        raise InputError(f"{name} must be real numbers, got {array.dtype}")
    array = in_float64(array)
    bad = ~np.isfinite(array)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InputError(
            f"{name} must be finite, got {array[place]} at {list(place)}, and "
            f"{int(bad.sum())} such numbers in all"
        )
    return array


def _classes(labels: Any, count: int) -> tuple[Int[np.ndarray, " P"], np.ndarray]:
    label = plain_array("labels", labels)
    if label.shape != (count,):
        raise InputError(
            f"labels must be one for each of the {count} examples, got the shape "
            f"{label.shape}"
        )
    if label.dtype.kind == "f" and np.array_equal(label, np.round(label)):
        label = label.astype(np.int64)
    if label.dtype.kind not in "biuUS":
        raise InputError(
            f"labels must be whole numbers or names of classes, got {label.dtype}"
        )
    classes, place = np.unique(label, return_inverse=True)
    if len(classes) < 2:
        raise InputError(f"labels are all {classes[0]}: give two classes or more")
    if len(classes) > count // 2:
        raise InputError(f"labels has {len(classes)} classes for {count} examples")
    return place.reshape(-1), classes
