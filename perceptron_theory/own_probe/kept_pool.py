"""Nodes for averages over the examples that a trained probe keeps."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from ..numerics.gaussian import SQRT_2PI
from ..numerics.quadrature import legendre
from ..rules.rule import Rule
from .probe import FAR, Probe

NODES = 12  # a panel
# distances, in units of the width of the label's step, at which panels end
STEPS = np.array([0.0, 0.5, 1.0, 2.0, 4.0, 8.0])
MULTIPLE = 512  # of the number of nodes, so that few programs are compiled

Nodes = Float[np.ndarray, " n"]


class Kept(NamedTuple):
    """Nodes in the margin Z under the probe without the example, in units of |p|.

    ``weight`` is alpha_tot times twice the normal measure times the keep-probability;
    what the label does to the measure enters with the teacher's field.  ``pull`` is
    G = (k - a)/b: what the probe's training on the example added to its margin.
    ``cosine`` and ``sine`` are the probe's, ``wrong`` is the part of wrong labels, and
    ``dropped`` is alpha_tot E[G^2] of what is not kept; that of the pool is 1.
    """

    margin: Nodes
    weight: Nodes
    pull: Nodes
    cosine: float
    sine: float
    wrong: float
    dropped: float


class Mean(NamedTuple):
    """alpha_tot times the averages over the kept examples of 1, u, v, G and G^2."""

    one: float
    u: float
    v: float
    pull: float
    square: float


def mean_example(kept: Kept) -> Mean:
    """The averages that need no student."""
    z, weight, pull, c, s, wrong, _ = kept
    # y beside Z is normal, and cut where u = c Z + s y = 0
    right = ndtr(z * c / s)
    one = weight * ((1.0 - wrong) * right + wrong * (1.0 - right))
    y = weight * (1.0 - 2.0 * wrong) * np.exp(-0.5 * (z * c / s) ** 2) / SQRT_2PI
    every = one, c * z * one + s * y, s * z * one - c * y, pull * one, pull**2 * one
    return Mean(*(float(np.sum(x)) for x in every))


def kept_margins(
    probe: Probe, alpha_tot: float, keep_fraction: float, rule: Rule, margin: str
) -> Kept:
    """The nodes of what a rule of ranks keeps of a pool."""
    below, _, level = map(np.asarray, rule.cells(jnp.asarray(keep_fraction)))
    groups = []
    for (low, high), part in zip(below, level, strict=True):
        if part <= 0.0 or high <= low:
            continue
        ends = [probe.threshold(x, margin) for x in (low, high)]
        sides = [ends] if margin == "signed" else [ends, [-ends[1], -ends[0]]]
        for side in sides:
            load = alpha_tot * part
            groups += [_trained(probe, *side, load), _others(probe, *side, load)]
    z, weight, pull = (np.concatenate(x) for x in zip(*groups, strict=True))
    some = weight > 0.0
    spare = -int(np.sum(some)) % MULTIPLE
    nodes = (np.pad(x[some], (0, spare)) for x in (z, weight, pull))
    c, s = probe.along / probe.length, probe.across / probe.length
    kept = Kept(*nodes, c, s, probe.wrong, 0.0)
    return kept._replace(dropped=max(0.0, 1.0 - mean_example(kept).square))


def _breaks(probe: Probe) -> Float[np.ndarray, " m"]:
    """Places of Z between which its law is smooth."""
    step = probe.across / probe.length * STEPS
    places = np.concatenate([-step, step, np.linspace(-FAR, FAR, 13)])
    return np.clip(places, -FAR, FAR)


def _panels(
    breaks: Float[np.ndarray, " m"], low: float, high: float
) -> tuple[Nodes, Nodes]:
    """Nodes and weights between two ends."""
    ends = np.unique(np.clip(np.append(breaks, [low, high]), low, high))
    unit, weight = legendre(NODES)
    width = np.diff(ends)[:, None]
    return (ends[:-1, None] + width * unit).ravel(), (width * weight).ravel()


def _normal(z: Nodes) -> Nodes:
    return 2.0 * np.exp(-0.5 * z * z) / SQRT_2PI


def _trained(
    probe: Probe, low: float, high: float, load: float
) -> tuple[Nodes, Nodes, Nodes]:
    """Z, weight and G between two margins k, of examples the probe was trained on."""
    breaks = np.append(probe.within(_breaks(probe)), probe.bends())
    low, high = np.clip([low, high], *probe.within(np.array([-FAR, FAR])))
    k, width = _panels(breaks, low, high)
    a, stretch = probe.without(k)
    z = a / probe.length
    weight = probe.part * load * _normal(z) * stretch * width / probe.length
    return z, weight, (k - a) / probe.across


def _others(
    probe: Probe, low: float, high: float, load: float
) -> tuple[Nodes, Nodes, Nodes]:
    """The same of examples it was not trained on, which it does not move."""
    low, high = np.clip(np.array([low, high]) / probe.length, -FAR, FAR)
    z, width = _panels(_breaks(probe), low, high)
    weight = (1.0 - probe.part) * load * _normal(z) * width
    return z, weight, np.zeros_like(z)
