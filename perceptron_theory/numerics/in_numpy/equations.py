"""Which equations of a jaxpr are used, and which of its values belong to the points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from .primitives import NoNumpyForm

INLINE = "jit", "pjit", "closed_call", "core_call", "checkpoint", "remat", "remat2"
INLINE += "custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr"

Flags = tuple[bool, ...]


def is_var(v: Any) -> bool:
    """Whether it is a variable, and not a number."""
    return not isinstance(v, Literal)


def closed(jaxpr: Any) -> ClosedJaxpr:
    """With its constants."""
    return jaxpr if isinstance(jaxpr, ClosedJaxpr) else ClosedJaxpr(jaxpr, ())


def called(p: Any) -> ClosedJaxpr:
    """What an equation calls, by its parameters."""
    names = "jaxpr", "call_jaxpr", "fun_jaxpr"
    found = [p[name] for name in names if name in p]
    if not found:
        raise NoNumpyForm("a call without equations")
    return closed(found[0])


def needed(jaxpr: Jaxpr, wanted: Flags) -> tuple[list[tuple[Any, Flags]], set[Any]]:
    """The equations behind the wanted results, with the results of each in use."""
    live = {v for v, w in zip(jaxpr.outvars, wanted, strict=True) if w and is_var(v)}
    kept = []
    for equation in reversed(jaxpr.eqns):
        used = tuple(v in live for v in equation.outvars)
        if not any(used):
            continue
        inputs = list(equation.invars)
        if equation.primitive.name in INLINE:
            inner = called(equation.params).jaxpr
            _, own = needed(inner, used)
            inputs = [v for v, x in zip(inputs, inner.invars, strict=True) if x in own]
        live.update(filter(is_var, inputs))
        kept.append((equation, used))
    return kept[::-1], live


def once(
    equations: list[tuple[Any, Flags]], results: Sequence[Any]
) -> tuple[list[tuple[Any, list[Any], Flags]], list[Any]]:
    """Equations, with their operands, and results: nothing is computed twice."""
    earlier: dict[Any, Any] = {}
    known: dict[Any, Any] = {}
    kept = []

    def first(v: Any) -> Any:
        return earlier.get(v, v) if is_var(v) else v

    for equation, used in equations:
        operands = [first(v) for v in equation.invars]
        names = [
            v if is_var(v) else (v.aval.dtype, np.asarray(v.val).tobytes())
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


def spread(jaxpr: Any, flags: Sequence[bool]) -> Flags:
    """Which results differ between the points, if such inputs do."""
    jaxpr = closed(jaxpr).jaxpr
    many = {v for v, flag in zip(jaxpr.invars, flags, strict=True) if flag}
    if not many:
        return (False,) * len(jaxpr.outvars)
    for equation in jaxpr.eqns:
        own = [is_var(v) and v in many for v in equation.invars]
        if any(own):
            found = _spread_by(equation, own)
            many |= {v for v, m in zip(equation.outvars, found, strict=True) if m}
    return tuple(is_var(v) and v in many for v in jaxpr.outvars)


def _spread_by(equation: Any, own: list[bool]) -> Flags:
    name, p = equation.primitive.name, equation.params
    if name in INLINE:
        return spread(called(p), own)
    if name == "while":
        return spread_by_loop(p, own)
    if name == "scan":
        return spread_by_scan(p, own)
    if name == "cond" and not own[0]:
        return spread_by_branches(p, own)
    return (True,) * len(equation.outvars)


def spread_by_branches(p: Any, own: Sequence[bool]) -> Flags:
    """The results of a ``cond`` that differ, where all points take the same branch."""
    parts = [spread(branch, own[1:]) for branch in p["branches"]]
    return tuple(map(any, zip(*parts, strict=True)))


def spread_by_loop(p: Any, own: Sequence[bool]) -> Flags:
    """The variables of a ``while`` loop that differ between the points."""
    n = p["cond_nconsts"]
    m = n + p["body_nconsts"]
    carry = tuple(own[m:])
    while True:
        if any(spread(p["cond_jaxpr"], (*own[:n], *carry))):
            return (True,) * len(carry)  # they end at different rounds
        after = spread(p["body_jaxpr"], (*own[n:m], *carry))
        after = tuple(a or b for a, b in zip(carry, after, strict=True))
        if after == carry:
            return carry
        carry = after


def spread_by_scan(p: Any, own: Sequence[bool]) -> Flags:
    """The variables of a ``scan``, and its rows of results, that differ."""
    n, m = p["num_consts"], p["num_consts"] + p["num_carry"]
    carry = tuple(own[n:m])
    while True:
        found = spread(p["jaxpr"], (*own[:n], *carry, *own[m:]))
        after = tuple(a or b for a, b in zip(carry, found, strict=False))
        if after == carry:
            return *carry, *found[m - n :]
        carry = after
