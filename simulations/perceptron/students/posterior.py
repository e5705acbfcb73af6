r"""The Bayes-optimal student: the posterior mean of a teacher under a known rule.

A teacher J, |J|^2 = N, is uniform on the part of a sphere where G J + g >= 0:

- theta = 0: the kept margins are known to lie between low < y J.x/sqrt N < high,
- theta > 0: probe and angle are known, J = c P + s T', and y J.x > 0 is a condition on
  T' in the N - 1 dimensions orthogonal to P.

Between two walls the motion is a great circle x cos t + v sin t, so that the wall i is
reached where a_i cos t + b_i sin t + g_i = 0, a = G x, b = G v; there v is reflected at
the wall within the tangent plane.  No step is rejected and none has an error, as in
:mod:`.version_space`, whose walls pass through the origin.  The teacher is a point of
the posterior, and a chain starts there; ``warmup`` samples later it has forgotten it,
unless ``travel`` is shorter than a few widths of the posterior.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perceptron_theory.numerics.precision import own_settings

from ..hardware.devices import spread
from .contract import Named, Trained, check_batch, unit
from .version_space import Flight, fly

_CHAINS = 2


def _trajectory(walls, gram, offset, position, velocity, travel, max_bounces):
    """Move for the time ``travel``: the new position and whether it was cut short."""
    square = position @ position

    def to_next_wall(state: Flight):
        a, b, left = state.a, state.b, state.left
        amplitude = jnp.hypot(a, b)
        reach = jnp.clip(-offset / amplitude, -1.0, 1.0)
        time = jnp.arctan2(b, a) + jnp.arccos(reach)
        time = jnp.where(-offset / amplitude < -1.0, jnp.inf, time)
        first = jnp.argmin(time)
        soonest = jnp.maximum(time[first], 0.0)
        hit = soonest < left
        x, v, a, b = state.after(jnp.where(hit, soonest, left))
        # The wall's normal in the tangent plane is walls[first] - share x.
        share = a[first] / square
        length = gram[first, first] - share * a[first]
        push = jnp.where(hit, 2.0 * jnp.maximum(-b[first], 0.0) / length, 0.0)
        v = v + push * (walls[first] - share * x)
        b = b + push * (gram[first] - share * a)
        left = jnp.where(hit, left - soonest, 0.0)
        return Flight(x, v, a, b, left, state.bounces + hit)

    end = fly(to_next_wall, walls, position, velocity, travel, max_bounces)
    return end.x * jnp.sqrt(square / (end.x @ end.x)), end.left > 0


@partial(jax.jit, static_argnames=("warmup", "n_samples"))
def _means(walls, offset, start, keys, travel, max_bounces, *, warmup, n_samples):
    """Mean of the samples of each chain of each set, and whether one was cut short."""

    def one_set(of_set):
        walls, offset, start, key = of_set
        gram = walls @ walls.T

        def step(position, key):
            kick = jax.random.normal(key, position.shape)
            kick = kick - (kick @ position) / (position @ position) * position
            kick = kick * jnp.linalg.norm(position) / jnp.linalg.norm(kick)
            x, cut = _trajectory(
                walls, gram, offset, position, kick, travel, max_bounces
            )
            return x, (x, cut)

        def chain(key):
            every = jax.random.split(key, warmup + n_samples)
            _, (samples, cut) = jax.lax.scan(step, start, every)
            return samples[warmup:].mean(0), cut.any()

        means, cut = jax.vmap(chain)(jax.random.split(key, _CHAINS))
        return means, cut.any()

    return jax.lax.map(one_set, (walls, offset, start, keys))


def _conditions(
    examples: Float[np.ndarray, "P N"], theta: float, low: float, high: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Walls G, offsets g and the teacher, in the coordinates in which it is unknown."""
    size = examples.shape[1]
    root = math.sqrt(size)
    if theta == 0:
        walls, offset = [examples], [np.full(len(examples), -low * root)]
        if np.isfinite(high):
            walls.append(-examples)
            offset.append(np.full(len(examples), high * root))
        teacher = root * np.eye(size)[0]
        return np.concatenate(walls), np.concatenate(offset), teacher
    c, s = math.cos(theta), math.sin(theta)
    along = c * examples[:, 0] + s * examples[:, 1]
    across = s * examples[:, 0] - c * examples[:, 1]  # T' in the plane
    walls = np.column_stack([across, examples[:, 2:]])
    teacher = root * np.eye(size - 1)[0]
    return s * walls, c * root * along, teacher


@dataclass(frozen=True)
class PosteriorMean(Named, called="posterior_mean"):
    """The mean of the posterior of a teacher whose kept margins lie in (low, high).

    ``theta`` is the angle of the probe in radians; where it is positive the student
    knows the probe, and the margins are no further condition.
    """

    theta: float
    low: float
    high: float
    samples: int = 100
    """Samples a chain, of two chains a set."""
    travel: float = math.pi / 2
    """Time between two samples."""
    warmup: int = 30
    """Samples dropped at the start of a chain."""
    max_bounces: int = 1_000_000
    """Reflections allowed on the way to one sample."""

    certificate_name = "trajectories that met too many walls"
    padding = "repeat"

    def __call__(self, examples: Float[np.ndarray, "batch P N"], key: Array) -> Trained:
        """Sample each set.

        The columns are self_overlap (of two posterior draws), teacher_overlap (of one
        with the teacher: the same on average) and mean_error, that of the posterior
        mean.  They are without the bias of a finite number of samples, which the
        weights have.
        """
        check_batch(examples, key)
        size, theta = examples.shape[-1], self.theta
        of_sets = [_conditions(x, theta, self.low, self.high) for x in examples]
        walls, offset, start = map(np.array, zip(*of_sets, strict=True))
        with own_settings(x64=True):
            means, cut = spread(
                _means,
                (walls, offset, start, key),
                float(self.travel),
                self.max_bounces,
                warmup=self.warmup,
                n_samples=self.samples,
            )
            means, cut = np.asarray(means) / math.sqrt(size), np.asarray(cut)
        c, s = (math.cos(theta), math.sin(theta)) if theta else (0.0, 1.0)
        q = c * c + s * s * (means[:, 0] * means[:, 1]).sum(-1)
        centre = means.mean(1)
        overlap = c * c + s * s * centre[:, 0]
        # The posterior mean M has T.M = overlap and |M|^2 = q.
        across = np.sqrt(np.maximum(q - overlap**2, 0.0))
        columns = {
            "self_overlap": q,
            "teacher_overlap": overlap,
            "mean_error": np.arctan2(across, overlap) / math.pi,
        }
        weights = centre
        if theta:  # M = c P + s T', with T' along (s, -c) in the plane of the probe
            plane = [overlap, c * s * (1.0 - centre[:, 0])]
            weights = np.column_stack([*plane, s * centre[:, 1:]])
        return Trained(unit(weights), cut * 1.0, ~cut, columns)
