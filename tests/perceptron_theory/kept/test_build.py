"""From inputs to the problem of a student: loads, fractions and their rates."""

import math
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erfinv
from scipy.stats import halfnorm, skewnorm

from perceptron_theory.kept.build import mass_by_theta, problem_at
from perceptron_theory.kept.problem import Inputs, Mode
from perceptron_theory.rules.by_quantile import Hard, Mixture
from perceptron_theory.rules.keep_probability import KeepProbability


def _sigmoid(z):
    return 1.0 / (1.0 + np.exp(1.0) ** (3.0 - 4.0 * z))


def _step(z):
    return 0.2 + 0.7 * (z > 0.6)


SMOOTH, STEP = KeepProbability(_sigmoid), KeepProbability(_step, (0.6,))


def _inputs(alpha, f, theta):
    return Inputs(*map(jnp.asarray, (alpha, f, theta)))


@pytest.mark.parametrize(("total", "load"), [(True, 0.6), (False, 3.0)])
def test_the_load_of_the_kept_examples(total, load):
    with jax.enable_x64(True):
        mode = Mode("absolute", False, total)
        program = jax.jit(lambda point: problem_at(point, Hard(), mode)[0])
        problem = program(_inputs(3.0, 0.2, 0.7))
        assert float(problem.alpha_prune) == pytest.approx(load, rel=1e-15)
        assert float(problem.keep_fraction) == 0.2
        sides = float(problem.cos_theta), float(problem.sin_theta)
        assert sides == pytest.approx((math.cos(0.7), math.sin(0.7)), rel=1e-15)
        outer = np.asarray(problem.pieces.outer)
        assert outer == pytest.approx(math.sqrt(2.0) * erfinv(0.2), rel=1e-14)


def test_the_rate_of_the_cells_is_their_slope_in_f():
    step = 1e-6
    with jax.enable_x64(True):
        rule, mode = Mixture(0.3), Mode("absolute", False, False)
        _, rate = problem_at(_inputs(3.0, 0.2, 0.7), rule, mode)
        ends = [rule.cells(jnp.asarray(0.2 + x)) for x in (step, -step)]
        slope = jax.tree.map(lambda a, b: np.asarray(a - b) / (2 * step), *ends)
    assert rate is not None
    for found, direct in zip(rate, slope, strict=True):
        np.testing.assert_allclose(found, direct, rtol=1e-8, atol=1e-9)


def test_no_rate_of_levels_that_are_constant_and_none_without_a_fraction():
    with jax.enable_x64(True):
        mode = Mode("absolute", True, False)
        _, rate = problem_at(_inputs(3.0, 0.2, 0.0), Hard(), mode)
        assert rate is not None and rate.level is None
        without = lambda: problem_at(_inputs(3.0, 1.0, 0.0), STEP, mode)[1]  # noqa: E731
        assert jax.eval_shape(without) is None


@pytest.mark.slow
@pytest.mark.parametrize("rule", [SMOOTH, STEP], ids=["smooth", "step"])
@pytest.mark.parametrize("margin", ["absolute", "signed"])
def test_the_fraction_that_a_function_of_the_margin_keeps(rule, margin):
    """Against quad over the law of that margin, at angles from 0 to pi/2."""
    angles = [0.0, 1e-4, 0.5, math.pi / 2]

    def keep(z):
        return float(rule.function(np.float64(z)))

    def fraction(theta, on_line):
        mode = Mode(margin, on_line, True)
        problem, _ = problem_at(_inputs(2.0, 1.0, theta), rule, mode)
        return problem.keep_fraction, problem.alpha_prune

    with jax.enable_x64(True):
        oblique = jax.jit(jax.vmap(lambda theta: fraction(theta, False)))
        found, load = map(np.asarray, oblique(np.array(angles[1:])))
        aligned = float(jax.jit(lambda theta: fraction(theta, True)[0])(0.0))
        np.testing.assert_allclose(load, 2.0 * found, rtol=1e-15)
        for value, theta in zip([aligned, *found], angles, strict=True):
            law: Any = halfnorm
            if margin == "signed" and theta:
                law = skewnorm(1.0 / math.tan(theta))
            steps = math.sin(theta) * np.array([0.0, 1.0, 3.0, 9.0])
            ends = sorted(
                {*steps, *(-steps if margin == "signed" else []), 0.6, 2.0, 9.0}
            )
            exact = sum(
                quad(lambda z, law=law: law.pdf(z) * keep(z), *x, epsabs=1e-11)[0]
                for x in pairwise(ends)
            )
            assert value == pytest.approx(exact, abs=2e-10)


@pytest.mark.slow
def test_the_rate_of_the_kept_mass_with_the_angle():
    """Only of the rules whose kept mass depends on it; by differences of quad."""
    with jax.enable_x64(True):
        point = _inputs(3.0, 1.0, 0.7)
        signed = Mode("signed", False, False)
        rate = jax.jit(lambda x: mass_by_theta(x, STEP, signed))(point)
        assert mass_by_theta(point, STEP, Mode("absolute", False, False)) is None
        assert mass_by_theta(point, Hard(), signed) is None
    step = 1e-3
    # 0.2 below the step at 0.6 and 0.9 above
    ends = [skewnorm.sf(0.6, 1 / math.tan(0.7 + x)) for x in (step, -step)]
    assert rate is not None
    assert float(rate) == pytest.approx(
        0.7 * (ends[0] - ends[1]) / (2 * step), rel=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("theta", [0.05, 0.7, 1.5])
def test_the_fraction_of_a_smooth_function_moves_as_its_differences(theta):
    """The tangents of nodes were NaN beside breaks that lie at infinity."""
    step = 1e-3 * theta
    with jax.enable_x64(True):

        def fraction(x):
            return problem_at(_inputs(3.0, 1.0, x), SMOOTH, signed)[0].keep_fraction

        signed = Mode("signed", False, False)
        rate = jax.jit(lambda x: mass_by_theta(_inputs(3.0, 1.0, x), SMOOTH, signed))
        near = jax.jit(jax.vmap(fraction))(theta + step * np.array([-2, -1, 1, 2]))
        found = float(rate(theta))
    slope = float(np.asarray(near) @ [1, -8, 8, -1]) / (12 * step)
    assert found == pytest.approx(slope, abs=1e-6) and found < -1e-3
