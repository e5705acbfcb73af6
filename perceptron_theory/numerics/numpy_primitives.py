"""What JAX's primitives are in NumPy: as text, and the functions that the text calls.

``ELEMENTWISE`` and ``OTHERS`` have one entry for each primitive that the equations of
this package are made of.  What is not there has no NumPy form, and is left to XLA; so
is a primitive with a parameter that is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import jax.lax
import numpy as np
from scipy import linalg, special  # noqa: F401 # the text calls it

from .polynomial import in_numpy as polynomial  # noqa: F401

# XLA computes with others in ways of its own
TYPES = {np.dtype(code) for code in "?bBhHiIlLqQfd"}

# parameters that change no number, or only what indices out of bounds give by chance
IDLE = {"accuracy", "conjugate_a", "indices_are_sorted", "is_stable", "linear"}
IDLE |= {"out_sharding", "precision", "preferred_element_type", "sharding"}
IDLE |= {"_split_transpose", "unique_indices", "unroll", "update_consts", "weak_type"}
MODES = jax.lax.GatherScatterMode


class NoNumpyForm(Exception):
    """A primitive that has no form in NumPy here."""


class Parameters(dict[str, Any]):
    """The parameters of an equation, with the forms of its operands and results."""

    def __init__(self, equation: Any) -> None:
        super().__init__(equation.params)
        self.operands = [v.aval for v in equation.invars]
        self.results = [v.aval for v in equation.outvars]
        self._unread = {k for k, v in self.items() if v is not None} - IDLE

    def __getitem__(self, name: str) -> Any:
        self._unread.discard(name)
        return super().__getitem__(name)

    def __missing__(self, name: str) -> Any:
        raise NoNumpyForm(f"no parameter {name}")

    def check_all_read(self) -> None:
        """One that nothing asked for could change the result."""
        if self._unread:
            raise NoNumpyForm(f"parameters {sorted(self._unread)}")


# of operands that NumPy broadcasts
ELEMENTWISE: dict[str, str] = {
    "abs": "abs({0})",
    "add": "{0} + {1}",
    "add_any": "{0} + {1}",
    "and": "{0} & {1}",
    "clamp": "np.minimum(np.maximum({1}, {0}), {2})",
    "div": "{0} / {1}",
    "eq": "{0} == {1}",
    "erf": "special.erf({0})",
    "erf_inv": "special.erfinv({0})",
    "erfc": "special.erfc({0})",
    "logistic": "special.expit({0})",
    "ge": "{0} >= {1}",
    "gt": "{0} > {1}",
    "is_finite": "np.isfinite({0})",
    "le": "{0} <= {1}",
    "lt": "{0} < {1}",
    "max": "np.maximum({0}, {1})",
    "min": "np.minimum({0}, {1})",
    "mul": "{0} * {1}",
    "ne": "{0} != {1}",
    "neg": "-{0}",
    "not": "~{0}",
    "or": "{0} | {1}",
    "rem": "np.fmod({0}, {1})",
    "rsqrt": "1.0 / np.sqrt({0})",
    "square": "{0} * {0}",
    "sub": "{0} - {1}",
    "xor": "{0} ^ {1}",
} | {
    ours: f"np.{theirs}({{0}})"
    for ours, theirs in {
        **{name: name for name in ("ceil", "cos", "cosh", "exp", "exp2", "expm1")},
        **{name: name for name in ("floor", "log", "log1p", "sin", "sinh")},
        **{name: name for name in ("cbrt", "sqrt", "tan", "tanh")},
        **{"a" + name: "arc" + name for name in ("sin", "cos", "tan")},
        **{"a" + name: "arc" + name for name in ("sinh", "cosh", "tanh")},
    }.items()
}
ELEMENTWISE |= {
    "atan2": "np.arctan2({0}, {1})",
    "pow": "np.power({0}, {1}, dtype=np.{dtype})",  # float32 to an int32 is float64
    "sign": "np.copysign(np.sign({0}), {0})",  # of -0.0
}
OF_INTEGERS = {
    "div": "whole_quotient({0}, {1})",
    "rem": "whole_rest({0}, {1})",
    "sign": "np.sign({0})",
}
SAME = "copy", "copy_p", "stop_gradient", "optimization_barrier", "reduce_precision"


def elementwise(name: str, p: Parameters, texts: Sequence[str]) -> str:
    """The text of an operation on operands that NumPy broadcasts."""
    dtype = p.results[0].dtype
    if name == "polynomial":
        coefficients = tuple(map(float, p["coefficients"])) or (0.0,)
        if not np.isfinite(coefficients).all():
            raise NoNumpyForm("coefficients that are not finite")
        return f"polynomial({texts[0]}, {coefficients})"
    if name == "integer_pow":
        return _integer_power(texts[0], p["y"], dtype.kind == "f")
    table = OF_INTEGERS if dtype.kind in "iu" and name in OF_INTEGERS else ELEMENTWISE
    if name not in table:
        raise NoNumpyForm(name)
    return table[name].format(*texts, dtype=dtype)


def _integer_power(x: str, y: int, inexact: bool) -> str:
    """By multiplications, as XLA does it."""
    if 0 < abs(y) <= 8:
        product = " * ".join([x] * abs(y))
        return product if y > 0 else f"1.0 / ({product})"
    if not inexact:
        raise NoNumpyForm("high powers of integers")
    return f"np.power({x}, {float(y)})"


def same(name: str, p: Parameters) -> bool:
    """Whether the results are the operands."""
    if name == "reduce_precision":  # to that of another type it is not
        kept = np.finfo(p.results[0].dtype)
        return (p["exponent_bits"], p["mantissa_bits"]) == (kept.nexp, kept.nmant)
    return name in SAME


def _reduced(method: str) -> Callable[..., str]:
    def text(p: Parameters, x: str) -> str:
        (operand,), (result,) = p.operands, p.results
        if method in ("max", "min") and 0 in operand.shape:
            raise NoNumpyForm("the largest of no elements")
        if method in ("all", "any") and operand.dtype != bool:
            raise NoNumpyForm("a reduction of bits")
        own = method in ("prod", "sum") and result.dtype.kind in "iu"
        dtype = f", dtype=np.{result.dtype}" if own else ""  # NumPy's may be wider
        return f"{x}.{method}({_plain(p['axes'])[0]}{dtype})"

    return text


def _first(method: str) -> Callable[..., str]:
    def text(p: Parameters, x: str) -> str:
        (axis,) = p["axes"]
        return f"{x}.{method}({int(axis)}).astype(np.{np.dtype(p['index_dtype'])})"

    return text


def _accumulated(ufunc: str) -> Callable[..., str]:
    def text(p: Parameters, x: str) -> str:
        back = f"[{':, ' * p['axis']}::-1]" if p["reverse"] else ""
        dtype = f"np.{p.results[0].dtype}"
        return f"{ufunc}.accumulate({x}{back}, {p['axis']}, {dtype}){back}"

    return text


def _slice(p: Parameters, x: str) -> str:
    starts, ends = p["start_indices"], p["limit_indices"]
    strides = p["strides"] or (1,) * len(starts)
    parts = [
        ":" if (a, b, step) == (0, n, 1) else ":".join(map(length_text, (a, b, step)))
        for a, b, step, n in zip(
            starts, ends, strides, p.operands[0].shape, strict=True
        )
    ]
    return f"{x}[{', '.join(parts) or '()'}]"


def _dot(p: Parameters, x: str, y: str) -> str:
    (cx, cy), (bx, by) = p["dimension_numbers"]
    types = {v.dtype for v in (*p.operands, *p.results)}
    if len(types) > 1 or np.dtype(bool) in types:
        raise NoNumpyForm("products of another type")
    return f"dot({x}, {y}, {', '.join(map(str, _plain(cx, cy, bx, by)))})"


def _gather(p: Parameters, x: str, at: str) -> str:
    n, mode, fill = p["dimension_numbers"], p["mode"], p["fill_value"]
    filled = mode == MODES.FILL_OR_DROP
    if mode not in (MODES.CLIP, MODES.FILL_OR_DROP, MODES.PROMISE_IN_BOUNDS):
        raise NoNumpyForm(f"gather in mode {mode}")
    if not n.start_index_map or (filled and fill is None):
        raise NoNumpyForm("gather without indices, or with nothing to fill in")
    exact = p.results[0].dtype.kind != "f"
    fill = int(fill) if filled and exact else f"float('{float(fill or 0)}')"
    layout = _plain(
        n.offset_dims,
        n.collapsed_slice_dims,
        n.start_index_map,
        n.operand_batching_dims,
        n.start_indices_batching_dims,
    )
    sizes = shape_text(p["slice_sizes"])
    return f"gather({x}, {at}, {layout}, {sizes}, {filled}, {fill})"


def _scatter(how: str) -> Callable[..., str]:
    def text(p: Parameters, x: str, at: str, updates: str) -> str:
        n, mode = p["dimension_numbers"], p["mode"]
        if how != "set":
            p["update_jaxpr"]  # says again what the primitive does
        layout = _plain(
            n.update_window_dims,
            n.inserted_window_dims,
            n.scatter_dims_to_operand_dims,
            n.operand_batching_dims,
            n.scatter_indices_batching_dims,
        )
        if mode not in (MODES.CLIP, MODES.FILL_OR_DROP, MODES.PROMISE_IN_BOUNDS):
            raise NoNumpyForm(f"scatter in mode {mode}")
        clipped = mode == MODES.CLIP
        return f"scatter({x}, {at}, {updates}, {layout}, {clipped}, {how!r})"

    return text


def _round(p: Parameters, x: str) -> str:
    if p["rounding_method"] != jax.lax.RoundingMethod.TO_NEAREST_EVEN:
        raise NoNumpyForm("halves away from zero")
    return f"np.rint({x})"


def _triangular(p: Parameters, a: str, b: str) -> str:
    names = "left_side", "lower", "transpose_a", "unit_diagonal"
    return f"triangular_solve({a}, {b}, {', '.join(str(p[name]) for name in names)})"


def _plain(*tuples: Sequence[Any]) -> tuple[tuple[int, ...], ...]:
    try:
        return tuple(tuple(map(int, x)) for x in tuples)
    except Exception as error:  # JAX's own, of a symbolic length
        raise NoNumpyForm(f"symbolic lengths: {error}") from error


def length_text(n: Any) -> str:
    """The length of an axis; a symbolic one is a sum of multiples of n."""
    if set(str(n)) - set("n0123456789+-* "):
        raise NoNumpyForm(f"an axis of length {n}")
    return str(n)


def shape_text(shape: Sequence[Any]) -> str:
    """The lengths of axes as a tuple."""
    return f"({''.join(f'{length_text(n)}, ' for n in shape)})"


# of the parameters and the operands, which have all their elements
OTHERS: dict[str, Callable[..., str]] = {
    "argmax": _first("argmax"),
    "argmin": _first("argmin"),
    "concatenate": lambda p, *x: f"np.concatenate(({', '.join(x)},), {p['dimension']})",
    "cummax": _accumulated("np.maximum"),
    "cummin": _accumulated("np.minimum"),
    "cumprod": _accumulated("np.multiply"),
    "cumsum": _accumulated("np.add"),
    "cumlogsumexp": _accumulated("np.logaddexp"),
    "dot_general": _dot,
    "dynamic_slice": lambda p, x, *at: (
        f"dynamic_slice({x}, [{', '.join(at)}], {shape_text(p['slice_sizes'])})"
    ),
    "dynamic_update_slice": lambda p, x, part, *at: (
        f"dynamic_update_slice({x}, {part}, [{', '.join(at)}])"
    ),
    "gather": _gather,
    "lu": lambda p, x: f"lu({x})",
    "pad": lambda p, x, value: f"pad({x}, {value}, {_plain(*p['padding_config'])})",
    "reduce_and": _reduced("all"),
    "reduce_max": _reduced("max"),
    "reduce_min": _reduced("min"),
    "reduce_or": _reduced("any"),
    "reduce_prod": _reduced("prod"),
    "reduce_sum": _reduced("sum"),
    "round": _round,
    "rev": lambda p, x: f"np.flip({x}, {_plain(p['dimensions'])[0]})",
    "scatter": _scatter("set"),
    "scatter-add": _scatter("add"),
    "scatter-max": _scatter("maximum"),
    "scatter-min": _scatter("minimum"),
    "scatter-mul": _scatter("multiply"),
    "slice": _slice,
    "sort": lambda p, *x: f"sort({p['dimension']}, {p['num_keys']}, {', '.join(x)})",
    "split": lambda p, x: f"split({x}, {_plain(p['sizes'])[0]}, {int(p['axis'])})",
    "tile": lambda p, x: f"np.tile({x}, {_plain(p['reps'])[0]})",
    "transpose": lambda p, x: f"{x}.transpose({_plain(p['permutation'])[0]})",
    "triangular_solve": _triangular,
}


def full(x: Any, shape: tuple[int, ...]) -> np.ndarray:
    """An array with all its elements."""
    whole = np.empty(shape, x.dtype)  # for few numbers faster than np.broadcast_to
    whole[...] = x
    return whole


def to_whole(x: Any, dtype: Any) -> Any:
    """Floats as integers: NaN is 0, and what is beyond the ends is at them."""
    ends = np.iinfo(dtype)
    low, beyond = float(ends.min), 2.0 ** (ends.bits - (ends.min < 0))
    within = np.where((x >= low) & (x < beyond), x, 0.0).astype(dtype)
    return np.where(x >= beyond, ends.max, np.where(x < low, ends.min, within))


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


def dynamic_slice(x: Any, at: Any, sizes: tuple[int, ...]) -> Any:
    """A window, moved to where it lies within."""
    return x[_window(x, at, sizes)]


def dynamic_update_slice(x: Any, part: Any, at: Any) -> Any:
    """``x`` with a window replaced."""
    x = np.array(x)
    x[_window(x, at, part.shape)] = part
    return x


def _window(x: Any, at: Any, sizes: tuple[int, ...]) -> tuple[slice, ...]:
    ends = zip(at, sizes, x.shape, strict=True)
    starts = [min(max(int(a), 0), n - size) for a, size, n in ends]
    return tuple(slice(a, a + size) for a, size in zip(starts, sizes, strict=True))


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
    """``lax.pad``: (low, high, between) of each axis; below zero it cuts."""
    inner = [
        n + max(n - 1, 0) * c for n, (_, _, c) in zip(x.shape, config, strict=True)
    ]
    ends = list(zip(inner, config, strict=True))
    whole = np.full([n + max(a, 0) + max(b, 0) for n, (a, b, _) in ends], value)
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


def lu(x: Any) -> tuple[Any, Any, Any]:
    """Factors, pivots and the permutation of the rows, of each matrix."""
    *batch, rows, columns = x.shape
    factor = linalg.get_lapack_funcs("getrf", (x,))
    found = [factor(a) for a in x.reshape(-1, rows, columns)]
    factors = np.reshape([a for a, *_ in found], x.shape)
    pivots = np.array([b for _, b, _ in found], np.int32)
    order = np.tile(np.arange(rows, dtype=np.int32), (len(found), 1))
    each = np.arange(len(found))
    for i, j in enumerate(pivots.T):
        order[each, i], order[each, j] = order[each, j], order[each, i]
    return factors, pivots.reshape(*batch, -1), order.reshape(*batch, rows)


def triangular_solve(
    a: Any, b: Any, left: bool, lower: bool, transposed: bool, unit: bool
) -> Any:
    """``lax.linalg.triangular_solve``: all matrices at once, unknown by unknown."""
    if not left:  # x a = b
        b = np.swapaxes(b, -1, -2)
        x = triangular_solve(a, b, True, lower, not transposed, unit)
        return np.swapaxes(x, -1, -2)
    if transposed:
        a, lower = np.swapaxes(a, -1, -2), not lower
    x, n = np.array(b), a.shape[-1]
    for i in range(n) if lower else range(n - 1, -1, -1):
        rest = slice(i + 1, n) if lower else slice(i)
        if not unit:
            x[..., i, :] /= a[..., i, i, None]
        x[..., rest, :] -= a[..., rest, i, None] * x[..., i, None, :]
    return x
