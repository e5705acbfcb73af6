"""The Gibbs student and the centre of the version space against independent results."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.special import log_ndtr
from scipy.stats import norm

import perceptron_theory as pt

DEGREE = np.pi / 180


def test_values_of_the_notes():
    """theta = 0, hard and easy: solved elsewhere, and sampled at N = 50 and 100."""
    sol = pt.solve(
        alpha_prune=[1.0, 1.5, 2.5], keep_fraction=[0.5, 0.2, 0.2], student="gibbs"
    )
    assert isinstance(sol, pt.VersionSpace)
    np.testing.assert_allclose(sol.self_overlap, [0.5592, 0.8078, 0.9834], atol=6e-5)
    np.testing.assert_allclose(sol.overlap, [0.3712, 0.4354, 0.9781], atol=6e-5)
    easy = pt.solve(alpha_prune=1.0, keep_fraction=0.5, rule="easy", student="gibbs")
    assert easy.self_overlap == pytest.approx(0.4029, abs=6e-5)
    assert easy.overlap == pytest.approx(0.5393, abs=6e-5)


def test_laws_of_random_data():
    """0.625/alpha (Gyorgyi & Tishby 1990), 0.442/alpha (Opper & Haussler 1991)."""
    alpha = np.array([1e4, 1e5])
    for student, constant in (("gibbs", 0.625), ("bayes_point", 0.442)):
        error = pt.solve(alpha_prune=alpha, keep_fraction=1.0, student=student).error
        assert error * alpha == pytest.approx(constant, abs=6e-4)


@pytest.mark.parametrize("aligned", [True, False])
def test_the_teacher_is_a_typical_student_of_random_data(aligned):
    """q = A exactly when nothing is pruned, whatever the probe."""
    draw = np.random.default_rng(3)
    alpha = 10.0 ** draw.uniform(-3, 6, 12)
    theta = np.zeros(12) if aligned else 10.0 ** draw.uniform(-6, np.log10(1.57), 12)
    sol = pt.solve(alpha_prune=alpha, keep_fraction=1.0, theta=theta, student="gibbs")
    np.testing.assert_allclose(sol.self_overlap, sol.overlap, rtol=1e-9)
    across = sol.probe_overlap - sol.overlap * np.cos(theta)
    np.testing.assert_allclose(across, 0.0, atol=1e-9)


def _entropy(sol, q, A, B, theta, f):
    """S at any (q, A, B) by SciPy's double integral; hard rule, |P.x|.

    Over the student's field M given z, with y's part on u > 0 in closed form.
    """
    c, s, gamma = np.cos(theta), np.sin(theta), norm.ppf(0.5 + 0.5 * f)
    r = np.sqrt(q - A * A - B * B)
    along, across = A * c + B * s, A * s - B * c
    spread = np.hypot(across, r)

    def integrand(m, z):
        k = (across * (m - along * z) / spread**2 + z * c / s) * spread / r
        weight = norm.pdf((m - along * z) / spread) / spread * norm.cdf(k)
        return 2.0 / f * norm.pdf(z) * weight * log_ndtr(m / np.sqrt(1.0 - q))

    low, high = -9.0 * spread - gamma, 9.0 * spread + gamma
    mean, _ = dblquad(integrand, -gamma, gamma, low, high, epsabs=1e-11, epsrel=1e-11)
    spread_term = np.log(1.0 - q) + (q - A * A - B * B) / (1.0 - q)
    return 0.5 * spread_term + float(sol.alpha_prune) * mean


@pytest.mark.slow
def test_stationary_point_of_the_entropy():
    """By SciPy: S has its value, and no slope in q, A and B, where solve puts it."""
    theta, f = 25 * DEGREE, 0.4
    sol = pt.solve(alpha_prune=1.7, keep_fraction=f, theta=theta, student="gibbs")
    q, A = float(sol.self_overlap), float(sol.overlap)
    B = (float(sol.probe_overlap) - A * np.cos(theta)) / np.sin(theta)
    at = np.array([q, A, B])
    assert _entropy(sol, *at, theta, f) == pytest.approx(float(sol.entropy), abs=1e-9)
    for i in range(3):
        step = np.zeros(3)
        step[i] = 1e-3
        up, down = (_entropy(sol, *(at + k * step), theta, f) for k in (1, -1))
        half = [_entropy(sol, *(at + k * step), theta, f) for k in (0.5, -0.5)]
        slope = (4.0 * (half[0] - half[1]) / 1e-3 - (up - down) / 2e-3) / 3.0
        assert abs(slope) < 1e-6
    centre = np.arctan2(np.sqrt(q - A * A), A) / np.pi
    other = pt.solve(
        alpha_prune=1.7, keep_fraction=f, theta=theta, student="bayes_point"
    )
    assert other.error == pytest.approx(centre, rel=1e-9)
    assert sol.error == pytest.approx(np.arccos(A) / np.pi, rel=1e-9)


@pytest.mark.parametrize(
    ("rule", "margin", "theta"),
    [
        ("hard", "absolute", 0.0),
        pytest.param("easy", "signed", 0.4, marks=pytest.mark.slow),
    ],
)
def test_information_gain_is_minus_the_slope_of_the_entropy(rule, margin, theta):
    """At fixed f, by differences of the entropy between neighbouring loads."""
    alpha, h = 1.3, 1e-3
    grid = alpha + h * np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    sol = pt.solve(
        alpha_prune=grid,
        keep_fraction=0.3,
        theta=theta,
        rule=rule,
        margin=margin,
        student="gibbs",
    )
    S = sol.entropy
    slope = (S[0] - 8 * S[1] + 8 * S[3] - S[4]) / (12 * h)
    assert sol.information_gain[2] == pytest.approx(-slope, rel=1e-8)


def test_order_of_the_students():
    """The centre beats both a typical student and the max-margin one on random data."""
    at = {"alpha_prune": np.array([0.5, 2.0, 9.0]), "keep_fraction": 1.0, "theta": 0.3}
    errors = {
        student: pt.solve(**at, student=student).error
        for student in ("bayes_point", "max_margin", "gibbs")
    }
    assert np.all(errors["bayes_point"] < errors["max_margin"])
    assert np.all(errors["max_margin"] < errors["gibbs"])


@pytest.mark.slow
def test_corners_of_the_domain():
    """Wide cones (easy), thin ones (hard at large loads), tiny fractions and angles."""
    corners = [
        (111223.5, 1.95e-4, 0.4868, "easy"),
        (4027.7, 1.08e-7, 0.709, "easy"),
        (1e6, 0.5, 0.0, "easy"),
        (16273.1, 3.89e-7, 3.16e-6, "hard"),
        (241643.3, 0.00341, 0.811, "hard"),
        (576955.7, 6.34e-5, 0.0103, "hard"),
        (2.0, 1e-3, 0.0, "hard"),
        (1e-3, 1.0, 1.5, "hard"),
        # next to alpha = 2 the version space is all but closed
        (1.999999559, 1.556e-7, 0.0, "hard"),
        (2.000000093, 1e-8, 0.0, "hard"),
        (1.976, 7.53e-7, 0.0, "hard"),
        (2.0, 1e-6, 0.0, "hard"),
    ]
    for rule in ("hard", "easy"):
        alpha, f, theta = np.array([p[:3] for p in corners if p[3] == rule]).T
        sol = pt.solve(
            alpha_prune=alpha, keep_fraction=f, theta=theta, rule=rule, student="gibbs"
        )
        assert np.all((sol.error > 0) & (sol.error < 0.5))
        assert np.all(sol.self_overlap >= sol.overlap**2)
        assert np.all(sol.entropy < 0)
