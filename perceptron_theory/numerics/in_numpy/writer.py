"""The equations of a jaxpr as lines of Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
from .operations import CHOICES, Operations
from .primitives import TYPES, NoNumpyForm, Parameters
from .variables import Shape, Value, aligned, together


class Writer(Operations):
    """Equations in their order, with the functions, loops and branches inside them."""

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
        text = aligned(value, len(to.shape))
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
            at, *texts = (aligned(value, rank) for value in (which, *cases))
            shape = together(cases)
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


def check_types(*values: Any) -> None:
    """Refuse numbers with which XLA computes in ways of its own."""
    for v in values:
        if dtype(v) not in TYPES:
            raise NoNumpyForm(f"numbers of type {v.aval}")


def dtype(v: Any) -> Any:
    """The type of the elements of a variable."""
    return getattr(v.aval, "dtype", None)
