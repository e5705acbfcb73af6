"""Arrays as other people's programs make them: any type, any layout in memory."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

FLOATS = ("<f8", ">f8", "<f4", ">f4", "<f2", ">f2", "longdouble", "bfloat16")
WHOLE = ("i1", "<i2", ">i4", "<i8", ">i8", "u1", "<u4", ">u8")
LAYOUTS = ("C", "F", "steps", "backwards", "moved", "unaligned", "view", "read-only")
HOLDERS = ("numpy", "list", "tuple", "jax", "subclass", "unmasked", "rows")


class Odd(NamedTuple):
    """An array of some kind, and the same numbers as plain float64 (or int64, bool)."""

    given: Any
    plain: np.ndarray
    how: str

    def __repr__(self) -> str:
        return f"Odd({self.how}: {self.given!r})"


class _OfUsers(np.ndarray):
    """A subclass that adds nothing, such as those of units."""


def dtype_of(name: str) -> np.dtype:
    return np.dtype(jnp.bfloat16 if name == "bfloat16" else name)


def laid_out(array: np.ndarray, layout: str) -> np.ndarray:
    """The same array, laid out in memory in some way."""
    if layout == "F":
        return np.asfortranarray(array)
    if layout == "steps":  # every other entry of a larger one
        wide = np.zeros(tuple(2 * n for n in array.shape), array.dtype)
        part = wide[(slice(None, None, 2),) * array.ndim]
        part[...] = array
        return part
    if layout == "backwards":
        turn = (slice(None, None, -1),) * array.ndim
        return np.ascontiguousarray(array[turn])[turn]
    if layout == "moved":  # the axes, as of images (channels, height, width)
        return np.ascontiguousarray(np.moveaxis(array, 0, -1)).transpose(
            array.ndim - 1, *range(array.ndim - 1)
        )
    if layout == "unaligned":  # as fields of packed records are
        memory = np.zeros(array.nbytes + 1, np.uint8)
        memory[1:] = np.frombuffer(array.tobytes(), np.uint8)
        return memory[1:].view(array.dtype).reshape(array.shape)
    if layout == "view":  # of a row among others
        return np.stack([array, array])[1]
    array = array.copy()
    array.flags.writeable = layout != "read-only"
    return array


def held(array: np.ndarray, holder: str) -> Any:
    if holder in ("list", "tuple") and array.dtype.kind in "biuf":
        return array.tolist() if holder == "list" else tuple(array.tolist())
    if holder == "jax" and array.dtype.newbyteorder("=").name in (
        "float32",
        "bfloat16",
        "float16",
        "int8",
        "uint8",
        "bool",
    ):
        return jnp.asarray(array.astype(array.dtype.newbyteorder("=")))
    if holder == "subclass":
        return array.view(_OfUsers)
    if holder == "unmasked":
        return np.ma.masked_array(array)
    if holder == "rows" and array.ndim > 1:
        return list(array)
    return array


@st.composite
def odd(draw, plain: st.SearchStrategy[np.ndarray], dtypes=FLOATS + WHOLE) -> Odd:
    """Numbers as some array, with what exactly they are as plain ones."""
    dtype = draw(st.sampled_from(dtypes))
    layout, holder = draw(st.sampled_from(LAYOUTS)), draw(st.sampled_from(HOLDERS))
    kind = dtype_of(dtype)
    array = draw(plain)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        array = np.clip(np.nan_to_num(array), max(limits.min, -(2**53)), 2**52)
        array = np.minimum(np.round(array), min(limits.max, 2**52))
    with np.errstate(all="ignore"):
        array = array.astype(kind)
    laid = laid_out(array, layout)
    given = held(laid, holder)
    exact = np.asarray(array, np.float64)
    return Odd(given, np.ascontiguousarray(exact), f"{dtype}, {layout}, {holder}")


small = st.integers(-4, 4).map(float)
moderate = st.floats(-1e3, 1e3, allow_subnormal=False)
finite = st.floats(allow_nan=False, allow_infinity=False)
extreme = st.sampled_from(
    [0.0, -0.0, 5e-324, 1e-310, 1e-200, 1e-45, 1e30, 3e38, 1e154, 1e200, 1e308, -1e308]
)
numbers = st.one_of(small, moderate, finite, extreme)
anything = st.one_of(numbers, st.sampled_from([np.nan, np.inf, -np.inf]))


def filled(shape, elements=numbers) -> st.SearchStrategy[np.ndarray]:
    """Arrays of a shape; ties and duplicates are frequent."""
    if isinstance(shape, st.SearchStrategy):
        return shape.flatmap(lambda one: filled(one, elements))
    one_kind = st.sampled_from([small, moderate, elements])
    return one_kind.flatmap(
        lambda kind: hnp.arrays(np.float64, shape, elements=kind, fill=st.nothing())
    )


def whole(shape, classes: int) -> st.SearchStrategy[np.ndarray]:
    """Labels of classes from 0 on."""
    return hnp.arrays(np.int64, shape, elements=st.integers(0, classes - 1))


def truths(shape) -> st.SearchStrategy[np.ndarray]:
    return hnp.arrays(bool, shape)


@st.composite
def no_numbers(draw, shape: tuple[int, ...]) -> Any:
    """What no function of real numbers may take for an array of this shape."""
    array = np.arange(np.prod(shape), dtype=float).reshape(shape) / 3
    flat = array.reshape(-1)
    kinds = {
        "nan": lambda: _with(array, draw(st.integers(0, flat.size - 1)), np.nan),
        "inf": lambda: _with(array, draw(st.integers(0, flat.size - 1)), np.inf),
        "masked": lambda: _masked(array, draw(st.integers(0, flat.size - 1))),
        "complex": lambda: array + 0j,
        "text": lambda: array.astype(str),
        "bytes": lambda: array.astype("S8"),
        "times": lambda: array.astype("M8[s]"),
        "spans": lambda: array.astype("m8[s]"),
        "records": lambda: array.astype([("x", float)]),
        "nothing": lambda: None,
        "objects": lambda: np.array([None] * flat.size, object).reshape(shape),
        "ragged": lambda: [[1.0], [1.0, 2.0]],
        "text in a list": lambda: ["a"] * shape[0],
        "a dictionary": lambda: {"a": array},
        "empty": lambda: array[:0],
        "no columns": lambda: array[..., :0],
        "an axis more": lambda: np.stack([[array, array]] * 2),
        "a number": lambda: 1.0,
        "beyond float64": lambda: array.astype("longdouble") + np.longdouble("1e400"),
    }
    return kinds[draw(st.sampled_from(sorted(kinds)))]()


def _with(array: np.ndarray, place: int, value: float) -> np.ndarray:
    array = array.copy()
    array.reshape(-1)[place] = value
    return array


def _masked(array: np.ndarray, place: int) -> np.ma.MaskedArray:
    mask = np.zeros(array.size, bool)
    mask[place] = True
    return np.ma.masked_array(array, mask.reshape(array.shape))
