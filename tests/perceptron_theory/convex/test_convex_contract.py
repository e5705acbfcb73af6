"""`solve_convex` inside transformations: values, derivatives, statuses, precision."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import perceptron_theory as pt
from perceptron_theory.convex.student import Convex
from perceptron_theory.solving import front_door
from perceptron_theory.solving.states import find_many


def _error(alpha, fraction, theta, ridge, flipped, **options: Any):
    solution = pt.solve_convex(
        alpha_tot=alpha,
        keep_fraction=fraction,
        theta=theta,
        loss="square",
        ridge=ridge,
        flip_probability=flipped,
        **options,
    )
    return solution.error, solution


def _program(**options: Any):
    """Errors, solutions and gradients of many points; theta and noise traced."""
    error = partial(_error, **options)
    one = jax.value_and_grad(error, argnums=(0, 1, 2, 3, 4), has_aux=True)
    compiled = jax.jit(jax.vmap(one))

    def run(*points):
        with jax.enable_x64(True):
            columns = np.broadcast_arrays(*np.asarray(points, dtype=float).T)
            out = compiled(*(jnp.asarray(np.resize(x, 24)) for x in columns))
            return jax.tree.map(lambda x: np.asarray(x)[: len(points)], out)

    return run


@pytest.fixture(scope="module")
def program():
    return _program()


POINTS = [(3.1, 0.37, 0.4, 0.21, 0.07), (0.8, 0.81, 0.0, 0.05, 0.13)]


@pytest.mark.slow
def test_eager_and_traced_agree(program):
    (error, solution), _ = program(*POINTS)
    for i, (alpha, fraction, theta, ridge, flipped) in enumerate(POINTS):
        eager = pt.solve_convex(
            alpha_tot=alpha,
            keep_fraction=fraction,
            theta=theta,
            loss="square",
            ridge=ridge,
            flip_probability=flipped,
        )
        np.testing.assert_allclose(error[i], eager.error, rtol=1e-13)
        np.testing.assert_allclose(solution.condition[i], eager.condition, rtol=1e-7)


@pytest.mark.slow
def test_derivatives_are_exact(program):
    _compare_with_differences(program)


@pytest.mark.slow
def test_derivatives_where_the_margin_sees_wrong_labels():
    """Thresholds of the mixture's law move with theta and p."""
    _compare_with_differences(_program(margin="signed", rule=pt.Window(0.05)))


def _compare_with_differences(program):
    _, slopes = program(*POINTS)
    for i, point in enumerate(POINTS):
        step = 1e-5 * np.eye(5)
        (error, _), _ = program(*(np.abs(point + s) for s in (*step, *-step)))
        differences = (error[:5] - error[5:]) / 2e-5
        np.testing.assert_allclose(
            [s[i] for s in slopes], differences, rtol=1e-6, atol=1e-9
        )


@pytest.mark.slow
def _states(theta, flipped):
    """Of a keep-probability of the signed margin."""
    rule = pt.KeepProbability(lambda m: 1.0 / (1.0 + jnp.exp(3.0 * m - 1.0)))
    student = Convex("logistic", 0.1, flipped)
    asked = front_door.Asked("alpha_tot", rule, "signed", student)
    flat = front_door.checked((3.0, None, theta), asked)
    with jax.enable_x64(True):
        ((_, point, mode),) = front_door.split(flat, asked, exact=True)
        return find_many(point, mode)


@pytest.mark.slow
def test_the_angle_and_a_keep_probability_of_the_signed_margin():
    """By differences; at the smallest angles to 1e-7, from where it begins."""
    h, theta = 1e-4, np.array([1e-200, 1e-9, 2e-4, 0.4, np.pi / 2 - 2e-4])
    steps = h * np.array([0.0, -2.0, -1.0, 1.0, 2.0])
    angles = np.abs(theta + steps[:, None])
    found = _states(np.maximum(angles.ravel(), 1e-200), 0.1)
    assert found.found.all()
    value = found.value.reshape(5, 5, -1)[..., :4]  # step, angle, quantity
    rates = found.rates.reshape(5, 5, *found.rates.shape[1:])  # by load, f, theta, ...
    exact = rates[0, :, :4, 2]
    slope = (value[1] - 8 * value[2] + 8 * value[3] - value[4]) / (12 * h)
    np.testing.assert_allclose(exact[3:], slope[3:], rtol=1e-8, atol=2e-8)
    # log r and the like are even in theta, b is odd
    np.testing.assert_allclose(exact[:2, [0, 1, 3]], 0.0, atol=2e-7)
    np.testing.assert_allclose(exact[:2, 2], value[4, 0, 2] / (2 * h), rtol=1e-6)


@pytest.mark.slow
def test_one_sided_at_the_ends(program):
    """At f = 1 and without noise derivatives are those from within."""
    end = (2.0, 1.0, 0.3, 0.1, 0.0)
    below, wrong = (2.0, 1.0 - 2.0**-53, 0.3, 0.1, 0.0), (2.0, 1.0, 0.3, 0.1, 1e-4)
    (error, _), slopes = program(end, below, wrong)
    # the square loss's grows like log(1 - f): it is that at the last number below one
    np.testing.assert_allclose(slopes[1][0], slopes[1][1], rtol=0.01)
    np.testing.assert_allclose(slopes[4][0], (error[2] - error[0]) / 1e-4, rtol=1e-3)


@pytest.mark.slow
def test_bad_values_in_a_trace_are_told_by_the_status(program):
    bad = [
        (2.0, 0.5, 0.3, -0.1, 0.0),
        (2.0, 0.5, 0.3, 0.1, 0.5),
        (2.0, 1.5, 0.3, 0.1, 0.0),
        (-2.0, 0.5, 0.3, 0.1, 0.0),
    ]
    (error, solution), _ = program(*bad, POINTS[0])
    assert np.isnan(error[:4]).all()
    invalid = int(pt.Status.INVALID_INPUT)
    assert solution.status.tolist() == [invalid] * 4 + [0]
    assert np.isfinite(error[4])


def test_x64_off_in_a_trace_is_refused():
    with pytest.raises(pt.PrecisionError, match="jax_enable_x64"):
        jax.grad(lambda a: _error(a, 0.5, 0.3, 0.1, 0.0)[0])(2.0)
