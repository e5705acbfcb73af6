"""Double precision: on inside the theory, and nowhere else because of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import jax
import jax.numpy as jnp
from jax.core import Tracer

from ..errors import InputError, PrecisionError

P = ParamSpec("P")
R = TypeVar("R")


def traced(*values: object) -> bool:
    """Whether any leaf of the values is a tracer of a JAX transformation."""
    return any(isinstance(x, Tracer) for x in jax.tree.leaves(values))


def staged() -> bool:
    """Whether JAX is tracing a whole function, in which constants are traced too."""
    return traced(jnp.zeros(()))


def require_x64(name: str) -> None:
    """Raise if a traced call would be computed in single precision.

    Raises:
        PrecisionError: x64 is off; the message says how to switch it on.
    """
    if not jax.config.read("jax_enable_x64"):
        raise PrecisionError(
            f"{name} was called inside jit, vmap or grad with x64 off, where it would "
            "run in float32; switch it on with jax.config.update('jax_enable_x64', "
            "True), or around the call with jax.enable_x64(True)"
        )


def eager_only(function: Callable[P, R]) -> Callable[P, R]:
    """Make a public function that computes with NumPy arrays refuse to be traced.

    Raises:
        InputError: it was called inside a JAX transformation.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if traced(*args, *kwargs.values()) or staged():
            raise InputError(
                f"{function.__module__}.{function.__name__} was called inside jit, "
                "vmap or grad, where it cannot run: call it outside, with arrays"
            )
        return function(*args, **kwargs)

    return call
