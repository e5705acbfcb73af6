"""Damped Newton steps and the small linear systems, against NumPy, SciPy and mpmath."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from scipy.optimize import root as scipy_root

from perceptron_theory.numerics.newtons_method import (
    ROUNDING,
    Chart,
    newton,
    solve_3,
    solve_scaled,
)


class At(NamedTuple):
    value: Any
    jacobian: Any


def _size(step, x):
    return jnp.max(jnp.abs(step))


def _unbounded(step, x):
    return jnp.ones(())


CHART = Chart(_size, _unbounded, solve=lambda m, r: r / m[0])  # of one unknown


def _newton(function, starts, chart=CHART, most=60, tolerance=1e-12, contraction=0.0):
    """Newton's method from many starts, in one program."""

    def evaluate(x):
        return At(function(x), jax.jacfwd(function)(x))

    def one(x):
        blank = At(x, jnp.zeros((x.shape[0], x.shape[0])))
        return newton(x, evaluate, blank, chart, most, tolerance, contraction)

    starts = np.asarray(starts, float)
    with jax.enable_x64(True):
        found = jax.jit(jax.vmap(one))(starts.reshape(len(starts), -1))
        return jax.tree.map(np.asarray, found)


@pytest.mark.parametrize(("solve", "m"), [(solve_3, 3), (solve_scaled, 4)])
def test_solutions_of_badly_scaled_systems(solve, m):
    """Rows and unknowns of all scales: only the matrix without them counts.

    The digits lost are the condition of the equilibrated matrix.
    """
    rng = np.random.default_rng(1)
    matrices = rng.normal(size=(40, m, m))
    rights = rng.normal(size=(40, m))
    rows, columns = 10.0 ** rng.uniform(-100, 100, (2, 40, m))
    columns **= 0.02  # what the rows are equilibrated by comes from the columns, too
    scaled = rows[:, :, None] * matrices * columns[:, None, :]
    with jax.enable_x64(True):
        program = jax.jit(jax.vmap(solve))
        plain = np.asarray(program(matrices, rights))
        found = np.asarray(program(scaled, rows * rights))
    exact = np.linalg.solve(matrices, rights[..., None])[..., 0]
    lost = np.linalg.cond(matrices)[:, None]
    size = np.abs(exact).max(axis=1, keepdims=True)
    assert (np.abs(plain - exact) < 1e-14 * lost * size).all()
    exact /= columns
    size = np.abs(exact).max(axis=1, keepdims=True)
    lost = np.linalg.cond(matrices * columns[:, None, :])[:, None]
    assert (np.abs(found - exact) < 1e-14 * lost * size).all()


def test_three_equations_close_to_singular():
    """Cramer's rule loses no more than the condition, 1e8 (exact values by mpmath)."""
    matrix = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0 + 1e-7]])
    right = np.array([1.0, -1.0, 0.5])
    with mp.workdps(40):
        exact = np.ravel(mp.lu_solve(mp.matrix(matrix), mp.matrix(right))).astype(float)
    with jax.enable_x64(True):
        found = np.asarray(jax.jit(solve_3)(matrix, right))
        singular = np.asarray(jax.jit(solve_3)(np.zeros((3, 3)), right))
    assert np.linalg.cond(matrix) > 1e8
    np.testing.assert_allclose(found, exact, rtol=1e-16 * np.linalg.cond(matrix))
    assert not np.isfinite(singular).any()


def test_damping_finds_the_root_where_full_steps_diverge():
    starts = np.array([-40.0, -3.0, 1.5, 20.0])
    full = starts.copy()
    for _ in range(4):
        full = full - np.arctan(full) * (1 + full**2)
    assert (np.abs(full) > 1e3).sum() >= 3
    found = _newton(jnp.arctan, starts)
    assert found.found.all()
    np.testing.assert_allclose(found.x, 0.0, atol=1e-12)


def test_steps_out_of_the_domain_are_taken_back():
    """From 10 or 100 a full step to the root of ln x = 1 is negative, where ln is NaN.

    The equation without a value anywhere is refused at once.
    """
    found = _newton(lambda x: jnp.log(x) - 1.0, [1e-3, 10.0, 100.0, -1.0])
    assert found.found.tolist() == [True, True, True, False]
    np.testing.assert_allclose(found.x[:3, 0], np.e, rtol=1e-13)


def test_no_root_is_not_found():
    found = _newton(lambda x: x * x + 1.0, [-3.0, 0.1, 50.0], most=40)
    assert not found.found.any()
    assert (found.steps == 40).all()
    assert (found.at.value >= 1.0).all()
    np.testing.assert_array_equal(found.at.value, found.x**2 + 1.0)


def test_three_equations_from_far_away():
    """The root of a monotone system, which SciPy finds from close by."""
    matrix = np.array([[3.0, 1.0, 0.0], [1.0, 2.0, -0.5], [0.0, -0.5, 1.0]])

    def function(x):
        return matrix @ x + jnp.sinh(x) - jnp.array([1.0, -2.0, 0.3])

    plain = scipy_root(
        lambda x: matrix @ x + np.sinh(x) - [1.0, -2.0, 0.3], np.zeros(3), tol=1e-14
    )
    starts = [[20.0, -20.0, 15.0], [0.0, 0.0, 0.0], [-9.0, -18.0, 30.0]]
    chart = Chart(_size, _unbounded, solve=solve_3)
    found = _newton(function, starts, chart)
    assert found.found.all()
    np.testing.assert_allclose(found.x, np.tile(plain.x, (3, 1)), atol=1e-13)


def test_longest_bounds_each_step():
    """To the root at 10 in steps of at most 1: ten of them, where one is enough."""
    bounded = CHART._replace(
        longest=lambda step, x: 1.0 / jnp.maximum(jnp.max(jnp.abs(step)), 1e-300)
    )
    line = lambda x: x - 10.0  # noqa: E731
    free, slow = _newton(line, [0.0]), _newton(line, [0.0], bounded)
    assert free.found.all() and slow.found.all()
    assert free.x == slow.x == 10.0
    assert free.steps == 2 and slow.steps == 11


def test_moved_says_how_a_step_is_taken():
    """Steps of ln x, taken by multiplication, keep x positive."""
    chart = Chart(
        _size,
        _unbounded,
        moved=lambda x, step: x * jnp.exp(step),
        solve=lambda m, r: r / m[0],
    )

    def evaluate(x):
        return At(x**3 - 2.0, (3.0 * x**3)[None])

    def one(x):
        return newton(x, evaluate, At(x, x[None]), chart, 60, 1e-12)

    with jax.enable_x64(True):
        found = jax.jit(jax.vmap(one))(jnp.array([[0.3], [1.0], [1e6]]))
        assert np.asarray(found.found).all()
        np.testing.assert_allclose(np.asarray(found.x), 2.0 ** (1 / 3), rtol=1e-14)


def test_contraction_saves_the_step_that_would_change_nothing():
    function = lambda x: jnp.exp(x) - 3.0  # noqa: E731
    plain = _newton(function, [0.0, 2.0], tolerance=1e-15)
    quick = _newton(function, [0.0, 2.0], tolerance=1e-15, contraction=1e-12)
    assert plain.found.all() and quick.found.all()
    assert (quick.steps < plain.steps).all()
    np.testing.assert_allclose(quick.x, np.log(3.0), rtol=1e-14)


def test_rounding_ends_the_steps_to_a_double_root():
    """x^2 = 0 cannot be told from x^2 = 1e-15: no step below 1e-8 is sensible.

    Without it the steps go on, each half as long as the one before.
    """
    square = lambda x: x * x  # noqa: E731
    plain = _newton(square, [1.0], tolerance=1e-16, most=80)
    rounded = _newton(square, [1.0], CHART._replace(rounding=ROUNDING), 80, 1e-16)
    assert rounded.found.all() and rounded.steps < 30
    assert abs(rounded.x[0, 0]) < 2.0 * np.sqrt(ROUNDING)
    assert plain.steps > 50
