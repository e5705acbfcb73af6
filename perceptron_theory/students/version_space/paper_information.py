r"""The information gain of an example as approximated by Sorscher et al. (2022).

A student drawn at random from the version space (Gibbs) learns the hardest part f of
the pool, theta = 0.  With q the overlap of two such students, R that of one with the
teacher, and the kept u = T.x folded onto 0 < u < gamma, its entropy per dimension is

    S = 1/2 [ln(1-q) + (q - R^2)/(1-q)] + alpha E ln Phi(M/sqrt(1-q)),
    M = R u + sqrt(q - R^2) t.

Averaged over u at given M, the last term with q = R put in gives, a^2 = R/(1-R),

    I = -(2/f) Int Dt [H(a t) - H((gamma + sqrt(R) t)/sqrt(1-R))] ln H(a t),

the paper's expression (Fig. 1F).  Pruned data have q > R instead
(:mod:`.version_space`): S need not be stationary anywhere on the line q = R.  What
exists there is dS/dR = 0 at fixed q, where q = R is put in afterwards; by parts,

    R = (2 alpha/f) Int Dt [phi(a t) - phi((gamma + sqrt(R) t)/sqrt(1-R))]
                           phi(a t)/H(a t).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.special import erfinv, expit, log_ndtr, logit, ndtr

from ...errors import ConvergenceError, InputError
from ...numerics.bracketing import bracketed_roots
from ...numerics.checks import SMALLEST, as_array, check_fraction, check_load
from ...numerics.gaussian import SQRT_2, SQRT_2PI
from ...numerics.precision import eager_only

Values = Float[np.ndarray, "*batch"] | float
Flat = Float[np.ndarray, " n"]

# In w = t/sqrt(1-R) both integrands fall off as exp(-w^2/2) at the least, whatever R,
# and are analytic for |Im w| < 2: the sum over this grid is exact to rounding.
STEP = 0.125
NODES = STEP * np.arange(-80, 81)
FARTHEST = (-60.0, 100.0)  # ln R/(1-R) of every load that is solved


@eager_only
def paper_information_gain(*, alpha_prune: Any, keep_fraction: Any) -> Values:
    """The paper's approximation q = R of the information gain, in nats an example.

    What one more example of the hard rule (theta = 0) takes from the entropy of the
    version space, at fixed f, if the overlap q of two students is set equal to their
    overlap R with the teacher (Sorscher et al. 2022, Fig. 1F).  That holds only for
    random data (f = 1); ``solve(student="gibbs").information_gain`` is without it.
    Here I stays below 1 nat, which as f -> 0 its peak reaches at alpha_prune = 1.679,
    where R comes to 1; the true I then diverges at alpha_prune = 2.  At fixed f both
    approach 1/alpha_prune.

    Args:
        alpha_prune: kept examples per dimension; broadcasts with ``keep_fraction``.
        keep_fraction: f in [1e-8, 1].

    Returns:
        I, relative accuracy 1e-15/f.

    Raises:
        InputError: an argument outside its range, or shapes that do not broadcast.
        ConvergenceError: a load so extreme that R or 1 - R vanishes.

    Example:
        >>> f"{paper_information_gain(alpha_prune=1.0, keep_fraction=0.1):.6f}"
        '0.726391'
    """
    odds, fraction = _solved(alpha_prune, keep_fraction)
    return _gain(odds, fraction)[()]


@eager_only
def paper_overlap(*, alpha_prune: Any, keep_fraction: Any) -> Values:
    """The R that :func:`paper_information_gain` puts in; the same arguments."""
    return expit(_solved(alpha_prune, keep_fraction)[0])[()]


def gain_at_overlap(*, overlap: Any, keep_fraction: Any) -> Values:
    """The paper's I at any R in [0, 1), not that of a load.

    Raises:
        InputError: an argument outside its range.
    """
    overlap, fraction = as_array("overlap", overlap), _fraction(keep_fraction)
    if not ((overlap >= 0) & (overlap < 1)).all():
        raise InputError(f"overlap must be in [0, 1), got {overlap}")
    return _gain(logit(overlap), fraction)[()]


def _fraction(keep_fraction: Any) -> Float[np.ndarray, "*batch"]:
    fraction = as_array("keep_fraction", keep_fraction)
    check_fraction("keep_fraction", fraction)
    if fraction.min() < SMALLEST:
        raise InputError(
            f"keep_fraction must be at least {SMALLEST:g} here, got {fraction.min():g}"
        )
    return fraction


def _solved(alpha_prune: Any, keep_fraction: Any) -> tuple[np.ndarray, np.ndarray]:
    """Ln R/(1-R) and f, broadcast."""
    alpha = as_array("alpha_prune", alpha_prune)
    check_load("alpha_prune", alpha)
    fraction = _fraction(keep_fraction)
    try:
        alpha, fraction = np.broadcast_arrays(alpha, fraction)
    except ValueError:
        raise InputError(
            f"shapes do not broadcast: alpha_prune {alpha.shape}, keep_fraction "
            f"{fraction.shape}"
        ) from None
    load, kept = np.log(alpha.ravel()), fraction.ravel()

    def equation(odds: Flat, row: Any) -> Flat:
        return load[row] + _log_pull(odds, kept[row])

    every = np.arange(alpha.size)
    ends = [np.full(alpha.size, end) for end in FARTHEST]
    values = [equation(end, every) for end in ends]
    bad = ~((values[0] > 0) & (values[1] < 0))
    if bad.any():
        first = int(np.argmax(bad))
        raise ConvergenceError(
            f"no overlap found at alpha_prune = {np.exp(load[first]):.6g}, "
            f"keep_fraction = {kept[first]:.6g}: the load is too extreme"
        )
    # the root is unique in every scan of f from 1e-6 to 1 that was made
    odds = bracketed_roots(equation, *ends, *values, 1e-13)
    return odds.reshape(alpha.shape), fraction


def _at(odds: Any, fraction: Any) -> tuple[np.ndarray, ...]:
    """Weights of the nodes, a t there, and (gamma + sqrt(R) t)/sqrt(1-R) - a t."""
    rest = expit(-np.asarray(odds))[..., None]  # 1 - R, exact however small
    weight = STEP * np.sqrt(rest) / SQRT_2PI * np.exp(-0.5 * rest * NODES**2)
    gamma = SQRT_2 * erfinv(np.asarray(fraction))[..., None]
    return weight, np.sqrt(expit(odds))[..., None] * NODES, gamma / np.sqrt(rest)


def _log_pull(odds: Flat, fraction: Flat) -> Flat:
    """Ln of the right of the equation for R, without alpha, over R."""
    weight, x, shift = _at(odds, fraction)
    density = np.exp(-0.5 * x * x) / SQRT_2PI
    lost = -density * np.expm1(-shift * (x + 0.5 * shift))  # no difference of equals
    pull = np.sum(weight * lost * density / ndtr(-x), axis=-1)
    return np.log(2.0 * pull / fraction) - np.log(expit(odds))


def _gain(odds: Any, fraction: Any) -> Any:
    weight, x, shift = _at(odds, fraction)
    kept = ndtr(-x) - ndtr(-x - shift)
    return -2.0 / fraction * np.sum(weight * kept * log_ndtr(-x), axis=-1)
