"""The student that knows the rule, against independent results and other students."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr
from scipy.stats import norm

import perceptron_theory as pt
from perceptron_theory import bayes_limits
from perceptron_theory.thresholds import kept_pieces

STUDENT = {"student": "bayes_optimal"}


def test_values_of_the_notes():
    """The threshold at alpha = 1 of the hard rule, f = 0.01."""
    sol = pt.solve(alpha_prune=[0.9, 1.1], keep_fraction=0.01, **STUDENT)
    assert isinstance(sol, pt.VersionSpace)
    np.testing.assert_allclose(sol.self_overlap, [3.532e-4, 0.99987], rtol=1e-4)
    np.testing.assert_allclose(sol.overlap, np.sqrt(sol.self_overlap), rtol=1e-12)
    np.testing.assert_allclose(np.cos(np.pi * sol.error), sol.overlap, rtol=1e-12)


@pytest.mark.parametrize("theta", [0.0, np.pi / 2])
def test_where_the_rule_says_nothing_it_is_the_bayes_point(theta):
    """Nothing pruned, or pruned by a probe that knows nothing."""
    alpha = np.array([1e-3, 0.7, 3.0, 400.0, 1e6])
    f = 1.0 if theta == 0 else 0.3
    sol = pt.solve(alpha_prune=alpha, keep_fraction=f, theta=theta, **STUDENT)
    # the centre of the version space of random data: q = A, error arccos(sqrt q)/pi
    same = pt.solve(alpha_prune=alpha, keep_fraction=1.0, student="bayes_point")
    np.testing.assert_allclose(sol.error, same.error, rtol=2e-10)
    np.testing.assert_allclose(sol.entropy, same.entropy, rtol=1e-9)
    np.testing.assert_allclose(sol.information_gain, same.information_gain, rtol=1e-9)


def _free_entropy(x, alpha, f, q_of_x):
    """S at any x = ln q/V by SciPy, theta = 0; w given as edges and levels."""
    q, v = 1.0 / (1.0 + np.exp(-x)), 1.0 / (1.0 + np.exp(x))
    edges, levels = q_of_x

    def integrand(omega):
        z, entropy = 0.0, 0.0
        for (low, high), level in zip(edges, levels, strict=True):
            a, b = (low - omega) / np.sqrt(v), (high - omega) / np.sqrt(v)
            part = ndtr(b) - ndtr(a) if a < 0 else ndtr(-a) - ndtr(-b)
            z, entropy = z + level * part, entropy + level * np.log(level) * part
        plogp = z * np.log(z) if z > 0 else 0.0
        return norm.pdf(omega, scale=np.sqrt(q)) * (plogp - entropy)

    top = 9.0 * np.sqrt(q)
    points = [0.0, *(e for pair in edges for e in pair if 0 < e < top)]
    mean, _ = quad(integrand, -top, top, points=points, epsabs=1e-13, limit=400)
    return 0.5 * (np.log(v) + q) + 2.0 * alpha / f * mean


@pytest.mark.parametrize(
    ("rule", "f"),
    [("hard", 0.3), ("easy", 0.4), (pt.Mixture(0.6), 0.5)],
)
def test_stationary_point_of_the_free_entropy(rule, f):
    """theta = 0: S has its value, is largest, and its slope in alpha is -I."""
    alpha = 1.4
    sol = pt.solve(alpha_prune=alpha, keep_fraction=f, rule=rule, **STUDENT)
    with jax.enable_x64(True):
        cells = pt.resolve_rule(rule).cells(jnp.asarray(f))
        pieces = kept_pieces(cells, jnp.asarray(0.0), "absolute")
    n = cells.level.shape[0]
    w = np.asarray(pieces.ends)[:n], np.asarray(cells.level)
    x = np.log(sol.self_overlap / (1.0 - sol.self_overlap))
    h = 0.02
    at = {k: _free_entropy(x + k * h, alpha, f, w) for k in (-2, -1, 0, 1, 2)}
    assert at[0] == pytest.approx(float(sol.entropy), abs=1e-9)
    slope = (at[-2] - 8 * at[-1] + 8 * at[1] - at[2]) / (12 * h)
    assert abs(slope) < 1e-8
    others = [_free_entropy(y, alpha, f, w) for y in np.linspace(-4.0, 9.0, 14)]
    assert max(others) <= at[0]
    more = _free_entropy(x, alpha + 1.0, f, w)
    assert float(sol.information_gain) == pytest.approx(at[0] - more, rel=1e-8)


def test_saddle_point_with_the_probe_known():
    """theta > 0 by SciPy's double integral over (z, xi), absolute and signed hard."""
    alpha, f, theta = 1.3, 0.35, 0.5
    c, s = np.cos(theta), np.sin(theta)
    for margin in ("absolute", "signed"):
        at = {"theta": theta, "margin": margin}
        sol = pt.solve(alpha_prune=alpha, keep_fraction=f, **at, **STUDENT)
        gamma = float(pt.threshold(f, **at))
        low = -gamma if margin == "absolute" else -9.0
        q = (float(sol.self_overlap) - c * c) / (s * s)
        xi, weight = np.polynomial.hermite_e.hermegauss(80)
        weight = weight / np.sqrt(2.0 * np.pi)

        def averages(z, q=q, xi=xi, weight=weight):
            h = (z * c / s + np.sqrt(q) * xi) / np.sqrt(1.0 - q)
            right = ndtr(h)
            with np.errstate(divide="ignore", invalid="ignore"):
                square = np.where(right > 0, norm.pdf(h) ** 2 / right, 0.0)
                gain = np.where(right > 0, -right * np.log(right), 0.0)
            return norm.pdf(z) * np.array([weight @ square, weight @ gain])

        force, gain = (
            quad(lambda z, i=i: averages(z)[i], low, gamma, epsabs=1e-12)[0]
            for i in (0, 1)
        )
        assert q == pytest.approx(2.0 * alpha / f * force, rel=1e-7)
        assert float(sol.information_gain) == pytest.approx(2.0 / f * gain, rel=1e-7)
        expected = 0.5 * (np.log(1.0 - q) + q) + np.log(s) - alpha * 2.0 / f * gain
        assert float(sol.entropy) == pytest.approx(expected, rel=1e-7)
        root = np.sqrt(c * c + s * s * q)
        assert np.cos(np.pi * sol.error) == pytest.approx(root, rel=1e-12)
        assert float(sol.probe_overlap) == pytest.approx(c / root, rel=1e-12)


@pytest.mark.parametrize("theta", [0.0, 0.4])
@pytest.mark.parametrize("rule", ["hard", "easy"])
def test_no_student_is_better(theta, rule):
    """On a random grid: max-margin and the centre of the version space."""
    rng = np.random.default_rng(5)
    alpha, f = np.exp(rng.uniform([[-1], [-3]], [[4], [0]], (2, 24)))
    at = {"alpha_prune": alpha, "keep_fraction": f, "theta": theta, "rule": rule}
    best = pt.solve(**at, **STUDENT).error
    for student in ("max_margin", "bayes_point"):
        other = pt.solve(**at, student=student).error
        assert np.all(best < other * (1.0 + 1e-9)), student


def test_the_error_falls_as_examples_are_added():
    alpha = np.geomspace(1e-3, 1e6, 60)[:, None]
    f = np.array([1e-8, 1e-4, 0.1, 1.0])
    for rule in ("hard", "easy"):
        error = pt.solve(alpha_prune=alpha, keep_fraction=f, rule=rule, **STUDENT).error
        assert np.all(np.diff(error, axis=0) <= 0)
        assert np.all((error > 0) & (error <= 0.5))


@pytest.mark.parametrize("theta", [0.0, 0.5])
@pytest.mark.parametrize(
    ("rule", "margin"), [("hard", "signed"), (pt.Mixture(0.6), "absolute")]
)
def test_gradients_are_those_of_differences(theta, rule, margin):
    def quantities(alpha, f, angle):
        sol = pt.solve(
            alpha_prune=alpha, keep_fraction=f, theta=angle, rule=rule, margin=margin,
            **STUDENT,
        )  # fmt: skip
        return jnp.stack([sol.error, sol.entropy, sol.information_gain])

    at = np.array([1.7, 0.4, theta])
    with jax.enable_x64(True):
        exact = jax.jit(jax.jacfwd(quantities, (0, 1, 2)))(*at)
    for i in range(2 if theta == 0 else 3):
        h = 1e-3 * np.eye(3)[i]
        steps = np.stack([at + k * h for k in (-2, -1, 1, 2)])
        lower, low, high, higher = np.array(quantities(*steps.T)).T
        slope = (lower - 8 * low + 8 * high - higher) / (12 * 1e-3)
        np.testing.assert_allclose(exact[i], slope, rtol=3e-8, atol=1e-9)


def test_gradients_at_the_ends_of_the_ranges():
    """One-sided at f = 1 and theta = pi/2."""

    def error(f, theta):
        return pt.solve(
            alpha_prune=1.7, keep_fraction=f, theta=theta, margin="signed", **STUDENT
        ).error

    with jax.enable_x64(True):
        whole = jax.grad(error)(1.0, 0.0)
        by_angle = jax.grad(error, 1)(0.4, np.pi / 2)
    h = 1e-3
    below = [float(error(1.0 - k * 1e-5, 0.0)) for k in (0, 1)]
    assert whole == pytest.approx((below[0] - below[1]) / 1e-5, rel=1e-3)
    e = error(0.4, np.pi / 2 - h * np.arange(5))
    slope = (25 * e[0] - 48 * e[1] + 36 * e[2] - 16 * e[3] + 3 * e[4]) / (12 * h)
    assert by_angle == pytest.approx(slope, rel=1e-6)


def test_threshold_of_hard_examples():
    """f -> 0, theta = 0: the laws below, at and above alpha = 1."""
    f = 1e-5
    sol = pt.solve(alpha_prune=[0.5, 1.0, 1.5, 2.0, 30.0], keep_fraction=f, **STUDENT)
    q = np.pi * f**2 / (8 * (1 - 0.5)) * 0.5
    assert sol.self_overlap[0] == pytest.approx(q, rel=1e-6)
    a = bayes_limits.aligned_bayes_coefficient([1.5, 2.0, 30.0])
    np.testing.assert_allclose(sol.error[2:] / f, a, rtol=1e-6)
    assert a[2] == pytest.approx(bayes_limits.bayes_coefficient() / 60, rel=1e-3)
    close = bayes_limits.aligned_bayes_coefficient(1.0 + 1e-4)
    assert close == pytest.approx(1.0 / np.sqrt(24 * np.pi * 1e-4), rel=1e-4)
    at = pt.solve(alpha_prune=1.0, keep_fraction=1e-3, **STUDENT).self_overlap
    assert at / (1.0 - at) ** 2 == pytest.approx(3.0, rel=1e-4)


def test_coefficients_of_the_power_law():
    """C at theta = 0 counts every edge; at theta > 0 the density on the boundary."""
    alpha, f = 1e6, 0.4
    for rule in ("hard", "easy", pt.Mixture(0.6)):
        with jax.enable_x64(True):
            cells = pt.resolve_rule(rule).cells(jnp.asarray(f))
            pieces = kept_pieces(cells, jnp.asarray(0.0), "absolute")
        pieces = jax.tree.map(np.asarray, pieces)
        C = bayes_limits.aligned_power_law(f, bayes_limits.jumps_of(pieces))
        error = pt.solve(alpha_prune=alpha, keep_fraction=f, rule=rule, **STUDENT).error
        assert error * alpha == pytest.approx(C, rel=1e-5)
    theta = 0.4
    gamma = float(pt.threshold(f, theta=theta))
    C = bayes_limits.oblique_power_law(f, 2 * ndtr(gamma / np.sin(theta)) - 1)
    sol = pt.solve(alpha_prune=alpha, keep_fraction=f, theta=theta, **STUDENT)
    assert sol.error * alpha == pytest.approx(C, rel=1e-5)


def test_a_jump_between_two_maxima_of_the_free_entropy():
    """A few hard examples among random ones: S is continuous, its slope -I jumps."""
    alpha = np.linspace(3.7, 4.9, 241)
    sol = pt.solve(
        alpha_prune=alpha, keep_fraction=2e-4, rule=pt.Mixture(0.275), **STUDENT
    )
    jump = np.argmin(np.diff(np.log(sol.error)))
    assert sol.error[jump + 1] < 0.01 * sol.error[jump]
    step = np.diff(sol.entropy)
    gain = sol.information_gain
    mean = 0.5 * (gain[1:] + gain[:-1]) * np.diff(alpha)
    smooth = np.delete(step + mean, jump)
    assert np.max(np.abs(smooth)) < 1e-5
    # in between the slope is one or the other
    ends = np.sort(gain[[jump, jump + 1]]) * (alpha[1] - alpha[0])
    assert ends[0] < -step[jump] < ends[1]


def test_inside_transformations():
    with jax.enable_x64(True):

        def one(alpha):
            return pt.solve(alpha_prune=alpha, keep_fraction=0.3, **STUDENT)

        many = jax.jit(jax.vmap(one))(jnp.array([0.3, 2.0, -1.0]))
    eager = pt.solve(alpha_prune=[0.3, 2.0], keep_fraction=0.3, **STUDENT)
    np.testing.assert_allclose(many.error[:2], eager.error, rtol=1e-12)
    assert list(np.asarray(many.status)) == [0, 0, pt.Status.INVALID_INPUT]
    assert np.isnan(many.error[2])


def test_a_keep_probability_is_the_cells_it_describes():
    """A step given as a function, and at theta > 0 a smooth one by its limit."""
    f = 0.5
    gamma = float(pt.threshold(f))
    step = pt.KeepProbability(lambda z: 1.0 * (z < gamma), breakpoints=(gamma,))
    for theta in (0.0, 0.6):
        same = pt.solve(alpha_prune=1.5, keep_fraction=f, theta=theta, **STUDENT)
        sol = pt.solve(alpha_prune=1.5, rule=step, theta=theta, **STUDENT)
        for name in ("error", "entropy", "information_gain"):
            assert getattr(sol, name) == pytest.approx(getattr(same, name), rel=1e-8)
