"""The settings of JAX inside of the package, and nowhere else because of it.

Double precision is on inside the theory.  What a caller has set to find faults in his
own program (that arrays of unlike ranks or types are not combined, that nothing is
compiled or goes to a device by itself, that NaN is an error) does not reach in: here
such steps are meant.  Nor does his choice of a generator of random numbers, unless he
gives a key of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

import jax
import jax.numpy as jnp
from jax._src.config import random_seed_offset  # public only as a variable
from jax.core import Tracer

from ..errors import InputError, PrecisionError, first_line

P = ParamSpec("P")
R = TypeVar("R")


@lru_cache
def start_jax() -> None:
    """Let JAX find its devices; what it finds stays.

    Raises:
        InputError: JAX cannot start the platform that it was told to use.
    """
    try:
        jax.devices()
    except Exception as error:  # of all kinds, an AssertionError among them
        asked = getattr(jax.config, "jax_platforms", None)
        why = first_line(error)
        raise InputError(
            f"JAX cannot start the platform {asked!r} (JAX_PLATFORMS): {why}; set "
            "JAX_PLATFORMS=cpu, or unset it to let JAX choose"
        ) from error


@contextmanager
def own_settings(*, x64: bool | None = None) -> Iterator[None]:
    """Compute as JAX does by itself, whatever the caller has set; for this thread.

    Args:
        x64: whether double precision is on; None leaves it as it is.

    Raises:
        InputError: JAX cannot start the platform that it was told to use.
    """
    start_jax()
    with ExitStack() as settings:
        for setting in (
            jax.numpy_rank_promotion("allow"),
            jax.numpy_dtype_promotion("standard"),
            jax.disable_jit(False),
            jax.debug_nans(False),
            jax.debug_infs(False),
            jax.transfer_guard("allow"),
            # a seed has the same random numbers everywhere
            jax.default_prng_impl("threefry2x32"),
            jax.threefry_partitionable(True),
            random_seed_offset(0),
        ):
            settings.enter_context(setting)
        if x64 is not None:
            settings.enter_context(jax.enable_x64(x64))
        yield


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
        with own_settings():
            if traced(*args, *kwargs.values()) or staged():
                raise InputError(
                    f"{function.__module__}.{function.__name__} was called inside jit, "
                    "vmap or grad, where it cannot run: call it outside, with arrays"
                )
            return function(*args, **kwargs)

    return call
