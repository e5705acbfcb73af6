"""Programs for many points at once; for a single point compiled in the quick way.

Compiling is most of the time to a first result.  On a CPU the older emitters of loops
without LLVM's optimisation take an eighth of the time, for programs that are a few
times slower: the choice for a program of one point.  They differ by rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax

QUICK = {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 0}


@lru_cache
def _quick() -> dict[str, Any] | None:
    """The options, if this version of XLA knows them and has a use for them."""
    if jax.default_backend() != "cpu":
        return None
    try:
        jax.jit(lambda x: x, compiler_options=QUICK).lower(0.0).compile()
    except jax.errors.JaxRuntimeError:
        return None
    return QUICK


def batched(function: Callable[..., Any], in_axes: Any = 0) -> Callable[..., Any]:
    """``function`` of one point for arrays of points, to be called eagerly."""
    mapped = jax.vmap(function, in_axes)
    many = jax.jit(mapped)

    @lru_cache
    def single() -> Any:
        return jax.jit(mapped, compiler_options=_quick())

    def call(*arguments: Any) -> Any:
        one = len(jax.tree.leaves(arguments)[0]) == 1
        return (single() if one else many)(*arguments)

    return call
