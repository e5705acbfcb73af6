"""What JAX's primitives are in NumPy, as text.

``ELEMENTWISE`` and ``OTHERS`` have one entry for each primitive that the equations of
this package are made of.  What is not there has no NumPy form, and is left to XLA; so
is a primitive with a parameter that is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.lax
import numpy as np

# XLA computes with others in ways of its own
TYPES = {np.dtype(code) for code in "?bBhHiIlLqQfd"}

# parameters that change no number, or only what indices out of bounds give by chance
IDLE = {"accuracy", "conjugate_a", "indices_are_sorted", "is_stable", "linear"}
IDLE |= {"out_sharding", "precision", "preferred_element_type", "sharding"}
IDLE |= {"_split_transpose", "unique_indices", "unroll", "update_consts", "weak_type"}
MODES = jax.lax.GatherScatterMode


class NoNumpyForm(Exception):
    """A primitive that has no form in NumPy here."""


class Form(NamedTuple):
    """The shape and the type of an array."""

    shape: tuple[Any, ...]
    dtype: np.dtype


class Parameters(dict[str, Any]):
    """The parameters of an equation, with the forms of its operands and results."""

    def __init__(self, equation: Any) -> None:
        super().__init__(equation.params)
        self.operands = [v.aval for v in equation.invars]
        self.results = [v.aval for v in equation.outvars]
        self._unread = {k for k, v in self.items() if v is not None} - IDLE

    def changed(self, new: dict[str, Any], count: Any) -> Parameters:
        """With other values, for operands and results with an axis more in front."""
        other = Parameters.__new__(Parameters)
        dict.__init__(other, {**self, **new})
        for name in "operands", "results":
            forms = [Form((count, *v.shape), v.dtype) for v in getattr(self, name)]
            setattr(other, name, forms)
        other._unread = self._unread
        return other

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
    "erf": "erf({0})",
    "erf_inv": "erf_inv({0})",
    "erfc": "erfc({0})",
    "logistic": "logistic({0})",
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
    "le_to": "~less_in_order({1}, {0})",
    "lt_to": "less_in_order({0}, {1})",
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
    """An integer power, by multiplications, as XLA does it."""
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
        ":" if (a, b, step) == (0, n, 1) else f"{a}:{b}:{step}"
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
    return tuple(tuple(map(int, x)) for x in tuples)


def shape_text(shape: Sequence[Any]) -> str:
    """The lengths of axes as a tuple; the first may be ``n``."""
    return f"({''.join(f'{n}, ' for n in shape)})"


# of the parameters and the operands, which have all their elements
OTHERS: dict[str, Callable[..., str]] = {
    "argmax": _first("argmax"),
    "argmin": _first("argmin"),
    "cholesky": lambda p, x: f"cholesky({x})",
    "concatenate": lambda p, *x: f"np.concatenate(({', '.join(x)},), {p['dimension']})",
    "cummax": _accumulated("np.maximum"),
    "cummin": _accumulated("np.minimum"),
    "cumprod": _accumulated("np.multiply"),
    "cumsum": _accumulated("np.add"),
    "cumlogsumexp": _accumulated("np.logaddexp"),
    "dot_general": _dot,
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
    "top_k": lambda p, x: f"top_k({x}, {int(p['k'])}, {int(p['axis'])})",
    "transpose": lambda p, x: f"{x}.transpose({_plain(p['permutation'])[0]})",
    "triangular_solve": _triangular,
}
