"""Limits in closed form against the solver, each with its rate of approach."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

import perceptron_theory as pt
from perceptron_theory.limits.aligned import aligned_limit, threshold_error
from perceptron_theory.limits.power_law import f_min, power_law_coefficient
from perceptron_theory.limits.small_angle import (
    best_fraction_scaling,
    small_angle_scaling,
    small_angle_threshold,
)
from perceptron_theory.numerics.checks import MARGINS

DEGREE = np.pi / 180


def _approach(deviation, step, order):
    """Check that the deviations fall like step**order; their extrapolation to 0.

    The last axis holds three steps, by the same ratio, towards the limit.
    """
    ratio = step**order
    falls = deviation[..., 1:] / deviation[..., :-1]
    np.testing.assert_allclose(falls * ratio, 1.0, rtol=0.1)
    return (deviation[..., 2] * ratio - deviation[..., 1]) / (ratio - 1.0)


LOADS = np.array([1e2, 1e3, 1e4])
SLOW = np.array([1e4, 1e5, 1e6])
SMALL = np.array([1e-3, 1e-4, 1e-5])
ANGLES = np.array([4e-2, 4e-3, 4e-4])
SPREAD = np.exp(np.array([-0.1, -0.05, 0.0, 0.05, 0.1]))
ALIGNED = np.array([1.0, 1.8, 2.2, 2.5, 3.0, 5.0, 2.0])[:, None]
NEAR = np.array([1e-6, 1e-7, 1e-5])[:, None] * [-1.0, 0.0, 1.0]
NEAR_F = np.array([1e-6, 1e-4, 1e-5])[:, None]
TILTED = np.array([[3.0, 5.0], [5.0, 1.11], [10.0, 0.766], [100.0, 0.1]])[..., None]
KNEE = np.array([0.3, 0.05])
SIGNED = np.array([[0.7], [0.05]])


@pytest.fixture(scope="module")
def error():
    """Errors of groups of points, by name: few calls, as each is compiled anew.

    A group is alpha, f, theta and the lower end of a window (hard: 0, easy: 1 - f).
    """
    critical = small_angle_threshold([0.5, 2.0])[:, None]
    best = best_fraction_scaling(10.0).f_over_theta
    aligned = {
        "easy": (SLOW, 0.5, 0.0, 0.5),
        "random": (LOADS, 1.0, 0.0, 0.0),
        "few": (ALIGNED, SMALL, 0.0, 0.0),
        "near": (2.0 + NEAR, NEAR_F, 0.0, 0.0),
    }
    absolute = {
        "hard": (LOADS, 0.3, 0.35, 0.0),
        "middle": (LOADS, 0.5, 0.7, 0.2),
        "scaling": (TILTED[:, 0], TILTED[:, 1] * ANGLES, ANGLES, 0.0),
        "threshold": (
            critical * [0.98, 1.02],
            np.array([[0.5], [2.0]]) * 1e-6,
            1e-6,
            0.0,
        ),
        "best": (10.0, best * SPREAD * 1e-4, 1e-4, 0.0),
        "knee": (1e6, f_min(KNEE), KNEE, 0.0),
        "floor": (1e6, KNEE / 50.0, KNEE, 0.0),
    }
    signed = {
        "signed": (SLOW, 0.3, 0.5, 0.0),
        "signed middle": (SLOW, 0.5, 0.7, 0.15),
        "signed easy": (SLOW, 0.9, 0.5, 0.1),
        "missed": (SLOW, 0.2, 45 * DEGREE, 0.0),
        "kept right": (SLOW, 0.7, 45 * DEGREE, 0.3),
        "signed best": (1e6, f_min(SIGNED, margin="signed") * SPREAD, SIGNED, 0.0),
    }
    found = {}
    for margin, groups in (
        ("absolute", aligned),
        ("absolute", absolute),
        ("signed", signed),
    ):
        rows = [np.broadcast_arrays(*map(np.asarray, x)) for x in groups.values()]
        flat = (np.concatenate([r[i].ravel() for r in rows]) for i in range(4))
        alpha, f, theta, lower = flat
        every = pt.solve(
            alpha_prune=alpha,
            keep_fraction=f,
            theta=theta,
            rule=pt.Window(lower),
            margin=margin,
        ).error
        parts = np.split(every, np.cumsum([r[0].size for r in rows])[:-1])
        for name, part, row in zip(groups, parts, rows, strict=True):
            found[name] = part.reshape(row[0].shape)
    return found


# alpha -> inf: error alpha/C - 1 falls like alpha^-order


@pytest.mark.parametrize(
    "name, coefficient, loads, order",
    [
        ("random", (1.0, 0.0, "random"), LOADS, 2),
        ("hard", (0.3, 0.35), LOADS, 2),
        ("middle", (0.5, 0.7, pt.Window(0.2)), LOADS, 2),
        ("easy", (0.5, 0.0, "easy"), SLOW, 1),
        ("signed", (0.3, 0.5, "hard", "signed"), SLOW, 1),
        ("signed middle", (0.5, 0.7, pt.Window(0.15), "signed"), SLOW, 1),
        ("signed easy", (0.9, 0.5, "easy", "signed"), SLOW, 1),
    ],
)
def test_power_law(error, name, coefficient, loads, order):
    limit = power_law_coefficient(*coefficient)
    assert abs(_approach(error[name] * loads / limit - 1.0, 10.0, order)) < 3e-8


def test_random_data_have_the_constant_of_opper_and_others():
    # Opper, Kinzel, Kleinz, Nehl 1990 give 0.5005
    c = power_law_coefficient(0.7, 0.3, "random", "signed")
    assert c == pytest.approx(0.5005, abs=5e-5)
    assert power_law_coefficient(1.0, 0.0, "easy") == pytest.approx(c, rel=1e-12)


def test_no_power_law_where_all_that_is_kept_lies_on_one_side_of_the_probe(error):
    theta = 45 * DEGREE
    for f, rule in ((0.2, "hard"), (0.7, "easy")):
        assert power_law_coefficient(f, theta, rule, "signed") == np.inf
        more = power_law_coefficient(f + 0.06, theta, rule, "signed")
        assert np.isfinite(more)
    missed, right = abs(error["missed"] - 0.5), abs(error["kept right"] - 0.25)
    assert (missed[1:] < 0.5 * missed[:-1]).all() and missed[2] < 5e-3
    assert (right[1:] < 0.5 * right[:-1]).all() and right[2] < 1e-4
    # a keep-probability that vanishes at the teacher's boundary
    fading = pt.KeepProbability(lambda z: jnp.minimum(jnp.abs(z), 1.0), (0.0, 1.0))
    assert power_law_coefficient(rule=fading) == np.inf
    assert np.isfinite(power_law_coefficient(theta=0.3, rule=fading))


def test_a_mixture_has_the_mixed_density_at_the_boundary():
    f, share, theta = 0.4, 0.5, 0.35
    gamma, c = (
        norm.isf(0.1),
        power_law_coefficient(1.0),
    )  # half of f is easy, |z| > gamma
    rest = (f - share * f) / (1.0 - share * f)
    density = rest + (1.0 - rest) * 2.0 * norm.sf(gamma / np.sin(theta))
    mixed = power_law_coefficient(f, theta, pt.Mixture(share, "easy"))
    assert mixed == pytest.approx(c * f / density, rel=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("margin", MARGINS)
def test_a_smooth_keep_probability_is_the_sum_of_its_steps(margin):
    def smooth(z):
        return 1.0 / (1.0 + jnp.exp(3.0 * (z - 0.3)))

    edges = np.linspace(-4.0, 4.0, 161)

    def stairs(z):
        middle = jnp.asarray(0.5 * (edges[1:] + edges[:-1]))
        index = jnp.clip(jnp.searchsorted(jnp.asarray(edges), z) - 1, 0, 159)
        return smooth(middle[index])

    steps = pt.KeepProbability(stairs, tuple(edges))
    of_steps = power_law_coefficient(theta=0.4, rule=steps, margin=margin)
    of_smooth = power_law_coefficient(
        theta=0.4, rule=pt.KeepProbability(smooth), margin=margin
    )
    assert of_steps == pytest.approx(of_smooth, rel=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("theta", [0.0, 0.3])
def test_a_keep_probability_that_is_a_window_has_the_coefficient_of_the_window(theta):
    inner, outer = norm.isf([0.3, 0.125])  # the quantiles 0.4 and 0.75 of |z|
    step = pt.KeepProbability(
        lambda z: jnp.where((z > inner) & (z < outer), 1.0, 0.0), (inner, outer)
    )
    window = power_law_coefficient(0.35, theta, pt.Window(0.4))
    assert power_law_coefficient(theta=theta, rule=step) == pytest.approx(
        window, rel=1e-10
    )


@pytest.mark.slow
def test_the_coefficient_broadcasts_over_the_rule_too():
    f, theta, lower = [0.2, 0.5], [[0.0], [0.2], [0.7]], np.array([0.0, 0.3])
    table = power_law_coefficient(f, theta, pt.Window(lower), "signed")
    assert table.shape == (3, 2)
    for i, j in ((0, 1), (1, 0), (2, 0)):
        one = power_law_coefficient(f[j], theta[i][0], pt.Window(lower[j]), "signed")
        assert table[i, j] == pytest.approx(one, rel=1e-12)


# theta = 0, f -> 0


def test_aligned_limit(error):
    f, law = SMALL, aligned_limit(ALIGNED)
    np.testing.assert_array_equal(law.limit.ravel(), [0.5, 0.5, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(law.exponent.ravel(), [1, 1, 1, 1, 1, 1, 1 / 3])
    # the error to 1e-10 or so: near 1/2 that is 1e-5 of the difference at f = 1e-5
    near = (error["few"] - law.limit) / (law.coefficient * f**law.exponent) - 1.0
    assert (abs(_approach(near[2:6], 10.0, 2)) < 1e-9).all()
    assert (abs(near[:2]) < np.array([4e-5, 4e-7, 1e-8])).all()
    assert (abs(near[:2, :2]) > np.array([5e-7, 5e-9])).all()
    assert abs(_approach(near[6], 10.0, 2 / 3)) < 1e-5
    # values of shared notes, from quadratic programming and an independent program
    known = [0.24287, 0.176403, 0.100128]
    np.testing.assert_allclose(law.coefficient[3:6, 0], known, atol=5e-6)


def test_the_laws_of_the_perfect_probe_join_at_the_threshold():
    apart = np.array([1e-2, 1e-3, 1e-4])
    above, below = aligned_limit(2.0 + apart), aligned_limit(2.0 - apart)
    near = above.coefficient * np.sqrt(12.0 * np.pi * apart) - 1.0
    assert abs(_approach(near, 10.0, 1)) < 1e-7
    near = below.coefficient * -np.pi * apart / 2.0 - 1.0
    assert abs(_approach(near, 10.0, 1)) < 1e-6
    far = aligned_limit([30.0, 1e6])
    c = power_law_coefficient(1.0)
    np.testing.assert_allclose(far.coefficient * [30.0, 1e6], c, rtol=1e-9)


def test_the_uniform_law_at_the_threshold(error):
    relative = threshold_error(2.0 + NEAR, NEAR_F) / error["near"] - 1.0
    size = NEAR_F ** (2 / 3) + abs(NEAR)
    assert (abs(relative) < 0.3 * size).all()


# theta -> 0


def _vertex(values, step):
    """Where five points in steps around 0 have their minimum (a quartic's)."""
    x = step * np.arange(-2, 3)
    roots = np.polynomial.Polynomial.fit(x, values, 4).deriv().roots()
    real = roots[abs(roots.imag) < 1e-9].real
    return real[np.argmin(abs(real))]


def test_small_angle_scaling(error):
    limit = small_angle_scaling(*TILTED.swapaxes(0, 1)[..., 0])
    relative = error["scaling"] / ANGLES / limit.error_over_theta[:, None]
    assert (abs(_approach(relative - 1.0, 10.0, 2)) < 3e-9).all()
    assert (limit.limit == 0).all()


def test_small_angle_threshold(error):
    g = np.array([0.5, 2.0])
    above = small_angle_scaling(1.02 * small_angle_threshold(g), g)
    # the width of the step is of order theta
    np.testing.assert_allclose(error["threshold"][:, 0], 0.5, atol=1e-4)
    np.testing.assert_allclose(
        error["threshold"][:, 1], above.error_over_theta * 1e-6, rtol=1e-5
    )
    below = small_angle_scaling(0.98 * small_angle_threshold(g), g)
    assert (below.limit == 0.5).all() and np.isinf(below.error_over_theta).all()
    # from above the error diverges like (alpha - alpha_c)^(-1/2)
    near = small_angle_threshold(0.5) + np.array([1e-3, 1e-4, 1e-5])
    growth = small_angle_scaling(near, 0.5).error_over_theta
    np.testing.assert_allclose(growth[1:] / growth[:-1], 10**0.5, rtol=1e-2)


def test_the_threshold_far_from_theta_and_close_to_it():
    g = np.array([10.0, 100.0, 1e3])
    rise = (small_angle_threshold(g) - 2.0) * (np.pi * g) ** 2 / 8.0 - 1.0
    assert abs(_approach(rise, 10.0, 2)) < 1e-6
    # f/theta -> inf is theta = 0, f -> 0
    law = aligned_limit(3.0)
    far = small_angle_scaling(3.0, g).error_over_theta / g / law.coefficient - 1.0
    assert abs(_approach(far, 10.0, 2)) < 1e-6
    small = small_angle_threshold([1e-3, 1e-5]) * [1e-3, 1e-5]
    np.testing.assert_allclose(small, 2.5547, atol=1e-4)


@pytest.mark.slow
def test_the_best_fraction(error):
    best = best_fraction_scaling([5.0, 10.0, 30.0, 100.0])
    # solved at 1 to 10 degrees before this module was written
    notes = [1.11, 0.766, 0.49, 0.316]
    np.testing.assert_allclose(best.f_over_theta, notes, atol=4e-3)
    assert best.error_over_theta[1] == pytest.approx(0.0642, abs=5e-5)
    assert abs(_vertex(error["best"], 0.05)) < 1e-4
    lower = best_fraction_scaling(10.0 * np.exp(np.array([-0.02, 0.02])))
    slope = np.diff(np.log(lower.error_over_theta))[0] / 0.04
    assert best.exponent[1] == pytest.approx(slope, abs=1e-4)


@pytest.mark.slow
def test_the_best_fraction_at_large_and_at_threshold_load():
    alpha = np.array([1e3, 1e4, 1e5])
    best = best_fraction_scaling(alpha)
    c = power_law_coefficient(1.0)
    small = (np.pi * c / alpha) ** (2 / 3)
    g = (6.0 / np.pi) ** 0.5 * 2.0 ** (-1 / 6) * small**0.5
    assert abs(_approach(best.f_over_theta / g - 1.0, 10.0, 2 / 3)) < 2e-5
    excess = (best.error_over_theta * alpha / c - 1.0) / (0.75 * 2 ** (-1 / 3) * small)
    assert abs(_approach(excess - 1.0, 10.0, 2 / 3)) < 2e-4
    apart = np.array([1e-1, 1e-2, 1e-3])
    low = best_fraction_scaling(2.0 + apart).f_over_theta
    near = low * np.pi * np.sqrt(apart) / 4.0 - 1.0
    assert abs(_approach(near, 10.0, 1)) < 1e-3


# the smallest useful fraction


def test_f_min_loses_a_tenth_of_the_best(error):
    c = power_law_coefficient(1.0)
    s = np.sin(KNEE)
    np.testing.assert_allclose(error["floor"] * 1e6 / (c * s), 1.0, atol=2e-3)
    np.testing.assert_allclose(error["knee"] * 1e6 / (c * s), 1.1, rtol=1e-6)
    ratio = f_min(ANGLES) / ANGLES
    assert abs(_approach(ratio / 0.615460768692 - 1.0, 10.0, 2)) < 1e-9
    np.testing.assert_array_equal(f_min([0.0, np.pi / 2]), [0.0, 1.0])


def test_f_min_of_the_signed_margin_is_where_the_error_is_least(error):
    for values in error["signed best"]:
        assert abs(_vertex(values, 0.05)) < 2e-4
    ratio = f_min(np.array([1e-2, 1e-4]), margin="signed") / [1e-2, 1e-4]
    np.testing.assert_allclose(ratio, 0.87803, rtol=2e-5)


@pytest.mark.parametrize(
    "call",
    [
        lambda: power_law_coefficient(0.5, student="svm"),
        lambda: power_law_coefficient(1.5),
        lambda: power_law_coefficient(0.5, theta=20.0),
        lambda: power_law_coefficient(0.5, rule="hrd"),
        lambda: power_law_coefficient(0.5, margin="relative"),
        lambda: power_law_coefficient(),
        lambda: power_law_coefficient([0.5, 0.6], [0.1, 0.2, 0.3]),
        lambda: aligned_limit(-1.0),
        lambda: aligned_limit(3.0, rule="easy"),
        lambda: aligned_limit(3.0, rule="random"),
        lambda: threshold_error(2.0, 0.0),
        lambda: small_angle_scaling(3.0, 0.0),
        lambda: small_angle_scaling([3.0, 4.0], [1.0, 2.0, 3.0]),
        lambda: small_angle_threshold(np.inf),
        lambda: best_fraction_scaling(2.0),
        lambda: f_min(-0.1),
        lambda: f_min(0.1, tolerance=0.0),
        lambda: f_min(0.1, tolerance=True),
        lambda: power_law_coefficient(0.5, student=["gibbs"]),
    ],
)
def test_bad_input_is_named(call):
    with pytest.raises(pt.InputError):
        call()
