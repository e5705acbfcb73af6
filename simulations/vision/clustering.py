"""k-means in JAX, Euclidean or spherical, in blocks of bounded memory.

Lloyd's iteration, or Sculley's mini-batches (Web-scale k-means clustering, WWW 2010),
from the best of a few k-means++ starts (Arthur & Vassilvitskii 2007).
``distance="cosine"`` is spherical k-means (Dhillon & Modha 2001): points and centres
are unit vectors, and a cluster's centre is its normalised mean.

Points are cut over the devices of this process, see :mod:`.cluster_passes`.  (Hosts do
not share the work: each does all.)  Points beyond 2 GiB a device stay on the host and
go to the devices block by block, so that a memory map of any size can be clustered.

Products of float32 tell two centres apart if these are farther from each other than
about sqrt(eps) of their distance from the mean of the points.  Where centres end up
closer, be it that one row is huge, or that groups are small and far from each other,
the search is repeated with differences in float64, which are right at any distance and
take about twenty times as long.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name
from perceptron_theory.numerics.precision import own_settings

from . import inputs
from .cluster_passes import (
    AXIS,
    BLOCK,
    BLOCKS_AT_ONCE,
    RESIDENT,
    Data,
    FullPasses,
    MiniBatches,
    assign,
    moments,
    pieces,
    prepared,
    unit,
)
from .cluster_starts import plus_plus_start, points_seen, trials

DISTANCES = ("euclidean", "cosine")
# starts where none are asked for, if a pass takes no more multiplications
_STARTS, _CHEAP = 4, 2**26
# Of a centre's squared distance from the mean: the squared distance to the next centre,
# and to its own points, at which the digits of float32 still do.
_APART, _WIDE = 1e-4, 1e-6
_UNDERFLOW = 1e-30
_ROUNDING = 1e-5  # of a centre's distance from the mean, and more than that of float32


@dataclass(frozen=True)
class Clusters:
    """What k-means found."""

    centers: Float[np.ndarray, "k d"]
    """The centres, of unit length under the cosine distance."""
    labels: Int[np.ndarray, " P"]
    """The nearest centre of every point."""
    distances: Float[np.ndarray, " P"]
    """To that centre, computed in float64: |x - c|, or 1 - cos(x, c)."""
    counts: Int[np.ndarray, " k"]
    """Points a cluster; 0 only where there are fewer distinct points than clusters."""
    inertia: float
    """Sum of |x - c|^2; under the cosine distance x is scaled to unit length."""
    iterations: int
    """Passes over the points that moved the centres."""
    converged: bool
    """The centres stopped moving before the passes were used up."""


def memory_estimate(
    n_points: int, n_dimensions: int, n_clusters: int, n_devices: int = 1
) -> dict[str, int]:
    """Bytes that :func:`kmeans` needs beside the points: on each device, on the host.

    An upper estimate for float32 points; points that are no float32 array or memory map
    are copied to one, which takes 4 n_points n_dimensions more.  Where float32 does not
    tell the clusters apart, the devices need up to twice as much.
    """
    start = points_seen(n_points, n_dimensions, n_clusters)
    rows = min(n_points, BLOCK) + BLOCK * BLOCKS_AT_ONCE
    resident = math.ceil(n_points / n_devices) * n_dimensions
    if 4 * resident > RESIDENT:
        resident = 0
    centers = n_clusters * (n_dimensions + 1)
    # points and unit points; similarities of one block and where they are largest
    passes = resident + 2 * rows * n_dimensions + 3 * BLOCK * n_clusters + 3 * centers
    seeding = 2 * start * (n_dimensions + 3 + trials(n_clusters)) + centers
    return {
        "device": 4 * max(passes, seeding),
        "host": 4 * (max(start, rows * n_devices) * n_dimensions + 3 * centers)
        + 32 * n_points,
    }


@own_settings()
def kmeans(
    points: Float[Array, "P d"] | Float[np.ndarray, "P d"],
    n_clusters: int,
    *,
    key: Any,
    distance: str = "euclidean",
    max_iterations: int = 100,
    tolerance: float = 1e-4,
    batch_size: int | None = None,
    n_init: int | None = None,
    centers: Float[Array, "k d"] | Float[np.ndarray, "k d"] | None = None,
    devices: Sequence[Any] | None = None,
) -> Clusters:
    """Clusters of points, found in float32, or in float64 where that has no digits.

    Args:
        points: one per row; a NumPy memory map is read block by block.
        n_clusters: k, at most the number of points.
        key: of ``jax.random``, or a seed; chooses the starts and the mini-batches.
        distance: "euclidean" or "cosine".
        max_iterations: passes over all points, from each start.
        tolerance: stop when the centres move, in the sum of squares, by less than this
            times the mean square of a coordinate's distance to its centre.
        batch_size: points in a mini-batch; None takes all points in every step.
        n_init: starts, of which the one with the smallest inertia is kept; None takes
            4 where a pass needs fewer than 2^26 multiplications (P d k), else 1.
        centers: where to start, instead of k-means++.
        devices: that share the work; all of this process if None.  Another number of
            them changes sums by rounding.

    Raises:
        InputError: bad shapes, NaN, more clusters than points, a point of length zero
            under the cosine distance, several starts from given centres.
    """
    if distance not in DISTANCES:
        raise unknown_name("distance", distance, DISTANCES)
    inputs.refuse_other_columns(("points", points), ("centers", centers))
    array = inputs.real_array("points", points, "P", "d")
    start_key, batch_key = jax.random.split(inputs.random_key(key))
    k = inputs.positive_integer("n_clusters", n_clusters)
    max_iterations = inputs.positive_integer("max_iterations", max_iterations)
    tolerance = inputs.real_number("tolerance", tolerance)
    if not tolerance >= 0:
        raise InputError(f"tolerance must be 0 or more, got {tolerance}")
    if k > len(array):
        raise InputError(
            f"{k} clusters of {len(array)} points: ask for at most as many"
        )
    size = None
    if batch_size is not None:
        size = min(inputs.positive_integer("batch_size", batch_size), len(array))
    spherical = distance == "cosine"
    origin, fits = moments(array, spherical)
    mesh = Mesh(np.array(jax.local_devices() if devices is None else devices), (AXIS,))
    given = None if centers is None else _given(centers, (k, array.shape[1]))
    count = _count_of_starts(n_init, array.size * k, given)
    keys = [start_key] if count == 1 else list(jax.random.split(start_key, count))

    def search(data: Data, start_key: Array) -> _Found:
        rng = inputs.generator(batch_key)
        shape = k, array.shape[1]
        step = FullPasses(data) if size is None else MiniBatches(data, size, rng, shape)
        if given is None:
            start = plus_plus_start(data, start_key, k)
        else:
            start = data.moved(given)
        return _iterated(data, step, start, max_iterations, tolerance)

    def best(*, exact: bool) -> tuple[Data, _Found]:
        # the settings of the caller would change the draws
        with own_settings(x64=exact):
            data = prepared(
                array, origin, spherical, mesh, exact=exact, keep=size is None
            )
            return data, min((search(data, one) for one in keys), key=_inertia)

    data, found = best(exact=not fits)
    if not (data.exact or _has_digits(found)):
        data, found = best(exact=True)
    return _clusters(array, data, found)


class _Found(NamedTuple):
    """Where a search ended; centres as :class:`Data` has the points."""

    centers: Float[np.ndarray, "k d"]
    labels: Int[np.ndarray, " P"]
    squares: Float[np.ndarray, " P"]
    counts: Int[np.ndarray, " k"]
    iterations: int
    converged: bool


def _inertia(found: _Found) -> float:
    return float(found.squares.sum(dtype=np.float64))


def _given(centers: Any, shape: tuple[int, int]) -> Float[np.ndarray, "k d"]:
    array = inputs.real_array("centers", centers, "k", "d")
    if array.shape != shape:
        raise InputError(f"centers must have shape {shape}, got {array.shape}")
    return array.astype(np.float64)


def _count_of_starts(n_init: int | None, size: int, given: np.ndarray | None) -> int:
    if n_init is None:
        return 1 if given is not None or size > _CHEAP else _STARTS
    count = inputs.positive_integer("n_init", n_init)
    if given is not None and count > 1:
        raise InputError(
            f"n_init={count} starts are drawn, and centers are one start: give one of "
            "the two"
        )
    return count


def _iterated(
    data: Data, step: Any, start: np.ndarray, max_iterations: int, tolerance: float
) -> _Found:
    current, iterations, converged = start, 0, False
    while iterations < max_iterations and not converged:
        previous, (current, square) = current, step(current)
        iterations += 1
        moved = ((current.astype(np.float64) - previous) ** 2).sum()
        # not of the variance of all points, which one far point can make as it likes
        converged = bool(moved <= tolerance * square)
    labels, squares, _, counts = assign(data, current, last=True)
    return _Found(current, labels, squares, counts, iterations, converged)


def _has_digits(found: _Found) -> bool:
    """Whether float32 can tell the centres apart, and a centre from its points."""
    centers = found.centers.astype(np.float64)
    lengths = (centers**2).sum(1)
    least = _APART * lengths + _UNDERFLOW
    for first in range(0, len(centers), BLOCK):
        rows = np.arange(first, min(first + BLOCK, len(centers)))
        square = lengths[rows, None] - 2 * centers[rows] @ centers.T + lengths
        square[np.arange(len(rows)), rows] = np.inf
        if (square <= least[rows, None]).any():
            return False
    spread = np.bincount(found.labels, found.squares, len(centers))
    least = (_WIDE * lengths + _UNDERFLOW) * found.counts
    return bool((spread > least)[found.counts > 1].all())


def _clusters(array: np.ndarray, data: Data, found: _Found) -> Clusters:
    """What was found, with distances that rank points even where all are far."""
    centers = found.centers.astype(np.float64) + data.origin
    centers = unit(centers) if data.spherical else centers
    _put_on_lone_points(centers, array, data, found)
    squares = np.empty(len(array))
    for rows in pieces(len(array)):
        x = array[rows].astype(np.float64)
        x = (unit(x) if data.spherical else x) - centers[found.labels[rows]]
        squares[rows] = np.einsum("ij,ij->i", x, x)
    return Clusters(
        centers=centers,
        labels=found.labels,
        # of unit vectors 1 - cos is half the squared distance, with all its digits
        distances=squares / 2 if data.spherical else np.sqrt(squares),
        counts=found.counts,
        inertia=float(squares.sum()),
        iterations=found.iterations,
        converged=found.converged,
    )


def _put_on_lone_points(
    centers: Float[np.ndarray, "k d"], array: np.ndarray, data: Data, found: _Found
) -> None:
    """Give the centre of one point all of its digits: its distance would be rounding.

    That of a far point may be more than all other distances, and float32 may do for
    those.  A centre that is elsewhere, as mini-batches leave it, stays, unless its
    point is farther from it than all others are from theirs.
    """
    alone = found.counts[found.labels] == 1
    rows = np.flatnonzero(alone)
    farthest = np.sqrt(float(found.squares[~alone].max(initial=0.0)))
    for part in np.array_split(rows, max(1, len(rows) // BLOCK)):
        x = array[part].astype(np.float64)
        x, own = unit(x) if data.spherical else x, found.labels[part]
        far = np.linalg.norm(centers[own] - data.origin, axis=1)
        away = np.linalg.norm(x - centers[own], axis=1)
        moved = (away <= _ROUNDING * far) | (away > farthest)
        centers[own[moved]] = x[moved]
