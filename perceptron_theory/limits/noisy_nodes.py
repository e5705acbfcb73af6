"""Examples that a noisy teacher labels and a rule keeps, on nodes of quadrature."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from ..kept.noisy_pool import teacher_problem
from ..kept.noisy_teacher import Noise, noise_of
from ..kept.problem import Inputs, Mode
from ..kept.smoothing import intervals
from ..numerics.limit_nodes import nodes_between
from ..rules.keep_probability import KeepProbability
from ..rules.rule import Rule

LAYER = 40.0  # in units of the noise
FAR = 8.5  # no example beyond so many standard deviations carries weight


@partial(jax.jit, static_argnames="mode")
def _pieces(inputs: Inputs, rule: Rule, noise: Noise, mode: Mode) -> Any:
    """The kept pieces and the kept fraction, compiled."""
    problem, *_ = teacher_problem(inputs, rule, noise, mode)
    return problem.pieces, problem.keep_fraction


class KeptNodes:
    """The kept law on nodes: u and v, folded to the label that is seen, and weights."""

    def __init__(self, f: Any, theta: float, rule: Rule, margin: str, noise: Any):
        inputs = Inputs(*(jnp.asarray(x, jnp.float64) for x in (1.0, f, theta)))
        mode = Mode(margin, False, False)
        pieces, fraction = _pieces(inputs, rule, noise, mode)
        low, high = map(np.asarray, intervals(pieces))
        levels, one = np.asarray(pieces.level), margin == "absolute"
        scales = np.asarray(noise.scales)
        c, s = np.cos(theta), np.sin(theta)
        width = np.hypot(s, scales.min())
        inner = np.append(np.arange(-FAR, FAR + 0.1, 0.5), 0.0)
        steps = width * np.array([0.5, 1.0, 2.0, 4.0, 8.0])
        inner = np.concatenate([inner, steps, -steps])
        parts = []
        for first, last, level in zip(low, high, levels, strict=True):
            first, last = max(first, -FAR), min(last, FAR)
            if level == 0 or last <= first:
                continue
            some = inner[(inner > first) & (inner < last)]
            z, dz = nodes_between(np.concatenate([[first], some, [last]]), 12)
            if isinstance(rule, KeepProbability):
                ranked = jnp.asarray(np.abs(z) if one else z)
                dz = dz * np.asarray(jax.vmap(rule.function)(ranked))
            parts.append((z, level * dz * np.exp(-0.5 * z * z)))
        z, dz = (np.concatenate(x) for x in zip(*parts, strict=True))
        y, dy = _across(z, c, s, scales)
        self.u, self.v = c * z[:, None] + s * y, s * z[:, None] - c * y
        right = seen(self.u, noise)
        weight = dz[:, None] * dy * np.exp(-0.5 * y * y) * right
        self.weight = weight / (np.pi * float(fraction))

    def mean(self, values: Any) -> float:
        """The average over the kept examples."""
        return float(np.sum(self.weight * values))


def seen(u: Float[np.ndarray, "*k"], noise: Noise) -> Float[np.ndarray, "*k"]:
    """Prob(y = +1 | u)."""
    weights, scales, p = map(np.asarray, noise)
    found = np.zeros_like(u)
    for share, scale in zip(weights, scales, strict=True):
        found += share * ndtr(u / scale)
    return p + (1.0 - 2.0 * p) * found


def _across(
    z: Float[np.ndarray, " n"], c: float, s: float, scales: Any
) -> tuple[Float[np.ndarray, "n m"], Float[np.ndarray, "n m"]]:
    """Nodes and weights across the probe, with panels about u = 0."""
    plain = np.arange(-FAR, FAR + 0.1, 1.0)
    breaks = np.broadcast_to(plain, (len(z), len(plain)))
    if s > 0:
        steps = np.array([0.0, 1.0, 3.0, 7.0]) * scales.min() / s
        steps = np.unique(np.concatenate([steps, -steps, [7.0 * scales.max() / s]]))
        breaks = np.concatenate([breaks, -z[:, None] * c / s + steps], axis=1)
    breaks = np.sort(np.clip(breaks, -FAR, FAR), axis=1)
    unit, share = np.polynomial.legendre.leggauss(10)
    half = 0.5 * np.diff(breaks, axis=1)[..., None]
    middle = 0.5 * (breaks[:, 1:] + breaks[:, :-1])[..., None]
    rows = len(z)
    return (middle + half * unit).reshape(rows, -1), (half * share).reshape(rows, -1)


class LayerNodes:
    """The kept law next to the teacher's boundary, u = sigma t; not normalised."""

    def __init__(self, f: float, theta: float, rule: Rule, margin: str, law: Any):
        none, unit = jnp.zeros(()), jnp.ones(())
        sharp, one = noise_of(law, none, none), noise_of(law, unit, none)
        inputs = Inputs(*(jnp.asarray(x, jnp.float64) for x in (1.0, f, theta)))
        pieces, _ = _pieces(inputs, rule, sharp, Mode(margin, False, False))
        low, high = (np.asarray(x) / np.sin(theta) for x in intervals(pieces))
        parts = []
        for first, last, level in zip(low, high, np.asarray(pieces.level), strict=True):
            first, last = max(first, -FAR), min(last, FAR)
            if level > 0 and last > first:
                some = np.linspace(first, last, 33)
                v, dv = nodes_between(some, 10)
                parts.append((v, level * dv * np.exp(-0.5 * v * v)))
        v, dv = (np.concatenate(x) for x in zip(*parts, strict=True))
        t, dt = nodes_between(np.linspace(-LAYER, LAYER, 161), 10)
        self.u, self.v = np.broadcast_arrays(t[:, None], v)
        weight = (seen(t, one) * dt)[:, None] * dv
        self.weight = weight / np.sqrt(2.0 * np.pi)

    def mean(self, values: Any) -> float:
        """The integral over the layer."""
        return float(np.sum(self.weight * values))
