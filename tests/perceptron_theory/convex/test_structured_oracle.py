"""Structured inputs against a slow oracle in other variables and another basis.

The oracle takes the covariance as a full matrix, inverts lambda + Vhat Sigma as one,
and looks for (m_u, m_v, log r, log V) of the plain equations with SciPy's hybrid method
and differences for derivatives.  Averages are over (z, y) on panels, and over the noise
in closed form, or for the logistic loss on Gauss-Hermite nodes with the proximal map by
bisection.  The library works in the eigenbasis, in units of r, on the law of the field.
"""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq, root
from scipy.special import expit
from scipy.stats import norm

import perceptron_theory as pt

NODES, SHARES = np.polynomial.legendre.leggauss(16)
XI, MASS = np.polynomial.hermite_e.hermegauss(44)
MASS = MASS / MASS.sum()


def _panels(breaks):
    half = 0.5 * np.diff(breaks)
    middle = 0.5 * (breaks[1:] + breaks[:-1])
    return (middle[:, None] + half[:, None] * NODES).ravel(), np.outer(
        half, SHARES
    ).ravel()


def _kept(fraction, theta, rule, margin, flips):
    """Intervals of z, on u > 0, with their weight and their label."""
    c, s = np.cos(theta), np.sin(theta)
    if rule == "random":
        whole = [(-9.0, 9.0, 1.0, 1.0), (-9.0, 9.0, 1.0, -1.0)]
    elif margin == "absolute":
        part = fraction if rule == "hard" else 1.0 - fraction
        edge = norm.ppf(0.5 * (1.0 + part))
        hard = [(-edge, edge, 1.0, 1.0), (-edge, edge, 1.0, -1.0)]
        easy = [(-9, -edge, 1.0, 1.0), (edge, 9, 1.0, 1.0)]
        easy += [(a, b, w, -1.0) for a, b, w, _ in easy]
        whole = hard if rule == "hard" else easy
    else:

        def below(edge):
            density = lambda z: 2 * norm.pdf(z) * norm.cdf(z * c / s)  # noqa: E731
            at = [0.0] if -9 < 0 < edge else None
            right = quad(density, -9, edge, epsabs=1e-13, epsrel=1e-13, points=at)[0]
            wrong = quad(density, -edge, 9, epsabs=1e-13, epsrel=1e-13)[0]
            return (1 - flips) * right + flips * wrong

        part = fraction if rule == "hard" else 1.0 - fraction
        edge = brentq(lambda x: below(x) - part, -5, 5, xtol=1e-14)
        hard = [(-9, edge, 1.0, 1.0), (-edge, 9, 1.0, -1.0)]
        easy = [(edge, 9, 1.0, 1.0), (-9, -edge, 1.0, -1.0)]
        whole = hard if rule == "hard" else easy
    return [
        (a, b, (1 - flips if label > 0 else flips) / fraction, label)
        for a, b, _, label in whole
        if label > 0 or flips > 0
    ]


def _examples(kept, theta):
    """u, v (times the label), and weights of the kept examples, on nodes."""
    c, s = np.cos(theta), np.sin(theta)
    parts = []
    for low, high, weight, label in kept:
        low, high = max(low, -7.0), min(high, 7.0)
        inner = (-6 * s, -3 * s, -1.5 * s, 0.0, 1.5 * s, 3 * s, 3.5)
        inner = [x for x in inner if low < x < high]
        z, dz = _panels(np.array([low, *inner, high]))
        start = np.clip(-z * c / s, -7.0, 7.0)
        unit, share = _panels(np.linspace(0.0, 1.0, 5))
        y = start[:, None] + (7.0 - start[:, None]) * unit
        mass = 2.0 * weight * (dz * norm.pdf(z))[:, None] * norm.pdf(y)
        mass = mass * (7.0 - start[:, None]) * share
        u, v = c * z[:, None] + s * y, s * z[:, None] - c * y
        parts.append(np.stack([label * u, label * v, mass]).reshape(3, -1))
    u, v, mass = np.concatenate(parts, axis=1)
    return np.stack([u, v])[:, mass > 1e-12], mass[mass > 1e-12]


def _pulls(loss, mean, r, step):
    """E over xi of p, p^2 and -dp/dm at each mean margin."""
    if loss == "logistic":
        m = mean[:, None] + r * XI
        low, high = m, m + step
        for _ in range(5):
            middle = 0.5 * (low + high)
            below = middle - step * expit(-middle) < m
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        for _ in range(5):
            bend = step * expit(low) * expit(-low)
            low = low - (low - step * expit(-low) - m) / (1 + bend)
        pull, bend = step * expit(-low), step * expit(low) * expit(-low)
        return pull @ MASS, pull**2 @ MASS, (bend / (1 + bend)) @ MASS

    def short(edge):
        """E of (edge - m)_+ and its square, and Prob(m < edge)."""
        t = (edge - mean) / r
        inside, peak = norm.cdf(t), norm.pdf(t)
        return (
            r * (t * inside + peak),
            r * r * ((t * t + 1) * inside + t * peak),
            inside,
        )

    if loss == "square":
        part = step / (1 + step)
        off = 1 - mean
        return part * off, part**2 * (off**2 + r * r), np.full_like(mean, part)
    one, square, inside = short(1.0)
    if loss == "squared_hinge":
        part = step / (1 + step)
        return part * one, part**2 * square, part * inside
    less, less_square, less_inside = short(1.0 - step)
    # (1 - m)_+ - (1 - V - m)_+
    both = less_square + step * less
    return one - less, square - 2 * both + less_square, inside - less_inside


def oracle(sigma, teacher, probe, point, loss, ridge, flips):
    """(error, m_u, m_v, norm) of the student."""
    alpha, fraction, rule, margin = point
    n = len(sigma)
    teacher = teacher / np.sqrt(teacher @ sigma @ teacher)
    probe = probe / np.sqrt(probe @ sigma @ probe)
    c = teacher @ sigma @ probe
    theta = np.arccos(c)
    both = np.stack([teacher, (probe - c * teacher) / np.sin(theta)])
    loadings = sigma @ both.T
    kept = _kept(fraction, theta, rule, margin, flips)
    fields, mass = _examples(kept, theta)
    assert mass.sum() == pytest.approx(1.0, abs=2e-9)

    def miss(x):
        m, r, step = x[:2], np.exp(x[2]), np.exp(x[3])
        pull, square, bent = _pulls(loss, m @ fields, r, step)
        vhat = alpha * mass @ bent / step
        inverse = np.linalg.inv(ridge * np.eye(n) + vhat * sigma)
        kappa = alpha * fields @ (mass * pull) / step + vhat * m
        w = inverse @ loadings @ kappa
        noise = alpha * mass @ square / step**2
        size = w @ sigma @ w + noise * np.trace(sigma @ inverse @ sigma @ inverse) / n
        new = loadings.T @ w
        return [
            *(new - m),
            np.log((size - new @ new) / r**2),
            np.log(np.trace(sigma @ inverse) / n / step),
        ]

    # from a large ridge down, so that the search begins near its end
    x = np.array([0.0, 0.0, -2.0, -2.0])
    goal, strength = ridge, 8.0
    while True:
        ridge = max(goal, strength)
        found = root(miss, x, tol=1e-12)
        x = found.x
        if ridge == goal:
            break
        strength /= 8.0
    assert np.abs(found.fun).max() < 1e-10
    m, size = x[:2], np.sqrt(x[:2] @ x[:2] + np.exp(2 * x[2]))
    return np.arccos(m[0] / size) / np.pi, *m, size


CASES = [
    pytest.param(
        (2.0, 0.5, "hard", "signed", "logistic", 0.1, 0.0), marks=pytest.mark.slow
    ),
    (3.0, 0.3, "hard", "absolute", "squared_hinge", 0.02, 0.0),
    pytest.param(
        (1.5, 0.4, "easy", "absolute", "hinge", 0.2, 0.0), marks=pytest.mark.slow
    ),
    pytest.param(
        (2.0, 0.6, "easy", "signed", "square", 0.05, 0.1), marks=pytest.mark.slow
    ),
    pytest.param(
        (4.0, 0.3, "hard", "absolute", "logistic", 0.01, 0.1), marks=pytest.mark.slow
    ),
    (2.5, 0.5, "hard", "signed", "hinge", 0.05, 0.15),
    pytest.param(
        (2.0, 1.0, "random", "absolute", "squared_hinge", 0.3, 0.0),
        marks=pytest.mark.slow,
    ),
]


def _setting(seed, n=9):
    """A covariance that is far from round, a teacher and a probe."""
    draw = np.random.default_rng(seed)
    basis = np.linalg.qr(draw.normal(size=(n, n)))[0]
    values = np.arange(1.0, n + 1) ** -1.3
    sigma = basis * (2.5 * values / values.mean()) @ basis.T
    teacher = draw.normal(size=n)
    probe = teacher / np.sqrt(teacher @ sigma @ teacher)
    other = draw.normal(size=n)
    return sigma, teacher, probe + 0.5 * other / np.sqrt(other @ sigma @ other)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_structured_inputs_are_those_of_the_oracle(case):
    alpha, fraction, rule, margin, loss, ridge, flips = case
    sigma, teacher, probe = _setting(3)
    point = alpha, fraction, rule, margin
    wanted = oracle(sigma, teacher, probe, point, loss, ridge, flips)
    sol = pt.solve_convex(
        alpha_prune=alpha,
        keep_fraction=fraction,
        rule=rule,
        margin=margin,
        loss=loss,
        ridge=ridge,
        flip_probability=flips,
        inputs=pt.Inputs.from_covariance(sigma, teacher, probe),
    )
    got = sol.error, *sol.fields, sol.norm
    # the oracle's nodes are good to 2e-9; a small m_v has fewer digits of its own
    np.testing.assert_allclose(got, wanted, rtol=1e-8, atol=1e-8 * wanted[3])
