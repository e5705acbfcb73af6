"""Masses, quantiles and kept pieces of the margin, against SciPy's laws and quad.

The folded margin is skew normal with the shape c/s; its tails are known to SciPy to an
absolute 1e-16 only, so small ones are integrals of Craig's form here.
"""

import math
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from scipy.special import erf, erfc, erfinv
from scipy.stats import skewnorm

from perceptron_theory.kept.thresholds import (
    kept_pieces,
    mass_by_angle,
    signed_density,
    signed_quantile,
    wedge_mass,
)
from perceptron_theory.rules.by_quantile import Easy, Hard, Mixture, Random, Window
from perceptron_theory.rules.rule import cells_of

ROOT = math.sqrt(2.0)
ANGLES = [1e-6, 1e-3, 0.2, 1.0, math.pi / 2 - 1e-9, math.pi / 2]


def craig(distance, theta):
    """The log of the mass below -distance < 0: Craig's form by quad.

    In cot psi = cot theta + t where the end carries all, else in psi.
    """
    k, square = 1.0 / math.tan(theta), distance**2
    # up to where what is left is exp(-45) of the largest
    reach = 90.0 / (square * (k + math.sqrt(k * k + 90.0 / square)))
    t = reach * np.array([0.0, 1e-6, 1e-4, 0.01, 0.1, 0.3, 1.0])

    def along_t(t):
        return math.exp(-square * t * (k + 0.5 * t)) / (1.0 + (k + t) ** 2)

    def along_psi(psi):
        return math.exp(0.5 * square * (k * k - 1.0 / math.tan(psi) ** 2))

    if distance > math.sin(theta):
        inside, ends = along_t, t
    else:
        inside, ends = along_psi, np.arctan2(1.0, k + t[::-1])
    parts = (quad(inside, *x, epsabs=0.0, epsrel=1e-12)[0] for x in pairwise(ends))
    return math.log(sum(parts) / math.pi) - 0.5 * square / math.sin(theta) ** 2


def masses(z, theta):
    """Below and above a signed margin, each to its own digits."""
    wedge = math.exp(craig(abs(z), theta)) if z else theta / math.pi
    if z < 0:
        return wedge, 1.0 - wedge
    size = abs(z) / ROOT
    return math.erf(size) + wedge, math.erfc(size) - wedge


@pytest.mark.parametrize("theta", ANGLES)
def test_the_wedge_has_craig_s_mass_down_to_1e_300(theta):
    far = math.sin(theta) * np.array([0.0, 1e-5, 0.3, 1.0, 4.0, 12.0, 36.0])
    with jax.enable_x64(True):
        found = np.asarray(jax.jit(jax.vmap(wedge_mass, (0, None)))(far, theta))
    exact = [craig(d, theta) if d else math.log(theta / math.pi) for d in far]
    np.testing.assert_allclose(np.log(found), exact, rtol=1e-13, atol=2e-12)


def test_the_wedge_is_the_double_integral():
    """Over z < -d and u > 0, at two angles."""
    for theta, d in ((0.4, 0.1), (1.2, 0.8)):
        c, s = math.cos(theta), math.sin(theta)
        direct = dblquad(
            lambda y, z: math.exp(-(z * z + y * y) / 2) / math.pi,
            -9.0,
            -d,
            lambda z, c=c, s=s: min(-z * c / s, 9.0),
            9.0,
            epsabs=1e-9,
        )[0]
        with jax.enable_x64(True):
            found = float(jax.jit(wedge_mass)(d, theta))
        assert found == pytest.approx(direct, abs=1e-8)


@pytest.mark.parametrize("theta", ANGLES[1:])
def test_the_density_is_skew_normal(theta):
    z = np.array([-3.0, -0.3, -1e-3, 0.0, 1e-3, 0.7, 4.0])
    with jax.enable_x64(True):
        found = np.asarray(signed_density(jnp.asarray(z), jnp.asarray(theta)))
    shape = math.cos(theta) / math.sin(theta)
    np.testing.assert_allclose(found, skewnorm.pdf(z, shape), rtol=1e-12, atol=1e-300)


def test_mass_by_angle_is_the_rate_of_the_mass_on_either_side():
    step = 1e-4
    for theta in (0.05, 0.7, 1.4):
        z = math.sin(theta) * np.array([-3.0, -0.5, 0.0, 0.2, 2.0])
        with jax.enable_x64(True):
            found = np.asarray(mass_by_angle(jnp.asarray(z), jnp.sin(theta)))
        high, low = (
            skewnorm.cdf(z, 1.0 / math.tan(theta + side * step * theta))
            for side in (1.0, -1.0)
        )
        rate = (high - low) / (2.0 * step * theta)
        np.testing.assert_allclose(found, rate, rtol=1e-6, atol=1e-10)


TAILS = [1e-12, 1e-6, 1e-3, 0.1, 0.3, 0.499999]


def _quantiles():
    """Masses from 1e-12 below to 1e-12 above, with those next to the step at 0."""
    below, above, angles = [], [], []
    for theta in ANGLES:
        near = theta / math.pi * np.array([0.999, 1.0, 1.001])
        for mass in [*TAILS, *near[near < 0.5]]:
            below += [mass, 1.0 - mass]
            above += [1.0 - mass, mass]
            angles += [theta, theta]
    return np.array(below), np.array(above), np.array(angles)


def test_quantiles_have_their_masses():
    below, above, theta = _quantiles()
    with jax.enable_x64(True):
        z = np.asarray(jax.jit(jax.vmap(signed_quantile))(below, above, theta))
    assert (z[below < 0.999 * theta / math.pi] < 0).all()
    for at, low, high, angle in zip(z, below, above, theta, strict=True):
        exact = masses(at, angle)
        # rounding of z itself is all that may be left, where the law is steep
        known = float(skewnorm.pdf(at, 1.0 / math.tan(angle))) * 2e-16 * abs(at)
        side = 0 if low < 0.5 else 1
        mass = (low, high)[side]
        assert exact[side] == pytest.approx(mass, rel=3e-12, abs=4 * known)


def test_quantiles_at_the_masses_zero_and_one_are_infinite():
    with jax.enable_x64(True):
        program = jax.jit(signed_quantile)
        ends = [float(program(x, 1.0 - x, 0.3)) for x in (0.0, 1.0)]
    assert ends == [-math.inf, math.inf]


def test_the_rate_of_a_quantile_is_one_over_the_density():
    masses = np.array([1e-9, 0.05, 0.4, 0.8])
    quantile = lambda f: signed_quantile(f, 1.0 - f, jnp.asarray(0.6))  # noqa: E731
    with jax.enable_x64(True):
        program = jax.vmap(lambda f: jax.jvp(quantile, (f,), (jnp.ones_like(f),)))
        z, rate = map(np.asarray, jax.jit(program)(masses))
    density = skewnorm.pdf(z, 1.0 / math.tan(0.6))
    np.testing.assert_allclose(rate, 1.0 / density, rtol=1e-9)


def _tails():
    return cells_of(
        (0.0, 1e-12, 1.0, 1.0 - 1e-12, 0.4), (1.0 - 1e-12, 1.0, 1e-12, 0, 1)
    )


RULES = {
    "hard": lambda f: Hard().cells(f),
    "easy": lambda f: Easy().cells(f),
    "random": lambda f: Random().cells(f),
    "window": lambda f: Window(0.35).cells(f),
    "mixture": lambda f: Mixture(0.3, "easy").cells(f),
    "tails": lambda f: _tails(),
}


@pytest.mark.few(6)
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("margin", ["absolute", "signed"])
def test_kept_pieces_hold_the_masses_of_their_cells(name, margin):
    """Both sides of 0 together, for every angle."""
    with jax.enable_x64(True):
        cells = RULES[name](jnp.asarray(0.23))
        each = jax.vmap(lambda theta: kept_pieces(cells, theta, margin))
        pieces = jax.tree.map(np.asarray, jax.jit(each)(np.array(ANGLES)))
        below, above, level = map(np.asarray, cells)
    n = len(level)
    np.testing.assert_array_equal(pieces.sign[0], [1.0] * n + [-1.0] * n)
    np.testing.assert_array_equal(pieces.level, np.tile(level, (len(ANGLES), 2)))
    assert (pieces.inner >= 0).all() and (pieces.outer >= pieces.inner).all()
    wanted = np.where(
        below[:, 1] < 0.5, below[:, 1] - below[:, 0], above[:, 0] - above[:, 1]
    )
    for i, theta in enumerate(ANGLES):
        found = np.zeros(n)
        for sign, inner, outer, k in zip(
            pieces.sign[i],
            pieces.inner[i],
            pieces.outer[i],
            [*range(n)] * 2,
            strict=True,
        ):
            found[k] += _mass_between(sign, inner, outer, theta)
        # what the two sides gain and lose in the wedge cancels to rounding
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=2e-16 * theta)


def _mass_between(sign, inner, outer, theta):
    """Of inner < sign z < outer, as a difference of masses below or tails above."""
    if outer <= inner:
        return 0.0
    low, high = min(inner, 40.0), min(outer, 40.0)
    wedges = [
        math.exp(max(craig(d, theta), -740.0)) if d else theta / math.pi
        for d in (low, high)
    ]
    if sign < 0:
        return wedges[0] - wedges[1]
    if low > 1.0:
        return erfc(low / ROOT) - erfc(high / ROOT) - wedges[0] + wedges[1]
    return erf(high / ROOT) - erf(low / ROOT) - wedges[0] + wedges[1]


def test_the_absolute_threshold_is_that_of_the_half_normal_at_every_angle():
    f = np.array([1e-12, 0.1, 0.9])
    with jax.enable_x64(True):
        one = lambda f: kept_pieces(Hard().cells(f), jnp.asarray(1e-6), "absolute")  # noqa: E731
        pieces = jax.jit(jax.vmap(one))(f)
        np.testing.assert_allclose(pieces.outer[:, 0], ROOT * erfinv(f), rtol=1e-14)
        np.testing.assert_allclose(pieces.ends[:, 0, 1], ROOT * erfinv(f), rtol=1e-14)


def test_signed_pieces_go_to_the_half_normal_s_at_theta_zero():
    """The wedge below 0 has the mass theta/pi: pieces differ by no more than that."""
    with jax.enable_x64(True):
        cells = Window(0.35).cells(jnp.asarray(0.23))
        one = lambda theta: kept_pieces(cells, theta, "signed")  # noqa: E731
        at = jax.jit(jax.vmap(one))(np.array([0.0, 1e-9, 1e-5]))
        inner, outer = np.asarray(at.inner), np.asarray(at.outer)
    exact = ROOT * erfinv([0.35, 0.58])
    for row, theta in enumerate((0.0, 1e-9, 1e-5)):
        assert [inner[row, 0], outer[row, 0]] == pytest.approx(
            exact, abs=1e-14 + 2.0 * theta
        )
        assert outer[row, 1] == 0.0
