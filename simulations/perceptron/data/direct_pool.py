r"""The kept examples without their pool: a kept fraction of 1e-8 costs no more than 1.

Margins of a pool are independent draws of one law, so their masses U = F(margin) are
uniform.  Where a rule cuts at rank r, the mass of the example there is an order
statistic, Beta(r + 1, n - r) in a pool of n; several of them are sums of Gamma
spacings.  Between two such cuts, and given them, the examples are again independent and
uniform, and so is any random subset of them (David & Nagaraja, Order Statistics, 2.5).
So the cuts are drawn, and then exactly the kept examples inside.  The law is that of
drawing the whole pool and ranking it; the random numbers are not the same.

The signed margin m = y P.x has the density 2 phi(m) Phi(m cot(theta)), a skew normal
law of shape a = cot(theta); its distribution function is Phi(m) - 2 T(m, a), T Owen's
function.  At a = infinity it is the law of the absolute margin.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import erfcinv, erfinv, log_ndtr, ndtr, ndtri_exp, owens_t

from perceptron_theory import ConvergenceError

from .pool import Segment

# Beyond this margin lies a mass of 1e-33, which no pool reaches.
_FAR = 12.0


class Masses(NamedTuple):
    """Mass of the law below and above a margin; the smaller has all its digits."""

    below: Float[np.ndarray, "*k"]
    above: Float[np.ndarray, "*k"]


class MarginLaw(NamedTuple):
    """Law of the margin that ranks a pool."""

    shape: float
    """cot(theta) for the signed margin; infinite for |P.x|, or for theta = 0."""
    flip_probability: float
    """Probability that the label which signs the margin is wrong; 0 for |P.x|, which
    sees no label."""

    def masses(self, margin: Float[np.ndarray, " k"]) -> Masses:
        """Distribution function at ``margin`` and its complement."""
        p = self.flip_probability
        tail = 2.0 * owens_t(margin, self.shape)
        # a label that is wrong turns the margin round
        below = (1 - p) * (ndtr(margin) - tail) + p * (ndtr(margin) + tail)
        above = (1 - p) * (ndtr(-margin) + tail) + p * (ndtr(-margin) - tail)
        return Masses(below, above)

    def quantile(self, masses: Masses) -> Float[np.ndarray, " k"]:
        """The margins with these masses below and above them.

        Raises:
            ConvergenceError: the root finder fails.
        """
        below, above = masses
        if math.isinf(self.shape) and not self.flip_probability:
            with np.errstate(all="ignore"):  # each in its own half
                return math.sqrt(2) * np.where(
                    below < above, erfinv(below), erfcinv(above)
                )

        from scipy.optimize import elementwise

        def missing(margin, below, above):
            found = self.masses(margin)
            return np.where(below < above, found.below - below, above - found.above)

        root = elementwise.find_root(missing, (-_FAR, _FAR), args=(below, above))
        if not root.success.all():
            raise ConvergenceError(
                f"no margin found for a mass of {below[~root.success][0]!r} below it: "
                "draw the whole pool (pool='drawn')"
            )
        return root.x


def margin_law(theta: float, margin: str, flip_probability: float = 0.0) -> MarginLaw:
    """The law of the margin of a probe at angle ``theta`` (radians)."""
    if margin == "absolute":
        return MarginLaw(math.inf, 0.0)
    return MarginLaw(1 / math.tan(theta) if theta else math.inf, flip_probability)


def draw_kept_masses(
    rng: np.random.Generator, segments: tuple[Segment, ...], total: int
) -> Masses:
    """Masses of the kept examples of a pool of ``total``, in no meaningful order."""
    edges = sorted({edge for s in segments for edge in s[:2] if 0 < edge < total})
    spacings = rng.gamma(np.diff([-1, *edges, total]))
    spacings = spacings / spacings.sum()
    cut_below = dict(zip(edges, np.cumsum(spacings), strict=False))
    cut_above = dict(zip(edges[::-1], np.cumsum(spacings[::-1]), strict=False))
    cut_below |= {0: 0.0, total: 1.0}
    cut_above |= {0: 1.0, total: 0.0}
    parts = []
    for first, last, kept in segments:
        # the example at the rank of the cut is the lowest of the segment above it
        whether = first > 0 and rng.random() * (last - first) < kept
        t = rng.random(kept - whether)
        below = cut_below[first] + t * (cut_below[last] - cut_below[first])
        above = cut_above[last] + (1 - t) * (cut_above[first] - cut_above[last])
        parts.append((below, above))
        if whether:
            parts.append(([cut_below[first]], [cut_above[first]]))
    below, above = (np.concatenate(side) for side in zip(*parts, strict=True))
    return Masses(below, above)


def draw_kept(
    rng: np.random.Generator,
    segments: tuple[Segment, ...],
    total: int,
    theta: float,
    margin: str,
    flip_probability: float = 0.0,
) -> tuple[Float[np.ndarray, "2 kept"], Float[np.ndarray, " kept"]]:
    """(u, v) of the kept examples, and -1 where the label is wrong, else 1.

    Args:
        rng: the stream of the draw.
        segments: the ranks that are kept, from :func:`.pool.rank_segments`.
        total: examples in the pool, P_tot.
        theta: angle of the probe, radians.
        margin: "absolute" or "signed".
        flip_probability: probability that a label is wrong before pruning.
    """
    law = margin_law(theta, margin, flip_probability)
    margins = law.quantile(draw_kept_masses(rng, segments, total))
    count, cos, sin = len(margins), math.cos(theta), math.sin(theta)
    chance, p = rng.random(count), flip_probability
    if margin == "absolute":
        along = np.where(rng.random(count) < 0.5, -margins, margins)
        across = rng.standard_normal(count)
        signs = np.where(chance < p, -1.0, 1.0)
    else:
        with np.errstate(invalid="ignore"):  # 0 times infinity, of no weight
            right, wrong = ndtr(margins * law.shape), ndtr(-margins * law.shape)
            flipped = chance * ((1 - p) * right + p * wrong) < p * wrong
            signs = np.where(flipped, -1.0, 1.0)
            along = signs * margins
            # the label is the side of the teacher: u = cos along + sin across > 0
            allowed = np.nan_to_num(log_ndtr(along * law.shape))
        across = -ndtri_exp(allowed + np.log1p(-rng.random(count)))
    u, v = cos * along + sin * across, sin * along - cos * across
    if margin == "signed":
        u = np.maximum(u, 0.0)  # rounding must not turn a label
    return np.stack([u, v]), signs
