"""What is common to points that are differentiated implicitly, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def once(name: str) -> Callable[[Any, Any], Any]:
    """The function (rates, inputs) -> rates that refuses to be differentiated itself.

    ``name`` is that of the public function, for the message.
    """

    @jax.custom_jvp
    def constant(rates: Any, inputs: Any) -> Any:
        return rates

    @constant.defjvp
    def again(primals, tangents):
        raise NotImplementedError(
            f"{name} can be differentiated once: for second derivatives take finite "
            "differences of its gradient"
        )

    return constant


def is_zero(tangent: Any) -> bool:
    """Whether a tangent is known to vanish (rules with ``symbolic_zeros``)."""
    return isinstance(tangent, jax.custom_derivatives.SymbolicZero)


def all_zero(tangents: Any) -> bool:
    """Whether every leaf of a tree of tangents is known to vanish."""
    return all(map(is_zero, jax.tree.leaves(tangents, is_leaf=is_zero)))


def step_along(tangents: Any) -> Any:
    """The tangents of some numbers as one vector."""
    return jnp.stack([jnp.zeros(()) if is_zero(t) else t for t in tangents])


def still(state: Any) -> Any:
    """The tangent of a state that does not move."""
    return jax.tree.map(
        lambda x: (
            jnp.zeros_like(x)
            if jnp.issubdtype(x.dtype, jnp.floating)
            else jnp.zeros(x.shape, jax.dtypes.float0)
        ),
        state,
    )
