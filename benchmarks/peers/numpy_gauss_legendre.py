"""Peer: a vectorised NumPy Gauss-Legendre solver for theta > 0 (hard rule, |P.x|).

The student is J = a T + b T_perp + w up to scale, its margin d; the Gaussian along w is
integrated in closed form (g1, g2: first two moments of the shortfall (t - xi)_+, with
t = d - a u - b v).  Partial integration (Stein) turns the first two saddle-point
equations into integrals along the lines u = 0 and z = +-gamma, rid of Prob(t > xi):

    a = alpha (S + c Z),  b = alpha s Z,  1 = alpha E[g2(t)],

so only E[g2] is a double integral, over u = T.x > 0 and v = T_perp.x.  Newton's method
has the exact Jacobian.
Everything is vectorised over points, and ``march`` starts each column of points (or
each single point: ``march`` of one row) by extrapolation from the ones before.
"""

from __future__ import annotations

from math import comb

import numpy as np
from scipy.special import ndtr, ndtri

CUT = 6.6  # standard deviations kept: the tails beyond are worth less than 1e-10
NODES_U, NODES_V, NODES_LINE = 24, 24, 28
SQRT_2PI = np.sqrt(2.0 * np.pi)


def _rule(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    x, w = np.polynomial.legendre.leggauss(nodes)
    return (x + 1.0) / 2.0, w / 2.0


(XU, WU), (XV, WV), (XL, WL) = map(_rule, (NODES_U, NODES_V, NODES_LINE))


def _phi(x):
    return np.exp(-0.5 * x * x) / SQRT_2PI


def _nodes(x, gamma, f, c, s):
    """Nodes and weights of plane (points, u, v) and lines (line, points, node)."""
    a, b, d = x
    # no shortfall is left where a u exceeds d by CUT standard deviations of b v + xi,
    # or of xi alone with v at the end of the strip |z| < gamma where b v is least
    wide = (d + CUT * np.hypot(b, 1.0)) / np.maximum(a, 1e-3)
    strip = (d + np.abs(b) * gamma / s + CUT) / np.maximum(a - b * c / s, 1e-3)
    top = np.minimum(np.minimum(wide, strip), np.minimum((gamma + s * CUT) / c, CUT))
    u = top[:, None] * XU
    low = np.maximum(-CUT, (-gamma[:, None] - c * u) / s)
    span = np.minimum(CUT, (gamma[:, None] - c * u) / s) - low
    v = low[:, :, None] + span[:, :, None] * XV
    outer = (2.0 / (SQRT_2PI * f) * top)[:, None] * WU * np.exp(-0.5 * u * u) * span
    plane = u, v, outer[:, :, None] * (WV / SQRT_2PI) * np.exp(-0.5 * v * v)
    # lines u = 0, z = -gamma, z = gamma: w runs along the line
    edge = np.minimum(gamma / s, CUT)
    near, far = -np.minimum(c * gamma / s, CUT), np.minimum(c * gamma / s, CUT)
    w0 = np.stack([-edge, far, near])
    w1 = np.stack([edge, *np.minimum(CUT, w0[1:] + top / s)])
    w = w0[:, :, None] + (w1 - w0)[:, :, None] * XL
    height = np.stack([np.full_like(f, 1.0 / SQRT_2PI), _phi(gamma), -_phi(gamma)])
    weight = (2.0 / f * height * (w1 - w0))[:, :, None] * WL * _phi(w)
    z = gamma[:, None]
    lu = np.stack([np.zeros_like(w[0]), s * w[1] - c * z, s * w[2] + c * z])
    lv = np.stack([w[0], -c * w[1] - s * z, -c * w[2] + s * z])
    return plane, (lu, lv, weight)


def _newton_step(x, alpha, nodes, c, s):
    (a, b, d), ((u, v, weight), (lu, lv, lweight)) = x, nodes
    # the lines: integral of g1 and of its derivatives -u Phi, -v Phi, Phi
    t = d[:, None] - a[:, None] * lu - b[:, None] * lv
    cdf = lweight * ndtr(t)
    value = (t * cdf + lweight * _phi(t)).sum(-1)
    slope = np.stack([-(lu * cdf).sum(-1), -(lv * cdf).sum(-1), cdf.sum(-1)])
    S, Z, dS, dZ = value[0], value[1] + value[2], slope[:, 0], slope[:, 1] + slope[:, 2]
    # the plane: E[g2] and Prob(g > 0), which with the lines give all derivatives
    t = (d[:, None] - a[:, None] * u)[:, :, None] - b[:, None, None] * v
    cdf, pdf = ndtr(t), np.exp(-0.5 * t * t)
    prob = np.einsum("pij,pij->p", cdf, weight)
    cdf *= t
    pdf *= 1.0 / SQRT_2PI
    pdf += cdf
    pdf *= t  # t^2 Phi + t phi
    square = prob + np.einsum("pij,pij->p", pdf, weight)
    ug, vg = S + c * Z - a * prob, s * Z - b * prob
    g = (square - prob + a * ug + b * vg) / d
    residual = np.stack(
        [a - alpha * (S + c * Z), b - alpha * s * Z, 1.0 - alpha * square]
    )
    dsquare = 2.0 * np.stack([-ug, -vg, g])
    jacobian = -alpha * np.stack([dS + c * dZ, s * dZ, dsquare])
    jacobian[0, 0] += 1.0
    jacobian[1, 1] += 1.0
    jacobian, residual = jacobian.transpose(2, 0, 1), residual.T[:, :, None]
    return -np.linalg.solve(jacobian, residual)[:, :, 0].T


def solve(alpha, f, theta, start, tolerance=5e-7, max_steps=8):
    """(a, b, d) (3, n) at the points alpha, f (n,), which are not done, evaluations.

    A point is done after a Newton step of relative size ``tolerance``: the next one
    would be of its square.  Points that are done leave the batch.
    """
    c, s = np.cos(theta), np.sin(theta)
    gamma = np.minimum(-ndtri((1.0 - f) / 2.0), 9.0)
    x, todo, evaluations = start.copy(), np.arange(len(f)), 0
    nodes = _nodes(x, gamma, f, c, s)
    for _ in range(max_steps):
        now = x[:, todo]
        step = _newton_step(now, alpha[todo], nodes, c, s)
        evaluations += len(todo)
        step *= np.minimum(1.0, 0.6 * now[2] / np.maximum(np.abs(step[2]), 1e-300))
        x[:, todo] = now + step
        size = np.abs(step).max(0) / np.sqrt((now * now).sum(0))
        left = size > tolerance
        todo = todo[left]
        if not todo.size:
            break
        if size.max() > 0.1:
            nodes = _nodes(x[:, todo], gamma[todo], f[todo], c, s)
        elif not left.all():
            plane, lines = nodes
            nodes = [a[left] for a in plane], [a[:, left] for a in lines]
    return x, todo, evaluations


def march(alpha, f, theta, x=None):
    """Errors (len(alpha), len(f)): all f at once, along a geometric grid of alpha.

    Each point starts from a polynomial in log alpha through the points before it, of
    the degree (up to 5) that would have been best at the last one; where that fails,
    from a finer march from the last point.  Also returns the last (a, b, d), which
    as ``x`` starts another march, and the number of evaluations.
    """
    f = np.asarray(f, dtype=float)
    columns = np.arange(len(f))
    if x is None:
        x = np.stack([alpha[0] + 0.0 * f, 0.0 * f, alpha[0] ** -0.5 + 0.0 * f])
    track, best, total = [_logs(x)], 0 * columns, 0
    error = np.empty((len(alpha), len(f)))
    for i, load in enumerate(alpha):
        past = np.stack(track[-len(EXTRAPOLATE) :], axis=1)
        usable = EXTRAPOLATE[: past.shape[1]]
        guess = np.stack([w @ past[:, -len(w) :] for w in usable])
        length, angle, d = guess[best, :, columns].T
        start = (
            np.exp(length) * np.cos(angle),
            np.exp(length) * np.sin(angle),
            np.exp(d),
        )
        last = x
        x, bad, evaluations = solve(np.full_like(f, load), f, theta, np.stack(start))
        total += evaluations
        if bad.size:
            finer = np.geomspace(alpha[i - 1], load, 7)[1:]
            _, x[:, bad], evaluations = march(finer, f[bad], theta, last[:, bad])
            total += evaluations
        track.append(_logs(x))
        best = np.abs(guess - track[-1]).max(1).argmin(0)
        error[i] = np.arctan2(np.hypot(x[1], 1.0), x[0]) / np.pi
    return error, x, total


def _logs(x):
    return np.stack(
        [np.log(np.hypot(x[0], x[1])), np.arctan2(x[1], x[0]), np.log(x[2])]
    )


# weights of the last points: the polynomial of degree n - 1 through the last n
EXTRAPOLATE = [
    np.array([(-1) ** k * comb(n, k + 1) for k in range(n)][::-1], dtype=float)
    for n in range(1, 7)
]
