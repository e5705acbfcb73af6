r"""Limits of the max-margin student: many examples, and few of the nearest.

alpha -> inf at fixed f: the equations of :mod:`perceptron_theory.limits.power_law` for
(tau, b).  f -> 0 at theta = 0: those of :mod:`perceptron_theory.limits.aligned`.
"""

from __future__ import annotations

import numpy as np

from ...numerics.gaussian import SQRT_2, SQRT_2PI
from ...numerics.limit_nodes import (
    Nodes,
    nodes_between,
    rectified_moments,
    root_between,
)


def boundary_coefficient(v: Nodes, weight: Nodes) -> float:
    """C/f of a kept density w(v) on the teacher's boundary."""
    tau, b = _asymmetric(v, weight)
    first = np.sum(weight * rectified_moments(tau - b * v)[1])
    return float(np.hypot(1.0, b) / (SQRT_2PI * first))


def _asymmetric(v: Nodes, weight: Nodes) -> tuple[float, float]:
    """(tau, b) of the limit for a kept density on the boundary that is not even."""

    def tilt(tau: float) -> float:
        """The b that balances the forces along v: they fall as b grows."""
        if not v.any():  # all of it at v = 0: nothing tilts
            return 0.0

        def force(b: float) -> float:
            return float(np.sum(weight * v * rectified_moments(tau - b * v)[2]))

        reach = 1.0
        while force(-reach) < 0 or force(reach) > 0:
            reach *= 4.0
        return root_between(force, -reach, reach, 1e-15 * reach)

    def balance(tau: float) -> float:
        _, first, _, third = rectified_moments(tau - tilt(tau) * v)
        return float(np.sum(weight * (third / 3.0 - first)))

    tau = root_between(balance, -1.0, 3.0, 1e-14)
    return tau, tilt(tau)


def aligned_law(alpha: float) -> tuple[float, float]:
    """The coefficient and exponent of the law for f -> 0 at one load."""
    from scipy.special import erf, ndtr

    if alpha == 2.0:
        return float(np.cbrt(1.0 / (24.0 * np.pi**2))), 1.0 / 3.0
    if alpha < 2.0:
        return -1.0 / (np.sqrt(8.0 * np.pi) * _margin_at_capacity(alpha)), 1.0

    def slacks(scale: float) -> tuple[Nodes, Nodes]:
        """Nodes of t and weights of the uniform s, at the tau that balances."""
        end = min(scale, 12.0)  # the slack of the rest is below -11: no support
        s, width = nodes_between(np.linspace(0.0, end, 9))

        def balance(tau: float) -> float:
            t = tau - s
            return float(np.sum(width * t * rectified_moments(t)[1]))

        tau = root_between(balance, 0.0, min(1.0, scale), 1e-16)
        return tau - s, width / scale

    def excess(log_scale: float) -> float:
        """< Phi(t) > - 1/alpha; of small loads from differences to 1/2."""
        scale = np.exp(log_scale)
        t, weight = slacks(scale)
        if alpha > 4.0:
            return float(alpha * np.sum(weight * ndtr(t)) - 1.0)
        rest = max(0.0, 1.0 - 12.0 / scale)  # weight of the s beyond the nodes
        mean = 0.5 * np.sum(weight * erf(t / SQRT_2)) - 0.5 * rest
        return float(mean + 0.5 * (alpha - 2.0) / alpha)

    # between the laws at both ends, G^2 = 6 (alpha - 2) and G = alpha/(sqrt(2 pi) C)
    near = np.sqrt(6.0 * (alpha - 2.0))
    random = boundary_coefficient(np.zeros(1), np.ones(1))
    far = alpha / (SQRT_2PI * random)
    low, high = min(near, far) / 8.0, max(near, far) * 8.0
    log_scale = root_between(excess, np.log(low), np.log(high), 1e-14)
    return float(np.exp(-log_scale) / SQRT_2PI), 1.0


def _margin_at_capacity(alpha: float) -> float:
    """Tau with alpha G_2(tau) = 1 (Gardner 1988), from differences to 1/2."""
    from scipy.special import erf

    def excess(tau: float) -> float:
        # G_2 - 1/2 = (tau^2 + 1)(Phi - 1/2) + tau phi + tau^2/2
        half = 0.5 * erf(tau / SQRT_2)
        bell = np.exp(-0.5 * tau * tau) / SQRT_2PI
        rise = (tau * tau + 1.0) * half + tau * bell + 0.5 * tau * tau
        return rise - (2.0 - alpha) / (2.0 * alpha)

    return root_between(excess, 0.0, 1.0 + np.sqrt(1.0 / alpha), 1e-300)
