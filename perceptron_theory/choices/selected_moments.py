"""Second moments of labels and fields in a pool pruned by an absolute margin."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from scipy.special import erf, ndtri

from ..numerics.precision import own_settings
from ..rules.rule import Rule

NODES = 200  # of a cell of the probe's margin
FAR = 9.0  # no margin lies beyond, to rounding


class Kept(NamedTuple):
    """Moments of a selected pool, of unit fields p of probe and u of teacher.

    ``probe`` is the number of the student that selects, 0 the first probe; ``edge_p``
    and ``edge_y`` are E[s'(p) p]/f and E[s'(p) y]/f.
    """

    probe: int
    cosine: float  # of u and p
    p_p: float
    y_p: float
    y_u: float
    edge_p: float
    edge_y: float


def kept_moments(
    probe: int,
    cosine: float,
    rule: Rule,
    keep_fraction: float,
    noise: float,
    flips: float,
) -> Kept:
    """The moments of what a rule of the absolute margin keeps.

    Args:
        probe: its number.
        cosine: of probe and teacher.
        rule: with cells.
        keep_fraction: f.
        noise: strength of probit noise, 0 without.
        flips: part of the labels that is wrong besides.
    """
    with own_settings(x64=True):
        below, above, level = map(np.asarray, rule.cells(jnp.asarray(keep_fraction)))
    # |p| at the ends of the cells, with all digits at both ends
    ends = np.where(
        below <= 0.5, ndtri(0.5 + 0.5 * below), -ndtri(np.maximum(0.5 * above, 1e-300))
    )
    ends = np.minimum(ends, FAR)
    x, weight = np.polynomial.legendre.leggauss(NODES)
    half = 0.5 * (ends[:, 1] - ends[:, 0])
    p = 0.5 * ends.sum(axis=1)[:, None] + half[:, None] * x
    mass = 2.0 * level[:, None] * half[:, None] * weight * _density(p)
    total = mass.sum()
    mean = lambda value: float(np.sum(mass * value) / total)  # noqa: E731
    keep = 1.0 - 2.0 * flips
    variance = 1.0 - cosine**2
    width = np.sqrt(variance + noise**2)

    def label(p: Any) -> Any:
        """E[y | p]."""
        if width == 0.0:
            return keep * np.sign(cosine * p)
        return keep * erf(cosine * p / (np.sqrt(2.0) * width))

    slope = 2.0 * variance * _density(cosine * p / width) / width if width > 0 else 0.0
    y_u = cosine * p * label(p) + keep * slope
    # twice, for both signs of p; where a cell ends the level falls to zero
    jumps = level[:, None] * np.array([1.0, -1.0]) * (ends < FAR)
    edges = 2.0 * jumps * _density(ends) / keep_fraction
    return Kept(
        probe,
        cosine,
        mean(p**2),
        mean(p * label(p)),
        mean(y_u),
        float(np.sum(edges * ends)),
        float(np.sum(edges * label(ends))),
    )


def _density(x: Any) -> Any:
    return np.exp(-0.5 * x**2) / np.sqrt(2.0 * np.pi)
