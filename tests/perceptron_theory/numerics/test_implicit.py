"""Derivatives of an implicit point, which may be taken once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perceptron_theory.numerics.implicit import (
    all_zero,
    is_zero,
    once,
    step_along,
    still,
)

_once = once("the_root")


@jax.custom_jvp
def root(a, b, unused):
    """x of x^2 = a b^3."""
    return jnp.sqrt(a * b**3)


SEEN = []


def _moved(primals, tangents):
    a, b, unused = primals
    x = root(a, b, unused)
    SEEN.append((list(map(is_zero, tangents)), all_zero(tangents[2])))
    rates = jnp.stack([b**3, 3.0 * a * b**2, jnp.zeros(())]) / (2.0 * x)
    return x, _once(rates, primals) @ step_along([*tangents[:2], tangents[2]["deep"]])


root.defjvp(_moved, symbolic_zeros=True)


def _at(a, b):
    return root(a, b, {"deep": jnp.zeros(())})


def test_first_derivatives_are_those_of_the_explicit_root():
    with jax.enable_x64(True):
        value = float(_at(2.0, 1.5))
        found = jax.grad(_at, (0, 1))(2.0, 1.5)
        traced = jax.jit(jax.jacfwd(_at))(2.0, 1.5)
    h = 1e-6
    explicit = lambda a, b: np.sqrt(a * b**3)  # noqa: E731
    by_a = (explicit(2 + h, 1.5) - explicit(2 - h, 1.5)) / (2 * h)
    by_b = (explicit(2.0, 1.5 + h) - explicit(2.0, 1.5 - h)) / (2 * h)
    assert value == pytest.approx(explicit(2.0, 1.5), rel=1e-15)
    assert [float(x) for x in found] == pytest.approx([by_a, by_b], rel=1e-8)
    assert float(traced) == pytest.approx(by_a, rel=1e-8)


def test_what_does_not_move_is_known_to_vanish():
    SEEN.clear()
    with jax.enable_x64(True):
        moved = jax.jvp(lambda b: _at(2.0, b), (1.5,), (2.0,))[1]
    assert SEEN == [([True, False, False], True)]
    assert float(moved) == pytest.approx(2.0 * 1.5 * np.sqrt(2.0 * 1.5), rel=1e-14)


@pytest.mark.parametrize("second", [jax.grad, jax.jacfwd])
def test_second_derivatives_are_refused_by_name(second):
    with jax.enable_x64(True), pytest.raises(NotImplementedError, match="the_root"):
        second(jax.grad(_at))(2.0, 1.5)


def test_a_state_of_floats_and_integers_stands_still():
    state = {"x": jnp.ones((2, 3)), "n": jnp.ones(4, int), "yes": jnp.array(True)}
    tangent = still(state)
    assert not tangent["x"].any() and tangent["x"].shape == (2, 3)
    assert tangent["n"].dtype == tangent["yes"].dtype == jax.dtypes.float0
    # JAX takes it for a tangent of that state
    moved = jax.jvp(lambda s: jnp.sum(s["x"]) * s["n"][0], (state,), (tangent,))[1]
    assert float(moved) == 0.0
