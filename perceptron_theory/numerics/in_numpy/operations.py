"""Operations without equations of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .many import N, for_many
from .primitives import (
    OTHERS,
    NoNumpyForm,
    Parameters,
    elementwise,
    same,
    shape_text,
)
from .variables import Shape, Value, Variables, aligned, any_many, together

CHOICES = 31  # that np.choose may have


class Operations(Variables):
    """One equation after the other, as a line or two."""

    def _simple(
        self, name: str, p: Parameters, operands: list[Value]
    ) -> Sequence[Value]:
        """An operation without equations of its own."""
        if same(name, p):
            return [self._again(x) for x in operands]
        match name:
            case "convert_element_type":
                return [self._converted(operands[0], p)]
            case "broadcast_in_dim":
                return [self._broadcast(operands[0], p)]
            case "squeeze":
                return [self._squeezed(operands[0], p)]
            case "reshape":
                return [self._reshaped(operands[0], p)]
            case "iota":
                wide = [1] * len(p["shape"])
                wide[p["dimension"]] = -1
                line = np.arange(p["shape"][p["dimension"]]).astype(p["dtype"])
                return [self._constant(line.reshape(wide))]
            case "select_n":
                return [self._select(operands, p)]
            case "stack":
                return [self._stack(operands, p)]
            case "dynamic_slice" | "dynamic_update_slice":
                return [self._window(name, operands, p)]
        many = any_many(operands)
        if name not in OTHERS:
            if not operands:  # such as the kind of the device
                raise NoNumpyForm(name)
            shape = together(operands)
            texts = [aligned(value, len(shape)) for value in operands]
            return [self._assign(elementwise(name, p, texts), shape, many)]
        shapes = [form.shape for form in p.results]
        whole = self._whole(operands, p.operands, many)
        text = OTHERS[name](for_many(name, p) if many else p, *whole)
        if len(shapes) == 1 and name != "split":
            return [self._assign(text, shapes[0], many)]
        found = [self._new(shape, many) for shape in shapes]
        self._line(f"{', '.join(value.text for value in found)}, = {text}")
        return found

    def _whole(
        self, operands: list[Value], forms: Sequence[Any], many: bool
    ) -> list[str]:
        return [
            self.full(x, form.shape, many)
            for x, form in zip(operands, forms, strict=True)
        ]

    def _window(self, name: str, operands: list[Value], p: Parameters) -> Value:
        many = any_many(operands)
        count = 1 if name == "dynamic_slice" else 2  # arrays before the indices
        whole = self._whole(operands[:count], p.operands[:count], many)
        at = ", ".join(value.text for value in operands[count:])
        if name == "dynamic_slice":
            whole.append(f"[{at}], {shape_text(p['slice_sizes'])}")
        else:
            whole.append(f"[{at}]")
        text = f"{name}({', '.join(whole)}, {many})"
        return self._assign(text, p.results[0].shape, many)

    def _converted(self, x: Value, p: Parameters) -> Value:
        new, old = p["new_dtype"], p.operands[0].dtype
        if new == old:
            return self._again(x)
        text = f"{x.text}.astype(np.{new})"
        if new.kind == "b":
            text = f"{x.text} != 0"
        elif old.kind == "f" and new.kind != "f":
            text = f"to_whole({x.text}, np.{new})"
        elif new.kind == "f" and not x.shape and not x.many:  # faster
            text = f"np.{new}({x.text})"
        return self._assign(text, x.shape, x.many)

    def _broadcast(self, x: Value, p: Parameters) -> Value:
        wide, sizes = [1] * len(p["shape"]), _padded(x, p.operands[0].shape)
        for axis, size in zip(p["broadcast_dimensions"], sizes, strict=True):
            wide[axis] = size
        return self._viewed(x, tuple(wide))

    def _squeezed(self, x: Value, p: Parameters) -> Value:
        shape = p.operands[0].shape
        gone = {axis % len(shape) for axis in p["dimensions"]}
        sizes = enumerate(_padded(x, shape))
        return self._viewed(x, tuple(n for i, n in sizes if i not in gone))

    def _reshaped(self, x: Value, p: Parameters) -> Value:
        if p["dimensions"] is not None:
            raise NoNumpyForm("reshape with another order")
        shape, new = p.operands[0].shape, tuple(p["new_sizes"])
        if not x.shape:
            return self._again(x)
        if x.shape == shape:
            return self._viewed(x, new)
        whole = self._assign(self.full(x, shape), shape, x.many)
        found = self._viewed(whole, new)
        self._drop(whole)
        return found

    def _viewed(self, x: Value, shape: Shape) -> Value:
        """The same elements in another shape."""
        more = len(shape) - len(x.shape)
        if more >= 0 and (1,) * more + x.shape == shape:
            return self._again(x)
        if not shape and not x.many:
            return self._assign(f"{x.text}[{(0,) * len(x.shape)}]", (), False)
        new = shape_text((N, *shape) if x.many else shape)
        return self._assign(f"{x.text}.reshape({new})", shape, x.many)

    def _select(self, operands: list[Value], p: Parameters) -> Value:
        which, *cases = operands
        if len(cases) > CHOICES:
            raise NoNumpyForm("many choices")
        if len(cases) == 1:
            return self._again(cases[0])
        shape, many = together(operands), any_many(operands)
        at, *texts = (aligned(value, len(shape)) for value in operands)
        if len(cases) > 2:
            text = f"np.choose({at}, ({', '.join(texts)}), mode='clip')"
            return self._assign(text, shape, many)
        test = at if p.operands[0].dtype == bool else f"({at} > 0)"
        if which.shape or which.many:
            text = f"np.where({test}, {texts[1]}, {texts[0]})"
        else:
            texts = [self.full(value, shape, many) for value in cases]
            text = f"{texts[1]} if {test} else {texts[0]}"
        return self._assign(text, shape, many)

    def _stack(self, operands: list[Value], p: Parameters) -> Value:
        many, shape = any_many(operands), p.results[0].shape
        whole, axis = ", ".join(self._whole(operands, p.operands, many)), p["axis"]
        text = f"np.stack(({whole},), {axis + many})"
        if len(shape) == 1 and not many:  # faster
            text = f"np.array(({whole},))"
        return self._assign(text, shape, many)


def _padded(x: Value, shape: Shape) -> Shape:
    """The shape of a thin array with as many axes as it stands for."""
    return (1,) * (len(shape) - len(x.shape)) + x.shape
