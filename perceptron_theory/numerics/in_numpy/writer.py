"""The equations of a jaxpr as lines of Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jax.extend.core import ClosedJaxpr, Literal

from .equations import (
    INLINE,
    called,
    closed,
    is_var,
    needed,
    once,
    spread,
    spread_by_branches,
    spread_by_loop,
    spread_by_scan,
)
from .many import N, for_many
from .primitives import (
    OTHERS,
    TYPES,
    NoNumpyForm,
    Parameters,
    elementwise,
    same,
    shape_text,
)

CHOICES = 31  # that np.choose may have

Shape = tuple[int, ...]


class Value(NamedTuple):
    """The text of an array, and its shape, perhaps a thin one.

    An array that is ``many``, of as many points, has an axis of them more in front.
    """

    text: str
    shape: Shape
    many: bool


class Writer:
    """The text of a program, line by line, and which variables hold what is in use."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.constants: list[np.ndarray] = []
        self._depth = 1
        self._uses: Counter[str] = Counter()  # of the variables that may be taken anew
        self._free: list[str] = []
        self._named: dict[Any, Value] = {}

    def body(
        self, jaxpr: ClosedJaxpr, inputs: Sequence[Value], wanted: Sequence[bool]
    ) -> list[Value | None]:
        """Write the equations of a jaxpr; its results, where they are wanted."""
        own = jaxpr.jaxpr
        equations, results = once(needed(own, tuple(wanted))[0], own.outvars)
        check_types(*own.constvars)
        values: dict[Any, Value] = {}
        for var, value in zip(own.invars, inputs, strict=True):
            values[var] = value
            self._hold(value)
        for var, constant in zip(own.constvars, jaxpr.consts, strict=True):
            values[var] = self._constant(constant)
        held = {v for v, w in zip(results, wanted, strict=True) if w and is_var(v)}
        last = dict.fromkeys(held, len(equations))
        for i, (_, operands, _) in reversed(list(enumerate(equations))):
            for v in filter(is_var, operands):
                last.setdefault(v, i)
        dying: dict[int, list[Any]] = {}
        for v, i in last.items():
            dying.setdefault(i, []).append(v)
        for v in own.invars:
            if v not in last:
                self._drop(values[v])
        for i, (equation, operands, used) in enumerate(equations):
            found = self._equation(
                equation, [self._operand(v, values) for v in operands], used
            )
            made = zip(equation.outvars, found, strict=True)
            values |= {v: value for v, value in made if value is not None}
            for v in equation.outvars:
                if v not in last and v in values:  # made beside what is used
                    self._drop(values[v])
            for v in dying.get(i, ()):
                if v in values:  # not what a function is given and has no use for
                    self._drop(values[v])
        found = [
            self._operand(v, values) if w else None
            for v, w in zip(results, wanted, strict=True)
        ]
        for value in found:  # they are the caller's
            if value is not None:
                self._hold(value)
        for v in held:
            self._drop(values[v])
        return found

    def full(self, value: Value, shape: Shape, many: bool | None = None) -> str:
        """The text of an array with all its elements, of each point if ``many``."""
        many = value.many if many is None else many
        if (value.shape, value.many) == (shape, many):
            return value.text
        text = _aligned(value, len(shape))
        return f"full({text}, {shape_text((N, *shape) if many else shape)})"

    def _equation(
        self, equation: Any, operands: list[Value], used: Sequence[bool]
    ) -> Sequence[Value | None]:
        name, p = equation.primitive.name, Parameters(equation)
        check_types(*equation.invars, *equation.outvars)
        if name in INLINE:
            return self.body(called(p), operands, used)
        match name:
            case "custom_linear_solve":
                found = self._linear_solve(p, operands, used)
            case "while":
                found = self._while(p, operands)
            case "scan":
                found = self._scan(p, operands, used)
            case "cond":
                found = self._cond(p, operands, used)
            case _:
                found = self._simple(name, p, operands)
        p.check_all_read()
        return found

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
        many = any(value.many for value in operands)
        if name not in OTHERS:
            if not operands:  # such as the kind of the device
                raise NoNumpyForm(name)
            shape = _together(operands)
            texts = [_aligned(value, len(shape)) for value in operands]
            return [self._assign(elementwise(name, p, texts), shape, many)]
        shapes = [form.shape for form in p.results]
        whole = self._whole(operands, p, many)
        text = OTHERS[name](for_many(name, p) if many else p, *whole)
        if len(shapes) == 1 and name != "split":
            return [self._assign(text, shapes[0], many)]
        found = [self._new(shape, many) for shape in shapes]
        self._line(f"{', '.join(value.text for value in found)}, = {text}")
        return found

    def _whole(self, operands: list[Value], p: Parameters, many: bool) -> list[str]:
        return [
            self.full(x, form.shape, many)
            for x, form in zip(operands, p.operands, strict=True)
        ]

    def _window(self, name: str, operands: list[Value], p: Parameters) -> Value:
        many = any(value.many for value in operands)
        count = 1 if name == "dynamic_slice" else 2  # arrays before the indices
        whole = [
            self.full(x, form.shape, many)
            for x, form in zip(operands[:count], p.operands[:count], strict=True)
        ]
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
        shape, many = _together(operands), any(value.many for value in operands)
        at, *texts = (_aligned(value, len(shape)) for value in operands)
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
        many, shape = any(value.many for value in operands), p.results[0].shape
        whole, axis = ", ".join(self._whole(operands, p, many)), p["axis"]
        text = f"np.stack(({whole},), {axis + many})"
        if len(shape) == 1 and not many:  # faster
            text = f"np.array(({whole},))"
        return self._assign(text, shape, many)

    def _linear_solve(self, p: Any, operands: list[Value], used: Any) -> list[Any]:
        sizes = p["const_lengths"]
        start = sizes.matvec + sizes.vecmat
        right = operands[sum(sizes) :]
        inputs = operands[start : start + sizes.solve] + right
        return self.body(closed(p["jaxprs"].solve), inputs, used)

    def _while(self, p: Parameters, operands: list[Value]) -> list[Value]:
        n = p["cond_nconsts"]
        m = n + p["body_nconsts"]
        own = [value.many for value in operands]
        flags = spread_by_loop(p, own)
        by_point = spread(p["cond_jaxpr"], (*own[:n], *flags))[0]
        consts = [  # of the points that go on
            self._assign(x.text, x.shape, True)
            if by_point and x.many
            else self._again(x)
            for x in operands[:m]
        ]
        carry = self._carry(operands[m:], p.results, flags)
        moving = [value for value in (*carry, *consts) if value.many]
        names = "".join(f"{value.text}, " for value in carry)
        rest, count = f"rest{self._depth}", f"n{self._depth}"
        if by_point:
            self._line(f"{rest}, {count} = Rest(n, ({names})), n")
        self._line("while True:")
        self._depth += 1
        (go_on,) = self.body(p["cond_jaxpr"], consts[:n] + carry, [True])
        assert go_on is not None
        inside = p["cond_jaxpr"].out_avals[0].shape  # of loops that are taken together
        which = self._assign(self.full(go_on, inside), inside, go_on.many)
        self._drop(go_on)
        if by_point:
            some = "".join(f"{value.text}, " for value in (*moving, which))
            self._line(f"go_on = {which.text}.reshape(n, -1).any(1)")
            self._line("if not go_on.all():")
            self._line(f"    {rest}.keep(go_on, ({names}))")
            self._line("    if not go_on.any(): break")
            self._line(f"    {some} = (x[go_on] for x in ({some}))")
            self._line(f"    n = len({which.text})")
        else:
            self._line(f"if not {which.text}{'.any()' if inside else ''}: break")
        found = self.body(p["body_jaxpr"], consts[n:] + carry, [True] * len(carry))
        if inside:  # those that are done stay as they are
            found = [
                self._moved(which.text, len(to.shape) - len(inside), to, value)
                for to, value in zip(carry, found, strict=True)
            ]
        self._drop(which)
        self._carried(carry, found)
        self._depth -= 1
        if by_point:
            self._line(f"({names}), n = {rest}.found, {count}")
        for value in consts:
            self._drop(value)
        return carry

    def _moved(self, which: str, own: int, to: Value, value: Value | None) -> Value:
        assert value is not None
        if value == to:
            return value
        test = f"{which}[(..., *[None] * {own})]" if own else which
        text = _aligned(value, len(to.shape))
        moved = self._assign(f"np.where({test}, {text}, {to.text})", to.shape, to.many)
        self._drop(value)
        return moved

    def _scan(
        self, p: Parameters, operands: list[Value], used: Sequence[bool]
    ) -> list[Value | None]:
        n, length = p["num_consts"], p["length"]
        m = n + p["num_carry"]
        if length == 0:
            raise NoNumpyForm("no rounds")
        flags = spread_by_scan(p, [value.many for value in operands])
        carry = self._carry(operands[n:m], p.results[: m - n], flags[: m - n])
        rows = list(zip(p.results, flags, used, strict=True))[m - n :]
        lists = [self._new((), False) if use else None for *_, use in rows]
        for each in lists:
            if each is not None:
                self._line(f"{each.text} = []")
        count = f"i{self._depth}"
        order = f"reversed(range({length}))" if p["reverse"] else f"range({length})"
        self._line(f"for {count} in {order}:")
        self._depth += 1
        here = [
            self._row(x, form.shape, count)
            for x, form in zip(operands[m:], p.operands[m:], strict=True)
        ]
        wanted = [True] * (m - n) + [use for *_, use in rows]
        found = self.body(p["jaxpr"], operands[:n] + carry + here, wanted)
        for value in here:
            self._drop(value)
        for each, value, (form, many, _) in zip(
            lists, found[m - n :], rows, strict=True
        ):
            if each is not None and value is not None:
                text = self.full(value, form.shape[1:], many)
                self._line(f"{each.text}.append({text})")
                self._drop(value)
        self._carried(carry, found[: m - n])
        self._depth -= 1
        back = "[::-1]" if p["reverse"] else ""
        stacked: list[Value | None] = []
        for each, (form, many, _) in zip(lists, rows, strict=True):
            if each is None:
                stacked.append(None)
                continue
            text = f"np.stack({each.text}{back}, {int(many)})"
            stacked.append(self._assign(text, form.shape, many))
            self._drop(each)
        return [*carry, *stacked]

    def _row(self, x: Value, shape: Shape, at: str) -> Value:
        """One round's part of an array that a loop runs over."""
        if len(x.shape) < len(shape):  # all its rows are the same
            return self._again(x)
        at = at if x.shape[0] == shape[0] else "0"
        text = f"{x.text}[{':, ' if x.many else ''}{at}]"
        return self._assign(text, x.shape[1:], x.many)

    def _cond(
        self, p: Parameters, operands: list[Value], used: Sequence[bool]
    ) -> list[Value | None]:
        which, *inputs = operands
        branches = p["branches"]
        if which.many:
            return self._all_branches(p, operands, used)
        flags = spread_by_branches(p, [value.many for value in operands])
        found = [
            self._new(form.shape, many) if use else None
            for form, many, use in zip(p.results, flags, used, strict=True)
        ]
        for i, branch in enumerate(branches):
            last = i == len(branches) - 1
            test = f"{which.text} <= 0" if i == 0 else f"{which.text} == {i}"
            self._line("else:" if last else f"{'el' if i else ''}if {test}:")
            self._depth += 1
            results = self.body(branch, inputs, used)
            for to, value in zip(found, results, strict=True):
                if to is not None and value is not None:
                    self._line(f"{to.text} = {self.full(value, to.shape, to.many)}")
                    self._drop(value)
            self._line("pass")
            self._depth -= 1
        return found

    def _all_branches(
        self, p: Parameters, operands: list[Value], used: Sequence[bool]
    ) -> list[Value | None]:
        """All branches, of which each point chooses one."""
        which, *inputs = operands
        rows = [self.body(branch, inputs, used) for branch in p["branches"]]
        if len(rows) > CHOICES:
            raise NoNumpyForm("many branches")
        found: list[Value | None] = []
        for form, values in zip(p.results, zip(*rows, strict=True), strict=True):
            cases = [value for value in values if value is not None]
            if not cases:
                found.append(None)
                continue
            rank = len(form.shape)
            at, *texts = (_aligned(value, rank) for value in (which, *cases))
            shape = _together(cases)
            text = f"np.choose({at}, ({', '.join(texts)},), mode='clip')"
            found.append(self._assign(text, (1,) * (rank - len(shape)) + shape, True))
            for value in cases:
                self._drop(value)
        return found

    def _carry(
        self, first: list[Value], forms: Sequence[Any], flags: Sequence[bool]
    ) -> list[Value]:
        """Variables of a loop, of full arrays: those of the first round."""
        return [
            self._assign(self.full(value, form.shape, many), form.shape, many)
            for value, form, many in zip(first, forms, flags, strict=True)
        ]

    def _carried(self, carry: list[Value], found: Sequence[Value | None]) -> None:
        """Give the variables of a loop the values of the next round."""
        if carry:
            new = [
                self.full(value, to.shape, to.many)
                for to, value in zip(carry, found, strict=True)
                if value is not None
            ]
            self._line(f"{', '.join(to.text for to in carry)}, = {', '.join(new)},")
        for value in found:
            if value is not None:
                self._drop(value)

    def _operand(self, v: Any, values: dict[Any, Value]) -> Value:
        if isinstance(v, Literal):
            return self._constant(np.asarray(v.val, dtype(v)))
        return values.get(v, Value("None", (), False))  # of what nothing needs

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


def check_types(*values: Any) -> None:
    """Refuse numbers with which XLA computes in ways of its own."""
    for v in values:
        if dtype(v) not in TYPES:
            raise NoNumpyForm(f"numbers of type {v.aval}")


def dtype(v: Any) -> Any:
    """The type of the elements of a variable."""
    return getattr(v.aval, "dtype", None)


def _aligned(value: Value, rank: int) -> str:
    """The text of an array that NumPy broadcasts to so many axes besides the points."""
    missing = rank - len(value.shape)
    if not value.many or not missing:
        return value.text
    return f"{value.text}[:{', None' * missing}]"


def _together(values: Sequence[Value]) -> Shape:
    """What the shapes of operands come to."""
    shapes = [value.shape for value in values]
    if all(shape == shapes[0] for shape in shapes):
        return shapes[0]
    return np.broadcast_shapes(*shapes)


def _padded(x: Value, shape: Shape) -> Shape:
    """The shape of a thin array with as many axes as it stands for."""
    return (1,) * (len(shape) - len(x.shape)) + x.shape
