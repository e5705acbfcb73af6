"""A pool labelled by a noisy teacher: its signed margins, and what a rule keeps of it.

In the notation of :mod:`.noisy_teacher`: the label y = sign(u + sigma n) is that of a
teacher at the angle theta_i of the probe, so that the signed margin y P.x has the
mixture of the laws of :mod:`.thresholds` at these angles.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.scipy.special import erf, erfc
from jaxtyping import Array, Float

from ..numerics.gaussian import SQRT_2
from ..rules.keep_probability import KeepProbability
from ..rules.rule import Cells, Rule
from .build import problem_at
from .noisy_teacher import Noise, angles
from .problem import Inputs, Mode, Problem
from .thresholds import signed_density, signed_pieces, wedge_mass
from .wrong_labels import quantile_of


def masses(
    m: Float[Array, ""], theta: Float[Array, ""], noise: Noise
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The masses below and above a signed margin m."""
    d, p = jnp.abs(m), noise.flipped
    wedges = jax.vmap(wedge_mass, (None, 0))(d, angles(theta, noise))
    wedge, d = noise.net * jnp.sum(noise.weights * wedges), d / SQRT_2
    left = p * erfc(d) + wedge
    below = jnp.where(m < 0, left, p + (1.0 - p) * erf(d) + wedge)
    above = jnp.where(m < 0, 1.0 - left, (1.0 - p) * erfc(d) - wedge)
    return below, above


def by_angle(
    m: Float[Array, "*k"], theta: Float[Array, ""], noise: Noise
) -> Float[Array, "*k"]:
    """d/dtheta of the mass below a signed margin."""
    turned = jax.jvp(lambda t: angles(t, noise), (theta,), (jnp.ones(()),))[1]
    return _by_angles(m, theta, noise, turned)


def by_mixture(
    m: Float[Array, "*k"], theta: Float[Array, ""], noise: Noise, moved: Noise
) -> Float[Array, "*k"]:
    """The change of the mass below a signed margin with the scales and the flips."""
    turned = jax.jvp(lambda x: angles(theta, x), (noise,), (moved,))[1]
    clean = noise._replace(flipped=jnp.zeros(()))

    def flips(m: Float[Array, ""]) -> Float[Array, ""]:
        d = jnp.abs(m)
        wedges = jax.vmap(wedge_mass, (None, 0))(d, angles(theta, clean))
        return erfc(d / SQRT_2) - 2.0 * jnp.sum(noise.weights * wedges)

    return _by_angles(m, theta, noise, turned) + moved.flipped * jax.vmap(flips)(m)


def _by_angles(
    m: Float[Array, "*k"],
    theta: Float[Array, ""],
    noise: Noise,
    turned: Float[Array, " k"],
) -> Float[Array, "*k"]:
    """What the masses gain by turns of the teachers, exp(-m^2/(2 sin^2))/pi each."""
    sine = jnp.sin(angles(theta, noise))
    far = jnp.clip(m[..., None] / jnp.maximum(sine, 1e-150), -40.0, 40.0)
    gain = noise.net * noise.weights * turned / jnp.pi
    return jnp.sum(gain * jnp.exp(-0.5 * far**2), axis=-1)


def _quantile(
    below: Float[Array, ""],
    above: Float[Array, ""],
    theta: Float[Array, ""],
    noise: Noise,
) -> Float[Array, ""]:
    """The signed margin with these masses below and above it."""

    def crowd(m: Float[Array, ""]) -> Float[Array, ""]:
        one = jax.vmap(signed_density, (None, 0))
        at = angles(theta, noise)
        right, wrong = one(m, at), one(-m, at)
        p = noise.flipped
        return jnp.sum(noise.weights * ((1.0 - p) * right + p * wrong))

    none = jnp.sum(noise.weights * angles(theta, noise)) / jnp.pi
    none = noise.flipped + noise.net * none
    return quantile_of(below, above, lambda m: masses(m, theta, noise), crowd, none)


def teacher_problem(
    inputs: Inputs, rule: Rule, noise: Noise, mode: Mode
) -> tuple[Problem, Float[Array, " n"], Cells | None]:
    """What :func:`.wrong_labels.noisy_problem` gives, of a noisy teacher.

    All pieces have the label +1, as they are folded to the label that is seen;
    ``mode.on_line`` is not to be set.
    """
    problem, rate = problem_at(inputs, rule, mode)
    if mode.margin == "signed" and isinstance(rule, KeepProbability):
        # the kept masses of the teachers at their angles
        def kept(theta: Float[Array, ""]) -> Float[Array, ""]:
            at, p = inputs._replace(theta=theta), noise.flipped
            own, turned = (
                problem_at(at, one, mode)[0].keep_fraction
                for one in (rule, rule.mirrored())
            )
            return (1.0 - p) * own + p * turned

        f = jnp.sum(noise.weights * jax.vmap(kept)(angles(inputs.theta, noise)))
        alpha = inputs.alpha * f if mode.total else inputs.alpha
        problem = problem._replace(alpha_prune=alpha, keep_fraction=f)
    elif mode.margin == "signed":
        cells = rule.cells(inputs.keep_fraction)
        over = jax.vmap(jax.vmap(_quantile, (0, 0, None, None)), (0, 0, None, None))
        ends = over(cells.below, cells.above, inputs.theta, noise)
        problem = problem._replace(pieces=signed_pieces(ends, cells.level))
    labels = jnp.ones_like(problem.pieces.level)
    return problem._replace(noise=noise), labels, rate
