"""Traced functions as NumPy programs: nothing is compiled before the first result.

JAX traces a function of one point into a jaxpr, a list of equations between arrays.
XLA takes seconds to compile it, and NumPy a microsecond for each equation, so a few
points are solved before XLA would have begun.  Here a jaxpr is written as the text of
one Python function, in which jitted functions stand inline and loops are loops; of what
a loop or a function computes only what is used is written.  The function is one of any
number of points: what differs between them has an axis more, in front.

Arrays are kept *thin*: with an axis of length one, or without it, where all elements
along it are the same.  NumPy broadcasts them in elementwise operations, and before all
others they are made full.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jax.extend.core import ClosedJaxpr

from . import runtime
from .many import N
from .primitives import NoNumpyForm
from .variables import Value
from .writer import Writer, check_types, dtype

__all__ = ["NoNumpyForm", "NumpyProgram", "numpy_program"]


class NumpyProgram(NamedTuple):
    """A function of arrays; it can be pickled."""

    code: bytes
    constants: tuple[np.ndarray, ...]

    def function(self) -> Callable[..., list[np.ndarray]]:
        """To be called with the arrays one by one; it returns the list of results."""
        space: dict[str, Any] = dict(vars(runtime))
        exec(marshal.loads(self.code), space)
        program, constants = space["program"], self.constants

        def call(*arrays: Any) -> list[np.ndarray]:
            with np.errstate(all="ignore"):
                return program(constants, arrays)

        return call


def numpy_program(jaxpr: ClosedJaxpr, many: Sequence[bool]) -> NumpyProgram:
    """A traced function of one point as a NumPy program.

    Args:
        jaxpr: the function.
        many: for each of its arguments whether it differs between the points.  If one
            of them does, all results have an axis of the points in front.

    Raises:
        NoNumpyForm: it has a primitive, or a parameter of one, that is not known here.
    """
    if jaxpr.effects:  # such as printing
        raise NoNumpyForm(f"effects {jaxpr.effects}")
    writer, own = Writer(), jaxpr.jaxpr
    check_types(*own.invars, *own.outvars)
    forms = list(zip(own.invars, many, strict=True))
    inputs = [Value(f"a{i}", v.aval.shape, m) for i, (v, m) in enumerate(forms)]
    found = writer.body(jaxpr, inputs, [True] * len(own.outvars))
    results = [  # of their own: the caller may write into them
        f"np.array({writer.full(value, v.aval.shape, any(many))}, np.{v.aval.dtype})"
        for value, v in zip(found, own.outvars, strict=True)
        if value is not None  # which none is
    ]
    names = "".join(f"{value.text}, " for value in inputs)
    constants = "".join(f"c{i}, " for i in range(len(writer.constants)))
    lines = [
        "def program(constants, arrays):",
        f"    ({constants}) = constants",
        f"    ({names}) = arrays",
        *(
            f"    {x.text} = np.asarray({x.text}, np.{dtype(v)})[()]"
            for x, v in zip(inputs, own.invars, strict=True)
        ),
        *[f"    {N} = len({value.text})" for value in inputs if value.many][:1],
        *writer.lines,
        f"    return [{', '.join(results)}]",
    ]
    try:
        code = compile("\n".join(lines), "<numpy program>", "exec")
    except SyntaxError as error:  # loops in loops in loops
        raise NoNumpyForm("more blocks in blocks than Python has") from error
    return NumpyProgram(marshal.dumps(code), tuple(writer.constants))
