r"""Proofs that no weight vector separates a set of signed examples.

There is none if and only if a convex combination of the examples of unit length is
zero: 0 = sum_i mu_i x_i/|x_i| with mu >= 0 and sum mu = 1.  A combination of length r
that was computed shows only that the largest margin of those examples is at most r,
which may still be positive.  Two kinds of sets are proved:

- Zero lies *inside* the convex hull.  With A = (mu_1 x_1/|x_1|, ...), whose smallest
  singular value sigma is larger than r, the solution of A y = -r with the smallest |y|
  has |y| < 1, so that mu_i (1 + y_i) >= 0 is an exact combination to zero.
- Zero lies on the surface of the hull, as where an example and its opposite are in one
  set.  Interior-point steps come no nearer than the root of the rounding.  The active
  sets of Lawson & Hanson (1974, ch. 23) find the combination, to the last digits.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

# Lengths r from which zero is told to lie inside, and for the last digits.
_SHORT, _LAST_DIGITS = 1e-12, 4e-15
# The square of sigma, relative to those of all singular values together, which are at
# least 1/P: sigma > 3e-7/sqrt(P).
_SINGULAR = 1e-13
# Numbers of a set up to which active sets take seconds.
_LARGEST = 2**21


def is_proved(
    columns: Float[Array, "N P"], multipliers: Float[Array, " P"]
) -> Bool[Array, ""]:
    """Whether multipliers of the examples prove that zero lies inside of their hull."""
    dimension, count = columns.shape
    if count <= dimension:
        return jnp.asarray(False)
    largest = jnp.max(jnp.abs(columns), axis=0)  # squares could overflow or vanish
    unit = columns / jnp.where(largest > 0, largest, 1.0)
    lengths = jnp.linalg.norm(unit, axis=0)
    unit = unit / jnp.where(lengths > 0, lengths, 1.0)
    shares = multipliers * (largest * lengths)
    total = shares.sum()
    shares = shares / jnp.where(total > 0, total, 1.0)
    short = jnp.linalg.norm(unit @ shares) <= _SHORT

    def inside() -> Bool[Array, ""]:
        scaled = unit * shares
        square = scaled @ scaled.T
        least = _SINGULAR * jnp.trace(square)
        shifted = square - least * jnp.eye(dimension, dtype=columns.dtype)
        return jnp.isfinite(jax.lax.linalg.cholesky(shifted)).all()

    return jax.lax.cond(short & (total > 0), inside, lambda: jnp.asarray(False))


def on_surface(examples: Float[np.ndarray, "P N"]) -> Float[np.ndarray, " P"] | None:
    """Multipliers that combine the signed examples to zero, if there are such.

    None where there are none, or where the set is too large to look for them.
    """
    from scipy.optimize import nnls

    largest = np.abs(examples).max(axis=1)
    if (largest == 0).any():  # a zero is a combination by itself
        return (np.arange(len(examples)) == largest.argmin()).astype(float)
    if examples.size > _LARGEST:
        return None
    unit = examples / largest[:, None]
    lengths = np.linalg.norm(unit, axis=1)
    unit = unit / lengths[:, None]
    system = np.vstack([unit.T, np.ones(len(unit))])
    try:
        shares, _ = nnls(system, np.eye(len(system))[-1], maxiter=10 * len(unit))
    except RuntimeError:  # too many steps
        return None
    if not np.linalg.norm(shares @ unit) <= _LAST_DIGITS * shares.sum():
        return None
    # the shortest gets the largest: divide in the order in which nothing overflows
    multipliers = shares * (largest.min() / largest) / lengths
    return multipliers / multipliers.sum()
