"""Pools with wrong labels: masses, quantiles and pieces, against SciPy's mixture."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import erf, erfc
from scipy.stats import skewnorm

from perceptron_theory.kept.build import problem_at
from perceptron_theory.kept.problem import Inputs, Mode
from perceptron_theory.kept.thresholds import signed_quantile
from perceptron_theory.kept.wrong_labels import (
    labelled,
    mass_rate,
    noisy_masses,
    noisy_problem,
    noisy_quantile,
    pool_masses,
)
from perceptron_theory.rules.by_quantile import Easy, Hard, Mixture, Window
from perceptron_theory.rules.keep_probability import KeepProbability
from perceptron_theory.rules.table import CellTable, cell_rows

ANGLES, FLIPPED = [0.05, 0.6, math.pi / 2], [0.0, 1e-6, 0.1, 0.49]
MARGINS = np.array([-5.0, -1.0, -0.1, 0.0, 0.02, 0.8, 4.0])


def _grid(*axes):
    return [x.ravel() for x in np.meshgrid(*axes, indexing="ij")]


def _mass(m, theta, p):
    """Below a ranked margin: right examples below m, wrong ones above -m."""
    shape = 1.0 / math.tan(theta)
    return (1 - p) * skewnorm.cdf(m, shape) + p * skewnorm.sf(-m, shape)


def test_masses_below_and_above():
    m, theta, p = _grid(MARGINS, ANGLES, FLIPPED)
    with jax.enable_x64(True):
        below, above = map(np.asarray, jax.jit(jax.vmap(noisy_masses))(m, theta, p))
    exact = [_mass(*row) for row in zip(m, theta, p, strict=True)]
    np.testing.assert_allclose(below, exact, rtol=0, atol=2e-14)
    np.testing.assert_allclose(below + above, 1.0, rtol=1e-15)


def test_the_smaller_mass_has_all_its_digits_in_the_tails():
    """Integrals of the mixture's density beyond +-7, of masses 1e-12 and less."""
    theta, p = 0.6, 0.1
    shape = 1.0 / math.tan(theta)
    density = lambda m: (  # noqa: E731
        (1 - p) * skewnorm.pdf(m, shape) + p * skewnorm.pdf(-m, shape)
    )
    with jax.enable_x64(True):
        program = jax.jit(noisy_masses)
        low, high = float(program(-7.0, theta, p)[0]), float(program(7.0, theta, p)[1])
    assert low == pytest.approx(quad(density, -12, -7, epsabs=0)[0], rel=1e-10)
    assert high == pytest.approx(quad(density, 7, 12, epsabs=0)[0], rel=1e-10)


def test_the_rate_of_the_mass_with_the_flips():
    """It is linear in p: the mass below of a wrong example less that of a right one."""
    m, theta = _grid(MARGINS, ANGLES)
    with jax.enable_x64(True):
        found = np.asarray(jax.jit(jax.vmap(mass_rate))(m, theta))
    for value, *row in zip(found, m, theta, strict=True):
        assert value == pytest.approx(_mass(*row, 1.0) - _mass(*row, 0.0), abs=3e-14)


def test_the_absolute_margin_sees_no_labels():
    m = np.array([0.0, 0.3, 6.0])
    with jax.enable_x64(True):
        rest = jnp.asarray(0.6), jnp.asarray(0.2)
        below, above = jax.vmap(lambda m: pool_masses(m, *rest, "absolute"))(m)
        signed = pool_masses(jnp.asarray(0.3), *rest, "signed")
        np.testing.assert_allclose(below, erf(m / math.sqrt(2)), rtol=1e-14)
        np.testing.assert_allclose(above, erfc(m / math.sqrt(2)), rtol=1e-13)
        assert float(signed[0]) == pytest.approx(_mass(0.3, 0.6, 0.2), abs=1e-14)


TAILS = [1e-12, 1e-6, 0.01, 0.25, 0.4999]
QUANTILES = (
    np.array([*TAILS, *[1 - x for x in TAILS]]),
    np.array([*[1 - x for x in TAILS], *TAILS]),
)


@pytest.fixture(scope="module")
def quantiles():
    """Masses, angles and flips; their quantiles and the masses of these."""
    number, theta, p = _grid(np.arange(10), [1e-6, *ANGLES], FLIPPED)
    below, above = (x[number.astype(int)] for x in QUANTILES)

    def one(below, above, theta, p):
        m = noisy_quantile(below, above, theta, p)
        return m, jnp.stack(noisy_masses(m, theta, p))

    with jax.enable_x64(True):
        m, masses = map(np.asarray, jax.jit(jax.vmap(one))(below, above, theta, p))
    return (below, above, theta, p), m, masses


def test_quantiles_have_their_masses(quantiles):
    """The smaller of the two, to rounding of the quantile."""
    (below, above, theta, p), m, masses = quantiles
    small = np.minimum(below, above)
    found = np.where(below < above, masses[:, 0], masses[:, 1])
    np.testing.assert_allclose(found, small, rtol=1e-10)
    for at, low, *row in zip(m, below, theta, p, strict=True):
        if row[0] > 1e-3:  # SciPy's own masses, good to that
            assert _mass(at, *row) == pytest.approx(low, abs=1e-13)


def test_quantiles_without_wrong_labels_are_those_of_the_right_ones(quantiles):
    rows, m, _ = quantiles
    below, above, theta = (x[rows[3] == 0.0] for x in rows[:3])
    with jax.enable_x64(True):
        exact = np.asarray(jax.jit(jax.vmap(signed_quantile))(below, above, theta))
    np.testing.assert_allclose(m[rows[3] == 0.0], exact, rtol=1e-10)


@pytest.mark.slow
def test_the_rate_of_a_quantile():
    """Along f, theta and p at once, by differences of the quantile itself.

    The masses 0 and 1 are at infinity.
    """
    step, point, along = 1e-5, np.array([0.3, 0.6, 0.1]), np.array([1.0, -0.7, 0.4])

    def quantile(x):
        return noisy_quantile(x[0], 1.0 - x[0], x[1], x[2])

    with jax.enable_x64(True):
        points = [point, point + step * along, point - step * along]
        points += [np.array([0.0, 0.6, 0.1]), np.array([1.0, 0.6, 0.1])]
        program = jax.vmap(lambda x: jax.jvp(quantile, (x,), (jnp.asarray(along),)))
        m, rates = map(np.asarray, jax.jit(program)(np.array(points)))
    assert rates[0] == pytest.approx((m[1] - m[2]) / (2 * step), rel=1e-7)
    assert m[3:].tolist() == [-math.inf, math.inf]


F, THETA = 0.3, 0.6
RULES = {
    "hard": Hard(),
    "easy": Easy(),
    "window": Window(0.05),
    "mixture": Mixture(0.4),
}
MARGIN_AND_FLIPS = [
    (margin, p) for margin in ("absolute", "signed") for p in (0.0, 0.1)
]


@pytest.fixture(scope="module")
def problems():
    """The pieces, labels, load and fraction of every rule, with and without flips."""

    def one(rows, p, mode):
        rule = CellTable(rows, True)
        inputs = Inputs(jnp.asarray(2.0), jnp.asarray(F), jnp.asarray(THETA))
        problem, labels, _ = noisy_problem(inputs, rule, p, mode, True)
        plain = problem_at(inputs, rule, mode)[0]
        found = problem.pieces, labels, problem.alpha_prune, problem.keep_fraction
        return found, plain.pieces

    with jax.enable_x64(True):
        rows = [cell_rows(rule, jnp.asarray(F)) for rule in RULES.values()]
        rows = jnp.stack([jnp.concatenate([x, 0.0 * x])[:2] for x in rows])
        found = {}
        for margin in ("absolute", "signed"):
            mode = Mode(margin, False, True)
            program = jax.vmap(partial(one, mode=mode), (0, None))
            values = jax.jit(jax.vmap(program, (None, 0)))(rows, np.array([0.0, 0.1]))
            for i, p in enumerate((0.0, 0.1)):
                for j, name in enumerate(RULES):
                    take = lambda x, i=i, j=j: np.asarray(x)[i, j]  # noqa: E731
                    found[name, margin, p] = jax.tree.map(take, values)
        return found


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("margin", "p"), MARGIN_AND_FLIPS)
def test_the_pieces_hold_the_kept_examples_of_either_label(problems, rule, margin, p):
    """Right ones with the margin in a cell, wrong ones with the opposite one."""
    (pieces, labels, load, f), _ = problems[rule, margin, p]
    assert load == 2.0 * F and f == F
    shape = 1.0 / math.tan(THETA)
    mass = dict.fromkeys((1.0, -1.0), 0.0)
    for sign, inner, outer, level, label in zip(*pieces[:4], labels, strict=True):
        low, high = sorted([sign * inner, sign * outer])
        if outer > inner:
            part = skewnorm.cdf(high, shape) - skewnorm.cdf(low, shape)
            mass[label] += level * part
    assert sum(mass.values()) == pytest.approx(F, abs=1e-13)
    wrong = p * F
    if margin == "signed" and rule in ("hard", "easy"):
        below = F if rule == "hard" else 1.0 - F
        gamma: Any = brentq(lambda m: _mass(m, THETA, p) - below, -9, 9, xtol=1e-15)
        wrong = p * (skewnorm.sf if rule == "hard" else skewnorm.cdf)(-gamma, shape)
    if margin == "absolute" or rule in ("hard", "easy"):
        assert mass[-1.0] == pytest.approx(wrong, abs=1e-13)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("margin", ["absolute", "signed"])
def test_without_wrong_labels_it_is_the_problem_without(problems, rule, margin):
    """The places of wrong examples stay, at a level of nothing."""
    (pieces, labels, _, _), plain = problems[rule, margin, 0.0]
    right = labels > 0
    assert (pieces.level[~right] < 1e-290).all() and (~right).sum() == 4
    kept = plain.outer > plain.inner
    for found, exact in zip(pieces[:4], plain[:4], strict=True):
        np.testing.assert_allclose(found[right][kept], exact[kept], rtol=1e-10)


@pytest.mark.slow
def test_a_rule_that_is_a_function_of_the_signed_margin_sees_wrong_examples_mirrored():
    rule, p = KeepProbability(lambda m: 1.0 / (1.0 + np.exp(1.0) ** (-3.0 * m))), 0.2
    with jax.enable_x64(True):
        inputs = Inputs(*map(jnp.asarray, (2.0, 1.0, 0.6)))
        signed = Mode("signed", False, True)

        def built(inputs, p):
            problem = noisy_problem(inputs, rule, p, signed, True)[0]
            return problem.alpha_prune, problem.keep_fraction

        load, f = map(float, jax.jit(built)(inputs, p))

        def both(z):
            keep = [float(rule.function(jnp.asarray(m))) for m in (z, -z)]
            law = skewnorm.pdf(z, 1.0 / math.tan(0.6))
            return law * ((1 - p) * keep[0] + p * keep[1])

        exact = quad(both, -8.0, 9.0, epsabs=1e-12, limit=200)[0]
    assert f == pytest.approx(exact, abs=1e-9)
    assert load == pytest.approx(2.0 * exact, abs=2e-9)


def test_labels_in_the_order_right_wrong_on_either_side():
    level = labelled(jnp.array([0.5, 1.0]), 0.75, 0.25)
    assert level.tolist() == [0.375, 0.75, 0.125, 0.25] * 2
