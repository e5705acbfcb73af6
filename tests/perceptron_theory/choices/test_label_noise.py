"""Wrong labels: thresholds, identities, sums, laws of the phase diagram.

Few rules, losses and angles, to compile few programs.
"""

from typing import Any

import jax
import mpmath
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.special import erf, erfinv
from scipy.stats import norm

import perceptron_theory as pt
from perceptron_theory.kept.thresholds import signed_quantile
from perceptron_theory.kept.wrong_labels import noisy_quantile

THETA = 0.6


def mass(start, stop, theta, p):
    """Of ranked margins between two ends, in 30 digits."""
    mp: Any = mpmath.mp.clone()
    mp.dps = 30
    p, cot = mp.mpf(p), mp.cot(mp.mpf(theta)) if theta else mp.inf

    def density(m):
        right = mp.ncdf(m * cot) if theta else mp.mpf(m > 0)
        return 2 * mp.npdf(m) * ((1 - p) * right + p * (1 - right))

    width = float(np.sin(theta))
    ends = {start, stop, 0.0, -3.0, 3.0, *(k * width for k in (-20, -5, -1, 1, 5, 20))}
    return mp.quad(density, sorted(e for e in ends if start <= e <= stop))


@pytest.mark.slow
def test_thresholds_keep_their_digits_in_both_tails():
    angles = np.repeat([0.0, 1e-3, 0.35, np.pi / 2], 5)
    p = np.tile([1e-9, 1e-3, 0.05, 0.3, 0.3], 4)
    below = np.tile([1e-10, 0.02, 0.06, 0.4, 1 - 1e-6], 4)
    above = np.tile([1.0, 0.98, 0.94, 0.6, 1e-6], 4)
    with jax.enable_x64(True):
        quantile = jax.jit(jax.vmap(noisy_quantile))
        found = np.asarray(quantile(below, above, angles, p))
        ends = quantile(0.0 * p, 1.0 + 0.0 * p, angles, p)
        other_ends = quantile(1.0 + 0.0 * p, 0.0 * p, angles, p)
        same = quantile(below, above, angles, 0.0 * p)
        clean = jax.jit(jax.vmap(signed_quantile))(below, above, angles)
        same, clean = np.asarray(same), np.asarray(clean)
    assert (np.asarray(ends) == -np.inf).all()
    assert (np.asarray(other_ends) == np.inf).all()
    np.testing.assert_allclose(same, clean, rtol=1e-12, atol=1e-15)
    for m, low, high, theta, flipped in zip(
        found, below, above, angles, p, strict=True
    ):
        span, target = ((-30.0, m), low) if low < 0.5 else ((m, 30.0), high)
        assert abs(mass(*span, theta, flipped) / target - 1) < 1e-13


def solved(alpha, fraction, lower, p, theta=0.0, ridge: Any = 0.1):
    return pt.solve_convex(
        alpha_prune=alpha,
        keep_fraction=fraction,
        theta=theta,
        rule=pt.Window(lower),
        margin="signed",
        loss="squared_hinge",
        ridge=ridge,
        flip_probability=p,
    )


@pytest.mark.slow
def test_what_a_perfect_probe_makes_of_wrong_labels():
    """Theta = 0: the easy are right, the hardest wrong, both known without noise."""
    p, alpha = 0.2, np.array([0.5, 3.0])
    easy = solved(alpha, 0.6, 0.4, p)
    clean = solved(alpha, 0.6 / 0.8, 0.25, 0.0)
    np.testing.assert_allclose(easy.error, clean.error, rtol=1e-9)
    # f < p: nothing but wrong labels, those of the largest |z|
    hard = solved(alpha, 0.15, 0.0, p)
    clean = solved(alpha, 0.75, 0.25, 0.0)
    np.testing.assert_allclose(hard.error, 1 - np.asarray(clean.error), rtol=1e-9)
    np.testing.assert_allclose(hard.overlap, -np.asarray(clean.overlap), rtol=1e-8)


@pytest.mark.slow
def test_the_line_of_chance():
    p = np.array([0.01, 0.1, 0.1, 0.3, 0.45])
    f, load = pt.chance_fraction(p), np.array([1.0, 0.3, 30.0, 2.0, 2.0])
    ridge = np.array([0.1, 3.0, 0.01, 0.1, 0.1])
    chance = solved(load, f, 0.0, p, ridge=ridge)
    np.testing.assert_allclose(chance.error, 0.5, atol=1e-9)
    assert (np.asarray(solved(load, 0.9 * f, 0.0, p).error) > 0.501).all()
    assert (np.asarray(solved(load, 1.01 * f, 0.0, p).error) < 0.4999).all()
    small = 1e-6
    np.testing.assert_allclose(
        pt.chance_fraction(small), 2 * np.sqrt(small / np.pi), rtol=2e-3
    )


@pytest.mark.slow
def test_few_wrong_labels_are_almost_none():
    f, lower = np.array([0.3, 0.4]), np.array([0.0, 0.2])
    for theta in (0.0, THETA):
        none, few, more = (
            np.asarray(solved(2.0, f, lower, p, theta).error) for p in (0.0, 1e-7, 1e-6)
        )
        assert 0 < abs(few - none).max() < 1e-5
        np.testing.assert_allclose((more - none) / (few - none), 10.0, rtol=0.02)


def _signed_threshold(f, theta, p):
    cot = 1 / np.tan(theta)

    def density(m):
        return 2 * norm.pdf(m) * (p + (1 - 2 * p) * norm.cdf(m * cot))

    gamma = brentq(lambda g: quad(density, -12, g, epsabs=1e-13)[0] - f, -5, 5)
    assert isinstance(gamma, float)
    return gamma


def _kept(low, high, f, p):
    """u, v, their measure and the label of the kept examples: sums in (z, u)."""
    c, s = np.cos(THETA), np.sin(THETA)
    unit, weights = np.polynomial.legendre.leggauss(160)
    u, along_u = 4 * (unit[:, None] + 1), 4 * weights[:, None]
    parts = []
    for label, share, ends in ((1, 1 - p, (low, high)), (-1, p, (-high, -low))):
        start, stop = np.clip(ends, -8.0, 8.0)
        z = start + (stop - start) * (unit + 1) / 2
        v = (z - c * u) / s
        plane = along_u * weights * (stop - start) / 2 * norm.pdf(u) * norm.pdf(v) / s
        parts.append((u + 0 * v, v, 2 * share / f * plane, label + 0 * v))
    return np.stack(parts, axis=1)


@pytest.mark.slow
def test_the_equations_by_sums():
    """The squared hinge, hard and signed, xi in closed form."""
    p, f, alpha = 0.15, 0.4, 1.5
    student = solved(np.full(2, alpha), f, 0.0, p, THETA)
    a, b, r = np.stack(student.weights)[:, 0]
    u, v, measure, label = _kept(-8.0, _signed_threshold(f, THETA, p), f, p)
    assert abs(measure.sum() - 1) < 1e-9
    step = np.asarray(student.response)[0]
    t, part = (1 - label * (a * u + b * v)) / r, step / (1 + step)
    pull = label * part * r * (t * norm.cdf(t) + norm.pdf(t))
    square = (part * r) ** 2 * ((t * t + 1) * norm.cdf(t) + t * norm.pdf(t))
    values = u * pull, v * pull, square, part * norm.cdf(t)
    sums = [alpha * np.sum(measure * value) for value in values]
    shrink = 0.1 * step
    expected = shrink * a, shrink * b, r * r, 1 - shrink
    np.testing.assert_allclose(sums, expected, atol=1e-8)
    clean = solved(np.full(2, alpha), f, 0.0, 0.0, THETA)
    assert a < 0.0 < np.stack(clean.weights)[0, 0]


@pytest.mark.slow
def test_the_floor_at_large_loads():
    """The student tends to the minimum of the mean loss, which is not along T."""
    p, f = 0.1, 0.8
    u, v, measure, label = _kept(-8.0, _signed_threshold(f, THETA, p), f, p)

    def loss(w):
        return np.sum(measure * np.maximum(1 - label * (w[0] * u + w[1] * v), 0) ** 2)

    options = {"xatol": 1e-9, "fatol": 1e-13}
    best = minimize(loss, [1.0, 0.0], method="Nelder-Mead", options=options)
    floor = abs(np.arctan2(best.x[1], best.x[0])) / np.pi
    load = np.array([1e3, 4e3])
    near, nearer = np.asarray(solved(load, f, 0.0, p, THETA, 1e-3).error) - floor
    # the rest falls as 1/alpha, the error of the whole pool as alpha^(-1/2)
    assert floor > 0.04 and 0 < nearer < 0.02 * floor
    np.testing.assert_allclose(near / nearer, 4.0, rtol=0.2)
    whole = np.asarray(solved(load, 1.0, 0.0, p, THETA, 1e-3).error)
    np.testing.assert_allclose(whole[0] / whole[1], 2.0, rtol=0.02)
    assert whole[1] < floor


@pytest.mark.slow
def test_at_a_right_angle_only_the_signed_margin_has_a_floor():
    """The absolute one is symmetric in v: the error falls as alpha^(-1/2)."""
    load = np.array([1e2, 1e4, 1e6])
    given: Any = {"keep_fraction": 0.6, "theta": np.pi / 2, "flip_probability": 0.1}
    given |= {"alpha_prune": load, "ridge": 0.1, "loss": "squared_hinge"}
    falls = np.asarray(pt.solve_convex(**given).error)
    np.testing.assert_allclose(falls[:-1] / falls[1:], 10.0, rtol=0.01)
    stays = np.asarray(pt.solve_convex(margin="signed", **given).error)
    assert (stays > 0.38).all()


@pytest.mark.slow
def test_one_sided_rules_have_a_floor_without_wrong_labels():
    given: Any = {"alpha_prune": 1e6, "theta": 1.0, "ridge": 1e-4, "margin": "signed"}
    given |= {"loss": "squared_hinge"}
    end = 1 / np.pi  # theta/pi
    hard = pt.solve_convex(keep_fraction=[0.2, end, 0.6], **given).error
    easy = pt.solve_convex(keep_fraction=[0.3, 1 - end, 0.9], rule="easy", **given)
    easy = easy.error
    np.testing.assert_allclose([hard[0], easy[0]], [0.5, end], atol=1e-3)
    np.testing.assert_allclose([hard[1], easy[1]], [0.5 - end / 2, end / 2], atol=1e-3)
    assert max(hard[2], easy[2]) < 2e-4


@pytest.mark.slow
@pytest.mark.parametrize("theta", [0.3, 1.0])
def test_at_its_ends_that_floor_is_halfway(theta):
    given: Any = {"alpha_prune": 1e6, "theta": theta, "margin": "signed"}
    end = theta / np.pi
    hard = pt.solve(keep_fraction=np.array([0.9, 1.0]) * end, **given).error
    easy = 1 - np.array([1.1, 1.0]) * end
    easy = pt.solve(keep_fraction=easy, rule="easy", **given).error
    np.testing.assert_allclose(hard, [0.5, (1 - end) / 2], atol=5e-3)
    np.testing.assert_allclose(easy, [end, end / 2], atol=5e-3)
    np.testing.assert_allclose([hard[1], easy[1]], [(1 - end) / 2, end / 2], atol=1e-6)


def _square_constants(alpha, ridge, fraction):
    """K_0 and K_1 of tan^2(pi error) = K_0 + K_1/(1 - 2 p)^2, hard and absolute."""
    c, s = np.cos(THETA), np.sin(THETA)
    gamma = np.sqrt(2) * erfinv(fraction) if fraction < 1 else 12.0

    def mean(function):
        weight = lambda z: function(z) * 2 * norm.pdf(z)  # noqa: E731
        return quad(weight, 0, gamma, epsabs=1e-13)[0] / erf(gamma / np.sqrt(2))

    second = mean(lambda z: z * z)
    sign = lambda z: 2 * norm.cdf(z * c / s) - 1  # noqa: E731
    edge = lambda z: 2 * norm.pdf(z * c / s)  # noqa: E731
    u = mean(lambda z: c * z * sign(z) + s * edge(z))
    v = mean(lambda z: s * z * sign(z) - c * edge(z))
    first, cross = np.array([u, v]), c * s * (second - 1)
    squares = np.array(
        [[c * c * second + s * s, cross], [cross, s * s * second + c * c]]
    )
    response = brentq(lambda x: ridge * x + alpha * x / (1 + x) - 1, 0, 1 / ridge)
    assert isinstance(response, float)
    pull, part = alpha / (1 + response), alpha * (response / (1 + response)) ** 2
    w = np.linalg.solve(ridge * np.eye(2) + pull * squares, pull * first)
    fit = 2 * w @ first - w @ squares @ w
    noise = part / (1 - part)
    return (w[1] ** 2 - noise * fit) / w[0] ** 2, noise / w[0] ** 2


@pytest.mark.slow
def test_the_diagram_of_the_square_loss_in_closed_form():
    alpha, ridge = 2.0, 0.3
    flips, fractions = np.array([0.0, 0.2, 0.45]), np.array([0.3, 0.5, 0.7, 0.9])
    diagram = pt.noise_diagram(
        flips, fractions, alpha_prune=alpha, theta=THETA, loss="square", ridge=ridge
    )
    constants = {f: _square_constants(alpha, ridge, f) for f in (*fractions, 1.0)}
    for name, at in (("hard", fractions), ("random", np.ones(4))):
        zeroth, first = np.array([constants[f] for f in at]).T
        tangent = np.sqrt(zeroth + first / (1 - 2 * flips[:, None]) ** 2)
        expected = np.arctan(tangent) / np.pi
        np.testing.assert_allclose(diagram[f"error_{name}"], expected, rtol=1e-8)
    best = np.minimum(diagram.error_hard, diagram.error_easy)
    assert ((diagram.best == "random") == (best > diagram.error_random)).all()

    crossing = diagram.isel(boundary_point=diagram.boundary_kind == "hard/random")
    assert crossing.sizes["boundary_point"] > 2
    everything = constants[1.0]
    for p, f in zip(
        crossing.boundary_flip_probability.values,
        crossing.boundary_keep_fraction.values,
        strict=True,
    ):
        hard = _square_constants(alpha, ridge, f)
        turn = (hard[1] - everything[1]) / (everything[0] - hard[0])
        assert abs(p - (1 - np.sqrt(turn)) / 2) < 3e-7


@pytest.mark.slow
def test_the_diagram_of_the_best_ridges_of_the_square_loss():
    """Each error is the minimum of the closed form over the ridge."""
    alpha, flips, fractions = 1.2, np.array([0.05, 0.3]), np.array([0.4, 0.8])
    diagram = pt.noise_diagram(
        flips, fractions, alpha_prune=alpha, theta=THETA, loss="square", ridge="optimal"
    )
    assert diagram.attrs["ridge"] == "optimal"

    def least(p, f):
        def square(log_ridge):
            zeroth, first = _square_constants(alpha, np.exp(log_ridge), f)
            return zeroth + first / (1 - 2 * p) ** 2

        found = minimize_scalar(square, (-2.0, 2.0), tol=1e-9)
        return np.arctan(np.sqrt(found.fun)) / np.pi

    hard = [[least(p, f) for f in fractions] for p in flips]
    np.testing.assert_allclose(diagram.error_hard, hard, rtol=1e-8)
    random = [[least(p, 1.0)] * 2 for p in flips]
    np.testing.assert_allclose(diagram.error_random, random, rtol=1e-8)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"flip_probability": [0.0, 0.5]}, r"flip_probability must be in \[0, 1/2\)"),
        ({"flip_probability": [0.2, 0.1]}, "flip_probability must increase"),
        ({"keep_fraction": [0.0, 0.5]}, "keep_fraction must be in"),
        ({"alpha_prune": None}, "exactly one of alpha_prune and alpha_tot"),
        ({"ridge": [0.1, 0.2]}, "ridge must be one number"),
        ({"ridge": 0.0}, "or 'optimal', got 0"),
        ({"ridge": "best"}, "a positive number or 'optimal', got 'best'"),
        ({"margin": "sign"}, "did you mean 'signed'"),
        ({"loss": "logit"}, "did you mean 'logistic'"),
    ],
)
def test_bad_input(wrong, message):
    given: dict[str, Any] = {
        "flip_probability": [0.0, 0.1],
        "keep_fraction": [0.3, 0.5],
        "alpha_prune": 2.0,
        "ridge": 0.1,
    }
    with pytest.raises(pt.InputError, match=message):
        pt.noise_diagram(**given | wrong)


def test_chance_of_a_bad_probability():
    with pytest.raises(pt.InputError, match="flip_probability"):
        pt.chance_fraction(0.5)
