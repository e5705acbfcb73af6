"""Label generator, truth and probe: errors against the truth.

The square loss has a closed form: with the second moments S and the mean b of the kept
examples in the plane of generator and probe, that of ridge regression with the
resolvent of Marchenko and Pastur.  Of label-agnostic pruning it is that of Dohmatob,
Pezeshki, Askari-Hemmat (arXiv 2511.03492), with their four scalars.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad, quad_vec
from scipy.optimize import brentq
from scipy.stats import norm

import perceptron_theory as pt

DEGREES = np.deg2rad([[30, 20, 40], [75, 30, 60], [20, 40, 55], [10, 90, 85]])


def _moments(theta, ends, aware):
    """f, b = E[y s] and S = E[s s^T] of the kept: |z| within ends, s = (u, v)."""
    c, s = np.cos(theta), np.sin(theta)

    def at(z):  # u given z is normal, cut off at 0
        k = c * z / s
        mass, edge = norm.cdf(k), norm.pdf(k)
        u = c * z * mass + s * edge
        uu = (c * c * z * z + s * s) * mass + c * s * z * edge
        v, uv = (z * mass - c * u) / s, (z * u - c * uu) / s
        vv = (z * z * mass - 2 * c * z * u + c * c * uu) / s**2
        return 2 * norm.pdf(z) * np.array([mass, u, v, uu, uv, vv])

    found, _ = quad_vec(at, *ends, epsabs=0, epsrel=1e-12)
    if not aware:
        found = found + quad_vec(at, -ends[1], -ends[0], epsabs=1e-15, epsrel=1e-12)[0]
    f, u, v, uu, uv, vv = found
    return f, np.array([u, v]) / f, np.array([[uu, uv], [uv, vv]]) / f


def _closed_form(three, alpha, ridge, ends, aware):
    """The error against the truth of ridge regression on what is kept, and f."""
    label, probe, theta = three
    f, b, second = _moments(theta, ends, aware)
    step = brentq(lambda v: v * (ridge + alpha / (1 + v)) - 1, 0, 1 / ridge)
    load = alpha / (1 + step)
    w = np.linalg.solve(ridge * np.eye(2) + load * second, load * b)
    lost = 1 - 2 * w @ b + w @ second @ w
    echo = alpha * (step / (1 + step)) ** 2
    square = w @ w + echo * lost / (1 - echo)
    beside = (np.cos(probe) - np.cos(theta) * np.cos(label)) / np.sin(theta)
    truth = np.array([np.cos(label), beside])
    return f, np.arccos(w @ truth / np.sqrt(square)) / np.pi


def _dohmatob(three, phi, ridge, ends):
    """Their arccos(m_0/sqrt(nu_0))/pi, label-agnostic; |Xw - y|^2/n + ridge |w|^2."""
    label, probe, theta = three
    rho, tau = np.cos(theta), 1 / np.tan(theta)

    def mean(f):
        return 2 * quad(f, *ends, epsabs=0, epsrel=1e-12, limit=200)[0]

    p = mean(norm.pdf)
    gamma = mean(lambda g: norm.pdf(g) * g * g)
    beta = 2 * mean(lambda g: norm.pdf(g) * norm.pdf(tau * g))
    tilde = 2 * mean(lambda g: norm.pdf(g) * (norm.cdf(tau * g) - 0.5) * g)

    def parts(ridge):
        m = brentq(lambda m: m * (ridge + p / (1 + phi * m)) - 1, 0, 1 / ridge)
        m_tilde = 1 / (ridge + gamma / (1 + phi * m))
        return np.array([m, beta**2 * m + tilde**2 * m_tilde, m_tilde])

    m, r, m_tilde = parts(ridge)
    h = 1e-4 * ridge
    weights = np.array([1, -8, 8, -1]) / (12 * h)
    slopes = [parts(ridge + k * h) for k in (-2, -1, 1, 2)]
    m_prime, r_prime, _ = -weights @ np.array(slopes)
    beside = (np.cos(label) - rho * np.cos(probe)) / np.sin(theta)
    m_0 = beta * m * beside + tilde * m_tilde * np.cos(probe)
    nu = p * phi * m_prime + r_prime - 2 * phi * m_prime * r / (1 + phi * m)
    return np.arccos(m_0 / np.sqrt(nu)) / np.pi


def _ends(lower, upper):
    """Of |z|, between two quantiles."""
    low, high = (norm.isf((1 - q) / 2) if q < 1 else 30.0 for q in (lower, upper))
    return low, high


def test_square_loss_of_dohmatob_pezeshki_askari_hemmat_with_a_generator_of_labels():
    lower, f = np.array([0.0, 0.6, 0.3, 0.0]), np.array([0.4, 0.4, 0.5, 1.0])
    ridge, phi = np.array([0.1, 0.03, 0.5, 0.2]), np.array([0.5, 0.2, 0.9, 0.4])
    three = pt.ThreeDirections(*DEGREES.T)
    found = pt.solve_convex(
        alpha_tot=1 / phi,
        keep_fraction=f,
        theta=three.between,
        rule=pt.Window(lower),
        loss="square",
        ridge=ridge / phi,
    ).error_against(three)
    for i, angles in enumerate(DEGREES):
        ends = _ends(lower[i], lower[i] + f[i])
        theirs = _dohmatob(angles, phi[i], ridge[i], ends)
        np.testing.assert_allclose(found[i], theirs, rtol=1e-8)
        _, own = _closed_form(angles, f[i] / phi[i], ridge[i] / phi[i], ends, False)
        np.testing.assert_allclose(found[i], own, rtol=1e-9)


@pytest.mark.parametrize("rule", ["hard", "easy", "random", "window", "all"])
@pytest.mark.few(1)
def test_square_loss_with_label_aware_keeping(rule):
    alpha, ridge = 2.0, 0.3
    for angles in DEGREES[:2]:
        theta = angles[2]
        # by ends of the margin, whose kept part is then the keep fraction
        ends = {"hard": (0.0, 0.5), "easy": (0.8, 30.0), "window": (0.3, 1.1)}
        f, expected = _closed_form(angles, alpha, ridge, ends.get(rule, (0, 30)), True)
        below, _ = _closed_form(angles, 1.0, 1.0, (0.0, 0.3), True)
        agree = 1 - theta / np.pi
        within = rule
        how = {"keep_fraction": f}
        if rule == "random":  # some of all that agree are like all of fewer
            how = {"keep_fraction": 0.3}
        elif rule == "window":
            within = pt.Window(below / agree)
        elif rule == "all":
            within, how = pt.KeepProbability(jnp.ones_like), {}
        found = pt.solve_convex(
            alpha_prune=alpha,
            theta=theta,
            rule=pt.Agreeing(within),
            loss="square",
            ridge=ridge,
            **how,
        )
        against = found.error_against(pt.ThreeDirections(*angles))
        np.testing.assert_allclose(against, expected, rtol=1e-8)
        if rule == "all":
            np.testing.assert_allclose(found.keep_fraction, agree, rtol=1e-9)


def test_a_generator_that_is_the_truth_has_the_old_digits():
    theta = np.array([0.0, 1e-6, 0.3, 1.2, np.pi / 2])
    how = {"alpha_prune": 3.0, "keep_fraction": 0.4, "theta": theta, "rule": "easy"}
    same = pt.ThreeDirections(0.0, theta, theta)
    found = pt.solve(**how)
    np.testing.assert_allclose(found.error_against(same), found.error, rtol=4e-16)
    convex = pt.solve_convex(**how, loss="hinge", ridge=0.1)
    np.testing.assert_allclose(convex.error_against(same), convex.error, rtol=4e-16)


def test_a_probe_that_is_the_generator_only_shrinks_the_cosine():
    label = np.array([0.0, 0.2, 1.5, np.pi])
    three = pt.ThreeDirections(label, label, 0.0)
    found = pt.solve(alpha_prune=3.0, keep_fraction=0.4)
    cosine = found.overlap * np.cos(label)
    error = found.error_against(three)
    np.testing.assert_allclose(error, np.arccos(cosine) / np.pi, rtol=1e-13)
    # a truth that is the probe itself
    found = pt.solve(alpha_prune=3.0, keep_fraction=0.4, theta=0.7)
    error = found.error_against(pt.ThreeDirections(0.7, 0.0, 0.7))
    expected = np.arccos(found.probe_overlap) / np.pi
    np.testing.assert_allclose(error, expected, rtol=1e-13)


def test_a_small_angle_keeps_its_digits():
    three = pt.ThreeDirections(3e-4, 4e-4, 5e-4)  # a right angle between two sides
    found = pt.solve(alpha_prune=1e5, keep_fraction=1.0, theta=5e-4, rule="random")
    angle = np.pi * found.error
    # random pruning: nothing leads out of the generator's direction systematically
    expected = np.hypot(angle, 3e-4) / np.pi
    np.testing.assert_allclose(found.error_against(three), expected, rtol=1e-7)


@pytest.mark.parametrize(
    ("angles", "message"),
    [
        ((0.1, 0.1, 0.3), r"between must lie in \[0, 0.2\]"),
        ((0.5, 0.1, 0.3), r"between must lie in \[0.4, 0.6\]"),
        ((3.0, 3.0, 0.5), r"between must lie in \[0, 0.283185\]"),
        ((4.0, 0.1, 0.3), r"label_angle must be in \[0, pi\]"),
        ((0.1, -0.1, 0.3), r"probe_angle must be in \[0, pi\]"),
        ((30.0, 20.0, 30.0), r"label_angle must be in \[0, pi\] radians"),
        ((0.3, 0.3, 2.0), r"between must be in \[0, pi/2\]"),
        ((0.3, [0.3, 0.2], [0.1, 0.2, 0.3]), "do not broadcast"),
        ((0.3, None, 0.3), "probe_angle must be a real number"),
    ],
)
def test_angles_that_no_directions_have(angles, message):
    with pytest.raises(pt.InputError, match=message):
        pt.ThreeDirections(*angles)


def test_what_does_not_belong_together_is_refused():
    found = pt.solve(alpha_prune=3.0, keep_fraction=0.4, theta=0.7)
    with pytest.raises(pt.InputError, match="another angle"):
        found.error_against(pt.ThreeDirections(0.1, 0.1, 0.1))
    with pytest.raises(pt.InputError, match="ThreeDirections, got float"):
        found.error_against(0.3)  # type: ignore[arg-type]
    inputs = pt.Inputs.power_law(20, 1.0, theta=0.7)
    found = pt.solve_convex(
        alpha_prune=3.0, keep_fraction=0.4, ridge=1.0, inputs=inputs
    )
    with pytest.raises(pt.InputError, match="not isotropic"):
        found.error_against(pt.ThreeDirections(0.5, 0.5, 0.7))
    # in the plane of both the field of the truth is one of theirs
    error = found.error_against(pt.ThreeDirections(0.3, 0.4, 0.7))
    a, b = found.fields
    cosine = (a * np.cos(0.3) + b * np.sin(0.3)) / found.norm
    np.testing.assert_allclose(error, np.arccos(cosine) / np.pi, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("aware", [False, True])
def test_the_gradient_is_exact(aware):
    rule = pt.Agreeing("easy") if aware else "hard"

    def error(load, label, probe, theta, ridge):
        found = pt.solve_convex(
            alpha_prune=load,
            keep_fraction=0.4,
            theta=theta,
            rule=rule,
            loss="logistic",
            ridge=ridge,
        )
        return found.error_against(pt.ThreeDirections(label, probe, theta))

    at = np.array([2.0, 0.5, 0.4, 0.6, 0.1])
    with jax.enable_x64(True):
        gradient = np.array(jax.grad(error, (0, 1, 2, 3, 4))(*at))
    steps = 1e-3 * np.array([-2, -1, 1, 2])
    slopes = []
    for i in range(5):
        moved = [np.full(4, x) for x in at]
        moved[i] = moved[i] + steps
        slopes.append(np.array([1, -8, 8, -1]) @ error(*moved) / 12e-3)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6)
