"""The law of a data set: features, labels and scores, as the equations take them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from jaxtyping import Float, Int

from ..errors import InputError
from ..numerics.checks import in_float64, is_real, plain_array
from ..numerics.frames import refuse_other_order

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
            InputError: arrays whose lengths or pandas indices differ, or an index that
                numbers the rows in another order beside an array; NaN or infinite
                numbers, constant or linearly dependent columns, fewer examples than
                columns, labels of a single class.
        """
        refuse_other_order({"features": features, "labels": labels, "score": score})
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
        x, power = _within_range(x)
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
                "features are linearly dependent, or a column or an example is 1e5 "
                f"times larger than others: their covariance has the rank {rank} of "
                f"{width}; rescale, or give {rank} principal components or fewer"
            )
        scale = np.sqrt(width / np.trace(covariance))
        x *= scale
        mean, scale = np.ldexp(mean, power), float(np.ldexp(scale, -power))
        return cls(x, label, classes, values, mean, scale)

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
        return replace(
            self, features=self.features[rows], labels=self.labels[rows], score=score
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


def _within_range(
    x: Float[np.ndarray, "P N"],
) -> tuple[Float[np.ndarray, "P N"], int]:
    """Numbers whose squares are, and the power of two that was taken out for it."""
    largest = max(x.max(), -x.min())
    if largest == 0 or 1e-100 < largest < 1e100:
        return x, 0
    power = int(np.frexp(largest)[1])
    return np.ldexp(x, -power), power


def _classes(labels: Any, count: int) -> tuple[Int[np.ndarray, " P"], np.ndarray]:
    label = plain_array("labels", labels)
    if label.shape != (count,):
        raise InputError(
            f"labels must be one for each of the {count} examples, got the shape "
            f"{label.shape}"
        )
    if label.dtype.kind in "OT" and len(set(map(type, label))) == 1:
        label = np.asarray(label.tolist())  # pandas has text as objects
    if label.dtype.kind == "f":
        label = _whole(label)
    if label.dtype.kind not in "biuUS":
        kinds = " and ".join(sorted({type(one).__name__ for one in label}))
        raise InputError(
            "labels must be whole numbers or names of classes, all of one type, got "
            f"{label.dtype} of {kinds}"
        )
    classes, place = np.unique(label, return_inverse=True)
    if len(classes) < 2:
        raise InputError(f"labels are all {classes[0]}: give two classes or more")
    if len(classes) > count // 2:
        raise InputError(f"labels has {len(classes)} classes for {count} examples")
    return place.reshape(-1), classes


def _whole(label: Float[np.ndarray, " P"]) -> Int[np.ndarray, " P"]:
    wide = label.astype(np.float64)
    bad = ~((np.abs(wide) < 2.0**53) & (wide == np.round(wide)))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(
            "labels must be whole numbers or names of classes, got "
            f"{wide[row]} at {row}"
        )
    return wide.astype(np.int64)
