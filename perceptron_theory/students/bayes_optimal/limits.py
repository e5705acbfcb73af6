r"""Limits in closed form of the student that knows the rule.

alpha -> inf at fixed f: V -> 0 and every edge of the kept margins is seen alone.  With
sqrt V = pi error, the equations of :mod:`.bayes_optimal` become at theta = 0

    1 = (2 alpha/f) sqrt V sum_g phi(g) k_g,
    k = Int dh ((L_2 - L_1) phi(h))^2/(L_1 + (L_2 - L_1) Phi(h)),

over the jumps of w from L_1 to L_2 at g: error -> C/alpha.  Of random data, one jump
from 0 to 1 at g = 0, C = 0.4417.  theta > 0: labels tell where u = T.x is about zero,
v = T_perp.x has the kept density w(v) = phi(v) q(s v) there, and C = 0.4417 f/Int w dv.

f -> 0 at fixed alpha, theta = 0, hard rule: the kept u is uniform on (0, gamma),
gamma = f sqrt(pi/2), and N examples known to lie that close to a plane fix it, which
makes a threshold at alpha = 1.  An example measures T.x with the mean gamma/2 and the
variance Delta = gamma^2/12, so that for V >> Delta

    q/V (1 - alpha) = alpha gamma^2/4 - alpha q (2 - q) Delta/V^2:

q -> alpha pi f^2/(8 (1 - alpha)) below, q -> 1/2 at alpha = 1.  Above it k =
gamma/sqrt V stays finite,

    k = alpha Int dh (phi(h) - phi(k - h))^2/(Phi(k - h) - Phi(-h)),

error -> a f with a = 1/(sqrt(2 pi) k); a -> 1/sqrt(24 pi (alpha - 1)) just above 1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float

from ...errors import InputError
from ...kept.thresholds import Pieces
from ...numerics.checks import as_array, check_load
from ...numerics.gaussian import SQRT_2PI
from ...numerics.limit_nodes import Nodes, Values, nodes_between, root_between


def _density(x: Float[np.ndarray, "*k"]) -> Float[np.ndarray, "*k"]:
    return np.exp(-0.5 * x * x) / SQRT_2PI


@lru_cache(maxsize=1024)
def jump_information(low: float, high: float) -> float:
    """The k of an edge between keep-probabilities ``low`` < ``high``; high K(low/high).

    0.9032 for (0, 1).
    """
    from scipy.special import ndtr

    h, width = nodes_between(np.linspace(-14.0, 14.0, 57))
    square = ((high - low) * _density(h)) ** 2
    return float(np.sum(width * square / (low + (high - low) * ndtr(h))))


@lru_cache
def bayes_coefficient() -> float:
    """C of random data: error -> C/alpha (Opper & Haussler 1991).

    Example:
        >>> f"{bayes_coefficient():.6f}"
        '0.441700'
    """
    return float(1.0 / (SQRT_2PI * jump_information(0.0, 1.0)))


def aligned_power_law(f: float, jumps: list[tuple[float, float, float]]) -> float:
    """C at theta = 0 from the jumps (g, keep-probability below g, above g) of w.

    The outer end at g = 0 counts as a jump from 0.  Infinite without any jump, where
    the error falls more slowly.
    """
    total = sum(
        float(np.exp(-0.5 * g * g)) * jump_information(min(a, b), max(a, b))
        for g, a, b in jumps
        if a != b
    )
    return f / (SQRT_2PI * total) if total > 0 else np.inf


def jumps_of(pieces: Pieces) -> list[tuple[float, float, float]]:
    """The jumps of the keep-probability of a rule made of cells, theta = 0."""
    kept = (pieces.sign > 0) & (pieces.level > 0) & (pieces.outer > pieces.inner)
    low, high, level = pieces.inner[kept], pieces.outer[kept], pieces.level[kept]
    edges = np.unique(np.concatenate([low, high]))

    def at(g: float, above: bool) -> float:
        inside = (low <= g) & (g < high) if above else (low < g) & (g <= high)
        return float(np.sum(level[inside]))

    return [(float(g), at(g, False), at(g, True)) for g in edges if np.isfinite(g)]


def bayes_boundary(v: Nodes, weight: Nodes) -> float:
    """C/f at theta > 0 from the kept density phi(v) q(s v), either margin."""
    return bayes_coefficient() / float(np.sum(weight))


def aligned_bayes_coefficient(alpha_prune: Any) -> Values:
    """The a of error -> a f as f -> 0 of hard examples, theta = 0, for alpha > 1.

    Below the threshold at alpha = 1 the error goes to one half instead, error ->
    1/2 - f sqrt(alpha/(8 pi (1 - alpha))), and at alpha = 1 to 1/4.

    Raises:
        InputError: a load that is not above 1.

    Example:
        >>> f"{aligned_bayes_coefficient(2.0):.6f}"
        '0.112092'
    """
    alpha = as_array("alpha_prune", alpha_prune)
    check_load("alpha_prune", alpha)
    if not (alpha > 1).all():
        raise InputError(
            f"alpha_prune must be above the threshold at 1, got {alpha.min():g}: "
            "below it the error goes to 1/2 as f -> 0"
        )
    flat = [_coefficient(float(x)) for x in alpha.flat]
    return np.array(flat).reshape(alpha.shape)[()]


def _window(k: float) -> float:
    """Int dh (phi(h) - phi(k - h))^2/(Phi(k - h) - Phi(-h)) over k, for k > 0.01."""
    from scipy.special import ndtr

    def panel_sum(h: Nodes, width: Nodes) -> float:
        # symmetric about h = k/2; Phi(k - h) - Phi(-h) = Phi(h) - Phi(h - k)
        inside = np.where(h < 0, ndtr(h) - ndtr(h - k), ndtr(k - h) - ndtr(-h))
        difference = _density(h) * -np.expm1(k * (h - 0.5 * k))
        return float(2.0 * np.sum(width * difference**2 / inside) / k)

    low = np.linspace(-12.0, min(0.5 * k, 12.0), 25)
    return panel_sum(*nodes_between(low))


def _coefficient(alpha: float) -> float:
    near = np.sqrt(12.0 * (alpha - 1.0))
    far = 2.0 * alpha * jump_information(0.0, 1.0)

    def excess(log_k: float) -> float:
        k = np.exp(log_k)
        return float(np.log(alpha * _window(k)))

    if near < 2e-3:  # 1/alpha = 1 - k^2/12 + O(k^4)
        return float(1.0 / (SQRT_2PI * near))
    low, high = np.log(min(near, far) / 4.0), np.log(max(near, far) * 4.0)
    return float(np.exp(-root_between(excess, low, high, 1e-13)) / SQRT_2PI)
