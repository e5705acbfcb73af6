r"""The posterior of a teacher under a known rule, sampled: the Bayes-optimal student.

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
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Float

from perceptron_theory import ConvergenceError, InputError, threshold

from ..data.point import Point
from ..data.pool import probe_margin, signed_examples
from ..data.training_sets import draw_table


def _trajectory(walls, gram, offset, position, velocity, travel, max_bounces):
    """Move for the time ``travel``: the new position and whether it was cut short."""
    square = position @ position

    def moving(state):
        *_, left, bounces = state
        return (left > 0) & (bounces < max_bounces)

    def to_next_wall(state):
        x, v, a, b, left, bounces = state
        amplitude = jnp.hypot(a, b)
        reach = jnp.clip(-offset / amplitude, -1.0, 1.0)
        time = jnp.arctan2(b, a) + jnp.arccos(reach)
        time = jnp.where(-offset / amplitude < -1.0, jnp.inf, time)
        first = jnp.argmin(time)
        soonest = jnp.maximum(time[first], 0.0)
        hit = soonest < left
        step = jnp.where(hit, soonest, left)
        cos, sin = jnp.cos(step), jnp.sin(step)
        x, v = x * cos + v * sin, v * cos - x * sin
        a, b = a * cos + b * sin, b * cos - a * sin
        # the wall's normal in the tangent plane: walls[first] - share x
        share = a[first] / square
        length = gram[first, first] - share * a[first]
        push = jnp.where(hit, 2.0 * jnp.maximum(-b[first], 0.0) / length, 0.0)
        v = v + push * (walls[first] - share * x)
        b = b + push * (gram[first] - share * a)
        return x, v, a, b, jnp.where(hit, left - soonest, 0.0), bounces + hit

    start = position, velocity, walls @ position, walls @ velocity
    x, *_, left, _ = jax.lax.while_loop(
        moving, to_next_wall, (*start, travel, jnp.zeros((), jnp.int32))
    )
    return x * jnp.sqrt(square / (x @ x)), left > 0


@partial(jax.jit, static_argnames=("chains", "warmup", "n_samples"))
def _means(walls, offset, start, keys, travel, max_bounces, chains, warmup, n_samples):
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

        return jax.vmap(chain)(jax.random.split(key, chains))

    return jax.lax.map(one_set, (walls, offset, start, keys))


def _plane(
    rng: np.random.Generator, point: Point, count: int, low: float, high: float
) -> Float[np.ndarray, "2 count"]:
    """Examples in the plane of teacher and probe whose margin lies in (low, high)."""
    found = np.empty((2, 0))
    while found.shape[1] < count:
        plane = rng.standard_normal((2, 4 * count))
        margin = probe_margin(plane, point.theta, point.margin)
        found = np.append(found, plane[:, (margin > low) & (margin < high)], axis=1)
    return found[:, :count]


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


def simulate_posterior(
    point: Point,
    *,
    size: int,
    draws: int,
    seed: int,
    n_samples: int = 100,
    travel: float = math.pi / 2,
    warmup: int = 30,
    max_bounces: int = 1_000_000,
) -> xr.Dataset:
    """Draw kept examples and sample the posterior of a student that knows the rule.

    The examples have margins on the right side of the threshold of an infinite pool,
    and their number is alpha_prune N to rounding.

    Args:
        point: rule "hard" or "easy".
        size: input dimension N, at least 3.
        draws: number of data sets.
        seed: >= 0.
        n_samples: a chain, of two.
        travel: time between two samples.
        warmup: samples dropped at the start of a chain.
        max_bounces: reflections allowed on the way to one sample.

    Returns:
        Dataset over ``draw`` of self_overlap (of two posterior draws), overlap (of one
        with the teacher: the same on average) and error (of the posterior mean),
        without the bias of a finite number of samples; kept, alpha_prune; attributes.

    Raises:
        InputError: another rule, or a size below 3.
        ConvergenceError: a trajectory that met too many walls.
    """
    if point.rule_name not in ("hard", "easy") or size < 3 or draws < 1:
        raise InputError(
            'the posterior is sampled for rule "hard" or "easy", size >= 3 and draws '
            f">= 1; got {point.rule_name}, {size}, {draws}"
        )
    theta, margin = point.theta, point.margin
    gamma = float(
        threshold(point.fraction, theta=theta, rule=point.rule, margin=margin)
    )
    least = 0.0 if margin == "absolute" or theta == 0 else -math.inf
    low, high = (least, gamma) if point.rule_name == "hard" else (gamma, math.inf)
    count = round(point.alpha_prune * size)
    parts = []
    for n in range(draws):
        rng = np.random.default_rng((seed, point.stream, size, n))
        plane = _plane(rng, point, count, low, high)
        examples = signed_examples(rng, plane, size)
        parts.append(_conditions(examples, theta, low, high))
    walls, offset, start = map(np.array, zip(*parts, strict=True))
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(seed), draws)
        means, cut = _means(
            walls, offset, start, keys, travel, max_bounces, 2, warmup, n_samples
        )
        means, cut = np.asarray(means) / math.sqrt(size), np.asarray(cut)
    if cut.any():
        raise ConvergenceError(
            f"a trajectory met {max_bounces} walls at N = {size}: {point.label}"
        )
    c, s = math.cos(theta), math.sin(theta)
    if theta == 0:
        c, s = 0.0, 1.0  # all of the teacher is unknown
    inner = (means[:, 0] * means[:, 1]).sum(-1)
    q = c * c + s * s * inner
    overlap = c * c + s * s * means.mean(1)[:, 0]
    # posterior mean M: T.M = overlap, |M|^2 = q
    across = np.sqrt(np.maximum(q - overlap**2, 0.0))
    columns = {
        "self_overlap": q,
        "overlap": overlap,
        "error": np.arctan2(across, overlap) / math.pi,
    }
    return draw_table(
        columns, [count] * draws, point=point, size=size, pool=0, seed=seed, first=0
    )
