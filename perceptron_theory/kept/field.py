r"""Averages over the kept examples of functions of the student's field.

In units of its noise the field of a student on an example is M = a u + b v + xi, xi a
standard normal.  With z along the probe and y across it (see :mod:`.quadrature`), a u +
b v = p z + w y, and what is left of y, given z and M, is normal:

    M ~ N(p z, 1 + w^2),   y ~ N(w (M - p z)/(1 + w^2), 1/(1 + w^2)),   y > -z c/s,

whose moments are known in closed form: the students of the version space take integrals
over (z, M) (for the losses see :mod:`.field_law`).  Nodes in z are those of the
max-margin student; along M the weight of an average falls off like exp(-E/2) with

    E = (M - p z)^2/(1 + w^2) + min(k, 0)^2 + max(M/cut, 0)^2,

k the distance to u = 0 in units of y's spread, ``cut`` the scale on which the student
ceases to respond to examples it has right.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..numerics.gaussian import density, mills_ratio
from .nodes import DEPTH, SHARP


class Student(NamedTuple):
    """Weights along and across the probe over the noise r, and the angle."""

    along: Float[Array, ""]
    across: Float[Array, ""]
    cos_theta: Float[Array, ""]
    sin_theta: Float[Array, ""]


class Shape(NamedTuple):
    """Where a response changes (``breaks``); above 0 it dies out within ``cut``."""

    breaks: tuple[Float[Array, ""], ...]
    cut: Float[Array, ""]


def _label_distance(
    z: Float[Array, "*#k"], field: Float[Array, "*#k"], student: Student
) -> Float[Array, "*#k"]:
    """k: from the mean y down to u = 0, in units of its spread; inf at theta = 0."""
    p, w, c, s = student
    spread = jnp.sqrt(1.0 + w * w)
    edge = z * c / jnp.maximum(s, 1e-150)
    return spread * edge + w / spread * (field - p * z)


def field_breaks(
    z: Float[Array, ""], student: Student, shape: Shape, on_line: bool
) -> Float[Array, " m"]:
    """Ends of the panels in M of one line of given z, in increasing order."""
    spread = jnp.sqrt(1.0 + student.across**2)
    mean = student.along * z
    tilt, distance = jnp.zeros(()), jnp.zeros(())
    if not on_line:
        tilt = student.across / spread
        distance = jnp.minimum(_label_distance(z, mean, student), 1e150)

    # E is one of four parabolas between 0 and k = 0
    right, wrong = jnp.array([0.0, 0.0, 1.0, 1.0]), jnp.array([0.0, 1.0, 0.0, 1.0])
    if on_line:
        right, wrong = right[1:3], wrong[:1]

    def energy(field, right, wrong):
        k = distance + tilt * (field - mean)
        terms = ((field - mean) / spread) ** 2, right * (field / shape.cut) ** 2
        return sum(terms) + wrong * k * k

    def actual(field):
        k = distance + tilt * (field - mean)
        return energy(field, 1.0 * (field > 0), 1.0 * (k < 0))

    square = 1.0 / spread**2 + right / shape.cut**2 + wrong * tilt**2
    pull = mean / spread**2 + wrong * tilt * (tilt * mean - distance)
    centre = pull / square
    peak = centre[jnp.argmin(actual(centre))]
    level = actual(peak) + DEPTH
    reach = jnp.sqrt(jnp.maximum(level - energy(centre, right, wrong), 0.0) / square)

    def end(candidates):
        return candidates[jnp.argmin(jnp.abs(actual(candidates) - level))]

    bottom, top = end(centre - reach), end(centre + reach)
    inner = [peak, *shape.breaks]
    if not on_line:
        # where u > 0 sets in: a step of the noise's width in a field of any spread
        steep = jnp.where(jnp.abs(tilt) > 1e-3, tilt, jnp.inf)
        inner += [mean + (k - distance) / steep for k in (0.0, SHARP)]
    inner = jnp.clip(jnp.stack(inner), bottom, top)
    return jnp.sort(jnp.concatenate([bottom[None], inner, top[None]]))


@jax.custom_jvp
def _cdf(k: Float[Array, "*k"]) -> tuple[Float[Array, "*k"], Float[Array, "*k"]]:
    """Phi(k) and phi(k)."""
    peak = density(k)
    tail = peak * mills_ratio(jnp.abs(k))
    return jnp.where(k < 0, tail, 1.0 - tail), peak


@_cdf.defjvp
def _cdf_jvp(primals, tangents):
    (k,), (dk,) = primals, tangents
    inside, peak = _cdf(k)
    return (inside, peak), (peak * dk, -k * peak * dk)


def field_moments(
    z: Float[Array, "*#k"], field: Float[Array, "*#k"], student: Student, on_line: bool
) -> tuple[Float[Array, "*#k"], Float[Array, "*#k"], Float[Array, "*#k"]]:
    """Density of M given z on u > 0 (with y's probability), times 1, y and y^2."""
    p, w, _, _ = student
    spread = jnp.sqrt(1.0 + w * w)
    off = field - p * z
    weight = density(off / spread) / spread
    if on_line:
        return weight, jnp.zeros_like(weight), jnp.zeros_like(weight)
    k = _label_distance(z, field, student)
    inside, peak = _cdf(k)
    mean, s = w * off / spread**2, 1.0 / spread
    square = (mean * mean + s * s) * inside + s * (2.0 * mean - s * k) * peak
    y = inside * mean + peak * s
    return weight * inside, weight * y, weight * square
