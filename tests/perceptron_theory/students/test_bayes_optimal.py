"""The student that knows the rule, against independent results and other students."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr
from scipy.stats import norm

import perceptron_theory as pt
from perceptron_theory.kept.thresholds import kept_pieces
from perceptron_theory.students.bayes_optimal import limits as bayes_limits

STUDENT = {"student": "bayes_optimal"}
HARD = pt.Window(0.0)  # by one class, which is compiled once


def easy(f):
    return pt.Window(1.0 - np.asarray(f))


def solve(alpha, f=None, rule=HARD, **options):
    """At several loads, for one compiled shape."""
    alpha = np.atleast_1d(alpha)
    if alpha.size == 1:
        alpha = np.repeat(alpha, 2)
    return pt.solve(alpha_prune=alpha, keep_fraction=f, rule=rule, **options, **STUDENT)


def test_values_of_the_notes():
    """The threshold at alpha = 1 of the hard rule, f = 0.01."""
    sol = solve([0.9, 1.1], 0.01)
    assert isinstance(sol, pt.VersionSpace)
    np.testing.assert_allclose(sol.self_overlap, [3.532e-4, 0.99987], rtol=1e-4)
    np.testing.assert_allclose(sol.overlap, np.sqrt(sol.self_overlap), rtol=1e-12)
    np.testing.assert_allclose(np.cos(np.pi * sol.error), sol.overlap, rtol=1e-12)


@pytest.mark.parametrize("theta", [0.0, np.pi / 2])
def test_where_the_rule_says_nothing_it_is_the_bayes_point(theta):
    """Nothing pruned, or pruned by a probe that knows nothing."""
    alpha = np.array([1e-3, 0.7, 3.0, 400.0, 1e6])
    f = 1.0 if theta == 0 else 0.3
    sol = solve(alpha, f, theta=theta)
    same = pt.solve(alpha_prune=alpha, keep_fraction=1.0, student="bayes_point")
    q = same.self_overlap
    np.testing.assert_allclose(sol.error, same.error, rtol=1e-8)
    np.testing.assert_allclose(sol.self_overlap, q, rtol=1e-8)
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


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("rule", "f"),
    [(HARD, 0.3), (easy(0.4), 0.4), (pt.Mixture(0.6), 0.5)],
)
def test_stationary_point_of_the_free_entropy(rule, f):
    """theta = 0: S has its value, is largest, and its slope in alpha is -I."""
    alpha = 1.4
    sol = solve(alpha, f, rule)
    with jax.enable_x64(True):
        cells = pt.resolve_rule(rule).cells(jnp.asarray(f))
        pieces = kept_pieces(cells, jnp.asarray(0.0), "absolute")
    n = cells.level.shape[0]
    w = np.asarray(pieces.ends)[:n], np.asarray(cells.level)
    q = float(sol.self_overlap[0])
    x = np.log(q / (1.0 - q))
    h = 0.02
    at = {k: _free_entropy(x + k * h, alpha, f, w) for k in (-2, -1, 0, 1, 2)}
    assert at[0] == pytest.approx(float(sol.entropy[0]), abs=1e-9)
    slope = (at[-2] - 8 * at[-1] + 8 * at[1] - at[2]) / (12 * h)
    assert abs(slope) < 1e-8
    others = [_free_entropy(y, alpha, f, w) for y in np.linspace(-4.0, 9.0, 14)]
    assert max(others) <= at[0]
    more = _free_entropy(x, alpha + 1.0, f, w)
    assert float(sol.information_gain[0]) == pytest.approx(at[0] - more, rel=1e-8)


@pytest.mark.slow
def test_saddle_point_with_the_probe_known():
    """theta > 0 by SciPy's double integral over (z, xi), absolute and signed hard."""
    alpha, f, theta = 1.3, 0.35, 0.5
    c, s = np.cos(theta), np.sin(theta)
    for margin in ("absolute", "signed"):
        at = {"theta": theta, "margin": margin}
        sol = jax.tree.map(lambda y: y[0], solve(alpha, f, **at))
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
def test_no_student_is_better(theta):
    """On a random grid: max-margin, Gibbs and the centre of the version space."""
    rng = np.random.default_rng(5)
    alpha, f = np.exp(rng.uniform([[-1], [-3]], [[4], [0]], (2, 24)))
    best = solve(alpha, f, theta=theta).error * (1.0 - 1e-9)
    at = {"alpha_prune": alpha, "keep_fraction": f, "theta": theta}
    gibbs = pt.solve(**at, student="gibbs")
    A = gibbs.overlap
    centre = np.arctan2(np.sqrt(gibbs.self_overlap - A**2), A) / np.pi
    assert np.all(best < pt.solve(**at).error)
    assert np.all(best < centre)
    assert np.all(centre < gibbs.error)


def test_the_error_falls_as_examples_are_added():
    alpha = np.geomspace(1e-3, 1e6, 60)[:, None]
    f = np.array([1e-8, 1e-4, 0.1, 1.0])
    for rule in (HARD, easy(f)):
        error = solve(alpha, f, rule).error
        assert np.all(np.diff(error, axis=0) <= 0)
        assert np.all((error > 0) & (error <= 0.5))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("theta", "rule", "margin"),
    [
        (0.0, pt.Mixture(0.6), "absolute"),
        pytest.param(0.5, HARD, "signed", marks=pytest.mark.slow),
    ],
)
def test_gradients_are_those_of_differences(theta, rule, margin):
    """Under jit and vmap, with one point that is not valid."""

    def quantities(at):
        sol = pt.solve(
            alpha_prune=at[0],
            keep_fraction=at[1],
            theta=at[2] if theta else 0.0,
            rule=rule,
            margin=margin,
            **STUDENT,
        )
        values = sol.error, sol.entropy, sol.information_gain
        return jnp.stack(values), (jnp.stack(values), sol.status)

    both = jax.jit(jax.vmap(jax.jacfwd(quantities, has_aux=True)))
    h, at = 1e-3, np.array([1.7, 0.4, theta])
    steps = np.array([-2, -1, 1, 2])[:, None, None] * h * np.eye(3)
    points = np.concatenate([at + steps.reshape(-1, 3), [at, [-1.0, 0.4, theta]]])
    # at the ends of the ranges, one-sided
    ends = at + h * np.array([[0.0, 0.0, -k] for k in range(5)])
    ends[:, 2] += np.pi / 2 - theta
    points = np.concatenate([points, ends, [[1.7, 1.0, theta], [1.7, 1 - 1e-5, theta]]])
    with jax.enable_x64(True):
        exact, (values, status) = map_arrays(both(points))
    assert status[13] == pt.Status.INVALID_INPUT and np.isnan(values[13, 0])
    near = values[:12].reshape(4, 3, 3)  # step, input, quantity
    slope = (near[0] - 8 * near[1] + 8 * near[2] - near[3]) / (12 * h)
    count = 3 if theta else 2
    np.testing.assert_allclose(exact[12].T[:count], slope[:count], rtol=1e-7, atol=1e-9)
    whole = (values[19] - values[20]) / 1e-5
    np.testing.assert_allclose(exact[19][0, 1], whole[0], rtol=2e-3, atol=1e-5)
    if theta:
        e = values[14:19, 0]
        slope = (25 * e[0] - 48 * e[1] + 36 * e[2] - 16 * e[3] + 3 * e[4]) / (12 * h)
        assert exact[14][0, 2] == pytest.approx(slope, rel=1e-6)


def map_arrays(tree):
    return jax.tree.map(np.asarray, tree)


def _misfit(x, alpha, f):
    """Ln q - ln(2 alpha/f E[D^2/Z]) of the hard rule at x = ln q/V, in 40 digits."""
    mp = mpmath.mp.clone()
    mp.dps = 40
    q = 1 / (1 + mp.exp(-x))
    root, ratio = mp.sqrt(q), mp.sqrt(q / (1 - q))
    edge = mp.sqrt(2) * mp.erfinv(mp.mpf(f)) / mp.sqrt(1 - q)

    def one(h):
        seen = mp.ncdf(edge - h) - mp.ncdf(-h)
        return mp.npdf(h, 0, ratio) * (mp.npdf(h) - mp.npdf(edge - h)) ** 2 / seen

    ends = {c + k * root for c in (mp.mpf(0), q * edge) for k in (-12, -6, -2, 0, 2)}
    ends |= {q * edge + k * root for k in (6, 12)}
    force = mp.quad(one, sorted(ends))
    return mp.log(q) - mp.log(2 * mp.mpf(alpha) / mp.mpf(f) * force)


@pytest.mark.slow
@pytest.mark.parametrize(("f", "off"), [(1e-6, 1e-12), (1e-8, 1e-9), (1e-7, -1e-13)])
def test_next_to_the_threshold_against_forty_digits(f, off):
    """The root lies between x - 1e-9 and x + 1e-9."""
    alpha = 1.0 + off
    error = float(solve(alpha, f).error[0])
    x = -2 * mpmath.log(mpmath.tan(mpmath.pi * mpmath.mpf(error)))
    assert _misfit(x - 1e-9, alpha, f) < 0 < _misfit(x + 1e-9, alpha, f)


def test_every_point_next_to_the_threshold_is_solved():
    """The error passes 1/4 at alpha = 1, within a width f^2."""
    rng = np.random.default_rng(0)
    f = 10 ** rng.uniform(-8, -5, 200)
    off = rng.choice([-1, 1], 200) * 10 ** rng.uniform(-16, -3, 200)
    sol = pt.solve(alpha_prune=1 + off, keep_fraction=f, throw=False, **STUDENT)
    assert (sol.status == pt.Status.CONVERGED).all()
    width = (np.asarray(sol.alpha_prune) - 1) / f**2  # as rounded
    order = np.argsort(width)
    # one falling curve
    assert (np.diff(sol.error[order]) < 1e-6).all()
    at_one = solve(np.ones(3), [1e-5, 1e-7, 1e-8]).error
    np.testing.assert_allclose(at_one, 0.25, rtol=1e-9)


@pytest.mark.parametrize("margin", ["absolute", "signed"])
def test_the_error_is_in_proportion_to_the_smallest_angles(margin):
    theta = np.array([1e-6, 1e-149, 1e-151, 1e-289])
    sol = solve(np.full(4, 3.0), 0.3, theta=theta, margin=margin)
    ratio = sol.error / theta
    np.testing.assert_allclose(ratio, ratio[1], rtol=1e-5)


def test_angles_whose_error_is_hardly_a_number_are_refused():
    for theta in (1e-291, 5e-324):
        with pytest.raises(pt.InputError, match=r"theta must be 0, or 1e-290 or more"):
            solve(3.0, 0.3, theta=theta)
    assert (solve(3.0, 0.3, theta=0.0).error > 0).all()


def test_threshold_of_hard_examples():
    """f -> 0, theta = 0: the laws below, at and above alpha = 1."""
    f = 1e-5
    sol = solve([0.5, 1.0, 1.5, 2.0, 30.0], f)
    q = np.pi * f**2 / (8 * (1 - 0.5)) * 0.5
    assert sol.self_overlap[0] == pytest.approx(q, rel=1e-6)
    a = bayes_limits.aligned_bayes_coefficient([1.5, 2.0, 30.0])
    np.testing.assert_allclose(sol.error[2:] / f, a, rtol=1e-6)
    assert a[2] == pytest.approx(bayes_limits.bayes_coefficient() / 60, rel=1e-3)
    law = pt.aligned_limit([0.5, 1.5, 2.0, 30.0], student="bayes_optimal")
    np.testing.assert_array_equal(law.coefficient[1:], a)
    np.testing.assert_array_equal(law.limit, [0.5, 0, 0, 0])
    below = (sol.error[0] - 0.5) / f
    assert below == pytest.approx(law.coefficient[0], rel=1e-4)
    with pytest.raises(pt.InputError, match="goes to 1/4"):
        pt.aligned_limit(1.0, student="bayes_optimal")
    close = bayes_limits.aligned_bayes_coefficient(1.0 + 1e-4)
    assert close == pytest.approx(1.0 / np.sqrt(24 * np.pi * 1e-4), rel=1e-4)
    assert solve(1.0, 1e-3).error[0] == pytest.approx(0.25, rel=1e-3)


@pytest.mark.slow
def test_coefficients_of_the_power_law():
    """C at theta = 0 counts every edge; at theta > 0 the density on the boundary."""
    alpha, f = 1e6, 0.4
    known = {"student": "bayes_optimal"}
    for rule in (HARD, easy(f), pt.Mixture(0.6)):
        C = pt.power_law_coefficient(f, rule=rule, **known)
        error = solve(alpha, f, rule).error[0]
        assert error * alpha == pytest.approx(C, rel=1e-5)
    gamma = float(pt.threshold(f))
    step = pt.KeepProbability(lambda z: 1.0 * (z < gamma), breakpoints=(gamma,))
    same = pt.power_law_coefficient(rule=step, **known)
    assert same == pytest.approx(pt.power_law_coefficient(f, **known), rel=1e-9)
    sol = solve(alpha, f, theta=0.4)
    C = pt.power_law_coefficient(f, 0.4, **known)
    assert sol.error[0] * alpha == pytest.approx(C, rel=1e-5)
    # the labels tell of the boundary even where the signed rule keeps one side only
    assert np.isfinite(pt.power_law_coefficient(0.1, 0.4, margin="signed", **known))


@pytest.mark.slow
def test_a_jump_between_two_maxima_of_the_free_entropy():
    """A few hard examples among random ones: S is continuous, its slope -I jumps."""
    alpha = np.linspace(3.7, 4.9, 241)
    sol = solve(alpha, 2e-4, pt.Mixture(0.275))
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


@pytest.mark.slow
def test_a_keep_probability_is_the_cells_it_describes():
    """A step given as a function."""
    f = 0.5
    gamma = float(pt.threshold(f))
    step = pt.KeepProbability(lambda z: 1.0 * (z < gamma), breakpoints=(gamma,))
    for theta in (0.0, 0.6):
        same, sol = solve(1.5, f, theta=theta), solve(1.5, None, step, theta=theta)
        for name in ("error", "entropy", "information_gain"):
            np.testing.assert_allclose(
                getattr(sol, name), getattr(same, name), rtol=1e-8
            )
