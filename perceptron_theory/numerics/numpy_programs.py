"""Traced functions as NumPy programs: nothing is compiled before the first result.

JAX traces a function into a jaxpr, a list of equations between arrays.  XLA takes
seconds to compile it, and NumPy a microsecond for each equation, so a few points are
solved before XLA would have begun.  Here a jaxpr is written as the text of one Python
function, in which jitted functions stand inline and loops are loops; of what a loop or
a function computes only what is used is written.

One axis, the first of what belongs to the points, may be of any length, so that one
program does for any number of them: ``n``, of ``jax.export.symbolic_shape``.

Arrays are kept *thin*: with an axis of length one, or without it, where all elements
along it are the same.  NumPy broadcasts them in elementwise operations, and before all
others they are made full.
"""

from __future__ import annotations

import marshal
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from . import numpy_primitives
from .numpy_primitives import (
    OTHERS,
    TYPES,
    NoNumpyForm,
    Parameters,
    elementwise,
    length_text,
    same,
    shape_text,
)

INLINE = "jit", "pjit", "closed_call", "core_call", "checkpoint", "remat", "remat2"
INLINE += "custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr"
CHOICES = 31  # that np.choose may have


# lengths of axes, which may be symbolic
Shape = tuple[Any, ...]


class _Value(NamedTuple):
    """The text of an array, and the shape that it has in NumPy: perhaps a thin one."""

    text: str
    shape: Shape


class NumpyProgram(NamedTuple):
    """A function of arrays; it can be pickled."""

    code: bytes
    constants: tuple[np.ndarray, ...]

    def function(self) -> Callable[..., list[np.ndarray]]:
        """To be called with the arrays one by one; it returns the list of results."""
        space: dict[str, Any] = dict(vars(numpy_primitives))
        exec(marshal.loads(self.code), space)
        program, constants = space["program"], self.constants

        def call(*arrays: Any) -> list[np.ndarray]:
            with np.errstate(all="ignore"):
                return program(constants, arrays)

        return call


def numpy_program(closed: ClosedJaxpr) -> NumpyProgram:
    """A traced function as a NumPy program.

    Raises:
        NoNumpyForm: it has a primitive, or a parameter of one, that is not known here.
    """
    if closed.effects:  # such as printing
        raise NoNumpyForm(f"effects {closed.effects}")
    writer = _Writer()
    jaxpr = closed.jaxpr
    _check_types(*jaxpr.invars, *jaxpr.outvars)
    inputs = [_Value(f"a{i}", v.aval.shape) for i, v in enumerate(jaxpr.invars)]
    found = writer.body(closed, inputs, [True] * len(jaxpr.outvars))
    results = [  # of their own: the caller may write into them
        f"np.array({writer.full(value, v.aval.shape)}, np.{v.aval.dtype})"
        for value, v in zip(found, jaxpr.outvars, strict=True)
        if value is not None  # which none is
    ]
    names = "".join(f"a{i}, " for i in range(len(inputs)))
    lengths = [
        f"    n = a{i}.shape[{axis}]"
        for i, value in enumerate(inputs)
        for axis, size in enumerate(value.shape)
        if str(size) == "n"
    ]
    constants = "".join(f"c{i}, " for i in range(len(writer.constants)))
    lines = [
        "def program(constants, arrays):",
        f"    ({constants}) = constants",
        f"    ({names}) = arrays",
        *(
            f"    a{i} = np.asarray(a{i}, np.{v.aval.dtype})[()]"
            for i, v in enumerate(jaxpr.invars)
        ),
        *lengths[:1],
        *writer.lines,
        f"    return [{', '.join(results)}]",
    ]
    try:
        code = compile("\n".join(lines), "<numpy program>", "exec")
    except SyntaxError as error:  # loops in loops in loops
        raise NoNumpyForm("more blocks in blocks than Python has") from error
    return NumpyProgram(marshal.dumps(code), tuple(writer.constants))


class _Writer:
    """The text of a program, line by line, and which variables hold what is in use."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.constants: list[np.ndarray] = []
        self._depth = 1
        self._uses: Counter[str] = Counter()  # of the variables that may be taken anew
        self._free: list[str] = []
        self._named: dict[Any, _Value] = {}

    def body(
        self, closed: ClosedJaxpr, inputs: Sequence[_Value], wanted: Sequence[bool]
    ) -> list[_Value | None]:
        """Write the equations of a jaxpr; its results, where they are wanted."""
        jaxpr = closed.jaxpr
        equations, _ = _needed(jaxpr, tuple(wanted))
        equations, results = _once(equations, jaxpr.outvars)
        _check_types(*jaxpr.constvars)
        values: dict[Any, _Value] = {}
        for var, value in zip(jaxpr.invars, inputs, strict=True):
            values[var] = value
            self._hold(value)
        for var, constant in zip(jaxpr.constvars, closed.consts, strict=True):
            values[var] = self._constant(constant)
        held = {v for v, w in zip(results, wanted, strict=True) if w and _is_var(v)}
        last = dict.fromkeys(held, len(equations))
        for i, (_, operands, _) in reversed(list(enumerate(equations))):
            for v in filter(_is_var, operands):
                last.setdefault(v, i)
        dying: dict[int, list[Any]] = {}
        for v, i in last.items():
            dying.setdefault(i, []).append(v)
        for v in jaxpr.invars:
            if v not in last:
                self._drop(values[v])
        for i, (equation, operands, used) in enumerate(equations):
            self._equation(
                equation, [self._operand(v, values) for v in operands], used, values
            )
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

    def full(self, value: _Value, shape: Shape) -> str:
        """The text of an array with all its elements."""
        if value.shape == shape:
            return value.text
        return f"full({value.text}, {shape_text(shape)})"

    def _equation(
        self,
        equation: Any,
        operands: list[_Value],
        used: Any,
        values: dict[Any, _Value],
    ) -> None:
        name, p = equation.primitive.name, Parameters(equation)
        outs = equation.outvars
        _check_types(*equation.invars, *outs)
        if name in INLINE:
            found = self.body(_inner(p), operands, used)
        else:
            if name == "custom_linear_solve":
                found = self._linear_solve(p, operands, used)
            elif name == "while":
                found = self._while(p, operands)
            elif name == "scan":
                found = self._scan(p, operands, used)
            elif name == "cond":
                found = self._cond(p, operands, used)
            else:
                found = self._simple(name, p, operands)
            p.check_all_read()
        for v, value in zip(outs, found, strict=True):
            if value is not None:
                values[v] = value

    def _simple(
        self, name: str, p: Parameters, operands: list[_Value]
    ) -> Sequence[_Value]:
        """An operation without equations of its own."""
        if same(name, p):
            return [self._again(x) for x in operands]
        if name == "convert_element_type":
            return [self._converted(operands[0], p)]
        if name == "broadcast_in_dim":
            return [self._broadcast(operands[0], p)]
        if name == "squeeze":
            return [self._squeezed(operands[0], p)]
        if name == "reshape":
            return [self._reshaped(operands[0], p)]
        if name == "iota":
            return [self._iota(p)]
        if name == "dimension_as_value":
            text = length_text(p["dim"])
            return [self._assign(f"np.{p.results[0].dtype}({text})", ())]
        if name == "select_n":
            return [self._select(operands, p)]
        if name == "stack":
            return [self._stack(operands, p)]
        if name in OTHERS:
            return self._other(name, p, operands)
        text = elementwise(name, p, [value.text for value in operands])
        return [self._assign(text, _together(operands))]

    def _other(
        self, name: str, p: Parameters, operands: list[_Value]
    ) -> Sequence[_Value]:
        """An operation on arrays with all their elements."""
        text, outs = OTHERS[name](p, *self._whole(operands, p)), p.results
        if len(outs) == 1 and name != "split":
            return [self._assign(text, outs[0].shape)]
        found = [self._new(v.shape) for v in outs]
        self._line(f"{', '.join(value.text for value in found)}, = {text}")
        return found

    def _iota(self, p: Parameters) -> _Value:
        wide: list[Any] = [1] * len(p["shape"])
        wide[p["dimension"]] = n = p["shape"][p["dimension"]]
        if isinstance(n, int):
            return self._constant(np.arange(n).astype(p["dtype"]).reshape(wide))
        text = f"np.arange({length_text(n)}).astype(np.{p.results[0].dtype})"
        return self._assign(f"{text}.reshape({shape_text(wide)})", tuple(wide))

    def _whole(self, operands: list[_Value], p: Parameters) -> list[str]:
        return [
            self.full(x, v.shape) for x, v in zip(operands, p.operands, strict=True)
        ]

    def _converted(self, x: _Value, p: Parameters) -> _Value:
        new, old = p["new_dtype"], p.operands[0].dtype
        if new == old:
            return self._again(x)
        if new.kind == "b":
            return self._assign(f"{x.text} != 0", x.shape)
        if old.kind == "f" and new.kind != "f":
            return self._assign(f"to_whole({x.text}, np.{new})", x.shape)
        if new.kind == "f" and not x.shape:  # faster
            return self._assign(f"np.{new}({x.text})", ())
        return self._assign(f"{x.text}.astype(np.{new})", x.shape)

    def _broadcast(self, x: _Value, p: Parameters) -> _Value:
        wide, sizes = [1] * len(p["shape"]), _padded(x, p.operands[0].shape)
        for axis, size in zip(p["broadcast_dimensions"], sizes, strict=True):
            wide[axis] = size
        return self._viewed(x, tuple(wide))

    def _squeezed(self, x: _Value, p: Parameters) -> _Value:
        shape = p.operands[0].shape
        gone = {axis % len(shape) for axis in p["dimensions"]}
        sizes = enumerate(_padded(x, shape))
        return self._viewed(x, tuple(n for i, n in sizes if i not in gone))

    def _reshaped(self, x: _Value, p: Parameters) -> _Value:
        if p["dimensions"] is not None:
            raise NoNumpyForm("reshape with another order")
        shape, new = p.operands[0].shape, tuple(p["new_sizes"])
        if not x.shape:
            return self._again(x)
        if not new:
            return self._viewed(_Value(self.full(x, shape), shape), new)
        return self._assign(f"{self.full(x, shape)}.reshape({shape_text(new)})", new)

    def _viewed(self, x: _Value, shape: Shape) -> _Value:
        """The same elements in a shape with other axes of length one."""
        if x.shape == shape[len(shape) - len(x.shape) :] and all(
            n == 1 for n in shape[: len(shape) - len(x.shape)]
        ):
            return self._again(x)
        if not shape:
            return self._assign(f"{x.text}[{(0,) * len(x.shape)}]", ())
        return self._assign(f"{x.text}.reshape({shape_text(shape)})", shape)

    def _select(self, operands: list[_Value], p: Parameters) -> _Value:
        which, *cases = operands
        texts = [value.text for value in cases]
        thin = _together(operands)
        if len(cases) > CHOICES:
            raise NoNumpyForm("many choices")
        if len(cases) == 1:
            return self._again(cases[0])
        if len(cases) > 2:
            text = f"np.choose({which.text}, ({', '.join(texts)}), mode='clip')"
            return self._assign(text, thin)
        test = which.text if p.operands[0].dtype == bool else f"({which.text} > 0)"
        if which.shape:
            return self._assign(f"np.where({test}, {texts[1]}, {texts[0]})", thin)
        texts = [self.full(value, thin) for value in cases]
        return self._assign(f"{texts[1]} if {test} else {texts[0]}", thin)

    def _stack(self, operands: list[_Value], p: Parameters) -> _Value:
        whole, shape = ", ".join(self._whole(operands, p)), p.results[0].shape
        if len(shape) == 1 and p["axis"] == 0:
            return self._assign(f"np.array(({whole},))", shape)
        return self._assign(f"np.stack(({whole},), {p['axis']})", shape)

    def _linear_solve(self, p: Any, operands: list[_Value], used: Any) -> list[Any]:
        sizes = p["const_lengths"]
        start = sizes.matvec + sizes.vecmat
        right = operands[sum(sizes) :]
        inputs = operands[start : start + sizes.solve] + right
        return self.body(_closed(p["jaxprs"].solve), inputs, used)

    def _while(self, p: Parameters, operands: list[_Value]) -> list[_Value]:
        n = p["cond_nconsts"]
        m = n + p["body_nconsts"]
        carry = self._carry(operands[m:], p.results)
        self._line("while True:")
        self._depth += 1
        (go_on,) = self.body(p["cond_jaxpr"], operands[:n] + carry, [True])
        assert go_on is not None
        many = p["cond_jaxpr"].out_avals[0].shape  # of a loop for many points
        self._line(f"if not {go_on.text}{'.any()' if go_on.shape else ''}: break")
        found = self.body(p["body_jaxpr"], operands[n:m] + carry, [True] * len(carry))
        if go_on.shape:  # those that are done stay as they are
            found = [
                self._moved(go_on, to, value, len(to.shape) - len(many))
                for to, value in zip(carry, found, strict=True)
            ]
        self._drop(go_on)
        self._carried(carry, found)
        self._depth -= 1
        return carry

    def _moved(
        self, go_on: _Value, to: _Value, value: _Value | None, own: int
    ) -> _Value:
        assert value is not None
        if value == to:
            return value
        which = f"{go_on.text}[(..., *[None] * {own})]" if own else go_on.text
        moved = self._assign(f"np.where({which}, {value.text}, {to.text})", to.shape)
        self._drop(value)
        return moved

    def _scan(
        self, p: Parameters, operands: list[_Value], used: Sequence[bool]
    ) -> list[_Value | None]:
        n, length = p["num_consts"], p["length"]
        m = n + p["num_carry"]
        if not isinstance(length, int) or length == 0:
            raise NoNumpyForm(f"{length} rounds")
        carry = self._carry(operands[n:m], p.results[: m - n])
        rows, rows_used = p.results[m - n :], used[m - n :]
        lists = [self._new(()) if use else None for use in rows_used]
        for each in lists:
            if each is not None:
                self._line(f"{each.text} = []")
        count = f"i{self._depth}"
        order = f"reversed(range({length}))" if p["reverse"] else f"range({length})"
        self._line(f"for {count} in {order}:")
        self._depth += 1
        here = [
            self._row(x, v.shape, count)
            for x, v in zip(operands[m:], p.operands[m:], strict=True)
        ]
        wanted = [True] * (m - n) + list(rows_used)
        found = self.body(p["jaxpr"], operands[:n] + carry + here, wanted)
        for value in here:
            self._drop(value)
        for each, value, v in zip(lists, found[m - n :], rows, strict=True):
            if each is not None and value is not None:
                self._line(f"{each.text}.append({self.full(value, v.shape[1:])})")
                self._drop(value)
        self._carried(carry, found[: m - n])
        self._depth -= 1
        back = "[::-1]" if p["reverse"] else ""
        stacked: list[_Value | None] = []
        for each, v in zip(lists, rows, strict=True):
            if each is None:
                stacked.append(None)
                continue
            stacked.append(self._assign(f"np.array({each.text}{back})", v.shape))
            self._drop(each)
        return [*carry, *stacked]

    def _row(self, x: _Value, shape: Shape, at: str) -> _Value:
        """One round's part of an array that a loop runs over."""
        if len(x.shape) < len(shape):  # all its rows are the same
            return self._again(x)
        return self._assign(
            f"{x.text}[{at if x.shape[0] == shape[0] else 0}]", x.shape[1:]
        )

    def _cond(
        self, p: Parameters, operands: list[_Value], used: Sequence[bool]
    ) -> list[_Value | None]:
        which, *inputs = operands
        found = [
            self._new(v.shape) if use else None
            for v, use in zip(p.results, used, strict=True)
        ]
        branches = p["branches"]
        for i, branch in enumerate(branches):
            last = i == len(branches) - 1
            test = f"{which.text} <= 0" if i == 0 else f"{which.text} == {i}"
            self._line("else:" if last else f"{'el' if i else ''}if {test}:")
            self._depth += 1
            results = self.body(branch, inputs, used)
            for to, value in zip(found, results, strict=True):
                if to is not None and value is not None:
                    self._line(f"{to.text} = {self.full(value, to.shape)}")
                    self._drop(value)
            self._line("pass")
            self._depth -= 1
        return found

    def _carry(self, first: list[_Value], forms: Sequence[Any]) -> list[_Value]:
        """Variables of a loop, of full arrays: those of the first round."""
        return [
            self._assign(self.full(value, form.shape), form.shape)
            for value, form in zip(first, forms, strict=True)
        ]

    def _carried(self, carry: list[_Value], found: Sequence[_Value | None]) -> None:
        """Give the variables of a loop the values of the next round."""
        if carry:
            new = [
                self.full(value, to.shape)
                for to, value in zip(carry, found, strict=True)
                if value is not None
            ]
            self._line(f"{', '.join(to.text for to in carry)}, = {', '.join(new)},")
        for value in found:
            if value is not None:
                self._drop(value)

    def _operand(self, v: Any, values: dict[Any, _Value]) -> _Value:
        if isinstance(v, Literal):
            return self._constant(np.asarray(v.val, _dtype(v)))
        return values.get(v, _Value("None", ()))  # of what nothing needs

    def _constant(self, value: Any) -> _Value:
        """An array that is given to the program; a number comes as NumPy's scalar."""
        array = np.asarray(value)
        key = array.dtype, array.shape, array.tobytes()
        if key not in self._named:
            self._named[key] = _Value(f"c{len(self.constants)}", array.shape)
            self.constants.append(array[()])
        return self._named[key]

    def _assign(self, text: str, shape: Shape) -> _Value:
        value = self._new(shape)
        self._line(f"{value.text} = {text}")
        return value

    def _line(self, text: str) -> None:
        self.lines.append("    " * self._depth + text)

    def _new(self, shape: Shape) -> _Value:
        name = self._free.pop() if self._free else f"v{len(self._uses)}"
        self._uses[name] = 1
        return _Value(name, tuple(shape))

    def _again(self, value: _Value) -> _Value:
        self._hold(value)
        return value

    def _hold(self, value: _Value) -> None:
        if value.text in self._uses:
            self._uses[value.text] += 1

    def _drop(self, value: _Value) -> None:
        if value.text in self._uses:
            self._uses[value.text] -= 1
            if not self._uses[value.text]:
                self._free.append(value.text)


def _needed(
    jaxpr: Jaxpr, wanted: tuple[bool, ...]
) -> tuple[list[tuple[Any, tuple[bool, ...]]], set[Any]]:
    """The equations behind the wanted results, with the results of each in use."""
    live = {v for v, w in zip(jaxpr.outvars, wanted, strict=True) if w and _is_var(v)}
    kept = []
    for equation in reversed(jaxpr.eqns):
        used = tuple(v in live for v in equation.outvars)
        if not any(used):
            continue
        inputs = list(equation.invars)
        if equation.primitive.name in INLINE:
            inner = _inner(equation.params)
            _, needed = _needed(inner.jaxpr, used)
            inputs = [
                v
                for v, own in zip(inputs, inner.jaxpr.invars, strict=True)
                if own in needed
            ]
        live.update(filter(_is_var, inputs))
        kept.append((equation, used))
    return kept[::-1], live


def _once(
    equations: list[tuple[Any, tuple[bool, ...]]], results: Sequence[Any]
) -> tuple[list[tuple[Any, list[Any], tuple[bool, ...]]], list[Any]]:
    """Equations, with their operands, and results: nothing is computed twice."""
    earlier: dict[Any, Any] = {}
    known: dict[Any, Any] = {}
    kept = []

    def first(v: Any) -> Any:
        return earlier.get(v, v) if _is_var(v) else v

    for equation, used in equations:
        operands = [first(v) for v in equation.invars]
        names = [
            v if _is_var(v) else (_dtype(v), np.asarray(v.val).tobytes())
            for v in operands
        ]
        try:
            what = equation.primitive, used, frozenset(equation.params.items())
            before = known.setdefault((what, *names), equation.outvars)
        except TypeError:  # parameters without a hash
            before = equation.outvars
        if before is equation.outvars:
            kept.append((equation, operands, used))
        else:
            earlier.update(zip(equation.outvars, before, strict=True))
    return kept, [first(v) for v in results]


def _check_types(*values: Any) -> None:
    for v in values:
        if _dtype(v) not in TYPES:
            raise NoNumpyForm(f"numbers of type {v.aval}")


def _dtype(v: Any) -> Any:
    return getattr(v.aval, "dtype", None)


def _is_var(v: Any) -> bool:
    return not isinstance(v, Literal)


def _closed(jaxpr: Any) -> ClosedJaxpr:
    return jaxpr if isinstance(jaxpr, ClosedJaxpr) else ClosedJaxpr(jaxpr, ())


def _together(values: Sequence[_Value]) -> Shape:
    """What the shapes of operands come to; a symbolic length is never one."""
    shapes = [value.shape for value in values]
    if all(shape == shapes[0] for shape in shapes):
        return shapes[0]
    rank = max(map(len, shapes))
    rows = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    return tuple(
        next((n for n in axis if n != 1), 1) for axis in zip(*rows, strict=True)
    )


def _inner(p: Any) -> ClosedJaxpr:
    """What is called."""
    names = "jaxpr", "call_jaxpr", "fun_jaxpr"
    found = [p[name] for name in names if name in p]
    if not found:
        raise NoNumpyForm("a call without equations")
    return _closed(found[0])


def _padded(x: _Value, shape: Shape) -> Shape:
    """The shape of a thin array with as many axes as it stands for."""
    return (1,) * (len(shape) - len(x.shape)) + x.shape
