"""The rule that keeps several intervals of the margin, with certainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import InputError
from ..numerics.checks import as_array, refuse_masked
from ..numerics.precision import traced
from .rule import Cells, Fractions, Rule


@dataclass(frozen=True)
class Intervals(Rule):
    """Keep the margins of some intervals of the margin-quantile axis, and no others.

    From the smallest margin of the pool to the largest: ``dropped[0]`` is left out,
    ``kept[0]`` kept, ``dropped[1]`` left out, ... and ``dropped[-1]`` left out.  The
    numbers are masses of the pool in proportion: with a keep fraction f ``dropped`` is
    scaled to the sum 1 - f and ``kept`` to the sum f, so the rule goes with every f,
    and its derivative with respect to f is along that scaling.  Empty stretches are
    allowed: the hard rule is Intervals((0, 1), (1,)), the easy one
    Intervals((1, 0), (1,)), Window(lower) Intervals((lower, 1 - f - lower), (1,)).

    Args:
        dropped: n + 1 masses >= 0, not all zero; numbers, or arrays that broadcast with
            the other inputs.
        kept: n masses >= 0, not all zero.

    Raises:
        InputError: not one more dropped than kept stretch, a mass that is negative or
            not finite, or none that is positive.
    """

    dropped: tuple[Any, ...]
    kept: tuple[Any, ...]

    levels_depend_on_f = False

    def __post_init__(self) -> None:
        for name in ("dropped", "kept"):
            masses = getattr(self, name)
            if not np.iterable(masses):
                raise InputError(
                    f"Intervals.{name} must be a tuple of masses, got {masses!r}"
                )
            object.__setattr__(self, name, tuple(masses))
        if not self.kept or len(self.dropped) != len(self.kept) + 1:
            raise InputError(
                "Intervals takes one dropped stretch more than kept ones (of no mass "
                "if need be), at least one of them kept, got "
                f"{len(self.dropped)} dropped and {len(self.kept)} kept"
            )
        if traced(self.dropped, self.kept):
            return
        for name in ("dropped", "kept"):
            # a list would be a pytree of its numbers
            masses = tuple(
                as_array(f"Intervals.{name}", m)[()] for m in getattr(self, name)
            )
            object.__setattr__(self, name, masses)
            if not all((np.isfinite(m) & (m >= 0)).all() for m in masses):
                raise InputError(f"Intervals.{name} must be masses >= 0, got {masses}")
            if not np.all(sum(masses) > 0):
                raise InputError(f"Intervals.{name} must not be zero everywhere")

    def check(self, keep_fraction: Fractions, margin: str) -> None:
        pass  # at construction

    def with_arrays(self) -> Intervals:
        return self  # its two tuples are of numbers or arrays already

    def cells(self, keep_fraction: Float[Array, ""]) -> Cells:
        f = keep_fraction
        out, into = _stack(self.dropped), _stack(self.kept)
        out, into = out * ((1.0 - f) / jnp.sum(out)), into * (f / jnp.sum(into))
        masses = jnp.stack([out[:-1], into], axis=-1).ravel()
        # sums from both sides: neither mass is the difference of two
        below = jnp.cumsum(masses)
        above = jnp.cumsum(jnp.append(masses, out[-1])[::-1])[::-1][1:]
        pairs = lambda x: x.reshape(-1, 2)  # noqa: E731
        return Cells(pairs(below), pairs(above), jnp.ones_like(into))


def _stack(masses: tuple[Any, ...]) -> Float[Array, " n"]:
    return jnp.stack([jnp.asarray(m) * 1.0 for m in masses])


def keep_between(*ends: tuple[float, float]) -> Intervals:
    """The rule that keeps the margins between pairs of quantiles, in order.

    ``keep_between((0.0, 0.1), (0.5, 0.9))`` keeps half of the pool; the keep fraction
    is then 0.5.

    Raises:
        InputError: quantiles that are not in order in [0, 1], or keep nothing.
    """
    refuse_masked("keep_between", *ends)
    try:
        flat = np.asarray(ends, dtype=np.float64).ravel()
    except (TypeError, ValueError) as error:
        raise InputError(f"intervals must be pairs of quantiles, got {ends}") from error
    steps = np.diff(flat, prepend=0.0, append=1.0)
    if flat.size == 0 or (steps < 0).any() or not (flat[-1] <= 1):
        raise InputError(f"intervals must be in order within [0, 1], got {ends}")
    return Intervals(tuple(steps[::2]), tuple(steps[1::2]))
