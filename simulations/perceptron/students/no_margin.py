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
  sets of Lawson & Hanson (1974, ch. 23) find the combination, to the last digits of
  examples whose coordinates were brought to one size: in a coordinate that is small in
  all examples, the combination is zero to its own last digits, too.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

# Lengths r from which zero is told to lie inside, and for the last digits.
_SHORT, _LAST_DIGITS = 1e-12, 4e-15
# The square of sigma, relative to those of all singular values together, which are at
# least 1/P: sigma > 3e-7/sqrt(P).
_SINGULAR = 1e-13
# Numbers of a set up to which active sets take seconds.
_LARGEST = 2**21
# Times that coordinates and examples are brought to one size, one after the other.
_SWEEPS = 3


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

    if not examples.any(axis=1).all():  # a zero is a combination by itself
        zero = np.arange(len(examples)) == examples.any(axis=1).argmin()
        return zero.astype(float)
    if examples.size > _LARGEST:
        return None
    balanced = _balanced(examples)
    if balanced is None:
        return None
    scaled, exponents = balanced
    lengths = np.linalg.norm(scaled, axis=1)
    unit = scaled / lengths[:, None]
    system = np.vstack([unit.T, np.ones(len(unit))])
    try:
        shares, _ = nnls(system, np.eye(len(system))[-1], maxiter=10 * len(unit))
    except RuntimeError:  # too many steps
        return None
    if not np.linalg.norm(shares @ unit) <= _LAST_DIGITS * shares.sum():
        return None
    # the shortest gets the largest: divide in the order in which nothing overflows
    multipliers = np.ldexp(shares / lengths, exponents.min() - exponents)
    return multipliers / multipliers.sum()


def _balanced(
    examples: Float[np.ndarray, "P N"],
) -> tuple[Float[np.ndarray, "P N"], Int[np.ndarray, " P"]] | None:
    """Examples and coordinates of one size: what separates them is scaled, no more.

    All factors are powers of two, so that no digit changes.

    Args:
        examples: none is zero.

    Returns:
        The scaled examples, and the exponents of two by which each was divided; None
        where a number would vanish beside others, whatever the factors.
    """
    digits, powers = np.frexp(examples)
    none = np.iinfo(powers.dtype).min // 4  # of a zero, smaller than any
    powers = np.where(digits == 0, none, powers)
    of_examples = np.zeros(len(examples), int)
    for _ in range(_SWEEPS):
        columns = powers.max(axis=0)
        powers = powers - np.where(columns > none // 2, columns, 0)
        rows = powers.max(axis=1)
        powers, of_examples = powers - rows[:, None], of_examples + rows
    scaled = np.ldexp(digits, np.maximum(powers, none))
    vanished = (abs(scaled) < np.finfo(float).tiny) & (digits != 0)
    return None if vanished.any() else (scaled, of_examples)
