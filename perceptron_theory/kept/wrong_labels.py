r"""The kept examples of a pool in which labels are wrong with probability p.

The label y' = +-sign(T.x) is wrong independently of all else, before pruning.  Folded
to the true label +1 (u = T.x > 0, z = P.x), a wrong example is one that the student is
trained on as if it were -1, and the averages are (1 - p) E_right + p E_wrong:

- the absolute margin |z| sees no labels: both parts keep the same z;
- the signed margin y' P.x is z for a right example and -z for a wrong one.  With g(m) =
  2 phi(m) Phi(m c/s), the law of z, that of the ranked margin is

      (1 - p) g(m) + p g(-m),

  and a kept interval (m_1, m_2) holds right examples with z in it and wrong ones with
  -z in it.  With W(d) = Prob(z < -d) of :mod:`.thresholds` its masses are, for d > 0,

      below -d:  p erfc(d/sqrt 2) + (1 - 2 p) W(d),
      below  d:  p + (1 - p) erf(d/sqrt 2) + (1 - 2 p) W(d),
      above  d:  (1 - p) erfc(d/sqrt 2) - (1 - 2 p) W(d).

At theta = 0 the law is half-normal on either side, of mass p and 1 - p.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import erf, erfc
from jaxtyping import Array, Float

from ..numerics.gaussian import SQRT_2
from ..rules.keep_probability import KeepProbability
from ..rules.rule import Cells, Rule
from .build import problem_at
from .problem import Inputs, Mode, Problem
from .thresholds import Pieces, signed_density, wedge_mass

FAR = 38.0  # no float64 mass lies beyond

# +1 for the pieces of right labels, -1 for those of wrong ones
Labels = Float[Array, " n"]


def noisy_masses(
    m: Float[Array, ""], theta: Float[Array, ""], flipped: Float[Array, ""]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The masses below and above a ranked margin m, each to its own relative digits."""
    d, p = jnp.abs(m) / SQRT_2, flipped
    wedge = (1.0 - 2.0 * p) * wedge_mass(jnp.abs(m), theta)
    left = p * erfc(d) + wedge
    below = jnp.where(m < 0, left, p + (1.0 - p) * erf(d) + wedge)
    above = jnp.where(m < 0, 1.0 - left, (1.0 - p) * erfc(d) - wedge)
    return below, above


def pool_masses(
    m: Float[Array, ""],
    theta: Float[Array, ""],
    flipped: Float[Array, ""],
    margin: str,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The masses of the pool below and above a margin, whichever is ranked."""
    if margin == "absolute":
        return erf(m / SQRT_2), erfc(m / SQRT_2)
    return noisy_masses(m, theta, flipped)


def noisy_quantile(
    below: Float[Array, ""],
    above: Float[Array, ""],
    theta: Float[Array, ""],
    flipped: Float[Array, ""],
) -> Float[Array, ""]:
    """The ranked margin with mass ``below`` under it and ``above`` over it."""

    def crowd(m):
        right, wrong = signed_density(m, theta), signed_density(-m, theta)
        return (1.0 - flipped) * right + flipped * wrong

    none = flipped + (1.0 - 2.0 * flipped) * theta / jnp.pi
    masses = lambda m: noisy_masses(m, theta, flipped)  # noqa: E731
    return quantile_of(below, above, masses, crowd, none)


def quantile_of(
    below: Float[Array, ""],
    above: Float[Array, ""],
    masses: Callable[[Any], tuple[Any, Any]],
    crowd: Callable[[Any], Any],
    none: Float[Array, ""],
) -> Float[Array, ""]:
    """The margin with these masses below and above it, of a law.

    ``masses`` are those below and above a margin, ``crowd`` is the density there and
    ``none`` the mass below 0.

    Newton on the log of the smaller mass, within a bracket (a mixture's is not
    concave); -inf and inf at the masses 0 and 1.
    """
    small = below < 0.5
    mass = jnp.where(small, below, above)
    inside = (mass > 0) & (mass < 1)
    mass = jnp.where(inside, mass, 0.25)
    # no more than half of the pool lies below 0, where the density has its step
    negative = small & (mass <= none)

    def newton(m):
        value = jnp.where(small, *masses(m))
        value, rate = jnp.maximum(value, 1e-300), crowd(m)
        rate = jnp.where(small, rate, -rate) / value
        off = jnp.log(mass / value)
        return off / jnp.where(rate == 0, 1.0, rate), jnp.where(small, off, -off) > 0

    def body(i, state):
        low, high, m = state
        step, up = newton(m)
        low, high = jnp.where(up, m, low), jnp.where(up, high, m)
        new = m + step
        # every fourth step halves the bracket, whatever Newton's method does
        good = (new > low) & (new < high) & (i % 4 != 3)
        return low, high, jnp.where(good, new, 0.5 * (low + high))

    zero = jnp.zeros_like(mass)
    low, high = jnp.where(negative, -FAR, zero), jnp.where(negative, zero, FAR)
    start = jnp.where(negative, -0.5, 0.5)
    m = jax.lax.fori_loop(0, 62, body, (low, high, start))[2]
    # the last step also carries the derivatives
    m = jax.lax.stop_gradient(m)
    m = m + newton(m)[0]
    infinite = jnp.where(small, -jnp.inf, jnp.inf)
    return jnp.where(inside, m, infinite)


def mass_rate(m: Float[Array, ""], theta: Float[Array, ""]) -> Float[Array, ""]:
    """d/dp of the mass below a ranked margin m, which is linear in p."""
    d = jnp.abs(m)
    return erfc(d / SQRT_2) - 2.0 * wedge_mass(d, theta)


def labelled(
    level: Float[Array, " cells"], right: Any, wrong: Any
) -> Float[Array, " n"]:
    """Levels, times those of the labels: right and wrong, z > 0, then the same, z < 0.

    Each of them one a cell.
    """
    return jnp.tile(jnp.concatenate([right * level, wrong * level]), 2)


def _signed_pieces(
    cells: Cells, theta: Float[Array, ""], flipped: Float[Array, ""]
) -> Pieces:
    """The kept pieces of right and wrong labels, in the order of :func:`labelled`.

    A right example has -z < 0 where a wrong one has z > 0: the pieces are mirrored.
    """
    over_cells = jax.vmap(
        jax.vmap(noisy_quantile, (0, 0, None, None)), (0, 0, None, None)
    )
    ends = over_cells(cells.below, cells.above, theta, flipped)
    low, high = ends[:, 0], ends[:, 1]
    inner = jnp.clip(jnp.concatenate([low, -high, -high, low]), 0.0)
    outer = jnp.clip(jnp.concatenate([high, -low, -low, high]), 0.0)
    sign = jnp.repeat(jnp.array([1.0, -1.0]), 2 * len(low))
    return Pieces(sign, inner, outer, jnp.tile(cells.level, 4), ends)


def _doubled(pieces: Pieces) -> Pieces:
    """Every piece twice, once for right labels and once for wrong ones."""

    def twice(x):
        return jnp.repeat(x.reshape(2, -1), 2, axis=0).reshape(-1)

    return Pieces(*map(twice, pieces[:4]), pieces.ends)


def noisy_problem(
    inputs: Inputs, rule: Rule, flipped: Float[Array, ""], mode: Mode, noisy: bool
) -> tuple[Problem, Labels, Cells | None]:
    """What :func:`.build.problem_at` gives, and the label of each piece.

    Where labels may be wrong (``noisy``) the pieces are those of right and of wrong
    examples, in the order of :func:`labelled`, their levels with the probabilities 1 -
    p and p; a ``keep`` is that of a ranked margin, label z.
    """
    problem, rate = problem_at(inputs, rule, mode)
    if not noisy:
        return problem, jnp.ones_like(problem.pieces.level), rate
    # at p = 0, too, the places of wrong examples are to count (for d/dp)
    flipped = flipped + 1e-300
    signed, n = mode.margin == "signed", problem.pieces.level.shape[0] // 2
    if signed and not isinstance(rule, KeepProbability):
        pieces = _signed_pieces(rule.cells(inputs.keep_fraction), inputs.theta, flipped)
    else:
        pieces = _doubled(problem.pieces)
    if signed and isinstance(rule, KeepProbability):
        other = problem_at(inputs, rule.mirrored(), mode)[0].keep_fraction
        f = (1.0 - flipped) * problem.keep_fraction + flipped * other
        alpha = inputs.alpha * f if mode.total else inputs.alpha
        problem = problem._replace(alpha_prune=alpha, keep_fraction=f)
    level = labelled(problem.pieces.level[:n], 1.0 - flipped, flipped)
    labels = labelled(jnp.ones(n), 1.0, -1.0)
    return problem._replace(pieces=pieces._replace(level=level)), labels, rate
