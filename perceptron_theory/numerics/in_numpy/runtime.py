"""The functions that the text of NumPy programs calls.

SciPy is imported by those that need it: to begin with it takes a third of a second.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..polynomials import in_numpy as polynomial  # noqa: F401
from .matrices import cholesky, lu, triangular_solve  # noqa: F401


def full(x: Any, shape: tuple[int, ...]) -> np.ndarray:
    """An array with all its elements."""
    whole = np.empty(shape, x.dtype)  # for few numbers faster than np.broadcast_to
    whole[...] = x
    return whole


def erf(x: Any) -> Any:
    """The error function."""
    from scipy import special

    return special.erf(x)


def erfc(x: Any) -> Any:
    """Its complement."""
    from scipy import special

    return special.erfc(x)


def erf_inv(x: Any) -> Any:
    """Its inverse."""
    from scipy import special

    return special.erfinv(x)


def logistic(x: Any) -> Any:
    """The logistic function."""
    from scipy import special

    return special.expit(x)


def to_whole(x: Any, dtype: Any) -> Any:
    """Floats as integers: NaN is 0, and what is beyond the ends is at them."""
    ends = np.iinfo(dtype)
    low, beyond = float(ends.min), 2.0 ** (ends.bits - (ends.min < 0))
    within = np.where((x >= low) & (x < beyond), x, 0.0).astype(dtype)
    return np.where(x >= beyond, ends.max, np.where(x < low, ends.min, within))


def less_in_order(x: Any, y: Any) -> Any:
    """Whether x comes first as numbers are sorted: -0.0 before 0.0, and NaN last."""
    signs = (x == y) & (np.signbit(x) & ~np.signbit(y))
    return (x < y) | signs | (np.isnan(y) & ~np.isnan(x))


def whole_quotient(x: Any, y: Any) -> Any:
    """Towards zero; by zero it is -1, or the largest of those without a sign."""
    zero = y == 0
    y = np.where(zero, 1, y)
    return np.where(zero, ~(x ^ x), (x - np.fmod(x, y)) // y)


def whole_rest(x: Any, y: Any) -> Any:
    """With the sign of x; by zero it is x."""
    return np.where(y == 0, x, np.fmod(x, np.where(y == 0, 1, y)))


def dot(x: Any, y: Any, cx: Any, cy: Any, bx: Any, by: Any) -> Any:
    """``lax.dot_general``: contracted axes cx, cy and batched axes bx, by."""
    fx = [i for i in range(x.ndim) if i not in cx and i not in bx]
    fy = [i for i in range(y.ndim) if i not in cy and i not in by]
    batch = [x.shape[i] for i in bx]
    sizes_x, sizes_y = [x.shape[i] for i in fx], [y.shape[i] for i in fy]
    size = prod(x.shape[i] for i in cx)
    left = x.transpose(*bx, *fx, *cx).reshape(*batch, prod(sizes_x), size)
    right = y.transpose(*by, *cy, *fy).reshape(*batch, size, prod(sizes_y))
    shape = *batch, *sizes_x, *sizes_y
    return np.matmul(left, right).reshape(shape)[()]


class Rest:
    """The variables of a loop at those points that are done with it.

    The others go on by themselves: nobody waits for the slowest.
    """

    def __init__(self, count: int, start: tuple[Any, ...]) -> None:
        self._left = np.arange(count)
        self.found = tuple(map(np.array, start))

    def keep(self, go_on: np.ndarray, values: tuple[Any, ...]) -> None:
        """The values of the points that do not go on."""
        done = self._left[~go_on]
        for found, value in zip(self.found, values, strict=True):
            found[done] = value[~go_on]
        self._left = self._left[go_on]


def dynamic_slice(x: Any, at: Any, sizes: tuple[int, ...], many: bool) -> Any:
    """A window, moved to where it lies within; ``many``: one of each point."""
    return x[_window(x, at, sizes, many)]


def dynamic_update_slice(x: Any, part: Any, at: Any, many: bool) -> Any:
    """``x`` with a window replaced."""
    x = np.array(x)
    x[_window(x, at, part.shape[1:] if many else part.shape, many)] = part
    return x


def _window(x: Any, at: Any, sizes: tuple[int, ...], many: bool) -> tuple[Any, ...]:
    shape = x.shape[1:] if many else x.shape
    ends = list(zip(at, sizes, shape, strict=True))
    if not any(np.ndim(a) for a in at):
        starts = [min(max(int(a), 0), n - size) for a, size, n in ends]
        own = (slice(a, a + size) for a, (_, size, _) in zip(starts, ends, strict=True))
        return (slice(None), *own) if many else tuple(own)
    rank = len(ends)
    index: list[Any] = [np.arange(len(x)).reshape(-1, *[1] * rank)]
    for axis, (a, size, n) in enumerate(ends):
        wide = [1] * rank
        wide[axis] = size
        start = np.clip(np.asarray(a, np.int64), 0, n - size)
        index.append(start.reshape(-1, *[1] * rank) + np.arange(size).reshape(wide))
    return tuple(index)


class _Layout(NamedTuple):
    """How ``lax.gather`` and ``lax.scatter`` name axes; see their documentation."""

    window: tuple[int, ...]  # axes of the slices, which run over the unnamed ...
    inserted: tuple[int, ...]  # ... axes, and neither these
    mapped: tuple[int, ...]
    batched: tuple[int, ...]  # nor these
    batched_of_indices: tuple[int, ...]


def _elements(
    shape: Any, at: Any, layout: _Layout, sizes: Any, clipped: bool
) -> tuple[tuple[Any, ...], Any]:
    """The indices of all elements of some slices, and which slices lie within."""
    rank = at.ndim - 1 + len(layout.window)
    across = [axis for axis in range(rank) if axis not in layout.window]
    at = at.astype(np.int64)  # a byte could not hold the ends

    def along(values: Any, axes: Any) -> Any:
        wide = [1] * rank
        for axis, size in zip(axes, values.shape, strict=True):
            wide[axis] = size
        return values.reshape(wide)

    index: list[Any] = [0] * len(shape)
    inside: Any = True
    for i, axis in enumerate(layout.mapped):
        start, most = along(at[..., i], across), shape[axis] - sizes[axis]
        if clipped:
            start = np.clip(start, 0, most)
        inside = inside & (start >= 0) & (start <= most)
        index[axis] = start
    batches = zip(layout.batched, layout.batched_of_indices, strict=True)
    for axis, place in batches:
        index[axis] = along(np.arange(shape[axis]), [across[place]])
    hidden = {*layout.inserted, *layout.batched}
    seen = [axis for axis in range(len(shape)) if axis not in hidden]
    for axis, window in zip(seen, layout.window, strict=True):
        index[axis] = index[axis] + along(np.arange(sizes[axis]), [window])
    return tuple(index), inside


def gather(x: Any, at: Any, layout: Any, sizes: Any, filled: bool, fill: Any) -> Any:
    """``lax.gather``."""
    index, inside = _elements(x.shape, at, _Layout(*layout), sizes, not filled)
    if not filled:
        return x[index]
    within = (np.clip(i, 0, n - 1) for i, n in zip(index, x.shape, strict=True))
    return np.where(inside, x[tuple(within)], x.dtype.type(fill))[()]


def scatter(
    x: Any, at: Any, updates: Any, layout: Any, clipped: bool, how: str
) -> np.ndarray:
    """``lax.scatter`` and its kin: what lies outside is left out."""
    layout, sizes = _Layout(*layout), [1] * x.ndim
    hidden = {*layout.inserted, *layout.batched}
    seen = [axis for axis in range(x.ndim) if axis not in hidden]
    for axis, window in zip(seen, layout.window, strict=True):
        sizes[axis] = updates.shape[window]
    index, inside = _elements(x.shape, at, layout, sizes, clipped)
    *index, inside, updates = np.broadcast_arrays(*index, inside, updates)
    where = tuple(i[inside] for i in index)
    x = x.copy()
    if how == "set":
        x[where] = updates[inside]
    else:
        getattr(np, how).at(x, where, updates[inside])
    return x


def pad(x: Any, value: Any, config: Any) -> np.ndarray:
    """``lax.pad``: (low, high, between) of each axis; below zero it cuts.

    The value may be one for each point, whose axis is the first.
    """
    value = np.reshape(value, (-1, *[1] * (x.ndim - 1)))
    inner = [
        n + max(n - 1, 0) * c for n, (_, _, c) in zip(x.shape, config, strict=True)
    ]
    ends = list(zip(inner, config, strict=True))
    whole = np.empty([n + max(a, 0) + max(b, 0) for n, (a, b, _) in ends], x.dtype)
    whole[...] = value
    own = (slice(max(a, 0), max(a, 0) + n, c + 1) for n, (a, _, c) in ends)
    whole[tuple(own)] = x
    cut = (
        slice(max(-a, 0), n + max(a, 0) + b if b < 0 else None) for n, (a, b, _) in ends
    )
    return whole[tuple(cut)]


def sort(axis: int, keys: int, *arrays: Any) -> Any:
    """All arrays in the order of the first ``keys`` of them; one array by itself."""
    if len(arrays) == 1:
        return np.sort(arrays[0], axis, kind="stable")
    if keys == 1:
        order = np.argsort(arrays[0], axis, kind="stable")
    else:
        order = np.lexsort(arrays[:keys][::-1], axis)
    return tuple(np.take_along_axis(x, order, axis) for x in arrays)


def split(x: Any, sizes: tuple[int, ...], axis: int) -> Any:
    """Consecutive parts."""
    return np.split(x, np.cumsum(sizes)[:-1], axis)


def top_k(x: Any, count: int, axis: int) -> tuple[Any, Any]:
    """The largest and where they are; of equal ones the first come first."""
    back = np.argsort(np.flip(x, axis), axis, kind="stable")
    order = x.shape[axis] - 1 - np.flip(back, axis)
    order = np.take(order, range(count), axis)
    return np.take_along_axis(x, order, axis), order.astype(np.int32)
