"""The rule that is any function of the margin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import InputError
from ..numerics.checks import real_number
from ..numerics.gaussian import density
from ..numerics.precision import own_settings
from ..numerics.quadrature import panels
from .rule import Fractions, Rule

# ends of the panels on which a keep-probability is integrated
KNOTS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)


@dataclass(frozen=True)
class KeepProbability(Rule):
    """Keep an example of margin z with probability ``function(z)`` in [0, 1].

    ``function`` is a JAX function of one margin (absolute or signed, as the call
    says).  It may have kinks and jumps only at ``breakpoints`` (increasing margins):
    between them it is integrated as a smooth function.  The kept fraction follows
    from it, so ``keep_fraction`` is not given.
    """

    function: Callable[[Float[Array, ""]], Float[Array, ""]]
    breakpoints: tuple[float, ...] = ()

    static = ("function", "breakpoints")
    takes_fraction = False

    def __post_init__(self) -> None:
        try:
            name = "a breakpoint"
            points = tuple(real_number(name, x) for x in self.breakpoints)
        except (TypeError, InputError):
            raise InputError(
                "KeepProbability.breakpoints must be a tuple of margins, got "
                f"{self.breakpoints!r}"
            ) from None
        # hashable: compiled programs are kept by rule
        object.__setattr__(self, "breakpoints", points)

    def check(self, keep_fraction: Fractions, margin: str) -> None:
        """Check the function on margins up to 8; of the absolute margin from 0 on.

        Raises:
            InputError: it is no function of one margin with values in [0, 1], keeps
                nothing, or bends where it does not say so.
        """
        with own_settings(x64=True):
            _check_probability(self, -8.0 if margin == "signed" else 0.0)

    def mirrored(self) -> KeepProbability:
        """The same probability of the opposite margin."""
        return KeepProbability(lambda m: self.function(-m), self.breakpoints)


def _check_probability(rule: KeepProbability, least: float) -> None:
    """A keep-probability stays in [0, 1], on a grid of margins from ``least`` on."""
    if not callable(rule.function) or not np.isfinite(rule.breakpoints).all():
        raise InputError(
            "KeepProbability takes a function of one margin and finite breakpoints, "
            f"got {rule.function!r} and {rule.breakpoints!r}"
        )
    margins = np.linspace(least, 8.0, 1601)
    try:
        values = np.asarray(jax.vmap(rule.function)(jnp.asarray(margins)))
    except Exception as error:  # whatever a user's function raises
        raise InputError(
            "a keep-probability must be a JAX function of one margin (written with "
            f"jax.numpy, jnp.where in place of if), got a {type(error).__name__} from "
            "it"
        ) from error
    if values.shape != margins.shape or values.dtype.kind not in "fiub":
        raise InputError(
            "a keep-probability must map one margin to one real number, got "
            f"{values.dtype} of shape {values.shape[1:]}"
        )
    bad = ~((values >= -1e-12) & (values <= 1 + 1e-12))
    if bad.any():
        raise InputError(
            f"a keep-probability must be in [0, 1], got {values[bad][0]:g} "
            f"at margin {margins[bad][0]:g}"
        )
    if not (values > 0).any():
        raise InputError("the keep-probability keeps nothing: it is 0 everywhere")
    edges = np.array(sorted({0.0, 8.0, *KNOTS, *map(abs, rule.breakpoints)}))
    if least < 0:
        edges = np.concatenate([-edges[:0:-1], edges])
    few, more = (_mass(rule, edges, n) for n in (12, 20))
    if abs(few - more) > 1e-6 * more:
        raise InputError(
            "a keep-probability jumps or bends where it does not say so (its mass is "
            f"{few:.7g} or {more:.7g}): name those margins in breakpoints=(...)"
        )


def _mass(rule: KeepProbability, edges: np.ndarray, n: int) -> float:
    """The kept mass of a normal margin, with n nodes a panel."""
    z, weight = panels(jnp.asarray(edges), n)
    return float(jnp.sum(weight * density(z) * jax.vmap(rule.function)(z)))
