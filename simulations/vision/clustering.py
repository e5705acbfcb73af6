"""k-means in JAX, Euclidean or spherical, in blocks of bounded memory.

Lloyd's iteration, or Sculley's mini-batches (Web-scale k-means clustering, WWW 2010),
from a k-means++ start (Arthur & Vassilvitskii 2007).  ``distance="cosine"`` is
spherical k-means (Dhillon & Modha 2001): points and centres are unit vectors, and a
cluster's centre is its normalised mean.

Points are cut over the devices of this process: each finds the nearest centres of its
own, and sums and counts are added up.  (Hosts do not share the work: each does all.)
Points beyond 2 GiB a device stay on the host and go to the devices block by block, so
that a memory map of any size can be clustered.  A cluster that loses its points gets
the point that is farthest from its own centre.  The nearest centre of a block is found
by a matrix product, a maximum and a comparison: on CPUs XLA's argmax takes longer than
the product.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name

from . import inputs
from .cluster_starts import plus_plus, trials

DISTANCES = ("euclidean", "cosine")
_BLOCK = 1024  # points in one matrix product: its result stays in the cache
_BLOCKS_AT_ONCE = 16  # that go to each device together
_AXIS = "points"
_FEW = 32  # clusters
# k-means++ costs k passes: it sees at most this many points a cluster
_START_POINTS = 10
_RESIDENT = 2**31  # bytes of points that stay on each device from pass to pass
# squares outside of these are no float32
_LONGEST, _SHORTEST = 1e15, 1e-15


@dataclass(frozen=True)
class Clusters:
    """What k-means found."""

    centers: Float[np.ndarray, "k d"]
    """Of unit length under the cosine distance."""
    labels: Int[np.ndarray, " P"]
    """The nearest centre of every point."""
    distances: Float[np.ndarray, " P"]
    """To that centre: |x - c|, or 1 - cos(x, c)."""
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
    are copied to one, which takes 4 n_points n_dimensions more.
    """
    start = min(n_points, _START_POINTS * n_clusters)
    rows = min(n_points, _BLOCK) + _BLOCK * _BLOCKS_AT_ONCE
    resident = math.ceil(n_points / n_devices) * n_dimensions
    if 4 * resident > _RESIDENT:
        resident = 0
    centers = n_clusters * (n_dimensions + 1)
    # points and unit points; similarities of one block and where they are largest
    passes = resident + 2 * rows * n_dimensions + 3 * _BLOCK * n_clusters + 3 * centers
    seeding = 2 * start * (n_dimensions + 3 + trials(n_clusters)) + centers
    return {
        "device": 4 * max(passes, seeding),
        "host": 4 * (max(start, rows * n_devices) * n_dimensions + 3 * centers)
        + 24 * n_points,
    }


def kmeans(
    points: Float[Array, "P d"] | Float[np.ndarray, "P d"],
    n_clusters: int,
    *,
    key: Any,
    distance: str = "euclidean",
    max_iterations: int = 100,
    tolerance: float = 1e-4,
    batch_size: int | None = None,
    centers: Float[Array, "k d"] | Float[np.ndarray, "k d"] | None = None,
    devices: Sequence[Any] | None = None,
) -> Clusters:
    """Clusters of points, computed in float32.

    Args:
        points: one a row; a NumPy memory map is read block by block.
        n_clusters: k, at most the number of points.
        key: of ``jax.random``, or a seed; chooses the start and the mini-batches.
        distance: "euclidean" or "cosine".
        max_iterations: passes over all points.
        tolerance: stop when the centres move, in the sum of squares, by less than this
            times the mean variance of a coordinate.
        batch_size: points in a mini-batch; None takes all points in every step.
        centers: where to start, instead of k-means++.
        devices: that share the work; all of this process if None.  Another number of
            them changes sums by rounding.

    Raises:
        InputError: bad shapes, NaN, more clusters than points, a point of length zero
            under the cosine distance.
    """
    if distance not in DISTANCES:
        raise unknown_name("distance", distance, DISTANCES)
    array = inputs.real_array("points", points, "P", "d")
    start_key, batch_key = jax.random.split(inputs.random_key(key))
    k = inputs.positive_integer("n_clusters", n_clusters)
    max_iterations = inputs.positive_integer("max_iterations", max_iterations)
    if k > len(array):
        raise InputError(
            f"{k} clusters of {len(array)} points: ask for at most as many"
        )
    origin, scale = _moments(array, distance == "cosine")
    mesh = Mesh(np.array(jax.local_devices() if devices is None else devices), (_AXIS,))
    data = _data(array, origin, distance == "cosine", mesh, keep=batch_size is None)
    if centers is None:
        current = _start(data, k, start_key)
    else:
        current = inputs.real_array("centers", centers, "k", "d")
        if current.shape != (k, array.shape[1]):
            wanted = (k, array.shape[1])
            raise InputError(f"centers must have shape {wanted}, got {current.shape}")
        current = current - origin
        current = (_unit(current) if data.spherical else current).astype(np.float32)
    if batch_size is None:
        step = functools.partial(_full_pass, data)
    else:
        size = min(inputs.positive_integer("batch_size", batch_size), len(array))
        step = _MiniBatches(data, size, inputs.generator(batch_key), current.shape)
    iterations, converged = 0, False
    while iterations < max_iterations and not converged:
        previous, current = current, step(current)
        iterations += 1
        converged = bool(((current - previous) ** 2).sum() <= tolerance * scale)
    labels, squares, _, counts = _assign(data, current, exact=True)
    return Clusters(
        centers=(current + origin).astype(np.float32),
        labels=labels,
        # of unit vectors 1 - cos is half the squared distance, with all its digits
        distances=squares / 2 if data.spherical else np.sqrt(squares),
        counts=counts,
        inertia=float(squares.sum(dtype=np.float64)),
        iterations=iterations,
        converged=converged,
    )


class _Data(NamedTuple):
    array: Float[np.ndarray, "P d"]
    """float32"""
    shift: Float[np.ndarray, " d"]
    """Subtracted on the device: products of points far from zero have no digits."""
    spherical: bool
    mesh: Mesh
    resident: tuple[Array, ...] = ()
    """The padded pieces on the devices, if they may stay there."""

    def piece(self, i: int, rows: slice) -> Array:
        return self.resident[i] if self.resident else self.put(rows)

    def put(self, rows: slice) -> Array:
        padded = _padded(self.array[rows], self.mesh.size)
        return jax.device_put(padded, NamedSharding(self.mesh, PartitionSpec(_AXIS)))

    def pieces(self) -> list[slice]:
        return _pieces(len(self.array), self.mesh.size)


def _data(
    array: np.ndarray, origin: np.ndarray, spherical: bool, mesh: Mesh, keep: bool
) -> _Data:
    shift = origin.astype(np.float32)
    if array.dtype != np.float32:
        array, shift = (array - origin).astype(np.float32), np.zeros_like(shift)
    data = _Data(array, shift, spherical, mesh)
    if not keep or array.nbytes > _RESIDENT * mesh.size:
        return data
    return data._replace(resident=tuple(map(data.put, data.pieces())))


def _moments(points: np.ndarray, spherical: bool) -> tuple[np.ndarray, float]:
    """The mean and the mean variance of a coordinate; for unit points, 0 and that."""
    total, squares, longest = np.zeros(points.shape[1]), 0.0, 0.0
    for rows in _pieces(len(points)):
        piece = points[rows]
        lengths = np.einsum("ij,ij->i", piece, piece, dtype=np.float64)
        if not lengths.max() < _LONGEST**2:
            i = rows.start + int(lengths.argmax())
            raise InputError(
                f"points[{i}] has the length {math.sqrt(lengths.max()):.3g}: scale the "
                f"points below {_LONGEST:g}"
            )
        if spherical:
            if (lengths < _SHORTEST**2).any():
                i = rows.start + int(lengths.argmin())
                raise InputError(
                    f"points[{i}] is zero: it has no direction; remove it or use "
                    "distance='euclidean'"
                )
            total += np.sqrt(1 / lengths) @ piece
            squares += len(piece)
        else:
            total += piece.sum(0, dtype=np.float64)
            squares += float(lengths.sum())
            longest = max(longest, float(lengths.max()))
    if 0 < longest < _SHORTEST**2:
        raise InputError(
            f"no point is longer than {math.sqrt(longest):.3g}: scale the points above "
            f"{_SHORTEST:g}"
        )
    mean = total / len(points)
    variance = max(squares / len(points) - float(mean @ mean), 0.0)
    return mean * (not spherical), variance / points.shape[1]


def _pieces(count: int, devices: int = 1) -> list[slice]:
    size = _BLOCK * _BLOCKS_AT_ONCE * devices
    return [slice(i, min(i + size, count)) for i in range(0, count, size)]


def _padded(piece: np.ndarray, devices: int) -> np.ndarray:
    """Whole blocks, a power of two for each device: few shapes, so few programs."""
    blocks = 2 ** math.ceil(math.log2(math.ceil(len(piece) / _BLOCK / devices)))
    rows = devices * blocks * _BLOCK - len(piece)
    if rows == 0:
        return piece
    # copies of a point, rather than zeros, that have a direction
    return np.concatenate([piece, np.broadcast_to(piece[:1], (rows, piece.shape[1]))])


def _unit(x: Any) -> Any:
    return x / ((x**2).sum(-1, keepdims=True) ** 0.5)


@functools.lru_cache
def _nearest(mesh: Mesh, spherical: bool, exact: bool) -> Any:
    """:func:`_nearest_of_part` on each device, the sums and counts of all together."""

    def of_part(points: Array, shift: Array, centers: Array, valid: Array) -> Any:
        valid = valid - jax.lax.axis_index(_AXIS) * len(points)
        options = {"spherical": spherical, "exact": exact}
        found = _nearest_of_part(points, shift, centers, valid, **options)
        return *found[:2], *jax.lax.psum(found[2:], _AXIS)

    parts, whole = PartitionSpec(_AXIS), PartitionSpec()
    return jax.jit(
        jax.shard_map(
            of_part,
            mesh=mesh,
            in_specs=(parts, whole, whole, whole),
            out_specs=(parts, parts, whole, whole),
            check_vma=False,  # a scan that starts from zeros has no parts
        )
    )


def _nearest_of_part(
    points: Float[Array, "n d"],
    shift: Float[Array, " d"],
    centers: Float[Array, "k d"],
    valid: Int[Array, ""],
    *,
    spherical: bool,
    exact: bool,
) -> tuple[Array, Array, Array, Array]:
    """Labels, squared distances; sums and counts of the clusters over valid points."""
    k, d = centers.shape
    half = 0.5 * (centers**2).sum(1)

    def block(carry, x):
        sums, counts, first = carry
        x = _unit(x) if spherical else x - shift
        likeness = jnp.matmul(x, centers.T, precision="highest") - half
        best = likeness.max(1, keepdims=True)
        label = jnp.where(likeness == best, jnp.arange(k), k).min(1)
        label = jnp.minimum(label, k - 1)
        if exact:  # differences of nearly equal squares have no digits
            square = ((x - centers[label]) ** 2).sum(1)
        else:
            square = jnp.maximum((x**2).sum(1) - 2 * best[:, 0], 0.0)
        weight = (first + jnp.arange(len(x)) < valid).astype(x.dtype)
        if k > _FEW:
            sums = sums + jax.ops.segment_sum(x * weight[:, None], label, k)
        else:  # a product is faster than a scatter
            one_hot = (label == jnp.arange(k)[:, None]) * weight
            sums = sums + jnp.matmul(one_hot, x, precision="highest")
        counts = counts + jax.ops.segment_sum(weight.astype(jnp.int32), label, k)
        return (sums, counts, first + len(x)), (label, square)

    start = (jnp.zeros((k, d), points.dtype), jnp.zeros(k, jnp.int32), 0)
    blocks = points.reshape(-1, _BLOCK, d)
    (sums, counts, _), (labels, squares) = jax.lax.scan(block, start, blocks)
    return labels.reshape(-1), squares.reshape(-1), sums, counts


def _assign(data: _Data, centers: np.ndarray, *, exact: bool = False):
    labels = np.empty(len(data.array), np.int64)
    squares = np.empty(len(data.array), np.float32)
    sums = np.zeros(centers.shape, np.float64)
    counts = np.zeros(len(centers), np.int64)
    run = _nearest(data.mesh, data.spherical, exact)
    for i, rows in enumerate(data.pieces()):
        valid = rows.stop - rows.start
        found = run(data.piece(i, rows), data.shift, centers, valid)
        label, square, total, count = found
        labels[rows] = np.asarray(label)[:valid]
        squares[rows] = np.asarray(square)[:valid]
        sums += np.asarray(total)
        counts += np.asarray(count)
    return labels, squares, sums, counts


def _fill(empty, data: _Data, labels, squares, sums, counts) -> None:
    """Move the points farthest from their centres into the clusters ``empty``."""
    if not len(empty):
        return
    far = iter(np.argsort(-squares, kind="stable"))
    for cluster in empty:
        # leave alone who is its cluster's only point
        i = next((i for i in far if squares[i] > 0 and counts[labels[i]] > 1), None)
        if i is None:
            return
        x = data.array[i].astype(np.float64)
        x = _unit(x) if data.spherical else x - data.shift
        sums[labels[i]] -= x
        counts[labels[i]] -= 1
        sums[cluster], counts[cluster], labels[i] = x, 1, cluster


def _means(data: _Data, sums, counts, previous) -> np.ndarray:
    # opposite unit vectors have no mean direction
    sizes = np.linalg.norm(sums, axis=1) if data.spherical else counts
    held = (counts > 0) & (sizes > 0)
    means = sums / np.where(held, sizes, 1)[:, None]
    return np.where(held[:, None], means, previous).astype(np.float32)


def _full_pass(data: _Data, centers: np.ndarray) -> np.ndarray:
    labels, squares, sums, counts = _assign(data, centers)
    _fill(np.flatnonzero(counts == 0), data, labels, squares, sums, counts)
    return _means(data, sums, counts, centers)


class _MiniBatches:
    """A pass in mini-batches: a centre is the mean of all points it was given."""

    def __init__(self, data, size, rng, shape):
        self.data, self.size, self.rng = data, size, rng
        self.sums, self.counts = np.zeros(shape), np.zeros(shape[0], np.int64)

    def __call__(self, centers: np.ndarray) -> np.ndarray:
        order = self.rng.permutation(len(self.data.array))
        for i in range(0, len(order), self.size):
            rows = np.sort(order[i : i + self.size])  # a memory map is read forwards
            part = self.data._replace(array=self.data.array[rows], resident=())
            labels, squares, sums, counts = _assign(part, centers)
            empty = np.flatnonzero(self.counts + counts == 0)
            _fill(empty, part, labels, squares, sums, counts)
            self.sums += sums
            self.counts += counts
            centers = _means(self.data, self.sums, self.counts, centers)
        return centers


def _start(data: _Data, k: int, key: Array) -> np.ndarray:
    """k-means++ among a random part of the points."""
    size, rng = min(len(data.array), _START_POINTS * k), inputs.generator(key)
    sample = data.array[np.sort(rng.choice(len(data.array), size, replace=False))]
    sample = _unit(sample) if data.spherical else sample - data.shift
    return np.asarray(plus_plus(sample, key, k=k))
