r"""The kept examples of a pool whose labels are those of a noisy teacher.

y = sign(u + sigma n), n a standard normal and sigma drawn for each example
(:mod:`.label_laws`); after that a label may be flipped with probability p.  Folded to
the label that an example *bears*, y = +1, an example is kept by its z = P.x, which is
the signed margin y P.x, and counts with the weight

    F(u) = p + (1 - 2 p) sum_i w_i Phi(u/sigma_i),

in place of the step u > 0 of a sharp teacher.  Given the student's field and z, u is a
Gaussian (mean mu, variance s^2 tau^2), so that with

    D_i = sqrt(s^2 tau^2 + sigma_i^2),   k_i = mu/D_i,   rho_i = s tau/D_i

the averages over y are those of the sharp teacher (D = s tau, rho = 1) with

    Phi(k) -> p + (1 - 2 p) sum w Phi(k),     phi(k) -> (1 - 2 p) sum w rho phi(k),
    k phi(k) -> (1 - 2 p) sum w rho^2 k phi(k).

Seen from the probe, u + sigma_i n is the field of another teacher at the angle theta_i,
cos theta_i = cos theta/sqrt(1 + sigma_i^2) (:mod:`.noisy_pool`).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..numerics.gaussian import density, mills_ratio
from .label_laws import LabelNoise

LEAST = 1e-12  # a strength inside a transformation may be 0
# ends of panels along u in units of its step: of a Gaussian, and with a longer tail
STEP, TAIL = (-7.0, 0.0, 7.0), (-14.0, -6.0, 0.0, 6.0, 14.0)


class Noise(NamedTuple):
    """The mixture of a noisy teacher: weights and scales, and p of the flips."""

    weights: Float[Array, " k"]
    scales: Float[Array, " k"]
    flipped: Float[Array, ""]

    @property
    def net(self) -> Float[Array, ""]:
        """The part of the labels that the teacher has given, 1 - 2 p."""
        return 1.0 - 2.0 * self.flipped

    @property
    def width(self) -> Float[Array, ""]:
        """The standard deviation of the noise."""
        return jnp.sqrt(jnp.sum(self.weights * self.scales**2))


class Tilted(NamedTuple):
    """What stands for Phi(k), phi(k) and k phi(k) of a sharp teacher."""

    zeroth: Float[Array, "*k"]
    peak: Float[Array, "*k"]
    bend: Float[Array, "*k"]


def noise_of(
    law: LabelNoise, strength: Float[Array, ""], flipped: Float[Array, ""]
) -> Noise:
    """The mixture of a law at a strength."""
    weights, scales = map(jnp.asarray, law.shape())
    return Noise(weights, jnp.maximum(strength, LEAST) * scales, flipped)


def tilted(mean: Float[Array, "*k"], spread: Float[Array, ""], noise: Noise) -> Tilted:
    """The three sums for u of these means and one ``spread``, s tau."""
    shape = (-1, *[1] * mean.ndim)
    whole = jnp.sqrt(spread**2 + noise.scales**2).reshape(shape)
    share = noise.net * noise.weights.reshape(shape)
    k, rho = mean / whole, spread / whole
    peak = density(k)
    tail = peak * mills_ratio(jnp.abs(k))
    inside = jnp.where(k < 0, tail, 1.0 - tail)
    over = lambda x: jnp.sum(share * x, axis=0)  # noqa: E731
    bend = over(rho * rho * k * peak)
    return Tilted(noise.flipped + over(inside), over(rho * peak), bend)


def places_of(noise: Noise) -> tuple[float, ...]:
    """Where panels along u end, in units of the width of the step."""
    return STEP if noise.scales.shape[0] == 1 else TAIL


def angles(theta: Float[Array, ""], noise: Noise) -> Float[Array, " k"]:
    """The angles theta_i of the probe with each of the teachers."""
    return jnp.arctan2(jnp.hypot(jnp.sin(theta), noise.scales), jnp.cos(theta))


def at_margin(
    z: Float[Array, "*k"], theta: Float[Array, ""], noise: Noise
) -> Float[Array, "*k"]:
    """Prob(y = +1 | z): the density of the signed margin over 2 phi(z)."""
    mean, spread = jnp.cos(theta) * z, jnp.sin(theta)
    return tilted(mean, spread, noise).zeroth


def label_error(
    along: Float[Array, ""], across: Float[Array, ""], noise: Noise
) -> Float[Array, ""]:
    """The probability of a label other than the noisy one.

    Of a student with these lengths along and across the teacher, in any unit.
    """
    length = jnp.hypot(along, across)
    wrong = jnp.arctan2(jnp.hypot(across, noise.scales * length), along) / jnp.pi
    return noise.flipped + noise.net * jnp.sum(noise.weights * wrong)
