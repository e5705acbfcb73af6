"""Self-supervised prototypes: the distance to the nearest cluster centre."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Array, Float

from ..clustering import kmeans
from .contract import EMBEDDINGS, Given, Metric, Scored


def prototypes(
    embeddings: Float[Array, "P d"] | Float[np.ndarray, "P d"],
    *,
    n_clusters: int,
    key: Any,
    distance: str = "cosine",
    **options: Any,
) -> Float[np.ndarray, " P"]:
    """Distance of an embedding to the nearest centre that k-means finds; no labels.

    Sorscher et al. 2022 (arXiv 2206.14486), Sec. 4, in the space of SwAV.  The released
    scores are called a (reversed) cosine similarity, others who repeat the metric take
    Euclidean distances; neither k nor start is known, and k may vary tenfold about the
    number of classes.  High = far from all prototypes = hard = keep.

    Args:
        embeddings: one per row.
        n_clusters: k.
        key: of ``jax.random``, or a seed.
        distance: "cosine" (1 - cos, after spherical k-means) or "euclidean".
        **options: those of :func:`simulations.vision.clustering.kmeans`.

    Raises:
        InputError: NaN, more clusters than points, and what k-means refuses.
    """
    found = kmeans(embeddings, n_clusters, key=key, distance=distance, **options)
    return found.distances.astype(np.float64)


@dataclass(frozen=True)
class Prototypes(Metric):
    """Distance of an embedding from the nearest of k cluster centres: no labels."""

    name: ClassVar[str] = "prototypes"
    needs: ClassVar = (EMBEDDINGS,)
    cost: ClassVar[str] = "embeddings by one network, or the pixels; no labels"

    n_clusters: int | None = None
    """k; the number of classes if it is not given."""
    distance: str = "cosine"
    """One of ``simulations.vision.clustering.DISTANCES``."""
    max_iterations: int = 100
    tolerance: float = 1e-4
    batch_size: int | None = None
    n_init: int | None = None

    def score(self, given: Given) -> Scored:
        options = asdict(self)
        if self.n_clusters is None:
            options["n_clusters"] = len(np.unique(given.labels))
        scores = prototypes(given["embeddings"], key=given.seed, **options)
        return Scored(scores, recipe={"n_clusters": options["n_clusters"]})
