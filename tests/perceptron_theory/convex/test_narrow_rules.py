"""Nearly like examples, which reach the kink of a loss at once."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import norm

import perceptron_theory as pt
from perceptron_theory.convex.equations import evaluate_at
from perceptron_theory.convex.kink import mended
from perceptron_theory.convex.pulls import FINE, unknowns_of, with_slack
from perceptron_theory.convex.student import Convex
from perceptron_theory.kept.problem import Inputs, Mode
from perceptron_theory.rules.names import resolve_rule
from perceptron_theory.students.state import Point

F = np.array([2.63e-8, 6.15e-5, 1e-7])
WINDOWS: Any = {
    "alpha_prune": np.array([31.2, 1776.0, 500.0]),
    "keep_fraction": F,
    "rule": pt.Window(np.array([0.7325, 0.4547, 0.3]) * (1 - F)),
}


@pytest.mark.slow
@pytest.mark.parametrize("theta", [0.0, 0.12])
def test_the_hinge_of_a_small_ridge_is_the_max_margin_student(theta):
    """Which is solved by other equations; A/r is up to 1e9."""
    found = pt.solve_convex(loss="hinge", ridge=1e-8, theta=theta, **WINDOWS)
    same = pt.solve(theta=theta, **WINDOWS)
    np.testing.assert_allclose(found.error, same.error, rtol=1e-9)


@pytest.mark.slow
def test_the_easiest_few_of_large_loads_are_solved():
    """Their margins under each other are large: far from the ridge's own scale."""
    easy: Any = {
        "alpha_prune": np.array([5.35, 4725.0, 410886.0, 925251.0]),
        "keep_fraction": np.array([4.1e-8, 3.2e-6, 6.8e-7, 1.2e-8]),
        "rule": "easy",
    }
    found = pt.solve_convex(loss="hinge", ridge=1e-7, **easy)
    same = pt.solve(**easy)
    np.testing.assert_allclose(found.error, same.error, rtol=1e-9)


@pytest.mark.slow
def test_the_weight_across_the_probe_is_no_finer_than_a_far_from_the_kink():
    """At f = 6.9e-6 the path was left: each step of w was taken for a great one.

    The student lies along the probe, so that its equations are plain sums over z and
    the noise: q = max(0, 1 - P z - r xi) V/(1 + V), alpha E[q^2] = r^2, alpha E[q z] =
    lambda V P, alpha V/(1 + V) Pr[q > 0] = 1 - lambda V.
    """
    alpha, f, theta, ridge = 460167.04, 6.8512e-6, 0.41348, 2.73042
    given: Any = {"alpha_prune": alpha, "keep_fraction": f, "theta": theta}
    found = pt.solve_convex(rule="easy", loss="squared_hinge", ridge=ridge, **given)
    (A, B, r), V = (float(x) for x in found.weights), float(found.response)
    P, gamma = np.hypot(A, B), -ndtri(f / 2)
    assert A * np.sin(theta) == pytest.approx(B * np.cos(theta), rel=1e-12)
    past = (np.arange(4000) + 0.5) / 4000 * (1 / P - gamma + 8 * r / P)
    z, xi = (gamma + past)[:, None], np.linspace(-8, 8, 401)
    density = np.full_like(z, past[1] - past[0]) * norm.pdf(z) / (f / 2)
    mass = density * norm.pdf(xi) * (xi[1] - xi[0])
    short = np.maximum(0.0, (1 - P * gamma) - P * past[:, None] - r * xi)
    pull = short * V / (1 + V)
    assert alpha * np.sum(mass * pull**2) == pytest.approx(r**2, rel=1e-5)
    assert alpha * np.sum(mass * pull * z) == pytest.approx(ridge * V * P, rel=1e-5)
    moved = alpha * V / (1 + V) * np.sum(mass * (short > 0))
    assert moved == pytest.approx(1 - ridge * V, rel=1e-3)


@pytest.mark.slow
def test_wrong_labels_pull_from_the_other_side_of_the_kink():
    """By plain sums over the window, where u is uniform, and the noise.

    With t the slack of a right example in units of r and K = V/r, q = clip(t - xi, 0,
    K); of a wrong one q = K.  alpha E[q^2] = 1, alpha E[q u] = lambda K A.
    """
    alpha, f, share, p, ridge = 50.0, 1e-7, 0.6, 0.1, 5.0
    rule, given = pt.Window(share * (1 - f)), {"keep_fraction": f, "loss": "hinge"}
    options: Any = {**given, "rule": rule, "flip_probability": p, "ridge": ridge}
    found = pt.solve_convex(alpha_prune=alpha, **options)
    A, _, r = (float(x) for x in found.weights)
    z = ndtri(0.5 + 0.5 * share * (1 - f))
    size = f / (2 * norm.pdf(z))
    xi, u = np.linspace(-9, 9, 4001), (np.arange(1000) + 0.5) / 1000 * size
    weight = norm.pdf(xi) * (xi[1] - xi[0]) / u.size
    width, t = float(found.response) / r, (1 - A * z) / r - A / r * u[:, None]
    pull = np.clip(t - xi, 0, width)
    right, square = np.sum(pull @ weight), np.sum(pull**2 @ weight)
    assert alpha * ((1 - p) * square + p * width**2) == pytest.approx(1, rel=1e-4)
    force = alpha * ((1 - p) * right - p * width) * z
    assert force == pytest.approx(ridge * width * A, rel=1e-4)


BESIDE: Any = {
    "keep_fraction": 3.5001503737643214e-07,
    "theta": 0.2294983287401982,
    "flip_probability": 0.08108596632864264,
}


@pytest.mark.parametrize(
    ("load", "ridge"), [(93373.93394379815, 1.719670899097353e-08), (3e7, 1e-12)]
)
def test_next_to_the_boundary_of_the_probe_its_weight_is_not_a_difference(load, ridge):
    """The square loss in closed form, with z along the probe and y across.

    They are uncorrelated, E[z^2] is 6e-14 and E[label z] as small, and yet the weight
    along the probe is of order one.
    """
    f, theta, p = BESIDE.values()
    found = pt.solve_convex(alpha_prune=load, loss="square", ridge=ridge, **BESIDE)
    gamma, slope = f * np.sqrt(np.pi / 2), 1 / np.tan(theta)
    square, net = gamma**2 / 3, (1 - 2 * p) * 2 * norm.pdf(0)
    step = (1 - ridge) / (load - 1)  # V, but for ridge/load^2
    pull = load / (1 + step)
    along = pull * net * slope * square / (ridge + pull * square)
    across = pull * net / (ridge + pull)
    miss = 1 - 2 * along * net * slope * square - 2 * across * net
    miss += along**2 * square + across**2
    part = load * (step / (1 + step)) ** 2
    noise = part * miss / (1 - part)
    teacher = along * np.cos(theta) + across * np.sin(theta)
    other = np.hypot(along * np.sin(theta) - across * np.cos(theta), np.sqrt(noise))
    # E[label z] is a sum of +-1e-7 that leaves 1e-14: its rounding is 2e-10 of it
    error = np.arctan2(other, teacher) / np.pi
    assert float(found.error) == pytest.approx(error, rel=5e-9)


def test_nearly_equal_margins_are_fitted_to_rounding_by_the_square_loss():
    """All z are z0: 1 - P z0 = lambda/(lambda + k z0^2), and its square is rounding."""
    load, f, ridge = 1.734677794510056, 1.1075721457944176e-08, 3.688185730843238e-08
    share, theta = 0.4241870088269786, 0.00010804702899917133
    rule = pt.Window(share * (1 - f))
    given: Any = {"keep_fraction": f, "theta": theta, "rule": rule, "ridge": ridge}
    found = pt.solve_convex(alpha_prune=load, loss="square", **given)
    (A, B, r), V = (float(x) for x in found.weights), float(found.response)
    # f is the difference of two thresholds: its rounding is 1e-8 of it
    assert ridge * V + load * V / (1 + V) == pytest.approx(1, rel=3e-8)
    z = ndtri(0.5 + 0.5 * share * (1 - f))
    pull, part = load / (1 + V), load * (V / (1 + V)) ** 2
    off = ridge / (ridge + pull * z * z)
    assert np.hypot(A, B) == pytest.approx((1 - off) / z, rel=5e-8)
    spread = f / (2 * norm.pdf(z)) / np.sqrt(12) * (1 - off) / z
    noise = np.sqrt(part / (1 - part)) * np.hypot(off, spread)
    assert r == pytest.approx(noise, rel=1e-5)
    error = np.hypot(theta, r / np.hypot(A, B)) / np.pi
    assert float(found.error) == pytest.approx(error, rel=1e-8)


@pytest.mark.slow
def test_next_to_the_boundary_the_logistic_loss_has_its_digits():
    """By plain sums: with C the field across and P that along the probe, see above.

    At the kept margins z is nothing beside y: M = C y + r xi for all of them, and the
    force along the probe is E[q z] to first order in z.
    """
    load, ridge = 93373.93394379815, 1.719670899097353e-08
    f, theta, p = BESIDE.values()
    found = pt.solve_convex(alpha_prune=load, loss="logistic", ridge=ridge, **BESIDE)
    (A, B, r), V = (float(x) for x in found.weights), float(found.response)
    c, s = np.cos(theta), np.sin(theta)
    along, across = A * c + B * s, A * s - B * c
    y, xi = np.linspace(0, 9, 3001), np.linspace(-9, 9, 1501)
    y, weight = 0.5 * (y[1:] + y[:-1]), 2 * norm.pdf(0.5 * (y[1:] + y[:-1])) * (y[1])
    cloud = norm.pdf(xi) * (xi[1] - xi[0])
    square, force, bent = 0.0, 0.0, 0.0
    for label, part in ((1.0, 1 - p), (-1.0, p)):
        margin = label * across * y[:, None] + r * xi
        pull = np.zeros_like(margin)
        for _ in range(60):
            past = 1 / (1 + np.exp(margin + pull))
            pull -= (pull - V * past) / (1 + V * past * (1 - past))
        slope = V * past * (1 - past) / (1 + V * past * (1 - past))
        square += part * weight @ (pull**2 @ cloud)
        force += part * label * weight @ ((pull @ cloud) * y)
        bent += part * weight @ (slope @ cloud)
    assert load * square == pytest.approx(r**2, rel=1e-5)
    assert load * force == pytest.approx(
        ridge * V * across, rel=1e-3, abs=1e-3 * load * V
    )
    assert load * bent == pytest.approx(1 - ridge * V, rel=1e-5)
    # E[q z]: z^2 (cot(theta) E[label q at y = 0] 2 phi(0) - E[slope] along)
    edge = 0.0
    for label, part in ((1.0, 1 - p), (-1.0, p)):
        pull = np.zeros_like(xi)
        for _ in range(60):
            past = 1 / (1 + np.exp(r * xi + pull))
            pull -= (pull - V * past) / (1 + V * past * (1 - past))
        edge += part * label * pull @ cloud
    square = f**2 * np.pi / 6
    force = load * square * (2 * norm.pdf(0) * edge * c / s - bent * along)
    assert force == pytest.approx(ridge * V * along, rel=1e-4)


# where steps of a great weight across the probe were taken for too long, and where few
# examples pull the right way (residuals of all of their size, steps that are short)
LOST: list[Any] = [
    ("squared_hinge", "hard", (216.18503523642943, 2.82e-08, 0.010435, 9397.8), 0.0),
    ("squared_hinge", "hard", (90.21931926436778, 3.0879e-07, 0.25277, 31.9766), 0.0),
    ("hinge", pt.Mixture(0.14904), (35.589, 3.8905e-4, 1.7345e-3, 2.6943e-7), 0.387066),
]


@pytest.mark.slow
@pytest.mark.parametrize(("loss", "rule", "at", "flips"), LOST)
def test_the_path_is_not_lost(loss, rule, at, flips):
    """And eight more nodes a panel change nothing."""
    load, f, theta, ridge = at
    given: Any = {"rule": rule, "margin": "signed", "loss": loss, "ridge": ridge}
    given |= {"keep_fraction": f, "theta": theta, "flip_probability": flips}
    found = pt.solve_convex(alpha_prune=load, **given)
    with jax.enable_x64(True):
        student = Convex(loss, jnp.asarray(ridge), jnp.asarray(flips), noisy=flips > 0)
        inputs = Inputs(*(jnp.asarray(x) for x in (load, f, theta)))
        mode = Mode("signed", False, False)
        point = Point(inputs, resolve_rule(rule), student)
        problem, labels, _ = student.labelled_problem(point, mode)
        a, b, r = (float(x) for x in found.weights)
        x = unknowns_of(*(jnp.asarray(y) for y in (np.log(r), a / r, b / r)), 0.0)
        x = x.at[3].set(np.log(float(found.response)))
        setting = student.setting(mode)
        x = with_slack(x, problem, labels, setting)
        fine = tuple(n + 8 for n in FINE)
        log_ridge = jnp.log(student.ridge)
        at = evaluate_at(x, log_ridge, problem, labels, setting, fine)
    assert np.max(np.abs(at.value)) < 1e-7


def test_a_small_difference_is_kept_unless_it_is_wrong():
    with jax.enable_x64(True):
        one, other = jnp.asarray(1e9), jnp.asarray(1e9 - 3.0)
        assert float(mended(jnp.asarray(3.0 + 1e-6), one, other)) == 3.0 + 1e-6
        assert float(mended(jnp.asarray(4.0), one, other)) == 3.0


def test_a_tail_that_falls_off_at_once_has_nodes_enough():
    """Of 44 nodes a panel; with the usual ones it was 1.4e-8 off."""
    found = pt.solve_convex(
        alpha_prune=2783.489841200846,
        keep_fraction=9.230421927018966e-08,
        ridge=3.230003764266661e-07,
        flip_probability=0.10394231379302807,
        rule="easy",
        margin="signed",
        loss="logistic",
    )
    assert found.error == pytest.approx(6.909340540259273e-4, rel=1e-10)
