"""A smooth function next to scattered points where its values and gradients are known.

It is taken for a Gaussian process of a width larger than the distance of the points:
in the limit of a wide one that is the polynomial which the data determine, whatever
their number and place (Driscoll & Fornberg, Comput. Math. Appl. 43, 413, 2002).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

NEIGHBOURS = 8  # points that are looked at
WIDTH = 3.0  # of the Gaussian, in units of the distance of the farthest of them
ROUNDING = 1e-13  # of the covariances: what they leave undetermined stays small
FEW = 1 << 22  # distances for which no tree is grown, which takes SciPy to be imported

Places = Float[np.ndarray, "n k"]


def nearest(
    known: Places, places: Float[np.ndarray, "m k"], count: int
) -> tuple[Float[np.ndarray, "m c"], Int[np.ndarray, "m c"]]:
    """The distances of the nearest of the known points, and which these are."""
    if len(known) * len(places) > FEW:
        from scipy.spatial import KDTree  # a tenth of a second

        found = KDTree(known).query(places, count)
        distance, which = (np.reshape(x, (len(places), count)) for x in found)
        return distance, which
    square = sum((x[:, None] - y) ** 2 for x, y in zip(places.T, known.T, strict=True))
    square = np.broadcast_to(square, (len(places), len(known)))
    order = np.argpartition(square, count - 1, axis=1)[:, :count]
    near = np.take_along_axis(square, order, axis=1)
    again = np.argsort(near, axis=1, kind="stable")
    near, order = (np.take_along_axis(x, again, axis=1) for x in (near, order))
    return np.sqrt(near), order


def interpolated(
    known: Places,
    values: Float[np.ndarray, "n p"],
    gradients: Float[np.ndarray, "n p g"],
    places: Float[np.ndarray, "m k"],
    near: Int[np.ndarray, " m"],
) -> tuple[Float[np.ndarray, "m p"], Float[np.ndarray, "m p"]]:
    """The changes from the known points ``near`` places to these: along a tangent, all.

    They are found from those around the near one.  ``gradients`` are by the first g
    coordinates.
    """
    moving = np.any(known != known[0], axis=0) | np.any(places != known[near], axis=0)
    gradients = gradients[..., moving[: gradients.shape[2]]]
    known, places, own = known[:, moving], places[:, moving], gradients.shape[2]
    straight = np.einsum("npg,ng->np", gradients[near], (places - known[near])[:, :own])
    centres, which = np.unique(near, return_inverse=True)
    count = min(NEIGHBOURS, len(known))
    distance, around = nearest(known, known[centres], count)
    width = WIDTH * distance[:, -1]
    width = np.where(width > 0, width, 1.0)[:, None]
    middle = known[centres]
    x = (known[around] - middle[:, None]) / width[:, None]
    matrix = _covariance(x, x, own, own)
    size = count * (1 + own)
    matrix = matrix.reshape(-1, size, size) + ROUNDING * np.eye(size)
    # of what is left beside the tangent
    slopes = (gradients[around] - gradients[centres][:, None]) * width[:, None, None]
    tangent = gradients[centres] * width[:, None]
    rises = values[around] - values[centres][:, None]
    rises = rises - np.einsum("cpg,cdg->cdp", tangent, x[..., :own])
    data = np.concatenate([rises[:, :, None], np.moveaxis(slopes, 3, 2)], axis=2)
    weights = np.linalg.solve(matrix, data.reshape(len(centres), size, -1))
    at = ((places - middle[which]) / width[which])[:, None]
    row = _covariance(at, x[which], 0, own).reshape(len(places), size)
    return straight, straight + np.einsum("md,mdp->mp", row, weights[which])


def _covariance(
    x: Float[np.ndarray, "m c k"], y: Float[np.ndarray, "m d k"], own_x: int, own_y: int
) -> Float[np.ndarray, "m c a d b"]:
    """Of values and of the first derivatives, at points of unit width."""
    step = x[:, :, None] - y[:, None]
    density = np.exp(-0.5 * np.sum(step * step, axis=-1))
    by_x, by_y = (np.moveaxis(step[..., :n], 3, 2) for n in (own_x, own_y))
    one = np.ones_like(density)[:, :, None]
    left = np.concatenate([one, -by_x], axis=2)[:, :, :, :, None]
    right = np.concatenate([one, by_y], axis=2).swapaxes(2, 3)[:, :, None]
    product = left * right
    shared = np.arange(1, 1 + min(own_x, own_y))
    product[:, :, shared, :, shared] += 1.0
    return product * density[:, :, None, :, None]
