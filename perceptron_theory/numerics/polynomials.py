"""A polynomial as one operation of JAX.

Written out, the series of :mod:`.gaussian` would be most of the operations of a traced
program.  XLA gets them so; NumPy has a shorter way.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float

SMALL = 256  # elements, of which NumPy keeps all powers in the cache


class _Polynomial(Primitive):
    """The operation; ``made_of`` is for the keys of programs with it."""

    @property
    def made_of(self) -> Any:
        return _written_out, _tangent


polynomial_p = _Polynomial("polynomial")


def polynomial(
    coefficients: tuple[float, ...], x: Float[Array, "*s"]
) -> Float[Array, "*s"]:
    """The sum of c_k x^k, for |x| <= 1; its derivatives are polynomials too.

    Args:
        coefficients: c_0, c_1, ...
        x: of any shape.
    """
    return polynomial_p.bind(x, coefficients=coefficients)


def _written_out(x: Any, coefficients: tuple[float, ...]) -> Any:
    power = x * x * (x * x)
    # four interleaved sums: a single one would wait for each of its products
    sums = [jnp.zeros_like(x)] * 4
    for i in range(len(coefficients) - 1, -1, -1):
        sums[i % 4] = sums[i % 4] * power + coefficients[i]
    return sums[0] + x * sums[1] + x * x * (sums[2] + x * sums[3])


def _tangent(tangent: Any, x: Any, coefficients: tuple[float, ...]) -> Any:
    slopes = tuple(k * c for k, c in enumerate(coefficients))[1:]
    return tangent * polynomial(slopes or (0.0,), x)


polynomial_p.def_impl(jax.jit(_written_out, static_argnames="coefficients"))
polynomial_p.def_abstract_eval(lambda x, coefficients: x)
mlir.register_lowering(polynomial_p, mlir.lower_fun(_written_out, False))
ad.defjvp(polynomial_p, _tangent)
batching.defvectorized(polynomial_p)


def in_numpy(x: Any, coefficients: tuple[float, ...]) -> Any:
    """The same in NumPy, for numbers or arrays."""
    if not np.ndim(x):
        number, total = float(x), 0.0
        for c in reversed(coefficients):
            total = total * number + c
        return x.dtype.type(total)
    if x.size > SMALL:
        total = np.full(x.shape, coefficients[-1], x.dtype)
        for c in coefficients[-2::-1]:
            total *= x
            total += c
        return total
    powers = np.empty((len(coefficients), x.size), x.dtype)
    powers[0] = 1.0
    powers[1:2] = flat = x.ravel()
    known = 2  # x^(k + j) = x^k x^j
    while known < len(coefficients):
        more = min(known, len(coefficients) - known)
        top = powers[known - 1] * flat
        np.multiply(powers[:more], top, out=powers[known : known + more])
        known += more
    return (_array(coefficients, x.dtype) @ powers).reshape(x.shape)


@lru_cache
def _array(coefficients: tuple[float, ...], dtype: Any) -> np.ndarray:
    return np.array(coefficients, dtype)
