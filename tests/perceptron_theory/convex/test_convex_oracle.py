"""Convex losses against slow integrals in other coordinates, at points not nice.

The noise is averaged over first: E of p^2, p and dp/dm over xi are functions of the
mean field alone (piecewise Chebyshev series of adaptively broken Gauss rules, the
proximal map by bisection and Newton's method in NumPy); then come y and z by SciPy's
adaptive quadrature.  The library takes the field last and z and y first.  Two of the
cases are tests; all of them:

    python tests/perceptron_theory/convex/test_convex_oracle.py
"""

from itertools import pairwise

import jax
import numpy as np
import pytest
from numpy.polynomial import chebyshev
from scipy.integrate import quad_vec
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import norm

import perceptron_theory as pt


def _logistic(m, step):
    low, high = m, m + step
    for _ in range(30):
        middle = 0.5 * (low + high)
        below = middle - step * expit(-middle) < m
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    for _ in range(4):
        bend = expit(low) * expit(-low)
        low = low - (low - step * expit(-low) - m) / (1 + step * bend)
    bend = step * expit(low) * expit(-low)
    return step * expit(-low), bend / (1 + bend)


def _response(loss, m, step):
    """The p and -dp/dm, and where they bend."""
    if loss == "logistic":
        return _logistic(m, step)
    if loss == "hinge":
        return np.clip(1 - m, 0, step), 1.0 * ((m < 1) & (m > 1 - step))
    part = step / (1 + step)
    some = 1.0 if loss == "square" else m < 1
    return part * (1 - m) * some, part * some + 0 * m


def _bends(loss, step):
    turn = np.log1p(step)
    return {
        "logistic": [turn + x for x in (-step, -30, -8, -4, -2, 0, 2, 4, 8, 16, 40)],
        "hinge": [1 - step, 1.0],
    }.get(loss, [1.0])


NODES, SHARES = np.polynomial.legendre.leggauss(20)


def _over_noise(loss, r, step, mean):
    """E over xi of (q^2, q, -dq/dM) at each mean field."""
    breaks = np.array(_bends(loss, step)) / r - mean[:, None]
    even = np.broadcast_to(np.linspace(-9, 9, 13), (len(mean), 13))
    breaks = np.sort(np.clip(np.concatenate([breaks, even], axis=1), -9, 9), axis=1)
    half = 0.5 * np.diff(breaks, axis=1)[..., None]
    xi = 0.5 * (breaks[:, 1:] + breaks[:, :-1])[..., None] + half * NODES
    pull, bent = _response(loss, r * (mean[:, None, None] + xi), step)
    weight = half * SHARES * norm.pdf(xi)
    terms = pull**2 / r**2, pull / r, bent
    return np.stack([np.sum(weight * x, axis=(1, 2)) for x in terms])


class _Table:
    """The averages over xi as piecewise series between -reach and reach."""

    def __init__(self, loss, r, step, reach, degree=18):
        self.reach, self.count = reach, int(np.ceil(2 * reach))
        points = chebyshev.chebpts1(degree + 1)
        left = -reach + np.arange(self.count)[:, None] * (2 * reach / self.count)
        mean = left + (points + 1) * reach / self.count
        values = _over_noise(loss, r, step, mean.ravel()).reshape(3, *mean.shape)
        self.series = np.stack(
            [chebyshev.chebfit(points, v.T, degree) for v in values], axis=1
        )

    def __call__(self, mean):
        place = (mean + self.reach) * self.count / (2 * self.reach)
        panel = np.clip(place.astype(int), 0, self.count - 1)
        x = 2 * (place - panel) - 1
        return chebyshev.chebval(x, self.series[:, :, panel], tensor=False)


def _sums(loss, x, cosine, sine, pieces, flipped):
    """E of q^2, u q, v q and -dq/dM, times the kept fraction of the pool."""
    r, a, b, step = np.exp(x[0]), np.sinh(x[1]), x[2], np.exp(x[3])
    reach = 9 * np.sqrt(1 + a * a + b * b)
    if loss in ("hinge", "squared_hinge"):
        reach = min(reach, 12 + 1 / r + 9 * np.hypot(1, b))
    table = _Table(loss, r, step, reach)

    def averages(u, v):
        total = 0.0
        for label, part in ((1, 1 - flipped), (-1, flipped)):
            if part == 0:
                continue
            mean = label * (a * u + b * v)
            near = table(np.minimum(mean, reach))
            square, pull, bent = np.where(mean < reach, near, 0)
            rows = square, label * u * pull, label * v * pull, bent
            total = total + part * np.stack(rows)
        return total

    def line(z):
        if sine == 0:
            return 2 * norm.pdf(z) * averages(np.array([z]), np.zeros(1))[:, 0]
        low = -z * cosine / sine
        edges = np.linspace(max(low, -9), 9, 25) if low < 9 else np.full(25, 9.0)
        scale = 1 / (1 + abs(a * sine - b * cosine))
        fine = np.clip(low + scale * np.array([1, 3, 9]), edges[0], 9)
        at = -(a * cosine + b * sine) * z / (a * sine - b * cosine + 1e-30)
        fine = np.append(fine, np.clip(at + scale * np.array([-9, -3, 3, 9]), low, 9))
        edges = np.sort(np.clip(np.append(edges, fine), edges[0], 9))
        half = 0.5 * np.diff(edges)[:, None]
        y = (0.5 * (edges[1:] + edges[:-1])[:, None] + half * NODES).ravel()
        weight = (half * SHARES).ravel() * norm.pdf(y)
        u, v = cosine * z + sine * y, sine * z - cosine * y
        return 2 * norm.pdf(z) * np.sum(weight * averages(u, v), axis=1)

    total = 0.0
    for low, high, level in pieces:
        low, high = max(low, -9 * sine if sine else 0.0), min(high, 9.0)
        if low >= high:
            continue
        marks = (0.0, 3 / (1 + a), 20 / (1 + a), 6 * sine, -sine)
        marks = sorted({low, high, *(m for m in marks if low < m < high)})
        for ends in pairwise(marks):
            value, _ = quad_vec(line, *ends, epsrel=1e-10, norm="max", limit=300)
            total = total + level * value
    return total


def _miss(loss, solution, pieces):
    """The relative change of the error that the other integrals ask for."""
    A, B, r = (float(w) for w in solution.weights)
    a, b = A / r, B / r
    x = np.log(r), np.arcsinh(a), b, np.log(solution.response)
    theta, ridge = float(solution.theta), float(solution.ridge)
    alpha = float(solution.alpha_prune) / float(solution.keep_fraction)
    flipped = float(solution.flip_probability)

    on_line = theta == 0

    def residuals(x, scale):
        sums = _sums(loss, x, np.cos(theta), np.sin(theta), pieces, flipped)
        a, b = np.sinh(x[1]), x[2]
        shrink = ridge * np.exp(x[3])
        square, u, v, bent = alpha * sums
        third = b if on_line else (v - shrink * b) * scale[1]
        first = (u - shrink * a) * scale[0]
        return np.array([np.log(square), first, third, np.log(bent + shrink)])

    shrink = ridge * np.exp(x[3])
    scale = 1 / (shrink * max(a, 1e-3)), 1 / (shrink * (1 + abs(b)))
    x = np.array(x)
    here = residuals(x, scale)
    jacobian = np.empty((4, 4))
    for i in range(4):
        moved = x.copy()
        moved[i] += 1e-5
        jacobian[:, i] = (residuals(moved, scale) - here) / 1e-5
    step = np.linalg.solve(jacobian, -here)
    angle = np.arctan2(np.hypot(1, b), a)
    new = np.arctan2(np.hypot(1, b + step[2]), np.sinh(x[1] + step[1]))
    return (new - angle) / angle


def _pieces(rule, margin, f, theta):
    """Kept pieces (low, high, level) of the folded margin."""

    def threshold(mass):
        """The margin with this mass below it."""
        if mass <= 0:
            return 0.0 if margin == "absolute" or theta == 0 else -np.inf
        if mass >= 1:
            return np.inf
        if margin == "absolute" or theta == 0:
            return norm.isf((1 - mass) / 2)
        slope = np.cos(theta) / np.sin(theta)

        def below(g):  # 2 phi(z) Phi(z c/s) is a skew-normal law
            law = quad_vec(
                lambda z: 2 * norm.pdf(z) * norm.cdf(z * slope), -9, g, epsrel=1e-13
            )
            return law[0] - mass

        return brentq(below, -8.9, 8.9, xtol=1e-14)

    cells = {
        "hard": [(0.0, f, 1.0)],
        "easy": [(1 - f, 1.0, 1.0)],
        "window": [(0.2, 0.2 + f, 1.0)],
        "mixture": [(0.0, f / 2, 1.0), (f / 2, 1.0, f / 2 / (1 - f / 2))],
    }[rule]
    out = []
    for low, high, level in cells:
        low, high = threshold(low), threshold(high)
        out.append((low, high, level))
        if margin == "absolute" and theta > 0:
            out.append((-high, -low, level))
    return out


RULES = {
    "hard": "hard",
    "easy": "easy",
    "window": pt.Window(0.2),
    "mixture": pt.Mixture(0.5),
}
CASES = [
    ("logistic", 0.0, "hard", "absolute", (0.7, 23.1, 310.0), (0.031, 0.43, 1e-3)),
    ("hinge", 0.0, "easy", "absolute", (0.013, 3.3, 170.0), (0.61, 0.27, 0.9)),
    ("squared_hinge", 0.0, "hard", "absolute", (2.1, 731.0, 9e5), (7e-7, 0.2, 0.83)),
    ("square", 0.0, "window", "absolute", (1.7, 0.09, 450.0), (0.37, 0.11, 0.7)),
    ("logistic", 0.31, "hard", "absolute", (2.3, 57.0, 0.04), (0.21, 0.83, 0.07)),
    ("hinge", 0.11, "easy", "signed", (1.3, 19.0, 640.0), (0.41, 0.93, 0.66)),
    ("squared_hinge", 0.7, "mixture", "absolute", (0.6, 8.7, 95.0), (0.13, 0.5, 0.77)),
    ("square", 1.2, "hard", "signed", (0.31, 5.9, 120.0), (0.19, 0.56, 0.88)),
]
RIDGES = np.array([0.37, 0.0023, 13.0])


@pytest.mark.parametrize(
    "case",
    [pytest.param(CASES[1], marks=pytest.mark.slow), CASES[2]],
    ids=lambda c: "-".join(map(str, c[:4])),
)
def test_error_to_eight_digits(case):
    loss, theta, rule, margin, alpha, fraction = case
    found = pt.solve_convex(
        alpha_prune=np.array(alpha),
        keep_fraction=np.array(fraction),
        theta=theta,
        rule=RULES[rule],
        margin=margin,
        loss=loss,
        ridge=RIDGES,
    )
    for i, f in enumerate(fraction):
        point = jax.tree.map(lambda value, i=i: np.asarray(value)[..., i], found)
        miss = _miss(loss, point, _pieces(rule, margin, f, theta))
        assert abs(miss) < 1e-8, (loss, alpha[i], f, RIDGES[i], miss)


if __name__ == "__main__":
    for every in CASES:
        test_error_to_eight_digits(every)
        print(*every, "agrees", flush=True)
