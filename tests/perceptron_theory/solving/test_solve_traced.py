"""``solve`` inside transformations: derivatives, jit, vmap, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import perceptron_theory as pt


def _error(load, fraction, theta):
    return pt.solve(alpha_prune=load, keep_fraction=fraction, theta=theta).error


@pytest.mark.slow
@pytest.mark.parametrize(
    "at",
    [(4.0, 0.3, 0.2), (3.0, 0.5, 0.0), (2.0, 1.0, 0.4), (3.0, 0.4, np.pi / 2)],
)
def test_gradient_is_exact(at):
    with jax.enable_x64(True):
        gradient = [float(g) for g in jax.grad(_error, (0, 1, 2))(*at)]
    limits = (np.inf, 1.0, np.pi / 2)
    for i, (value, limit) in enumerate(zip(gradient, limits, strict=True)):
        steps = 1e-4 * np.array([-2, -1, 0, 1, 2])
        weights = np.array([1, -8, 0, 8, -1]) / 12e-4
        if at[i] + steps[-1] > limit:  # one-sided, from inside the domain
            # short, for the second derivative is infinite at f = 1
            steps = 1e-6 * np.array([0, -1, -2])
            weights = np.array([3, -4, 1]) / 2e-6
        if at[i] + steps[0] < 0:
            assert value == 0  # the error is even in theta
            continue
        point = [np.full(steps.size, x) for x in at]
        point[i] = point[i] + steps
        assert value == pytest.approx(weights @ _error(*point), rel=2e-6, abs=1e-9)


@pytest.mark.slow
def test_inside_jit_and_vmap_also_of_arrays_and_points_that_are_not_valid():
    fraction = np.array([[0.1], [0.5], [1.5]])
    eager = pt.solve(alpha_prune=2.0, keep_fraction=fraction[:2], theta=0.3)

    @jax.jit
    @jax.vmap
    def traced(f):
        solution = pt.solve(alpha_prune=2.0, keep_fraction=f, theta=0.3)
        return solution.error, solution.status

    with jax.enable_x64(True):
        error, status = traced(fraction)
        assert error.dtype == jnp.float64
    error, status = np.asarray(error), np.asarray(status)
    np.testing.assert_allclose(error[:2], eager.error, rtol=1e-10)
    assert np.isnan(error[2, 0])
    assert status.ravel().tolist() == [0, 0, pt.Status.INVALID_INPUT]


def test_single_precision_is_refused():
    with pytest.raises(pt.PrecisionError, match="jax_enable_x64"):
        jax.grad(lambda a: _error(a, 0.1, 0.0))(3.0)


def test_second_derivatives_are_refused_not_wrong():
    with jax.enable_x64(True), pytest.raises(NotImplementedError, match="once"):
        jax.grad(jax.grad(lambda a: _error(a, 0.5, 0.0)))(3.0)


def test_constants_in_a_trace_are_refused_in_single_precision():
    with pytest.raises(pt.PrecisionError):
        jax.jit(lambda a: a * pt.solve(alpha_prune=3.0, keep_fraction=0.1).error)(1.0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "keep_fraction is missing"),
        ({"keep_fraction": 0.5, "rule": pt.Window(0.9)}, "must not exceed 1"),
        ({"keep_fraction": 0.5, "rule": pt.Mixture(2.0)}, "Mixture.share"),
        ({"rule": pt.KeepProbability(lambda z: 2.0 + 0 * z)}, "keep-probability"),
    ],
)
def test_bad_rules_raise_in_a_trace_too(arguments, words):
    with jax.enable_x64(True), pytest.raises(pt.InputError, match=words):
        jax.jit(lambda a: pt.solve(alpha_prune=a, **arguments).error)(3.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda a: pt.pareto_frontier(a, theta=0.2),
        lambda a: pt.phase_diagram(a, 0.2, theta=0.2),
        lambda a: pt.optimal_ridge(alpha_prune=a, keep_fraction=0.2),
        lambda a: pt.threshold(a),
        lambda a: pt.power_law_coefficient(0.2, theta=a),
    ],
)
def test_what_only_runs_eagerly_says_so(call):
    for function in (lambda: jax.jit(call)(0.3), lambda: jax.jit(lambda: call(0.3))()):
        with pytest.raises(pt.InputError, match="cannot run: call it outside"):
            function()
