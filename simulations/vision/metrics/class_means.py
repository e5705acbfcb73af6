"""Supervised prototypes: the distance to the mean embedding of the own class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Array, Float, Int

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name

from .. import inputs
from ..clustering import DISTANCES
from .contract import EMBEDDINGS, Given, Metric


def supervised_prototypes(
    embeddings: Float[Array, "P d"] | Float[np.ndarray, "P d"],
    labels: Int[Array, " P"] | Int[np.ndarray, " P"],
    *,
    distance: str = "cosine",
) -> Float[np.ndarray, " P"]:
    """Distance of an embedding to the mean of its class.

    Sorscher et al. 2022 (arXiv 2206.14486), Sec. 4 and the scores they released.
    High = far = hard = keep.

    Args:
        embeddings: one per row.
        labels: the classes; any integers from 0 on.
        distance: "cosine", 1 - cos with the mean of the *unit* embeddings, as in
            spherical k-means, or "euclidean", which k-means takes.

    Raises:
        InputError: shapes that do not fit, NaN, an embedding (or class mean) of length
            zero under the cosine distance, a distance beyond float64.
    """
    if distance not in DISTANCES:
        raise unknown_name("distance", distance, DISTANCES)
    inputs.refuse_other_order({"embeddings": embeddings, "labels": labels})
    array = inputs.real_array("embeddings", embeddings, "P", "d")
    label = inputs.label_array("labels", labels, count=len(array))
    scores = np.empty(len(array))
    for one in np.unique(label):
        mine = np.flatnonzero(label == one)
        points = array[mine].astype(np.float64)
        if distance == "cosine":
            points = _unit(points, [f"embeddings[{i}]" for i in mine])
            mean = _unit(points.mean(0)[None], [f"the mean of class {one}"])
            # 1 - cos of unit vectors, with all its digits
            scores[mine] = ((points - mean) ** 2).sum(1) / 2
        else:
            points, exponent = _scaled(points, None)
            found = np.linalg.norm(points - points.mean(0), axis=1)
            with np.errstate(over="ignore"):
                scores[mine] = np.ldexp(found, exponent)
    if np.isinf(scores).any():
        i = int(np.isinf(scores).argmax())
        raise InputError(
            f"embeddings[{i}] lies beyond all numbers from the mean of its class: "
            "scale the embeddings down"
        )
    return scores


def _scaled(points: np.ndarray, axis: int | None) -> tuple[np.ndarray, Any]:
    """Points divided by the power of two that has an exponent: exactly, unlike squares.

    Squares of numbers beyond 1e154 or below 1e-154 are no float64.
    """
    largest = np.abs(points).max(axis=axis, keepdims=axis is not None)
    _, exponent = np.frexp(largest)
    return np.ldexp(points, -exponent), exponent


def _unit(points: np.ndarray, names: list[str]) -> np.ndarray:
    points, _ = _scaled(points, 1)
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    if (lengths == 0).any():
        raise InputError(
            f"{names[int((lengths == 0).argmax())]} is zero: it has no direction; use "
            "distance='euclidean'"
        )
    return points / lengths


@dataclass(frozen=True)
class SupervisedPrototypes(Metric):
    """Distance of an embedding from the mean embedding of the example's own class."""

    name: ClassVar[str] = "supervised_prototypes"
    needs: ClassVar = (EMBEDDINGS,)
    cost: ClassVar[str] = "embeddings by one network, or the pixels"

    distance: str = "cosine"
    """One of ``simulations.vision.clustering.DISTANCES``."""

    def score(self, given: Given) -> Float[np.ndarray, " P"]:
        points, labels = given["embeddings"], given.labels
        return supervised_prototypes(points, labels, distance=self.distance)
