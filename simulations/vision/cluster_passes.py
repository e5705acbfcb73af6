"""Passes of k-means over all points: nearest centres, and the means of their points.

Points are cut over the devices of this process: each finds the nearest centres of its
own, and sums and counts are added up.  A cluster that loses its points gets the point
that is farthest from its own centre.  The nearest centre of a block is found by a
matrix product, a maximum and a comparison (on CPUs XLA's argmax takes longer than the
product); or, where the product has no digits, by the differences from every centre in
float64.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int

from perceptron_theory import InputError

BLOCK = 1024  # points in one matrix product: its result stays in the cache
BLOCKS_AT_ONCE = 16  # that go to each device together
AXIS = "points"
RESIDENT = 2**31  # bytes of points that stay on each device from pass to pass
_FEW = 32  # clusters
# lengths whose squares are a float32, and a float64, as are sums of them
_SINGLE, _DOUBLE = 1e15, 1e150


class Data(NamedTuple):
    """The points as the devices compute with them."""

    array: Float[np.ndarray, "P d"]
    shift: Float[np.ndarray, " d"]
    """Subtracted on the device: products of points far from zero have no digits."""
    origin: Float[np.ndarray, " d"]
    """What is subtracted in all, on the device or before."""
    spherical: bool
    mesh: Mesh
    exact: bool
    """Whether distances are differences in float64 and not products in float32."""
    resident: tuple[Array, ...] = ()
    """The padded pieces on the devices, if they may stay there."""

    @property
    def dtype(self) -> Any:
        """The type of the arithmetic, and of centres."""
        return np.float64 if self.exact else np.float32

    def piece(self, i: int, rows: slice) -> Array:
        """The i-th of :meth:`pieces`, on the devices."""
        return self.resident[i] if self.resident else self.put(rows)

    def put(self, rows: slice) -> Array:
        """Rows, padded, on the devices."""
        piece = self.array[rows]
        if self.exact:  # a device takes the smallest float32 for zeros
            piece = piece.astype(np.float64, copy=False)
        padded = _padded(piece, self.mesh.size)
        return jax.device_put(padded, NamedSharding(self.mesh, PartitionSpec(AXIS)))

    def pieces(self) -> list[slice]:
        """The rows that go to the devices together."""
        return pieces(len(self.array), self.mesh.size)

    def moved(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """Points of the caller's as the centres are: shifted, or of unit length."""
        x = x.astype(np.float64) - self.origin
        return (unit(x) if self.spherical else x).astype(self.dtype)


def prepared(
    array: Float[np.ndarray, "P d"],
    origin: Float[np.ndarray, " d"],
    spherical: bool,
    mesh: Mesh,
    *,
    exact: bool,
    keep: bool,
) -> Data:
    """Points for the passes, kept on the devices if they fit and ``keep`` says so."""
    # float32, so that what is subtracted on the device is what is added in the end
    origin = np.zeros_like(origin) if exact else origin.astype(np.float32)
    shift = origin.astype(np.float32)
    if not exact and array.dtype != np.float32:
        array, shift = (array - origin).astype(np.float32), np.zeros_like(shift)
    data = Data(array, shift, origin.astype(np.float64), spherical, mesh, exact)
    if not keep or array.nbytes > RESIDENT * mesh.size:
        return data
    return data._replace(resident=tuple(map(data.put, data.pieces())))


def moments(
    points: Float[np.ndarray, "P d"], spherical: bool
) -> tuple[Float[np.ndarray, " d"], bool]:
    """The mean (0 for unit points), and whether squared lengths fit into float32.

    Raises:
        InputError: squares do not fit into float64, or a point has no direction.
    """
    total, longest, shortest, largest = np.zeros(points.shape[1]), 0.0, math.inf, 0.0
    for rows in pieces(len(points)):
        piece = points[rows]
        sizes = np.maximum(piece.max(1), -piece.min(1)).astype(np.float64)
        if not sizes.max() < _DOUBLE:
            i = int(sizes.argmax())
            raise InputError(
                f"points[{rows.start + i}] has a coordinate of size {sizes[i]:.3g}: "
                f"scale the points below {_DOUBLE:g}"
            )
        lengths = np.einsum("ij,ij->i", piece, piece, dtype=np.float64)
        if spherical and (lengths < _DOUBLE**-2).any():
            i = rows.start + int(lengths.argmin())
            if points[i].any():
                raise InputError(
                    f"points[{i}] has no coordinate above {abs(points[i]).max():.3g}, "
                    f"and its squares are lost: scale the points above {1 / _DOUBLE:g}"
                )
            raise InputError(
                f"points[{i}] is zero: it has no direction; remove it or use "
                "distance='euclidean'"
            )
        total += piece.sum(0, dtype=np.float64)
        longest = max(longest, float(lengths.max()))
        shortest = min(shortest, float(lengths.min()))
        largest = max(largest, float(sizes.max()))
    if 0 < largest < 1 / _DOUBLE:
        raise InputError(
            f"no coordinate is larger than {largest:.3g}: scale the points above "
            f"{1 / _DOUBLE:g}"
        )
    least = shortest if spherical else longest
    fits = longest < _SINGLE**2 and (least > _SINGLE**-2 or largest == 0)
    return total / len(points) * (not spherical), fits


def pieces(count: int, devices: int = 1) -> list[slice]:
    """Rows that are taken together."""
    size = BLOCK * BLOCKS_AT_ONCE * devices
    return [slice(i, min(i + size, count)) for i in range(0, count, size)]


def _padded(piece: np.ndarray, devices: int) -> np.ndarray:
    """Whole blocks, a power of two for each device: few shapes, so few programs."""
    blocks = 2 ** math.ceil(math.log2(math.ceil(len(piece) / BLOCK / devices)))
    rows = devices * blocks * BLOCK - len(piece)
    if rows == 0:
        return piece
    # copies of a point, rather than zeros, that have a direction
    return np.concatenate([piece, np.broadcast_to(piece[:1], (rows, piece.shape[1]))])


def unit(x: Any) -> Any:
    """Rows scaled to length one."""
    return x / ((x**2).sum(-1, keepdims=True) ** 0.5)


@functools.lru_cache
def _nearest(mesh: Mesh, spherical: bool, last: bool, exact: bool) -> Any:
    """:func:`_nearest_of_part` on each device, the sums and counts of all together."""

    def of_part(points: Array, shift: Array, centers: Array, valid: Array) -> Any:
        valid = valid - jax.lax.axis_index(AXIS) * len(points)
        options = {"spherical": spherical, "last": last, "exact": exact}
        found = _nearest_of_part(points, shift, centers, valid, **options)
        return *found[:2], *jax.lax.psum(found[2:], AXIS)

    parts, whole = PartitionSpec(AXIS), PartitionSpec()
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
    last: bool,
    exact: bool,
) -> tuple[Array, Array, Array, Array]:
    """Labels, squared distances; sums and counts of the clusters over valid points."""
    k, d = centers.shape
    half = 0.5 * (centers**2).sum(1)

    def block(carry, x):
        sums, counts, first = carry
        x = x.astype(centers.dtype)
        x = unit(x) if spherical else x - shift
        if exact:
            likeness = -jax.lax.map(lambda c: ((x - c) ** 2).sum(1), centers).T
        else:
            likeness = jnp.matmul(x, centers.T, precision="highest") - half
        best = likeness.max(1, keepdims=True)
        label = jnp.where(likeness == best, jnp.arange(k), k).min(1)
        label = jnp.minimum(label, k - 1)
        if exact:
            square = -best[:, 0]
        elif last:  # differences of nearly equal squares have no digits
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

    start = (jnp.zeros((k, d), centers.dtype), jnp.zeros(k, jnp.int32), 0)
    blocks = points.reshape(-1, BLOCK, d)
    (sums, counts, _), (labels, squares) = jax.lax.scan(block, start, blocks)
    return labels.reshape(-1), squares.reshape(-1), sums, counts


def assign(
    data: Data, centers: np.ndarray, *, last: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Labels and squared distances of all points; sums and counts of the clusters."""
    labels = np.empty(len(data.array), np.int64)
    squares = np.empty(len(data.array), data.dtype)
    sums = np.zeros(centers.shape, np.float64)
    counts = np.zeros(len(centers), np.int64)
    run = _nearest(data.mesh, data.spherical, last, data.exact)
    for i, rows in enumerate(data.pieces()):
        valid = rows.stop - rows.start
        found = run(data.piece(i, rows), data.shift, centers, valid)
        label, square, total, count = found
        labels[rows] = np.asarray(label)[:valid]
        squares[rows] = np.asarray(square)[:valid]
        sums += np.asarray(total)
        counts += np.asarray(count)
    return labels, squares, sums, counts


def _fill(empty, data: Data, labels, squares, sums, counts) -> None:
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
        x = unit(x) if data.spherical else x - data.shift
        sums[labels[i]] -= x
        counts[labels[i]] -= 1
        sums[cluster], counts[cluster], labels[i] = x, 1, cluster


def _means(data: Data, sums, counts, previous) -> np.ndarray:
    # opposite unit vectors have no mean direction
    sizes = np.linalg.norm(sums, axis=1) if data.spherical else counts
    held = (counts > 0) & (sizes > 0)
    means = sums / np.where(held, sizes, 1)[:, None]
    return np.where(held[:, None], means, previous).astype(data.dtype)


class FullPasses:
    """One pass a step: the means of the points nearest to each centre."""

    def __init__(self, data: Data):
        self.data = data

    def __call__(self, centers: np.ndarray) -> tuple[np.ndarray, float]:
        """New centres, and the mean square of a coordinate's distance to the old."""
        labels, squares, sums, counts = assign(self.data, centers)
        square = squares.mean(dtype=np.float64) / centers.shape[1]
        _fill(np.flatnonzero(counts == 0), self.data, labels, squares, sums, counts)
        return _means(self.data, sums, counts, centers), float(square)


class MiniBatches:
    """A pass in mini-batches: a centre is the mean of all points it was given."""

    def __init__(
        self,
        data: Data,
        size: int,
        rng: np.random.Generator,
        shape: tuple[int, int],
    ):
        self.data, self.size, self.rng = data, size, rng
        self.sums, self.counts = np.zeros(shape), np.zeros(shape[0], np.int64)

    def __call__(self, centers: np.ndarray) -> tuple[np.ndarray, float]:
        """Move the centres as :class:`FullPasses` does."""
        order = self.rng.permutation(len(self.data.array))
        square = 0.0
        for i in range(0, len(order), self.size):
            rows = np.sort(order[i : i + self.size])  # a memory map is read forwards
            part = self.data._replace(array=self.data.array[rows], resident=())
            labels, squares, sums, counts = assign(part, centers)
            square += squares.sum(dtype=np.float64)
            empty = np.flatnonzero(self.counts + counts == 0)
            _fill(empty, part, labels, squares, sums, counts)
            self.sums += sums
            self.counts += counts
            centers = _means(self.data, self.sums, self.counts, centers)
        return centers, float(square / self.data.array.size)
