r"""Limits of the students of the version space: many examples, and few of the nearest.

In the notation of :mod:`.version_space`, with p = Delta psi(M/Delta), psi = phi/Phi.

alpha -> inf at fixed f, theta > 0 (or no gap at theta = 0): a grows like alpha, u = U/a
with U flat on (0, inf), M = U + b v + xi, v distributed as w(v) of the power law, and

    Int w v Int p Phi(M - b v) = 0,   Int w Int p G_1(M - b v) = Delta^2 I,
    a = alpha (2/pi)^(1/2)/f I,       I = Int w Int p^2 Phi(M - b v) dM dv,

error -> C/alpha with C = (1 + b^2 + Delta^2)^(1/2) alpha/(pi a) (gibbs; without Delta
for bayes_point).  Random data: Delta = 1.

f -> 0 at theta = 0, hard rule: u is uniform on (0, gamma), gamma = f (pi/2)^(1/2).

- alpha > 2: G = a gamma stays finite, M = s + xi, s uniform on (0, G),
  alpha <p^2> = 1, alpha <s p> = Delta^2, error = (1 + Delta^2)^(1/2)/(pi a);
- alpha < 2: M = xi, alpha <p^2> = 1 (Gardner's volume of random labels), and
  a = alpha gamma <p> (1 + Delta^2)/(2 Delta^2) vanishes;
- at 2 the version space closes, Delta -> 0.  With -p' a smeared step, < -p' > = 1/2 +
  (Delta^2 - phi(0) G)/2 - K Delta^3, the lower orders cancel and leave

      Delta^3 = (alpha - 2)/(4 K) above 2,  Delta = 1/(K a^2) and a^5 = 2/(K^2 f) at 2.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from ...errors import ConvergenceError
from ...numerics.gaussian import SQRT_2PI
from ...numerics.limit_nodes import Nodes, nodes_between, root_between

REACH = 9.0  # of the noise
# to alpha = 2: closer to it 1/alpha - <p^2> cancels
BELOW, ABOVE = 1e-5, 5e-7
NOISE = np.arange(-REACH, REACH + 0.5, 1.5)


def _psi(x: Nodes) -> Nodes:
    from scipy.special import log_ndtr

    return np.exp(-0.5 * x * x - log_ndtr(x)) / SQRT_2PI


def _density(x: Float[np.ndarray, "*k"]) -> Float[np.ndarray, "*k"]:
    return np.exp(-0.5 * x * x) / SQRT_2PI


def _field(width: float, low: float = -REACH) -> tuple[Nodes, Nodes, Nodes]:
    """Nodes in M, their widths, and p there."""
    # the response changes at Delta, and comes close to -M like 1/M
    steps = width * np.array([0.0, 1.5, 3.0, 5.0, 7.0, 9.0])
    tail = 3.0 * width * 4.0 ** np.arange(12.0)
    ends = np.concatenate([steps, -steps[:3], -tail, np.arange(low, 9.0, 1.5)])
    field, weight = nodes_between(np.clip(ends, low, 9.0 * width))
    return field, weight, width * _psi(field / width)


def boundary_coefficient(v: Nodes, weight: Nodes, *, gibbs: bool) -> float:
    """C/f of a kept density w(v) on the teacher's boundary (``weight`` of nodes v)."""
    from scipy.special import ndtr

    some = weight > 1e-18 * np.max(weight)
    v, weight = v[some], weight[some]

    def averages(b: float, log_width: float) -> tuple[Nodes, Nodes, Nodes]:
        """p, p^2 and p times its distance from the boundary, over M at each v."""
        width, shift = np.exp(log_width), b * v
        field, length, pull = _field(width, float(np.min(shift)) - REACH)
        behind = field[:, None] - shift
        inside, pull = ndtr(behind), length * pull
        ahead = behind * inside + _density(behind)
        square = pull * width * _psi(field / width)
        return pull @ inside, square @ inside, pull @ ahead

    def tilt(log_width: float) -> float:
        """The b that balances the forces along v: they fall as b grows."""
        if not v.any():
            return 0.0

        def force(b: float) -> float:
            return float(np.sum(weight * v * averages(b, log_width)[0]))

        reach = 1.0
        while force(-reach) < 0 or force(reach) > 0:
            reach *= 4.0
        return root_between(force, -reach, reach, 1e-14 * reach)

    def excess(log_width: float) -> float:
        _, square, ahead = averages(tilt(log_width), log_width)
        ratio = np.sum(weight * ahead) / np.sum(weight * square)
        return float(np.log(ratio) - 2.0 * log_width)

    log_width = root_between(excess, -2.0, 2.0, 1e-13)
    b = tilt(log_width)
    square = np.sum(weight * averages(b, log_width)[1])
    noise = 1.0 + b * b + (np.exp(2.0 * log_width) if gibbs else 0.0)
    return float(np.sqrt(noise) / (SQRT_2PI * square))


@lru_cache
def _closing() -> float:
    """K above: phi(0)/2 times the finite part of Int x^2 (-psi') dx."""
    x, width = nodes_between(np.concatenate([-(2.0 ** np.arange(6.0)), NOISE]), 24)
    psi = _psi(x)
    step = x * x * (psi * (psi + x) - (x < 0)) + (x < 0)
    rest = 6.0 / 32.0 - 50.0 / 3.0 / 32.0**3 + 518.0 / 5.0 / 32.0**5  # from -32 on
    return float(0.5 / SQRT_2PI * (np.sum(width * step) + rest))


def aligned_coefficient(alpha: float, gibbs: bool) -> tuple[float, float]:
    """(coefficient, exponent) of the law at f -> 0, theta = 0, hard rule."""
    if alpha == 2.0:
        return float((0.5 * _closing() ** 2) ** 0.2 / np.pi), 0.2
    closest = ABOVE if alpha > 2.0 else BELOW
    if abs(alpha - 2.0) < closest:
        raise ConvergenceError(
            f"the law of the version space is not resolved within {closest:g} of "
            f"alpha_prune = 2 (but at 2), got {alpha:.17g}"
        )
    if alpha < 2.0:
        return _below(alpha, gibbs), 1.0
    constant = 0.5  # about C of random data

    def averages(scale: float, log_width: float) -> tuple[float, float]:
        """< p^2 > and < s p >."""
        width = np.exp(log_width)
        field, length, pull = _field(width)
        s, weight = nodes_between(np.append(np.arange(0.0, 30.0, 1.5), scale))
        s, weight = s[s < scale], weight[s < scale] / scale
        near = _density(field[:, None] - s) * weight
        pull = length * pull
        square = (pull * width * _psi(field / width)) @ near
        return float(np.sum(square)), float(np.sum(pull @ near * s))

    def width(scale: float) -> float:
        def excess(log_width: float) -> float:
            square, force = averages(scale, log_width)
            return np.log(force / square) - 2.0 * log_width

        least = 0.5 * np.log(min(scale, 1.0)) - 3.0
        return root_between(excess, least, 2.0, 1e-14)

    def over(log_scale: float) -> float:
        scale = np.exp(log_scale)
        return 1.0 / alpha - averages(scale, width(scale))[0]

    near = SQRT_2PI * ((alpha - 2.0) / (4.0 * _closing())) ** (2.0 / 3.0)
    far = alpha / (SQRT_2PI * constant)
    low, high = min(near, far) / 8.0, max(near, far) * 8.0
    scale = np.exp(root_between(over, np.log(low), np.log(high), 1e-13))
    noise = 1.0 + (np.exp(2.0 * width(scale)) if gibbs else 0.0)
    return float(np.sqrt(noise) / (SQRT_2PI * scale)), 1.0


def _below(alpha: float, gibbs: bool) -> float:
    """The coefficient below the threshold, of error - 1/2."""

    def averages(log_width: float) -> tuple[float, float]:
        field, length, pull = _field(np.exp(log_width))
        weight = length * _density(field)
        return float(np.sum(weight * pull)), float(np.sum(weight * pull * pull))

    low = np.log((2.0 - alpha) / alpha) * 0.5 - 3.0
    high = 2.0 + 0.5 * np.log(1.0 + 1.0 / alpha)
    excess = lambda x: np.log(alpha * averages(x)[1])  # noqa: E731
    log_width = root_between(excess, low, high, 1e-14)
    square = np.exp(2.0 * log_width)
    a = alpha * averages(log_width)[0] * (1.0 + square) / (2.0 * square)
    if gibbs:
        a = a / np.sqrt(1.0 + square)
    return float(-a / np.sqrt(2.0 * np.pi))
