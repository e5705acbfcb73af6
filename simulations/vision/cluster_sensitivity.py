"""How much the scores of prototypes depend on k, on the start, and on the distance.

k-means ends somewhere else from every start, so scores of two runs at the *same* k are
correlated by less than 1: that is the most that scores at two different k could reach.
Every correlation here is a mean over pairs of different seeds, so that all are met by
the noise of the start alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from perceptron_theory import InputError
from perceptron_theory.choices.attributes import text
from perceptron_theory.numerics.precision import own_settings

from . import inputs
from .clustering import DISTANCES
from .correlation import spearman
from .metrics.cluster_distance import prototypes
from .selection import select


def default_clusters(classes: int, examples: int) -> list[int]:
    """Two decades around the number of classes, which is among them; seven values."""
    found = {round(classes * 10 ** (i / 3)) for i in range(-3, 4)}
    return sorted(k for k in found if 1 <= k < examples)


@own_settings()
def sensitivity(
    embeddings: Float[Array, "P d"] | Float[np.ndarray, "P d"],
    clusters: Sequence[int],
    *,
    reference: int,
    keep_fraction: float,
    seeds: int = 3,
    seed: Any = 0,
    distance: str = "cosine",
    advance: Callable[[], Any] = lambda: None,
    **options: Any,
) -> xr.Dataset:
    """Rank correlations and overlaps of kept sets between numbers of clusters.

    Args:
        embeddings: one per row.
        clusters: the k.
        reference: the k to compare all with, added to them if it is missing.
        keep_fraction: of the kept sets: the examples with the highest scores.
        seeds: runs of k-means at each k, from starts of their own; two or more.
        seed: that their keys are made of: a seed, or a key of jax.random.
        distance: "cosine" or "euclidean", of the scores; the other is computed, too.
        advance: called after each of the 2 seeds K runs of k-means.
        **options: of :func:`simulations.vision.clustering.kmeans`.

    Returns:
        Over k: ``ceiling``, Spearman's correlation of two runs at this k;
        ``reference``, of a run at k with one at the reference; ``corrected``, that over
        the geometric mean of the two ceilings, 1 where k changes nothing but noise
        (Spearman's correction for attenuation, an approximation for ranks; NaN where a
        ceiling is not positive);
        ``overlap_ceiling`` and ``overlap``, the shared part of the kept sets (chance is
        ``keep_fraction``); ``distances``, the correlation of cosine with Euclidean
        scores.  Over (k, other): ``correlation``, all pairs, the ceilings on the
        diagonal.

    Raises:
        InputError: fewer than two seeds, a k of more than the points, scores all equal,
            what k-means refuses.
    """
    embeddings = inputs.real_array("embeddings", embeddings, "P", "d")
    keep_fraction = inputs.real_number("keep_fraction", keep_fraction)
    if inputs.positive_integer("seeds", seeds) < 2:
        raise InputError(
            "1 seed says nothing about the noise of the start: give 2 or more"
        )
    wanted = (*clusters, reference)
    ks = sorted({inputs.positive_integer("clusters", k) for k in wanted})
    if ks[-1] >= len(embeddings):
        raise InputError(
            f"{ks[-1]} clusters of {len(embeddings)} points: ask for fewer, for then "
            "every point is a prototype"
        )
    other = next(name for name in DISTANCES if name != distance)
    scores: dict[tuple[str, int], list[np.ndarray]] = {}
    for geometry, k in itertools.product((distance, other), ks):
        key = jax.random.fold_in(inputs.random_key(seed), k)
        scores[geometry, k] = []
        for one in jax.random.split(key, seeds):
            given = options | {"n_clusters": k, "distance": geometry}
            scores[geometry, k].append(prototypes(embeddings, key=one, **given))
            advance()
    kept = {
        k: [
            select(each, keep_fraction, seed=i).mask
            for i, each in enumerate(scores[distance, k])
        ]
        for k in ks
    }

    def correlations(one: str, two: str, k: int, j: int) -> float:
        return _over_pairs(spearman, scores[one, k], scores[two, j])

    matrix = [[correlations(distance, distance, k, j) for j in ks] for k in ks]
    table, at = np.array(matrix), ks.index(reference)
    ceiling = np.diag(table)
    # runs that do not agree with each other leave nothing to correct by
    known = np.where(ceiling > 0, ceiling, np.nan)
    columns = {
        "ceiling": ceiling,
        "reference": table[:, at],
        "corrected": table[:, at] / np.sqrt(known * known[at]),
        "overlap_ceiling": [_over_pairs(_shared, kept[k], kept[k]) for k in ks],
        "overlap": [_over_pairs(_shared, kept[k], kept[reference]) for k in ks],
        "distances": [correlations(distance, other, k, k) for k in ks],
    }
    return xr.Dataset(
        {
            name: ("k", np.asarray(column), text(name.replace("_", " ")))
            for name, column in columns.items()
        }
        | {"correlation": (("k", "other"), table, text("rank correlation"))},
        coords={
            "k": ("k", ks, text("clusters k")),
            "other": ("other", ks, text("other number of clusters")),
        },
        attrs={
            "reference_k": reference,
            "keep_fraction": keep_fraction,
            "seeds": seeds,
            "distance": distance,
            "examples": len(embeddings),
        },
    )


def _over_pairs(
    measure: Callable[[np.ndarray, np.ndarray], float],
    one: Sequence[np.ndarray],
    two: Sequence[np.ndarray],
) -> float:
    """The mean over pairs of different seeds."""
    pairs = itertools.permutations(range(len(one)), 2)
    return float(np.mean([measure(one[i], two[j]) for i, j in pairs]))


def _shared(one: np.ndarray, two: np.ndarray) -> float:
    """The part of one kept set that is in the other, of as many."""
    return float((one & two).sum() / one.sum())
