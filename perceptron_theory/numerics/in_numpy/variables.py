"""The lines of a program, and which of its variables hold what is in use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .many import N
from .primitives import shape_text

Shape = tuple[int, ...]


class Value(NamedTuple):
    """The text of an array, and its shape, perhaps a thin one.

    An array that is ``many``, of as many points, has an axis of them more in front.
    """

    text: str
    shape: Shape
    many: bool


class Variables:
    """The text of a program, line by line.

    A variable is taken anew where nobody uses it any more: each use holds it, and drops
    it in the end.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.constants: list[np.ndarray] = []
        self._depth = 1
        self._uses: Counter[str] = Counter()
        self._free: list[str] = []
        self._named: dict[Any, Value] = {}

    def full(self, value: Value, shape: Shape, many: bool | None = None) -> str:
        """The text of an array with all its elements, of each point if ``many``."""
        many = value.many if many is None else many
        if (value.shape, value.many) == (shape, many):
            return value.text
        text = aligned(value, len(shape))
        return f"full({text}, {shape_text((N, *shape) if many else shape)})"

    def _constant(self, value: Any) -> Value:
        """An array that is given to the program; a number comes as NumPy's scalar."""
        array = np.asarray(value)
        key = array.dtype, array.shape, array.tobytes()
        if key not in self._named:
            name = f"c{len(self.constants)}"
            self._named[key] = Value(name, array.shape, False)
            self.constants.append(array[()])
        return self._named[key]

    def _assign(self, text: str, shape: Shape, many: bool) -> Value:
        value = self._new(shape, many)
        self._line(f"{value.text} = {text}")
        return value

    def _line(self, text: str) -> None:
        self.lines.append("    " * self._depth + text)

    def _new(self, shape: Shape, many: bool) -> Value:
        name = self._free.pop() if self._free else f"v{len(self._uses)}"
        self._uses[name] = 1
        return Value(name, tuple(shape), many)

    def _again(self, value: Value) -> Value:
        self._hold(value)
        return value

    def _hold(self, value: Value) -> None:
        if value.text in self._uses:
            self._uses[value.text] += 1

    def _drop(self, value: Value) -> None:
        if value.text in self._uses:
            self._uses[value.text] -= 1
            if not self._uses[value.text]:
                self._free.append(value.text)


def aligned(value: Value, rank: int) -> str:
    """The text of an array that NumPy broadcasts to so many axes besides the points."""
    missing = rank - len(value.shape)
    if not value.many or not missing:
        return value.text
    return f"{value.text}[:{', None' * missing}]"


def together(values: Sequence[Value]) -> Shape:
    """What the shapes of operands come to."""
    shapes = [value.shape for value in values]
    if all(shape == shapes[0] for shape in shapes):
        return shapes[0]
    return np.broadcast_shapes(*shapes)


def any_many(values: Sequence[Value]) -> bool:
    """Whether a value differs between the points."""
    return any(value.many for value in values)
