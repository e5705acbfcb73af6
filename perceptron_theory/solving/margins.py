"""The thresholds of a rule on the axis of the margin."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import InputError
from ..kept.thresholds import kept_pieces
from ..numerics.checks import broadcast, check_margin
from ..numerics.precision import eager_only, own_settings
from ..rules.names import resolve_rule
from ..rules.rule import Rule
from .front_door import pruned_by


@eager_only
def threshold(
    keep_fraction: Any, *, theta: Any = 0.0, rule: str | Rule = "hard", **options: Any
) -> Float[np.ndarray, "*batch"] | float:
    """The margin gamma at which "hard" or "easy" keep a fraction f; see thresholds."""
    margin = check_margin(options.pop("margin", "absolute"))
    if options:
        raise InputError(f"threshold takes no argument {next(iter(options))!r}")
    kind = resolve_rule(rule)
    if not kind.takes_fraction:
        raise InputError(f"a {type(kind).__name__} rule has no threshold")
    arrays = pruned_by(kind, margin, keep_fraction, theta)
    end = 0 if kind == resolve_rule("easy") else 1
    leaves, tree = jax.tree.flatten(kind)
    values = broadcast(arrays, leaves)

    def one(t: Float[Array, ""], f: Float[Array, ""], *own: Any) -> Float[Array, ""]:
        here = jax.tree.unflatten(tree, own)
        return kept_pieces(here.cells(f), t, margin).ends[0, end]

    with own_settings(x64=True):
        found = jax.vmap(one)(*(jnp.ravel(x) for x in values))
        return np.asarray(found).reshape(values[0].shape)[()]
